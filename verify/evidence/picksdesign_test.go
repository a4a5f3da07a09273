package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

// TestPicksDesign: the figure of the specification, and students drawn item by item: 2,000 a
// design, of which 4.9 standard errors (1e-6) are at most 0.055.
//
// Mutants killed: δ for δ + (1−δ)/k, the level of the family for that of a test, more for at least.
func TestPicksDesign(t *testing.T) {
	n, err := evidence.PicksDesign{Options: 8, Shift: .3, Alpha: 1e-6, Power: .9}.Items()
	require.NoError(t, err)
	assert.Equal(t, 89, n)

	rng := rand.New(rand.NewPCG(96, 1))
	for _, d := range []evidence.PicksDesign{
		{Options: 4, Shift: .4, Alpha: 1e-3},
		{Options: 2, Shift: .5, Alpha: .05, Tests: 50},
		{Options: 64, Shift: .1, Alpha: 1e-3, Power: .7},
	} {
		n, err := d.Items()
		require.NoError(t, err)
		power, err := d.PowerOf(n)
		require.NoError(t, err)
		want := d.Power
		if want == 0 {
			want = 0.8
		}
		assert.GreaterOrEqual(t, power, want)
		less, err := d.PowerOf(n - 1)
		require.NoError(t, err)
		assert.Less(t, less, want)
		law := make([]uint32, d.Options)
		for o := range law {
			law[o] = uint32(uint64(1<<32) / uint64(d.Options))
		}
		found := 0
		for range 2000 {
			items, options := make([]evidence.Pick, n), make([]int, n)
			for i := range items {
				items[i] = evidence.Pick{Law: law, Votes: make([]int, d.Options)}
				options[i] = drawOption(rng, law)
				if rng.Float64() < d.Shift {
					items[i].Votes[options[i]]++
				} else {
					items[i].Votes[rng.IntN(d.Options)]++
				}
			}
			p := newPicks(t, items)
			k, err := p.Matches(options)
			require.NoError(t, err)
			if p.LogTail(k) <= math.Log(d.Alpha/float64(max(1, d.Tests))) {
				found++
			}
		}
		assert.InDelta(t, power, float64(found)/2000, 0.055, "%+v", d)
	}
}

func TestPicksDesignRefuses(t *testing.T) {
	for want, d := range map[string]evidence.PicksDesign{
		"number of options is 1": {Options: 1, Shift: .2, Alpha: .01},
		"shift is 0,":            {Options: 4, Alpha: .01},
		"shift is 2,":            {Options: 4, Shift: 2, Alpha: .01},
		"alpha is 0,":            {Options: 4, Shift: .2},
		"number of tests is -1":  {Options: 4, Shift: .2, Alpha: .01, Tests: -1},
		"power is -1":            {Options: 4, Shift: .2, Alpha: .01, Power: -1},
	} {
		_, err := d.Items()
		assert.ErrorContains(t, err, want)
		_, err = d.PowerOf(10)
		assert.ErrorContains(t, err, want)
	}
	d := evidence.PicksDesign{Options: 2, Shift: 1, Alpha: 1e-6}
	_, err := d.PowerOf(0)
	assert.ErrorContains(t, err, "number of items is 0")
	for n, want := range map[int]float64{19: 0, 20: 1} { // 2^−20 < 1e-6
		power, err := d.PowerOf(n)
		require.NoError(t, err)
		assert.Equal(t, want, power)
	}
}
