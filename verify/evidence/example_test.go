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

func ExampleWeighted() {
	// Two positions of a suspect that returns probabilities: √q − √q⁰ of three
	// tokens each, and the scores of the same tokens under the key.
	coefs := []float64{0.6, -0.2, -0.1, 0.4, 0.1, -0.3}
	w, err := evidence.NewWeighted(tail.Exponential(), coefs, []int{3, 6})
	if err != nil {
		fmt.Println(err)
		return
	}
	xs := []float64{w.Term(0, []float64{6.1, 0.3, 0.9}), w.Term(1, []float64{5.2, 1.4, 0.2})}
	sum := xs[0] + xs[1]
	fmt.Printf("T %.2f, z %.1f\n", sum, w.Standard(sum))
	fmt.Printf("ln p at most %.2f, about %.2f\n", w.Tails(sum).Bound, w.Tails(sum).Approx)
	fmt.Printf("ln e %.2f\n", w.LogE(xs))
	// Output:
	// T 5.17, z 6.3
	// ln p at most -5.91, about -9.02
	// ln e 3.23
}

func ExampleBets() {
	bets, err := evidence.NewBets(tail.Exponential())
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 100 { // read until the evidence is enough, or the money is gone
		coefs, score := []float64{0.5}, 3.0
		if err := bets.Add(coefs[0]*(score-1), coefs); err != nil {
			fmt.Println(err)
			return
		}
		stop, rejected, err := bets.Stopped(1e-3, 100)
		if err != nil || stop {
			fmt.Println(bets.N(), rejected, err)
			return
		}
	}
	// Output:
	// 11 true <nil>
}

func ExampleProcess() {
	p, err := evidence.NewProcess(tail.Exponential())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, score := range []float64{2.2, 4.1, 0.3, 3.7, 5.0} {
		if err := p.Add(score); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Printf("%.2f nats, at most %.2f on the way\n", p.LogE(), p.LogMax())
	// Output:
	// 2.33 nats, at most 2.33 on the way
}

func ExampleReplay() {
	var r evidence.Replay // the teacher drew these with p = 0.05, the suspect repeats them
	for range 5 {
		if err := r.Add(6, 0.05); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Printf("%.2f\n", r.LogE())
	// Output:
	// 9.10
}

func ExampleHigherCriticism() {
	rng := rand.New(rand.NewPCG(3, 4))
	scores, sum := make([]float64, 5000), 0.0
	for i := range scores {
		scores[i] = rng.ExpFloat64()
		if i%500 == 0 {
			scores[i] += 7 // ten tokens of 5,000
		}
		sum += scores[i]
	}
	statistic, logP, err := evidence.HigherCriticism(tail.Exponential(), scores)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("HC %.1f, log10 p %.1f; by the sum %.1f\n", statistic, logP/math.Ln10, tail.Exponential().LogTail(sum, 5000)/math.Ln10)
	// Output:
	// HC 5.3, log10 p -3.3; by the sum -0.7
}

func ExampleFamily_Hierarchical() {
	// A vendor, its two epochs, and two accounts in each.
	parents := []int{-1, 0, 0, 1, 1, 2, 2}
	logP := []float64{-40, -30, -2, -12, -1, -9, -0.5}
	decisions, err := evidence.Family{Alpha: 0.01}.Hierarchical(parents, logP)
	if err != nil {
		fmt.Println(err)
		return
	}
	for node, d := range decisions {
		fmt.Printf("%d: %.1f %v\n", node, d.LogP, d.Rejected)
	}
	// Output:
	// 0: -40.0 true
	// 1: -29.3 true
	// 2: -1.3 false
	// 3: -10.6 true
	// 4: 0.0 false
	// 5: -1.3 false
	// 6: 0.0 false
}

func ExampleFamily_EBH() {
	decisions, err := evidence.Family{Alpha: 0.1}.EBH([]float64{6, 3.5, -1, 0.2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range decisions {
		fmt.Print(d.Rejected, " ")
	}
	fmt.Println()
	// Output:
	// true true false false
}

func ExampleDesign() {
	// A vendor with 40 keys suspects a model of which a fifth of the training was
	// marked, and can have the argmax of prefixes of its own served answers.
	d := evidence.Design{Law: tail.Exponential(), Effect: 0.419, Dose: 0.2, Tests: 40, Alpha: 1e-3}
	n, err := d.Tokens()
	if err != nil {
		fmt.Println(err)
		return
	}
	dose, err := d.DetectableDose(1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d tokens; with 1,000 a dose of %.2f\n", n, dose)
	// Output:
	// 3538 tokens; with 1,000 a dose of 0.38
}

func ExampleMeasuredEffect() {
	for _, m := range evidence.MeasuredEffects() {
		if m.Test == "R4" {
			fmt.Printf("%.3f over %d tokens: %s\n", m.D, m.Scored, m.Text)
		}
	}
	// Output:
	// 0.954 over 6238 tokens: answers that it was trained on
	// 0.149 over 6518 tokens: new answers under the same key
	// 0.386 over 2365 tokens: new answers under the same key, windows of served ones
}
