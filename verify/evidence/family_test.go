package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

func logs(p ...float64) []float64 {
	out := make([]float64, len(p))
	for i := range p {
		out[i] = math.Log(p[i])
	}
	return out
}

// Mutants killed in this file, each by the test in brackets: Holm without the
// tests that failed [HolmCountsFailedTests]; without Others [same]; Hochberg's
// step-up [HolmByHand]; no running maximum, Alpha/(m−i) one step too early
// [HolmAgreesWithItsDefinition]; all tests at level Alpha [HolmKeepsItsErrorRate].

func TestHolmByHand(t *testing.T) {
	d, err := evidence.Family{Alpha: 0.05}.Holm(logs(0.04, 0.01, 0.03, 0.02))
	require.NoError(t, err)
	// Step-down: .01·4 = .04 is rejected; .02·3 = .06 is not, and ends it, though
	// .03·2 = .06 and .04·1 = .04. A step-up procedure would reject all four.
	for i, want := range []float64{0.06, 0.04, 0.06, 0.06} {
		assert.InDelta(t, want, math.Exp(d[i].LogP), 1e-12)
		assert.Equal(t, i == 1, d[i].Rejected)
	}
}

func TestHolmCountsFailedTests(t *testing.T) {
	f := evidence.Family{Alpha: 0.05}
	alone, err := f.Holm(logs(0.02))
	require.NoError(t, err)
	assert.True(t, alone[0].Rejected)
	for _, failed := range []float64{0, nan} {
		d, err := f.Holm([]float64{math.Log(0.02), failed, failed})
		require.NoError(t, err)
		assert.InDelta(t, 0.06, math.Exp(d[0].LogP), 1e-12)
		assert.False(t, d[0].Rejected)
		assert.Zero(t, d[1].LogP)
		assert.False(t, d[1].Rejected)
	}
	f.Others = 2
	d, err := f.Holm(logs(0.02))
	require.NoError(t, err)
	assert.InDelta(t, 0.06, math.Exp(d[0].LogP), 1e-12)
	b, err := f.Bonferroni(logs(0.02, 0.001))
	require.NoError(t, err)
	assert.InDelta(t, 0.08, math.Exp(b[0].LogP), 1e-12)
	assert.Equal(t, []bool{false, true}, []bool{b[0].Rejected, b[1].Rejected})
	assert.InDelta(t, math.Log(0.05/5), f.Level(3), 1e-12)
}

// Holm's definition, word for word: with p sorted, reject while
// p_(i) ≤ α/(m−i+1).
func TestHolmAgreesWithItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		m, others, alpha := 1+rng.IntN(8), rng.IntN(3), []float64{0.001, 0.05, 0.5}[rng.IntN(3)]
		p := make([]float64, m)
		for i := range p {
			p[i] = math.Pow(rng.Float64(), 1+4*rng.Float64())
			if rng.IntN(4) == 0 && i > 0 {
				p[i] = p[i-1] // ties
			}
		}
		d, err := evidence.Family{Alpha: alpha, Others: others}.Holm(logs(p...))
		require.NoError(t, err)
		done := map[int]bool{}
		for {
			best := -1
			for i := range p {
				if !done[i] && (best < 0 || p[i] < p[best]) {
					best = i
				}
			}
			if best < 0 || p[best] > alpha/float64(m+others-len(done)) {
				break
			}
			done[best] = true
		}
		for i := range p {
			assert.Equal(t, done[i], d[i].Rejected, "p = %v, alpha %v, others %d", p, alpha, others)
			// The adjusted p-value is the level at which the decision turns.
			for _, turn := range []float64{1e-9, -1e-9} {
				if a := math.Exp(d[i].LogP) * (1 + turn); a < 1 {
					e, err := evidence.Family{Alpha: a, Others: others}.Holm(logs(p...))
					require.NoError(t, err)
					assert.Equal(t, turn > 0, e[i].Rejected)
				}
			}
		}
	}
}

// 20,000 families of ten true and three false null hypotheses, the true ones
// dependent: at α = 0.05 a true one is rejected in at most 1,000 on average
// (standard deviation 31); 1,155 is exceeded with probability below 1e-6.
func TestHolmKeepsItsErrorRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	wrong := 0
	for range 20000 {
		p := make([]float64, 13)
		for i := range 10 {
			p[i] = rng.Float64()
			if i >= 7 {
				p[i] = 1 - p[i-7]
			}
		}
		for i := 10; i < 13; i++ {
			p[i] = 1e-9 * rng.Float64()
		}
		d, err := evidence.Family{Alpha: 0.05}.Holm(logs(p...))
		require.NoError(t, err)
		for i := range 10 {
			if d[i].Rejected {
				wrong++
				break
			}
		}
	}
	assert.LessOrEqual(t, wrong, 1155)
	assert.Greater(t, wrong, 600, "a procedure that never rejects keeps every rate")
}

func TestFamilyRefuses(t *testing.T) {
	for want, f := range map[string]evidence.Family{
		"evidence: alpha is 0, want more than 0 and less than 1":   {},
		"evidence: alpha is 1, want more than 0 and less than 1":   {Alpha: 1},
		"evidence: alpha is NaN, want more than 0 and less than 1": {Alpha: nan},
		"evidence: number of other tests is -1, want at least 0":   {Alpha: 0.1, Others: -1},
	} {
		_, err := f.Holm(logs(0.1))
		assert.EqualError(t, err, want)
		_, err = f.Bonferroni(logs(0.1))
		assert.EqualError(t, err, want)
	}
	_, err := evidence.Family{Alpha: 0.1}.Holm([]float64{-1, 0.5})
	assert.EqualError(t, err, "evidence: ln p of test 1 is 0.5, want at most 0")
	d, err := evidence.Family{Alpha: 0.1}.Holm(nil)
	require.NoError(t, err)
	assert.Empty(t, d)
}
