package tail_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// An average likelihood ratio has expectation exactly 1 under the null, so these tests allow neither more (invalid)
// nor less (wasteful).
//
// Mutants seen to be killed here, each tried by hand: GammaE without either half of its normaliser b/(n+b), without
// the incomplete gamma function; BernoulliE without the normaliser of its prior, without its truncation to (γ, 1),
// with a and b exchanged; the default mixtures without the division by the number of bets; the grid of DualExponential
// with K(θ) left out, or counted once instead of n times; bits counted once for a unit of several.

// expectation returns Σ P(S = s) e(s) over the hits s in n trials.
func expectation(n int64, p float64, lnE func(s int64) float64) float64 {
	sum := 0.0
	for s := int64(0); s <= n; s++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(s + 1))
		c, _ := math.Lgamma(float64(n - s + 1))
		sum += math.Exp(a - b - c + float64(s)*math.Log(p) + float64(n-s)*math.Log1p(-p) + lnE(s))
	}
	return sum
}

// integral returns ∫_0^farthest e^{g(s)} ds by the trapezoidal rule in ln s.
func integral(g func(s float64) float64) float64 {
	const step = 1. / 32
	sum := 0.5 * farthest * math.Exp(g(farthest))
	for v := math.Log(farthest) - step; v > -60; v -= step {
		s := math.Exp(v)
		sum += s * math.Exp(g(s))
	}
	return sum * step
}

// farthest is where the integrals stop: beyond, the exponents of e and of the density cancel to fewer than ten digits.
const farthest = 1e6

// beyond returns the rest of ∫ GammaE·density, which falls like a power: b Γ(n+b)/Γ(n) ∫ s^{−b−1} ds.
func beyond(n int64, b float64) float64 {
	x, _ := math.Lgamma(float64(n) + b)
	y, _ := math.Lgamma(float64(n))
	return math.Exp(x - y - b*math.Log(farthest))
}

// gammaDensity returns ln of the density of Gamma(n, 1).
func gammaDensity(n, s float64) float64 {
	lg, _ := math.Lgamma(n)
	return (n-1)*math.Log(s) - s - lg
}

func TestEValueCheckValues(t *testing.T) {
	assert.InDelta(t, 5.06904169, tail.GammaE(100, 140, 4), 1e-8)
	assert.InDelta(t, -2.19225906, tail.GammaE(100, 70, 4), 1e-8)
	assert.InDelta(t, 4.69619187, tail.GammaE(10, 25, 1), 1e-8)
	assert.InDelta(t, 3.59428322, tail.BernoulliE(100, 40, 0.25, 1, 1), 1e-8)
	assert.InDelta(t, -3.90298286, tail.BernoulliE(50, 10, 0.5, 0.5, 0.5), 1e-8)
}

func TestNoTrialsAreNoEvidence(t *testing.T) {
	assert.Equal(t, 0.0, tail.GammaE(0, 5, 1))
	assert.Equal(t, 0.0, tail.GammaMixtureE(-1, 5))
	assert.Equal(t, 0.0, tail.BernoulliE(0, 0, 0.5, 1, 1))
}

func TestGammaEHasExpectationOne(t *testing.T) {
	for _, n := range []int64{1, 2, 7, 50} {
		rest := 0.0
		for _, b := range []float64{1, 4, 16, 64, 256, 1024} {
			e := integral(func(s float64) float64 { return tail.GammaE(n, s, b) + gammaDensity(float64(n), s) })
			assert.InDelta(t, 1, e+beyond(n, b), 1e-8, "n %d, b %v", n, b)
			rest += beyond(n, b) / 6
		}
		e := integral(func(s float64) float64 { return tail.GammaMixtureE(n, s) + gammaDensity(float64(n), s) })
		assert.InDelta(t, 1, e+rest, 1e-8, "n %d", n)
	}
}

func TestBernoulliEHasExpectationOne(t *testing.T) {
	for _, n := range []int64{1, 2, 5, 30, 300} {
		for _, gamma := range []float64{0.01, 0.25, 0.5, 0.9} {
			for _, prior := range [][2]float64{{1, 1}, {0.5, 0.5}, {3, 40}, {20, 2}} {
				e := expectation(n, gamma, func(s int64) float64 { return tail.BernoulliE(n, s, gamma, prior[0], prior[1]) })
				assert.InDelta(t, 1, e, 1e-9, "n %d, γ %v, prior %v", n, gamma, prior)
			}
		}
	}
}

func TestDefaultEValuesHaveExpectationOne(t *testing.T) {
	bit, err := tail.Bernoulli(0.25)
	require.NoError(t, err)
	bits, err := tail.Binomials(6, 0.5)
	require.NoError(t, err)
	for _, n := range []int64{1, 3, 20} {
		assert.Equal(t, tail.GammaMixtureE(n, 1.3*float64(n)), tail.Exponential().LogE(1.3*float64(n), n))
		e := expectation(n, 0.25, func(s int64) float64 { return bit.LogE(float64(s), n) })
		assert.InDelta(t, 1, e, 1e-9)
		e = expectation(6*n, 0.5, func(s int64) float64 { return bits.LogE(float64(s), n) })
		assert.InDelta(t, 1, e, 1e-9)
	}
	for _, alpha := range []float64{0.1, 0.4, 0.75} {
		law, err := tail.DualExponential(alpha)
		require.NoError(t, err)
		a, b := alpha, 1-alpha
		e := integral(func(s float64) float64 {
			return law.LogE(s, 1) + math.Log((math.Exp(-s/b)-math.Exp(-s/a))/(b-a))
		})
		assert.InDelta(t, 1, e, 1e-9, "α %v", alpha)
	}
	half, err := tail.DualExponential(0.5)
	require.NoError(t, err)
	for _, n := range []int64{2, 9} {
		e := integral(func(s float64) float64 { return half.LogE(s, n) + gammaDensity(2*float64(n), 2*s) + math.Ln2 })
		assert.InDelta(t, 1, e, 1e-9, "n %d", n)
	}
}

// TestEValuesGrow: more score is never less evidence, from the smallest sum on.
func TestEValuesGrow(t *testing.T) {
	bits, err := tail.Binomials(30, 0.5)
	require.NoError(t, err)
	dual, err := tail.DualExponential(0.1)
	require.NoError(t, err)
	for _, n := range []int64{1, 40, 3000, 100000} {
		for _, law := range []tail.Law{tail.Exponential(), bits, dual} {
			mean := law.Moments().Mean * float64(n)
			last := law.LogE(0, n)
			assert.False(t, math.IsInf(last, 0), "%v", law)
			for s := 0.02; s < 2; s += 0.02 {
				e := law.LogE(s*mean, n)
				assert.GreaterOrEqual(t, e, last-1e-9, "%v, n %d, s %v", law, n, s)
				last = e
			}
			assert.Greater(t, last, 0.05*float64(n), "%v: twice the mean is evidence", law)
		}
	}
}
