package tail_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// p-values and e-values of simulated sums. Each of the checks below fails on a right package with probability at most
// falseAlarm/checks, by Chernoff's bound for the binomial count (W. Hoeffding, 1963, theorem 1), so the file as a
// whole with at most 1e-6. Seeds are fixed.
//
// Mutants seen to be killed here, each tried by hand: P(X > k) for P(X >= k) in Binomial, PoissonBinomial and SignFlip;
// the normal law for Gamma and, without continuity correction, for Binomial; shape n+1 and n−1; a Chernoff exponent
// doubled; ties not counted; e-values without their normaliser or the mean over bets.
const (
	falseAlarm = 1e-6
	checks     = 150
	draws      = 10000
)

// divergence returns the relative entropy of Bernoulli(q) to Bernoulli(p) in nats.
func divergence(q, p float64) float64 {
	sum := 0.0
	if q > 0 {
		sum += q * math.Log(q/p)
	}
	if q < 1 {
		sum += (1 - q) * math.Log((1-q)/(1-p))
	}
	return sum
}

// unlikely says whether a count of draws at probability at most (upper) or at least level is too far off.
func unlikely(count int, level float64, upper bool) bool {
	q := float64(count) / draws
	return (q > level) == upper && q != level && draws*divergence(q, level) > math.Log(checks/falseAlarm)
}

// calibrate draws ln p-values and checks that P(p <= level) <= level, and = level where the law is continuous and the
// p-value exact.
func calibrate(t *testing.T, name string, continuous bool, draw func(r *rand.Rand) float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(20, 26))
	levels := []float64{0.5, 0.1, 0.01, 0.001}
	counts := make([]int, len(levels))
	for range draws {
		lnP := draw(r)
		require.False(t, math.IsNaN(lnP) || lnP > 0, "%s: ln p is %v", name, lnP)
		for i, level := range levels {
			if lnP <= math.Log(level) {
				counts[i]++
			}
		}
	}
	for i, level := range levels {
		assert.False(t, unlikely(counts[i], level, true), "%s: %d of %d p-values at %v or below", name, counts[i], draws, level)
		if continuous {
			assert.False(t, unlikely(counts[i], level, false), "%s: only %d of %d p-values at %v or below", name, counts[i], draws, level)
		}
	}
}

// sums draws the sum of n units of each law.
func sums(t *testing.T) map[tail.Law]func(r *rand.Rand, n int64) float64 {
	t.Helper()
	bit, err := tail.Bernoulli(0.25)
	require.NoError(t, err)
	bits, err := tail.Binomials(3, 0.5)
	require.NoError(t, err)
	dual, err := tail.DualExponential(0.2)
	require.NoError(t, err)
	units := map[tail.Law]func(r *rand.Rand) float64{
		tail.Exponential(): func(r *rand.Rand) float64 { return r.ExpFloat64() },
		bit:                func(r *rand.Rand) float64 { return float64(min(1, r.IntN(4)) ^ 1) },
		bits:               func(r *rand.Rand) float64 { return float64(r.IntN(2) + r.IntN(2) + r.IntN(2)) },
		dual:               func(r *rand.Rand) float64 { return 0.8*r.ExpFloat64() + 0.2*r.ExpFloat64() },
	}
	list := map[tail.Law]func(r *rand.Rand, n int64) float64{}
	for law, unit := range units {
		list[law] = func(r *rand.Rand, n int64) float64 {
			sum := 0.0
			for range n {
				sum += unit(r)
			}
			return sum
		}
	}
	return list
}

func TestLawsAreCalibrated(t *testing.T) {
	for law, sum := range sums(t) {
		continuous := !math.IsInf(law.Moments().Mean, 0) && law.Moments().Mean == 1 && law.Moments().Excess > 2
		for _, n := range []int64{1, 4, 12} {
			calibrate(t, law.String(), continuous, func(r *rand.Rand) float64 { return law.LogTail(sum(r, n), n) })
		}
	}
}

func TestEValuesAreCalibrated(t *testing.T) {
	for law, sum := range sums(t) {
		for _, n := range []int64{1, 4, 12} {
			calibrate(t, law.String()+" e-value", false, func(r *rand.Rand) float64 { return min(0, -law.LogE(sum(r, n), n)) })
		}
	}
}

func TestSumsAreCalibrated(t *testing.T) {
	p := []float64{0.1, 0.7, 0.3, 0.3, 0.02, 0.5}
	w := []float64{1, 0.4, 0.4, 2.5, 0.9, -0.3}
	bernoulli := func(r *rand.Rand, w []float64) (sum float64) {
		for i, v := range p {
			if r.Float64() < v {
				sum += w[i]
			}
		}
		return sum
	}
	exponential := func(r *rand.Rand) (sum float64) {
		for _, v := range w {
			sum += v * r.ExpFloat64()
		}
		return sum
	}
	calibrate(t, "Poisson-binomial", false, func(r *rand.Rand) float64 {
		return tail.PoissonBinomial(int(bernoulli(r, []float64{1, 1, 1, 1, 1, 1})), p)
	})
	calibrate(t, "weighted Bernoulli", false, func(r *rand.Rand) float64 { return tail.WeightedBernoulli(bernoulli(r, w), w, p).Bound })
	calibrate(t, "weighted Bernoulli, exact", false, func(r *rand.Rand) float64 {
		lnP, exact := tail.WeightedBernoulliExact(bernoulli(r, w), w, p)
		assert.True(t, exact)
		return lnP
	})
	calibrate(t, "weighted exponential", false, func(r *rand.Rand) float64 { return tail.WeightedExponential(exponential(r), w).Bound })
	calibrate(t, "weighted exponential, exact", true, func(r *rand.Rand) float64 { return tail.WeightedExponentialExact(exponential(r), w) })
	calibrate(t, "sign flip", false, func(r *rand.Rand) float64 { return tail.SignFlip(flip(r, w)) })
	calibrate(t, "sign flip, bound", false, func(r *rand.Rand) float64 { return tail.SignFlipBound(flip(r, w)) })
	calibrate(t, "normal", true, func(r *rand.Rand) float64 { return tail.Normal(r.NormFloat64()) })
}

// flip returns w under fair signs.
func flip(r *rand.Rand, w []float64) []float64 {
	out := make([]float64, len(w))
	for i, v := range w {
		out[i] = v * float64(2*r.IntN(2)-1)
	}
	return out
}
