package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

// tardosLaws draws biases by the arcsine law of Tardos, cut off at 0.02.
func tardosLaws(rng *rand.Rand, n int) [][]uint32 {
	laws := make([][]uint32, n)
	for i := range laws {
		s := math.Sin(math.Pi / 2 * rng.Float64())
		laws[i] = lawOf(0.02 + 0.96*s*s)
	}
	return laws
}

// codeWords draws one option a unit for each of n cohorts.
func codeWords(rng *rand.Rand, laws [][]uint32, n int) [][]int {
	words := make([][]int, n)
	for c := range words {
		words[c] = make([]int, len(laws))
		for u, law := range laws {
			words[c][u] = drawOption(rng, law)
		}
	}
	return words
}

// A collusion says how strongly a suspect uses option 1 where each of its teachers has a word.
var collusions = map[string]func(rng *rand.Rand, ones, teachers int) float64{
	"mean":     func(_ *rand.Rand, ones, teachers int) float64 { return float64(ones) / float64(teachers) },
	"majority": func(_ *rand.Rand, ones, teachers int) float64 { return math.Round(float64(ones) / float64(teachers)) },
	"minority": func(_ *rand.Rand, ones, teachers int) float64 {
		if ones == 0 || ones == teachers {
			return float64(ones) / float64(teachers)
		}
		return 1 - math.Round(float64(ones)/float64(teachers))
	},
	"one at random": func(rng *rand.Rand, ones, teachers int) float64 {
		if rng.IntN(teachers) < ones {
			return 1
		}
		return 0
	},
}

// teach returns the units of a suspect that learned from the first of the cohorts.
func teach(rng *rand.Rand, laws [][]uint32, words [][]int, teachers int, mix func(*rand.Rand, int, int) float64) []evidence.CohortUnit {
	units := make([]evidence.CohortUnit, len(laws))
	for u, law := range laws {
		ones := 0
		for _, word := range words[:teachers] {
			ones += word[u]
		}
		share := 0
		q := mix(rng, ones, teachers)
		for range 20 {
			if rng.Float64() < 0.1+0.8*q {
				share++
			}
		}
		x := float64(share) / 20
		units[u] = evidence.CohortUnit{Law: law, Lean: []float64{1 - x, x}}
	}
	return units
}

func newCohorts(t testing.TB, units []evidence.CohortUnit) *evidence.Cohorts {
	t.Helper()
	c, err := evidence.NewCohorts(units)
	require.NoError(t, err)
	return c
}

// TestTardosScores: scores are those of the symmetric code by its definition, for two options
// and for more; a fair cell of full lean scores ±1.
//
// Mutants killed: odds upside down, the score of the missed options left out of one side.
func TestTardosScores(t *testing.T) {
	rng := rand.New(rand.NewPCG(91, 1))
	for range 50 {
		var units []evidence.CohortUnit
		var word []int
		want := 0.0
		for range 7 {
			k := 2 + rng.IntN(4)
			u := evidence.CohortUnit{Law: randomLaw(rng, k), Lean: make([]float64, k)}
			o := rng.IntN(k)
			for i := range u.Lean {
				u.Lean[i] = rng.NormFloat64()
				p := float64(u.Law[i]) / (1 << 32)
				if i == o {
					want += u.Lean[i] * math.Sqrt((1-p)/p)
				} else {
					want -= u.Lean[i] * math.Sqrt(p/(1-p))
				}
			}
			units, word = append(units, u), append(word, o)
		}
		got, err := newCohorts(t, units).Score(word)
		require.NoError(t, err)
		assert.InDelta(t, want, got, 1e-9*(1+math.Abs(want)))
	}
	one := newCohorts(t, []evidence.CohortUnit{{Law: fairLaw, Lean: []float64{0, 1}}})
	score, err := one.Score([]int{1})
	require.NoError(t, err)
	assert.InDelta(t, 1, score, 1e-15)
	assert.InDelta(t, 1, one.Law().Variance(), 1e-15)
}

// TestCollusion: of 30 cohorts a suspect learned from three; whatever it made of them, at
// least one is named and no other. 10 runs a strategy of a family at 1e-3: an innocent cohort in two
// of the 40 has a chance of 8e-4, in three of 1e-5, in four 1e-7.
func TestCollusion(t *testing.T) {
	rng := rand.New(rand.NewPCG(92, 1))
	innocent := 0
	for name, mix := range collusions {
		found := 0
		for range 10 {
			laws := tardosLaws(rng, 600)
			words := codeWords(rng, laws, 30)
			c := newCohorts(t, teach(rng, laws, words, 3, mix))
			scores, decisions, err := c.Holm(evidence.Family{Alpha: 1e-3}, words)
			require.NoError(t, err)
			require.Len(t, scores, 30)
			named := 0
			for i, d := range decisions {
				if d.Rejected && i < 3 {
					named++
				}
				if d.Rejected && i >= 3 {
					innocent++
				}
			}
			if named > 0 {
				found++
			}
		}
		assert.Equal(t, 10, found, name)
	}
	assert.LessOrEqual(t, innocent, 3)
}

// TestInnocentCohortsAreSuperUniform: a cohort that the suspect did not learn from, while it
// learned from others of the same code: 2,000 runs of 150 units; more than 45 with p ≤ 0.01 are a
// chance of 1e-6. A code taken for fair convicts it: the options that others share are the
// common ones.
func TestInnocentCohortsAreSuperUniform(t *testing.T) {
	rng := rand.New(rand.NewPCG(93, 1))
	alarms, mutants := 0, 0
	for range 500 {
		laws := tardosLaws(rng, 150)
		words := codeWords(rng, laws, 7)
		units := teach(rng, laws, words, 3, collusions["majority"])
		c := newCohorts(t, units)
		for i := range units {
			units[i].Law = fairLaw
		}
		fair := newCohorts(t, units)
		for _, word := range words[3:] {
			score, err := c.Score(word)
			require.NoError(t, err)
			if c.Law().LogTail(score) <= math.Log(0.01) {
				alarms++
			}
			score, err = fair.Score(word)
			require.NoError(t, err)
			if fair.Law().LogTail(score) <= math.Log(0.01) {
				mutants++
			}
		}
	}
	assert.LessOrEqual(t, alarms, 45)
	assert.Greater(t, mutants, 1900)
}

// TestCohortTails: exact, drawn, and bounded tails of one score agree.
func TestCohortTails(t *testing.T) {
	rng := rand.New(rand.NewPCG(94, 1))
	laws := tardosLaws(rng, 24)
	words := codeWords(rng, laws, 2)
	law := newCohorts(t, teach(rng, laws, words, 2, collusions["mean"])).Law()
	x := 1.5 * math.Sqrt(law.Variance())
	exact, ok := law.Exact(x)
	require.True(t, ok)
	drawn, err := law.MonteCarlo(x, [32]byte{9}, 40_000)
	require.NoError(t, err)
	p := math.Exp(exact)
	assert.InDelta(t, p, math.Exp(drawn), 5*math.Sqrt(p/4e4))
	assert.Greater(t, law.Tails(x).Bound, exact)
	assert.InDelta(t, exact, law.Tails(x).Approx, 0.2)
}

func TestCohortsRefuse(t *testing.T) {
	for want, u := range map[string]evidence.CohortUnit{
		"there are 1 leans, want 2":  {Law: fairLaw, Lean: []float64{1}},
		"law sums to 2147483649":     {Law: []uint32{1 << 31, 1}, Lean: []float64{1, 2}},
		"option 1 has probability 0": {Law: []uint32{1 << 31, 0, 1 << 31}, Lean: []float64{1, 2, 3}},
		"lean to option 0 is -2e+30": {Law: fairLaw, Lean: []float64{-2e30, 0}},
		"lean of option 1 is NaN":    {Law: fairLaw, Lean: []float64{0, math.NaN()}},
	} {
		_, err := evidence.NewCohorts([]evidence.CohortUnit{{Law: fairLaw, Lean: []float64{1, 2}}, u})
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "cohort unit 1")
	}
	c := newCohorts(t, []evidence.CohortUnit{{Law: fairLaw, Lean: []float64{1, 2}}})
	_, err := c.Score([]int{2})
	assert.ErrorContains(t, err, "want 0 to 1")
	_, _, err = c.Holm(evidence.Family{Alpha: 0.1}, [][]int{{1}, {0, 1}})
	assert.ErrorContains(t, err, "of cohort 1")
	_, _, err = c.Holm(evidence.Family{}, [][]int{{1}})
	assert.ErrorContains(t, err, "alpha is 0")
}
