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

func newPicks(t testing.TB, items []evidence.Pick) *evidence.Picks {
	t.Helper()
	p, err := evidence.NewPicks(items)
	require.NoError(t, err)
	return p
}

// randomLaw draws a law of k options, of 2⁻¹⁶ each at least.
func randomLaw(rng *rand.Rand, k int) []uint32 {
	law := make([]uint32, k)
	left := uint64(1)<<32 - uint64(k)<<16
	for o := range law {
		p := left
		if o < k-1 {
			p = uint64(rng.Float64() * float64(left) * 2 / float64(k-o))
			p = min(p, left)
		}
		left -= p
		law[o] = uint32(p) + 1<<16
	}
	return law
}

// randomPicks draws items with votes that scatter, some with ties and some with none.
func randomPicks(rng *rand.Rand, n int) []evidence.Pick {
	items := make([]evidence.Pick, n)
	for i := range items {
		k := 2 + rng.IntN(5)
		items[i] = evidence.Pick{Law: randomLaw(rng, k), Votes: make([]int, k)}
		for range rng.IntN(5) {
			items[i].Votes[rng.IntN(k)]++
		}
	}
	return items
}

// TestPicksAgainstEnumeration: the law of matches is that of all keys, one by one.
//
// Mutants killed: the last of tied options, items without a vote counted, π of the key's
// option for that of the vote, votes for items.
func TestPicksAgainstEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(81, 1))
	for range 30 {
		items := randomPicks(rng, 5)
		law := newPicks(t, items)
		probability := make([]float64, len(items)+1)
		mean, square, e, voted := 0.0, 0.0, 0.0, 0
		for _, item := range items {
			if _, ok := evidence.Plurality(item.Votes); ok {
				voted++
			}
		}
		options := make([]int, len(items))
		var step func(i int, p float64)
		step = func(i int, p float64) {
			if i == len(items) {
				k, err := law.Matches(options)
				require.NoError(t, err)
				probability[k] += p
				mean += p * float64(k)
				square += p * float64(k) * float64(k)
				e += p * math.Exp(law.LogE(k))
				return
			}
			for o, w := range items[i].Law {
				options[i] = o
				step(i+1, p*float64(w)/(1<<32))
			}
		}
		step(0, 1)
		require.Equal(t, voted, law.Len())
		sum := 0.0
		for k := voted; k >= 0; k-- {
			sum += probability[k]
			assert.InDelta(t, math.Log(sum), law.LogTail(k), 1e-9)
		}
		assert.InDelta(t, 1, sum, 1e-9, "items without a vote never match")
		assert.InDelta(t, mean, law.Mean(), 1e-9)
		assert.InDelta(t, square-mean*mean, law.Variance(), 1e-9)
		assert.InDelta(t, 1, e, 1e-9)
		assert.Equal(t, law.LogTail(voted), law.LogLeast())
		if voted > 0 {
			assert.InDelta(t, (2-mean)/math.Sqrt(law.Variance()), law.Standard(2), 1e-9)
		}
		for _, level := range []float64{-0.1, -2, -5} {
			k, ok := law.Critical(level)
			assert.Equal(t, law.LogLeast() <= level, ok)
			if ok {
				assert.LessOrEqual(t, law.LogTail(k), level)
				assert.Greater(t, law.LogTail(k-1), level)
			}
		}
	}
}

func TestPlurality(t *testing.T) {
	for _, c := range []struct {
		votes  []int
		option int
		ok     bool
	}{{[]int{0, 3, 3, 1}, 1, true}, {[]int{0, 0, 1}, 2, true}, {[]int{2, 1}, 0, true}, {[]int{0, 0}, -1, false}, {nil, -1, false}} {
		option, ok := evidence.Plurality(c.votes)
		assert.Equal(t, c.option, option)
		assert.Equal(t, c.ok, ok)
	}
}

// TestSharesOfPicks: shares are gains of cells, and of votes that do not scatter the two
// statistics say the same.
func TestSharesOfPicks(t *testing.T) {
	rng := rand.New(rand.NewPCG(82, 1))
	var items []evidence.Pick
	var cells []evidence.Cell
	options := make([]int, 14)
	for i := range options {
		item := evidence.Pick{Law: randomLaw(rng, 4), Votes: make([]int, 4)}
		options[i] = rng.IntN(4)
		item.Votes[(options[i]+i%3/2)%4] = 1 + i
		gains, ok, err := evidence.Shares(item.Votes)
		require.NoError(t, err)
		require.True(t, ok)
		items, cells = append(items, item), append(cells, evidence.Cell{Law: item.Law, Gains: gains})
	}
	picks, law := newPicks(t, items), newCells(t, cells)
	k, err := picks.Matches(options)
	require.NoError(t, err)
	sum, err := law.Sum(options)
	require.NoError(t, err)
	assert.InDelta(t, float64(k)-picks.Mean(), sum, 1e-12)
	assert.InDelta(t, picks.LogTail(k), law.LogTail(sum), 1e-9)

	gains, ok, err := evidence.Shares([]int{1, 0, 3})
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, []float64{0.25, 0, 0.75}, gains)
	_, ok, err = evidence.Shares([]int{0, 0})
	require.NoError(t, err)
	assert.False(t, ok)
	_, _, err = evidence.Shares([]int{1, -1})
	assert.ErrorContains(t, err, "option 1 has -1 votes")
}

// TestPicksAreSuperUniform: suspects who always name the first option, copy one answer, are
// silent, or follow a taste of their own: 2,000 runs each, more than 45 with p ≤ 0.01 are a
// chance of 1e-6. Counting each of 20 answers as an item convicts them.
func TestPicksAreSuperUniform(t *testing.T) {
	rng := rand.New(rand.NewPCG(83, 1))
	const items, asked = 30, 20
	for name, vote := range map[string]func(votes []int){
		"the first":  func(votes []int) { votes[0] = asked },
		"a copy":     func(votes []int) { votes[len(votes)/2] = 1 },
		"silent":     func([]int) {},
		"the common": func(votes []int) { votes[len(votes)-1], votes[rng.IntN(len(votes))] = asked-1, 1 },
		"scattered": func(votes []int) {
			for range asked {
				votes[rng.IntN(len(votes))]++
			}
		},
	} {
		alarms, mutants := 0, 0
		for run := range 2000 {
			all := make([]evidence.Pick, items)
			options := make([]int, items)
			answers, p := 0, []float64(nil)
			for i := range all {
				law := [][]uint32{{1 << 28, 1 << 28, 1 << 29, 3 << 30}, fairLaw, {1 << 30, 1 << 30, 1 << 30, 1 << 30}}[i%3]
				all[i] = evidence.Pick{Law: law, Votes: make([]int, len(law))}
				vote(all[i].Votes)
				options[i] = drawOption(rng, law)
				answers += all[i].Votes[options[i]]
				for o, n := range all[i].Votes {
					for range n {
						p = append(p, float64(law[o])/(1<<32))
					}
				}
			}
			law := newPicks(t, all)
			k, err := law.Matches(options)
			require.NoError(t, err)
			if law.LogTail(k) <= math.Log(0.01) {
				alarms++
			}
			if run%5 == 0 && tail.PoissonBinomial(answers, p) <= math.Log(0.01) {
				mutants++
			}
		}
		assert.LessOrEqual(t, alarms, 45, name)
		if name == "the first" || name == "the common" {
			assert.Greater(t, mutants, 60, "%s: one item for each of 20 answers", name)
		}
	}
}

func TestDecoysOfPicks(t *testing.T) {
	rng := rand.New(rand.NewPCG(84, 1))
	items := randomPicks(rng, 40)
	law := newPicks(t, items)
	matches := make([]int, 2000)
	for j := range matches {
		options := make([]int, len(items))
		for i := range items {
			options[i] = drawOption(rng, items[i].Law)
		}
		var err error
		matches[j], err = law.Matches(options)
		require.NoError(t, err)
	}
	d, err := law.Decoys(matches)
	require.NoError(t, err)
	assert.Less(t, d.Level, 0.01)
	c, err := d.Calibrate()
	require.NoError(t, err)
	assert.False(t, c.Void, "%v", c.Reasons())
	for j := range matches {
		matches[j]++
	}
	d, err = law.Decoys(matches)
	require.NoError(t, err)
	c, err = d.Calibrate()
	require.NoError(t, err)
	assert.True(t, c.Void)
	_, err = law.Decoys(nil)
	assert.ErrorContains(t, err, "no decoys")
	_, err = newPicks(t, items[:2]).Decoys([]int{1})
	assert.ErrorContains(t, err, "p ≤ 0.01")
}

func TestPicksRefuse(t *testing.T) {
	for want, item := range map[string]evidence.Pick{
		"want 2, one for each option":    {Law: fairLaw, Votes: []int{1}},
		"option 1 has -1 votes":          {Law: fairLaw, Votes: []int{1, -1}},
		"law sums to 2147483649, want 2": {Law: []uint32{1 << 31, 1}, Votes: []int{1, 1}},
		"there are 0 options":            {},
	} {
		_, err := evidence.NewPicks([]evidence.Pick{{Law: fairLaw, Votes: []int{1, 0}}, item})
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "item 1")
	}
	law := newPicks(t, []evidence.Pick{{Law: fairLaw, Votes: []int{1, 0}}})
	for want, options := range map[string][]int{"there are 2 options": {1, 1}, "item 0 is 2, want 0 to 1": {2}, "item 0 is -1": {-1}} {
		_, err := law.Matches(options)
		assert.ErrorContains(t, err, want)
	}
	none := newPicks(t, nil)
	assert.Zero(t, none.LogTail(0))
	assert.Zero(t, none.LogLeast())
	assert.Zero(t, none.LogE(0))
	_, ok := none.Critical(-1)
	assert.False(t, ok)
}
