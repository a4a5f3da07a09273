package tail_test

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// log10 prints natural logarithms as powers of ten.
func log10(lnP float64) string { return fmt.Sprintf("10^%.2f", lnP/math.Ln10) }

func ExampleLaw() {
	// 400 tokens of a Gumbel mark scored 620, where 400 are expected.
	law := tail.Exponential()
	fmt.Println(law, "p =", log10(law.LogTail(620, 400)), "e =", log10(law.LogE(620, 400)))

	// 110 of 200 tokens are green, where a quarter would be by chance.
	law, err := tail.Bernoulli(0.25)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(law, "p =", log10(law.LogTail(110, 200)), "e =", log10(law.LogE(110, 200)))
	// Output:
	// Exponential(1) p = 10^-20.86 e = 10^17.87
	// Bernoulli(0.25) p = 10^-18.81 e = 10^16.77
}

func ExampleMoments() {
	m := tail.Exponential().Moments()
	const n = 250
	fmt.Printf("mean %g, standard deviation %.2f, excess kurtosis %g\n", n*m.Mean, math.Sqrt(n*m.Variance), m.Excess/n)
	// Output:
	// mean 250, standard deviation 15.81, excess kurtosis 0.024
}

func ExampleTails() {
	// Three scores with weights: what a finding may rest on, an approximation to show beside it, and the truth.
	w := []float64{0.5, 1, 1.5}
	tails := tail.WeightedExponential(20, w)
	fmt.Printf("bound %.3f, approximation %.3f, exact %.3f\n", tails.Bound, tails.Approx, tail.WeightedExponentialExact(20, w))
	// Output:
	// bound -8.431, approximation -11.817, exact -11.830
}

func ExampleGamma() {
	fmt.Printf("%.11g\n", tail.Gamma(2e6, 1e6)) // p far below the smallest float64
	fmt.Printf("%.11g\n", tail.Gamma(1e-9, 7))  // p all but 1
	fmt.Println(tail.Gamma(math.NaN(), 7))      // no evidence
	// Output:
	// -306860.64614
	// -1.9841269824e-67
	// 0
}

func ExampleSignFlip() {
	// Six differences, five of them in favour of the claim.
	terms := []float64{0.31, 0.52, -0.08, 0.77, 0.44, 0.29}
	fmt.Printf("%.4f, at most %.4f\n", math.Exp(tail.SignFlip(terms)), math.Exp(tail.SignFlipBound(terms)))
	// Output:
	// 0.0313, at most 0.1306
}

func ExampleBernoulliE() {
	// 40 hits in 100 trials of chance ¼, against any higher chance.
	fmt.Printf("e = %.2f\n", math.Exp(tail.BernoulliE(100, 40, 0.25, 1, 1)))
	// Output:
	// e = 36.39
}
