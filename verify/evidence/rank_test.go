package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

func newRanks(t testing.TB, twins []int) *evidence.Ranks {
	t.Helper()
	r, err := evidence.NewRanks(twins)
	require.NoError(t, err)
	return r
}

func TestTwinRank(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		planted float64
		twins   []float64
		rank    int
	}{
		{-1, []float64{-2, -3, -4}, 1},
		{-3, []float64{-2, -3, -4}, 3}, // the tie is against
		{-5, []float64{-2, -3, -4}, 4},
		{nan, []float64{-2, -3, -4}, 4},
		{-1, []float64{-2, nan, -4}, 2},
		{math.Inf(-1), []float64{math.Inf(-1)}, 2},
		{0, nil, 1},
	} {
		assert.Equal(t, c.rank, evidence.TwinRank(c.planted, c.twins))
		want := math.Log(float64(c.rank) / float64(len(c.twins)+1))
		assert.InDelta(t, want, evidence.Rank(c.planted, c.twins), 1e-12)
	}
}

// TestRanksAreExact: all ranks of items of 3, 1 and 4 twins.
//
// Mutants killed: 1/m for 1/(m+1), ranks from 0, sums over m+2.
func TestRanksAreExact(t *testing.T) {
	law := newRanks(t, []int{3, 1, 4})
	firsts, sums, e := make([]float64, 4), make([]float64, 9), 0.0
	for a := 1; a <= 4; a++ {
		for b := 1; b <= 2; b++ {
			for c := 1; c <= 5; c++ {
				k, d, err := law.Count([]int{a, b, c})
				require.NoError(t, err)
				firsts[k] += 1. / 40
				sums[d] += 1. / 40
				e += math.Exp(law.LogE(d)) / 40
			}
		}
	}
	p := 0.0
	for k := 3; k >= 0; k-- {
		p += firsts[k]
		assert.InDelta(t, math.Log(p), law.LogTailFirsts(k), 1e-12)
	}
	p, mean, square := 0, 0.0, 0.0
	for d, q := range sums {
		p += q
		mean += q * float64(d)
		square += q * float64(d) * float64(d)
		assert.InDelta(t, math.Log(p), law.LogTail(d), 1e-12)
	}
	assert.InDelta(t, 1, e, 1e-12)
	assert.InDelta(t, mean, law.Mean(), 1e-12)
	assert.InDelta(t, square-mean*mean, law.Variance(), 1e-12)
	assert.InDelta(t, (mean-2)/math.Sqrt(law.Variance()), law.Standard(2), 1e-12)
	assert.InDelta(t, -math.Log(40), law.LogLeast(), 1e-12)
	assert.Equal(t, 3, law.Len())
	d, ok := law.Critical(math.Log(0.1))
	assert.True(t, ok)
	assert.Equal(t, 1, d, "P(d ≤ 1) is 1/40 + 3/40")

	same := newRanks(t, []int{9, 9, 9, 9, 9, 9})
	assert.InDelta(t, tail.Binomial(4, 6, 0.1), same.LogTailFirsts(4), 1e-12)
}

// TestRanksAreSuperUniform: a clean suspect's log-probabilities, with twins of which it knows
// one well, with coarse ones that tie, and with answers that fail: 2,000 keys each, more than 45
// with p ≤ 0.01 are a chance of 1e-6. Ties in favour of the claim convict.
func TestRanksAreSuperUniform(t *testing.T) {
	rng := rand.New(rand.NewPCG(86, 1))
	const items, twins = 12, 7
	sizes := make([]int, items)
	for i := range sizes {
		sizes[i] = twins
	}
	law := newRanks(t, sizes)
	for name, logP := range map[string]func(candidate int) float64{
		"fine":   func(int) float64 { return -rng.ExpFloat64() },
		"known":  func(c int) float64 { return -float64(c) - rng.Float64() },
		"coarse": func(int) float64 { return -float64(rng.IntN(2)) },
		"failed": func(int) float64 { return math.NaN() },
	} {
		first, sum, mutant := 0, 0, 0
		excesses := make([]int, 2000)
		for j := range excesses {
			ranks, kind := make([]int, items), 0
			for i := range ranks {
				all := make([]float64, twins+1)
				for c := range all {
					all[c] = logP(c)
				}
				key := rng.IntN(twins + 1)
				planted := all[key]
				rest := append(all[:key:key], all[key+1:]...)
				ranks[i] = evidence.TwinRank(planted, rest)
				best := true
				for _, x := range rest {
					best = best && !(x > planted)
				}
				if best {
					kind++
				}
			}
			k, d, err := law.Count(ranks)
			require.NoError(t, err)
			excesses[j] = d
			for count, p := range map[*int]float64{&first: law.LogTailFirsts(k), &sum: law.LogTail(d), &mutant: law.LogTailFirsts(kind)} {
				if p <= math.Log(0.01) {
					*count++
				}
			}
		}
		assert.LessOrEqual(t, first, 45, name)
		assert.LessOrEqual(t, sum, 45, name)
		if name == "coarse" || name == "failed" {
			assert.Greater(t, mutant, 1000, "ties in favour of the claim")
			assert.Zero(t, first+sum, "ties cost power, not truth")
			continue
		}
		d, err := law.Decoys(excesses)
		require.NoError(t, err)
		c, err := d.Calibrate()
		require.NoError(t, err)
		assert.False(t, c.Void, "%s: %v", name, c.Reasons())
	}
}

func TestRanksRefuse(t *testing.T) {
	for _, m := range []int{0, -1, 1024} {
		_, err := evidence.NewRanks([]int{3, m})
		assert.ErrorContains(t, err, "item 1 has")
	}
	law := newRanks(t, []int{3, 3})
	for want, ranks := range map[string][]int{"there are 1 ranks": {1}, "item 1 is 0, want 1 to 4": {1, 0}, "item 0 is 5": {5, 1}} {
		_, _, err := law.Count(ranks)
		assert.ErrorContains(t, err, want)
	}
	_, err := law.Decoys([]int{7})
	assert.ErrorContains(t, err, "decoy 0 is 7, want 0 to 6")
	_, ok := law.Critical(math.Log(1e-3))
	assert.False(t, ok)
}
