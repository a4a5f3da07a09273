package tail_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

var extremes = []float64{
	math.NaN(), math.Inf(-1), -math.MaxFloat64, -1e10, -1, -1e-300, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, 1e-300, 1e-17, 0.3, 0.5, 1 - 1e-16, 1, 1.5, 12, 1e10,
	1 << 53, 1e17, 1e300, math.MaxFloat64, math.Inf(1),
}

var counts = []int64{math.MinInt64, -1, 0, 1, 2, 30, 1e6, 1 << 53, 1<<53 + 1, math.MaxInt64}

// probable fails unless v can be the logarithm of a probability.
func probable(t *testing.T, v float64, name string, args ...any) {
	if math.IsNaN(v) || v > 0 {
		assert.Fail(t, "no probability", "ln P = %s%v = %v", name, args, v)
	}
}

// numeric fails if v is NaN.
func numeric(t *testing.T, v float64, name string, args ...any) {
	if math.IsNaN(v) {
		assert.Fail(t, "not a number", "%s%v", name, args)
	}
}

// TestExtremes puts the ends of float64 and int64 everywhere: no NaN, no panic, nothing above 0, an answer in
// reasonable time.
func TestExtremes(t *testing.T) {
	for _, x := range extremes {
		probable(t, tail.Normal(x), "Normal", x)
		for _, y := range extremes {
			probable(t, tail.Gamma(x, y), "Gamma", x, y)
			for _, z := range extremes {
				w := []float64{y, z}
				tails := tail.WeightedExponential(x, w)
				probable(t, tails.Bound, "WeightedExponential", x, w)
				probable(t, tails.Approx, "WeightedExponential", x, w)
				probable(t, tail.WeightedExponentialExact(x, w), "WeightedExponentialExact", x, w)
				probable(t, tail.WeightedExponentialExact(x, []float64{1, y, z}), "WeightedExponentialExact", x, w)
				for _, p := range []float64{math.NaN(), -1, 0, math.SmallestNonzeroFloat64, 0.3, 1 - 1e-16, 1, 2} {
					tails := tail.WeightedBernoulli(x, w, []float64{p, 0.5})
					probable(t, tails.Bound, "WeightedBernoulli", x, w, p)
					probable(t, tails.Approx, "WeightedBernoulli", x, w, p)
					lnP, _ := tail.WeightedBernoulliExact(x, w, []float64{p, 0.5})
					probable(t, lnP, "WeightedBernoulliExact", x, w, p)
				}
			}
			probable(t, tail.SignFlip([]float64{x, y, 1}), "SignFlip", x, y)
			probable(t, tail.SignFlipBound([]float64{x, y, 1}), "SignFlipBound", x, y)
			probable(t, tail.PoissonBinomial(1, []float64{x, y}), "PoissonBinomial", x, y)
		}
	}
}

func TestExtremeCounts(t *testing.T) {
	for _, n := range counts {
		for _, x := range extremes {
			for _, k := range counts {
				probable(t, tail.Binomial(k, n, x), "Binomial", k, n, x)
				e := tail.BernoulliE(n, k, x, 1, 0.5)
				numeric(t, e, "BernoulliE", n, k, x)
			}
			for _, y := range extremes {
				probable(t, tail.DualGamma(x, n, y), "DualGamma", x, n, y)
				numeric(t, tail.GammaE(n, x, y), "GammaE", n, x, y)
				numeric(t, tail.BernoulliE(n, 1, 0.25, x, y), "BernoulliE", n, 1, 0.25, x, y)
			}
		}
	}
	for _, law := range laws(t) {
		for _, n := range counts {
			for _, x := range extremes {
				probable(t, law.LogTail(x, n), law.String(), x, n)
				numeric(t, law.LogE(x, n), "LogE", law, x, n)
				numeric(t, law.Cumulant(x), "Cumulant", law, x)
			}
		}
	}
}

// TestErrorsOfTheCaller: what cannot be meant is no evidence.
func TestErrorsOfTheCaller(t *testing.T) {
	for _, shape := range []float64{0, -1, nan, math.Inf(1)} {
		assert.Equal(t, 0.0, tail.Gamma(5, shape))
	}
	assert.Equal(t, 0.0, tail.Gamma(nan, 5))
	for _, p := range []float64{-0.1, 1.1, nan} {
		assert.Equal(t, 0.0, tail.Binomial(3, 5, p))
		assert.Equal(t, 0.0, tail.PoissonBinomial(1, []float64{0.5, p}))
		assert.Equal(t, tail.Tails{}, tail.WeightedBernoulli(1, []float64{1, 2}, []float64{0.5, p}))
		assert.Equal(t, 0.0, tail.DualGamma(5, 2, p))
	}
	assert.Equal(t, 0.0, tail.Binomial(3, -5, 0.5))
	assert.Equal(t, 0.0, tail.DualGamma(5, 0, 0.5))
	assert.Equal(t, tail.Tails{}, tail.WeightedBernoulli(1, []float64{1, 2}, []float64{0.5}))
	for _, w := range []float64{nan, math.Inf(1), math.Inf(-1)} {
		assert.Equal(t, tail.Tails{}, tail.WeightedExponential(1, []float64{1, w}))
		assert.Equal(t, 0.0, tail.WeightedExponentialExact(1, []float64{1, w}))
		assert.Equal(t, tail.Tails{}, tail.WeightedBernoulli(1, []float64{1, w}, []float64{0.5, 0.5}))
		assert.Equal(t, 0.0, tail.SignFlip([]float64{1, w}))
		assert.Equal(t, 0.0, tail.SignFlipBound([]float64{1, w}))
	}
	for _, b := range []float64{0, -1, nan, math.Inf(1)} {
		assert.Equal(t, math.Inf(-1), tail.GammaE(3, 5, b))
		assert.Equal(t, math.Inf(-1), tail.BernoulliE(3, 1, 0.5, b, 1))
		assert.Equal(t, math.Inf(-1), tail.BernoulliE(3, 1, 0.5, 1, b))
	}
	assert.Equal(t, math.Inf(-1), tail.BernoulliE(3, 4, 0.5, 1, 1))
	assert.Equal(t, math.Inf(-1), tail.BernoulliE(3, 1, 1, 1, 1))
}

// TestEnds: what must happen has ln p = 0, what cannot has −Inf.
func TestEnds(t *testing.T) {
	never := math.Inf(-1)
	assert.Equal(t, 0.0, tail.Gamma(0, 3))
	assert.Equal(t, never, tail.Gamma(math.Inf(1), 3))
	assert.Equal(t, 0.0, tail.Binomial(0, 3, 0.5))
	assert.Equal(t, never, tail.Binomial(4, 3, 0.5))
	assert.Equal(t, never, tail.Binomial(1, 3, 0))
	assert.Equal(t, 0.0, tail.Binomial(3, 3, 1))
	assert.Equal(t, 0.0, tail.PoissonBinomial(0, nil))
	assert.Equal(t, never, tail.PoissonBinomial(1, nil))
	assert.Equal(t, 0.0, tail.WeightedExponentialExact(0, nil))
	assert.Equal(t, never, tail.WeightedExponentialExact(1e-9, []float64{0, 0}))
	assert.Equal(t, never, tail.WeightedExponentialExact(1, []float64{-1, -2}))
	assert.Equal(t, 0.0, tail.WeightedExponentialExact(-1, []float64{1, 2}))
	assert.Equal(t, tail.Tails{Bound: never, Approx: never}, tail.WeightedBernoulli(3.001, []float64{1, 2}, []float64{0.5, 0.5}))
	assert.Equal(t, 0.0, tail.SignFlip(nil))
	assert.Equal(t, 0.0, tail.SignFlip([]float64{0, 0}))
	assert.Equal(t, 0.0, tail.SignFlip([]float64{-1, -2}))

	tails := tail.WeightedBernoulli(0.1+0.2+0.3, []float64{0.3, 0.2, 0.1}, []float64{0.5, 0.5, 0.5})
	assert.InDelta(t, -3*math.Ln2, tails.Bound, 1e-15, "the largest sum, added in another order")
}

// TestDeep goes where no float64 can hold p.
func TestDeep(t *testing.T) {
	assert.InEpsilon(t, -1e6, tail.Gamma(1e6, 1), 1e-15)
	assert.InEpsilon(t, -1e6*math.Ln2, tail.Binomial(1e6, 1e6, 0.5), 1e-15)
	assert.InEpsilon(t, -5e11-math.Log(1e6)-0.5*math.Log(2*math.Pi), tail.Normal(1e6), 1e-15)
	assert.Equal(t, -0x1p-1074, tail.Gamma(0x1p-1074, 1), "the smallest float64 there is")
}

func FuzzTails(f *testing.F) {
	for _, x := range extremes {
		f.Add(x, 0.3, 2.0, int64(5))
		f.Add(4.0, x, 2.0, int64(1000))
		f.Add(4.0, 0.3, x, int64(1))
	}
	f.Fuzz(func(t *testing.T, x, y, z float64, n int64) {
		probable(t, tail.Gamma(x, z), "Gamma", x, z)
		probable(t, tail.DualGamma(x, n, y), "DualGamma", x, n, y)
		probable(t, tail.Binomial(int64(x), n, y), "Binomial", x, n, y)
		for _, w := range [][]float64{{y, z}, {1, y, z}, {y, y, y, -z}} {
			exact := tail.WeightedExponentialExact(x, w)
			probable(t, exact, "WeightedExponentialExact", x, w)
			bound := tail.WeightedExponential(x, w).Bound
			assert.True(t, exact <= bound || exact-bound <= 1e-9*math.Abs(bound), "%v %v: %v above %v", x, w, exact, bound)
		}
	})
}
