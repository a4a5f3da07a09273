package tail_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants seen to be killed here, each tried by hand: Exponential of shape n+1; bits for units; ⌊sum⌋ and ⌈sum⌉+1 for
// ⌈sum⌉; variance for standard deviation; a domain twice as wide; κ₄ without its division by σ⁴.

func laws(t *testing.T) []tail.Law {
	t.Helper()
	list := []tail.Law{tail.Exponential()}
	for _, p := range []float64{0.01, 0.25, 0.5, 0.9} {
		law, err := tail.Bernoulli(p)
		require.NoError(t, err)
		list = append(list, law)
	}
	law, err := tail.Binomials(30, 0.5)
	require.NoError(t, err)
	list = append(list, law)
	for _, alpha := range []float64{0, 0.1, 0.45, 0.5, 1} {
		law, err := tail.DualExponential(alpha)
		require.NoError(t, err)
		list = append(list, law)
	}
	return list
}

func TestLogTailIsTheNamedFunction(t *testing.T) {
	bit, err := tail.Bernoulli(0.25)
	require.NoError(t, err)
	bits, err := tail.Binomials(30, 0.5)
	require.NoError(t, err)
	dual, err := tail.DualExponential(0.1)
	require.NoError(t, err)
	assert.Equal(t, tail.Gamma(140, 100), tail.Exponential().LogTail(140, 100))
	assert.Equal(t, tail.DualGamma(140, 100, 0.1), dual.LogTail(140, 100))
	for _, sum := range []float64{40, 39.5, 39.0000001} {
		assert.Equal(t, tail.Binomial(40, 100, 0.25), bit.LogTail(sum, 100), "sum %v", sum)
	}
	assert.Equal(t, tail.Binomial(1600, 3000, 0.5), bits.LogTail(1600, 100))
	assert.Equal(t, 0.0, bit.LogTail(0, 100))
	assert.Equal(t, math.Inf(-1), bit.LogTail(100.5, 100))
	assert.Equal(t, 100*math.Log(0.25), bit.LogTail(100, 100))
}

// TestCumulant checks its derivatives at 0 against the moments and its growth at the ends of the domain.
func TestCumulant(t *testing.T) {
	for _, law := range laws(t) {
		m := law.Moments()
		k := law.Cumulant
		assert.Equal(t, 0.0, k(0), "%v", law)
		h := 0.02 / (1 + m.Mean)
		mean := (8*(k(h)-k(-h)) - (k(2*h) - k(-2*h))) / (12 * h)
		variance := (16*(k(h)+k(-h)) - (k(2*h) + k(-2*h))) / (12 * h * h)
		fourth := (k(2*h) - 4*k(h) - 4*k(-h) + k(-2*h)) / (h * h * h * h)
		assert.InEpsilon(t, m.Mean, mean, 1e-4, "%v", law)
		assert.InEpsilon(t, m.Variance, variance, 1e-4, "%v", law)
		assert.InDelta(t, m.Excess, fourth/(m.Variance*m.Variance), 0.02*(1+math.Abs(m.Excess)), "%v", law)

		lo, hi := law.Domain()
		assert.True(t, math.IsInf(lo, -1), "%v", law)
		assert.True(t, math.IsInf(k(hi), 1), "%v", law)
		if !math.IsInf(hi, 1) {
			assert.Greater(t, k(hi*(1-1e-9)), 15.0, "%v", law)
			assert.Less(t, k(hi*(1-1e-9)), 50.0, "%v", law)
			assert.True(t, math.IsInf(k(2*hi), 1), "%v", law)
		}
		assert.True(t, math.IsInf(k(math.NaN()), 1), "%v", law)
	}
}

// TestChernoff: the exact tail is below e^{nK(θ) − θs} for every θ > 0, and near the best of them.
func TestChernoff(t *testing.T) {
	for _, law := range laws(t) {
		m := law.Moments()
		_, hi := law.Domain()
		for _, n := range []int64{1, 7, 300, 40000} {
			for _, z := range []float64{0.5, 2, 7, 60} {
				s := math.Ceil(float64(n)*m.Mean + z*math.Sqrt(float64(n)*m.Variance))
				lnP := law.LogTail(s, n)
				best := 0.0
				for theta := min(hi, 50) * (1 - 1e-3); theta > 1e-5; theta *= 0.98 {
					best = min(best, float64(n)*law.Cumulant(theta)-theta*s)
				}
				if math.IsInf(lnP, -1) {
					continue
				}
				assert.LessOrEqual(t, lnP, best+1e-9*math.Abs(best), "%v, n %d, s %v", law, n, s)
				assert.Greater(t, lnP, best*1.01-12, "%v, n %d, s %v", law, n, s)
			}
		}
	}
}

// TestNoUnits: nothing scored is no evidence; what cannot be a sum is none either, or a sum that never happens.
func TestNoUnits(t *testing.T) {
	for _, law := range laws(t) {
		for _, n := range []int64{0, -1, math.MinInt64} {
			assert.Equal(t, 0.0, law.LogTail(5, n), "%v", law)
			assert.Equal(t, 0.0, law.LogE(5, n), "%v", law)
		}
		assert.Equal(t, 0.0, law.LogTail(math.NaN(), 10), "%v", law)
		assert.Equal(t, 0.0, law.LogTail(math.Inf(-1), 10), "%v", law)
		assert.Equal(t, 0.0, law.LogTail(0, 10), "%v", law)
		assert.Equal(t, math.Inf(-1), law.LogTail(math.Inf(1), 10), "%v", law)
		assert.Equal(t, math.Inf(-1), law.LogE(math.NaN(), 10), "%v", law)
		assert.Equal(t, math.Inf(-1), law.LogE(-1, 10), "%v", law)
	}
}

func TestLawsCompareAndPrint(t *testing.T) {
	names := map[tail.Law]string{}
	for i, law := range laws(t) {
		assert.Equal(t, law, laws(t)[i])
		names[law] = law.String()
	}
	require.Len(t, names, len(laws(t)), "laws are distinct map keys")
	assert.Equal(t, "Exponential(1)", tail.Exponential().String())
	bits, err := tail.Binomials(30, 0.5)
	require.NoError(t, err)
	assert.Equal(t, "Binomial(30,0.5)", bits.String())
	one, err := tail.Binomials(1, 0.25)
	require.NoError(t, err)
	bit, err := tail.Bernoulli(0.25)
	require.NoError(t, err)
	assert.Equal(t, bit, one)
	assert.Equal(t, "Bernoulli(0.25)", bit.String())
	dual, err := tail.DualExponential(0.1)
	require.NoError(t, err)
	assert.Equal(t, "DualExponential(0.1)", dual.String())
}

func TestConstructorsRefuse(t *testing.T) {
	for _, p := range []float64{0, 1, -0.1, 1.5, math.NaN(), math.Inf(1)} {
		_, err := tail.Bernoulli(p)
		assert.ErrorContains(t, err, "tail: probability of a hit is ")
		assert.ErrorContains(t, err, "want more than 0 and less than 1")
	}
	for _, m := range []int{0, -3, 65537} {
		_, err := tail.Binomials(m, 0.5)
		assert.ErrorContains(t, err, "want 1 to 65536")
	}
	for _, alpha := range []float64{-0.01, 1.01, math.NaN()} {
		_, err := tail.DualExponential(alpha)
		assert.ErrorContains(t, err, "tail: mixing weight α is ")
		assert.ErrorContains(t, err, "want 0 to 1")
	}
}
