package evidence_test

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A clean suspect writes as it likes: its counts of a unit are a function of its taste and
// of chance, never of the key. Each returns the counts of 12 units with 3 to 40 uses.
var cleanSuspects = map[string]func(rng *rand.Rand, counts [][]int){
	"always the first form": func(rng *rand.Rand, counts [][]int) {
		for i := range counts {
			counts[i][0] = 3 + rng.IntN(38)
		}
	},
	"one answer, copied": func(rng *rand.Rand, counts [][]int) {
		for i := range counts {
			counts[i][rng.IntN(len(counts[i]))] = 40
		}
	},
	"refuses": func(*rand.Rand, [][]int) {},
	"answers in one class only": func(rng *rand.Rand, counts [][]int) {
		for i := range 5 {
			natural(rng, counts[i], 10)
		}
	},
	"cells go together": func(rng *rand.Rand, counts [][]int) {
		formal := rng.IntN(2) // one mood for all
		for i := range counts {
			counts[i][(formal+i/6)%len(counts[i])] = 8
			natural(rng, counts[i], 4)
		}
	},
	"natural": func(rng *rand.Rand, counts [][]int) {
		for i := range counts {
			natural(rng, counts[i], 20)
		}
	},
}

// natural adds m uses with a taste of its own.
func natural(rng *rand.Rand, counts []int, m int) {
	q := rng.Float64()
	for range m {
		if rng.Float64() < q {
			counts[0]++
		} else {
			counts[1+rng.IntN(len(counts)-1)]++
		}
	}
}

// A statistic turns a suspect and a key into ln p.
type statistic func(t *testing.T, cells []evidence.Cell, options []int) float64

func tailOf(which func(law *evidence.Cells, x float64) float64) statistic {
	return func(t *testing.T, cells []evidence.Cell, options []int) float64 {
		law := newCells(t, cells)
		sum, err := law.Sum(options)
		require.NoError(t, err)
		return which(law, sum)
	}
}

// falseAlarms counts in how many runs a clean suspect has p ≤ 0.01.
func falseAlarms(t *testing.T, rng *rand.Rand, runs int, suspect func(*rand.Rand, [][]int), laws [][]uint32, p statistic) int {
	alarms := 0
	for range runs {
		counts, reference := make([][]int, len(laws)), make([][]int, len(laws))
		for i, law := range laws {
			counts[i], reference[i] = make([]int, len(law)), make([]int, len(law))
			natural(rng, reference[i], 30)
		}
		suspect(rng, counts)
		var cells []evidence.Cell
		for i := range laws {
			gains, ok, err := evidence.Gains(counts[i], reference[i])
			require.NoError(t, err)
			if ok {
				cells = append(cells, evidence.Cell{Law: laws[i], Gains: gains})
			}
		}
		if p(t, cells, drawOptions(rng, cells)) <= math.Log(0.01) {
			alarms++
		}
	}
	return alarms
}

// TestCellsAreSuperUniform: whatever a clean suspect does, p ≤ 0.01 in at most one run in a
// hundred: over 2,000 runs each (12,000 in all), more than 45 are a chance of 1e-6 (exact
// binomial) a suspect and test. The exact p of the natural suspect is that small in fact.
//
// Mutants killed: no centring, a law read backwards, T of another key's options.
func TestCellsAreSuperUniform(t *testing.T) {
	require.Less(t, tail.Binomial(46, 2000, 0.01), math.Log(1e-6))
	laws := make([][]uint32, 12)
	for i := range laws {
		laws[i] = [][]uint32{fairLaw, lawOf(0.9), lawOf(0.3), {1 << 30, 1 << 31, 1 << 29, 1 << 29}}[i%4]
	}
	for name, suspect := range cleanSuspects {
		for test, p := range map[string]func(*evidence.Cells, float64) float64{
			"headline":    (*evidence.Cells).LogTail,
			"bound":       func(c *evidence.Cells, x float64) float64 { return c.Tails(x).Bound },
			"closed":      (*evidence.Cells).Closed,
			"monte carlo": func(c *evidence.Cells, x float64) float64 { return monteCarlo(t, c, x) },
			"e":           func(c *evidence.Cells, x float64) float64 { return evidence.LogPOfE(c.LogE(x)) },
		} {
			if testing.Short() && test != "headline" {
				continue
			}
			h := fnv.New64a() // maps have no order
			h.Write([]byte(name + test))
			alarms := falseAlarms(t, rand.New(rand.NewPCG(71, h.Sum64())), 2000, suspect, laws, tailOf(p))
			assert.LessOrEqual(t, alarms, 45, "%s, %s", name, test)
			if name == "natural" && test == "headline" {
				assert.Greater(t, alarms, 0, "a test that can alarm")
			}
		}
	}
}

func monteCarlo(t *testing.T, c *evidence.Cells, x float64) float64 {
	p, err := c.MonteCarlo(x, [32]byte{7}, 199)
	require.NoError(t, err)
	return p
}

// TestMutantsConvictTheInnocent: four statistics that look right and break the null. The
// suspect is clean, and more polarised than the law that the book declared: it has the
// natural form in 95 of 100 uses where the law says 75. At p ≤ 0.01 the first two convict it in
// almost every one of 200 runs, the other two in one of three even where a fair key is all
// there is; the real test on the same runs in no more than 12 (1e-6).
func TestMutantsConvictTheInnocent(t *testing.T) {
	require.Less(t, tail.Binomial(13, 200, 0.01), math.Log(1e-6))
	const units, uses, natural, declared = 156, 50, 0.95, 0.75
	rng := rand.New(rand.NewPCG(72, 1))
	law := lawOf(declared)
	var alarms, uncentred, flips, answers, items int
	z := 0.0
	for range 200 {
		cells, options := make([]evidence.Cell, units), make([]int, units)
		moved, matches, votes := 0.0, 0, 0
		var terms []float64
		for i := range cells {
			ones := 0
			for range uses {
				if rng.Float64() < natural {
					ones++
				}
			}
			x := float64(ones) / uses
			// Reference shares are the declared ones: a vendor's book, not the suspect's base.
			gains := []float64{(1 - x) - (1 - declared), x - declared}
			cells[i] = evidence.Cell{Law: law, Gains: gains}
			options[i] = drawOption(rng, law)
			moved += gains[options[i]]
			terms = append(terms, gains[options[i]])
			coin := rng.IntN(2) // of a fair key
			matches += []int{uses - ones, ones}[coin]
			if ones > uses/2 == (coin == 1) {
				votes++
			}
		}
		c := newCells(t, cells)
		sum, err := c.Sum(options)
		require.NoError(t, err)
		small := func(p float64) int {
			if p <= math.Log(0.01) {
				return 1
			}
			return 0
		}
		alarms += small(c.LogTail(sum))
		// No centring: T = Σ g(o) under the law of Σ g(o) − ḡ.
		uncentred += small(c.Tails(moved).Bound)
		z += c.Standard(moved) / 200
		// A sign-flip test, as if every unit were fair.
		flips += small(tail.SignFlipBound(terms))
		// Answers for units: each of m uses a trial of its own.
		answers += small(tail.Binomial(int64(matches), units*uses, 0.5))
		// One item counted m times: its votes as m items.
		items += small(tail.Binomial(int64(votes)*uses, units*uses, 0.5))
	}
	assert.LessOrEqual(t, alarms, 12)
	assert.InDelta(t, 7.2, z, 0.6, "mean z without centring")
	assert.Greater(t, uncentred, 190)
	assert.Greater(t, flips, 190)
	assert.Greater(t, answers, 40, "one in three is expected")
	assert.Greater(t, items, 40, "one in three is expected")
}
