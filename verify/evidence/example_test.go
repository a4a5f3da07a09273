package evidence_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

func ExampleFamily() {
	family := evidence.Family{Alpha: 1e-3}
	decisions, err := family.Holm([]float64{math.Log(1e-9), math.Log(6e-4), 0}) // the third was void
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range decisions {
		fmt.Printf("10^%.2f %v\n", d.LogP/math.Ln10, d.Rejected)
	}
	// Output:
	// 10^-8.52 true
	// 10^-2.92 false
	// 10^0.00 false
}

func ExampleDecision() {
	d, err := evidence.Family{Alpha: 0.01, Others: 9}.Holm([]float64{math.Log(1e-4)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f %v\n", math.Exp(d[0].LogP), d[0].Rejected)
	// Output:
	// 0.001 true
}

func ExampleDecoys() {
	rng := rand.New(rand.NewPCG(1, 2))
	law := tail.Exponential()
	decoys := make([]evidence.Score, 1000)
	for j := range decoys {
		decoys[j].N = 50
		for range 50 {
			decoys[j].Sum += rng.ExpFloat64()
		}
	}
	d, err := evidence.DecoysOf(law, decoys)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := d.Calibrate()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("void %v, dispersion %.2f, at most %.2f\n", c.Void, c.Dispersion, c.DispersionLimit)
	// Output:
	// void false, dispersion 0.98, at most 1.03
}

func ExampleScore() {
	fmt.Printf("%.1f\n", evidence.Calibration{DispersionLimit: 1.25}.Sensitivity(tail.Exponential(), evidence.Score{Sum: 1200, N: 1000}))
	// Output:
	// -14.2
}

func ExampleCalibration_Reasons() {
	d := evidence.Decoys{Level: 0.01}
	for j := range 1000 {
		z := 1.5 * float64(j-500) / 300 // wider than it should be
		d.Z, d.LogP = append(d.Z, z), append(d.LogP, tail.Normal(z))
	}
	c, err := d.Calibrate()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range c.Reasons() {
		fmt.Println(r)
	}
	// Output:
	// decoy keys spread 1.443 times as wide as the null law (two-sided p = 10^-77.3)
	// 34 of 1000 decoy keys have p ≤ 0.01 (two-sided p = 10^-8.5)
}

func ExampleEffect() {
	e := evidence.EffectOf(tail.Exponential(), 10_400, 10_000)
	fmt.Printf("%.3f (%.3f to %.3f)\n", e.D, e.Low, e.High)
	// Output:
	// 0.040 (0.020 to 0.060)
}

func ExampleTokens() {
	// How much text must a suspect write to be found at one in a million, if
	// every token lies 0.11 standard deviations above the null?
	simple, err := evidence.SampleSize(0.11, math.Log(1e-6), 0.8)
	if err != nil {
		fmt.Println(err)
		return
	}
	exact, err := evidence.Tokens(tail.Exponential(), 0.11, math.Log(1e-6), 0.8)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.0f by the formula, %d by the law\n", simple, exact)
	// Output:
	// 2587 by the formula, 2718 by the law
}

func ExampleAverage() {
	// Two suspects read on the same windows: dependent, so the mean.
	fmt.Printf("%.1f %.1f\n", evidence.Average(9, 1), evidence.Product(9, 1))
	// Output:
	// 8.3 10.0
}

func ExampleDetectable() {
	// What 5,000 scored tokens of a green list (γ = 1/4) could have shown.
	law, err := tail.Bernoulli(0.25)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := evidence.Detectable(law, 5000, math.Log(1e-3), 0.8)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("would have detected d ≥ %.3f with 80 %% power\n", d)
	// Output:
	// would have detected d ≥ 0.056 with 80 % power
}
