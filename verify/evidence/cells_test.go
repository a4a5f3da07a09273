package evidence_test

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

var fairLaw = []uint32{1 << 31, 1 << 31}

// lawOf returns the law of two options, the second with probability p.
func lawOf(p float64) []uint32 {
	q := uint32(math.Round(p * (1 << 32)))
	return []uint32{-q, q}
}

func newCells(t testing.TB, cells []evidence.Cell) *evidence.Cells {
	t.Helper()
	c, err := evidence.NewCells(cells)
	require.NoError(t, err)
	return c
}

// drawOption draws an option by a law as a key does: the inverse of its distribution
// function at a 32-bit word.
func drawOption(rng *rand.Rand, law []uint32) int {
	w := rng.Uint32()
	for o, p := range law {
		if w < p {
			return o
		}
		w -= p
	}
	return -1
}

func drawOptions(rng *rand.Rand, cells []evidence.Cell) []int {
	out := make([]int, len(cells))
	for i, c := range cells {
		out[i] = drawOption(rng, c.Law)
	}
	return out
}

// randomCells draws n cells of 2 to k options with uneven laws and gains.
func randomCells(rng *rand.Rand, n, k int) []evidence.Cell {
	cells := make([]evidence.Cell, n)
	for i := range cells {
		options := 2 + rng.IntN(k-1)
		left := uint64(1 << 32)
		for o := range options {
			p := left
			if o < options-1 {
				p = uint64(rng.Float64() * float64(left))
			}
			left -= p
			cells[i].Law = append(cells[i].Law, uint32(p))
			cells[i].Gains = append(cells[i].Gains, rng.NormFloat64()+3)
		}
	}
	return cells
}

// every calls f for every choice of options, with its probability and its T, by the
// definition.
func every(cells []evidence.Cell, f func(p, sum float64)) {
	var step func(i int, p, sum float64)
	step = func(i int, p, sum float64) {
		if i == len(cells) {
			f(p, sum)
			return
		}
		c := cells[i]
		mean := 0.0
		for o, g := range c.Gains {
			mean += float64(c.Law[o]) / (1 << 32) * g
		}
		for o, g := range c.Gains {
			if c.Law[o] > 0 {
				step(i+1, p*float64(c.Law[o])/(1<<32), sum+g-mean)
			}
		}
	}
	step(0, 1, 0)
}

func naiveTail(cells []evidence.Cell, x float64) float64 {
	sum := 0.0
	every(cells, func(p, s float64) {
		if s >= x-1e-9 {
			sum += p
		}
	})
	return math.Log(sum)
}

// A pilotRow is one carrier of testdata/cells.tsv: its option, and counts by column.
type pilotRow struct {
	option int
	counts map[string][]int
}

func pilot(t testing.TB) []pilotRow {
	f, err := os.Open(filepath.Join("testdata", "cells.tsv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r := csv.NewReader(f)
	r.Comma = '\t'
	lines, err := r.ReadAll()
	require.NoError(t, err)
	var rows []pilotRow
	for _, line := range lines[1:] {
		numbers := make([]int, len(line))
		for i, s := range line[1:] {
			numbers[i+1], err = strconv.Atoi(s)
			require.NoError(t, err)
		}
		rows = append(rows, pilotRow{numbers[1], map[string][]int{
			"reference": numbers[2:4], "student": numbers[4:6], "control": numbers[6:8], "early": numbers[8:10], "late": numbers[10:12],
		}})
	}
	require.Len(t, rows, 96)
	return rows
}

// pilotCells returns the cells of a suspect of the pilot, the key's options, and how many
// first occurrences they stand for.
func pilotCells(t testing.TB, suspect, reference string) (cells []evidence.Cell, options []int, uses int) {
	for _, row := range pilot(t) {
		gains, ok, err := evidence.Gains(row.counts[suspect], row.counts[reference])
		require.NoError(t, err)
		if !ok {
			continue
		}
		uses += row.counts[suspect][0] + row.counts[suspect][1]
		cells = append(cells, evidence.Cell{Law: fairLaw, Gains: gains})
		options = append(options, row.option)
	}
	return cells, options, uses
}

// TestCellsOfAPilot: a real student and what another program made of it (log10). Of its
// base model's other answers the table has the last 300 prompts against the first 700.
//
// Mutants killed: no ridge, clipping at 5, b for b+1, cells from 2 uses on, Hoeffding for Chernoff.
func TestCellsOfAPilot(t *testing.T) {
	for _, c := range []struct {
		suspect, reference string
		cells, uses        int
		sum, z, bound      float64
		hoeffding          float64
	}{
		{"student", "reference", 87, 2073, 199.55, 7.12, -20.01, -10.99},
		{"control", "reference", 66, 770, 7.20, 0.96, -0.20, -0.20},
		{"late", "early", 84, 1372, -1.70, -0.20, 0, 0},
	} {
		cells, options, uses := pilotCells(t, c.suspect, c.reference)
		assert.Equal(t, c.uses, uses, c.suspect)
		law := newCells(t, cells)
		assert.Equal(t, c.cells, law.Len())
		sum, err := law.Sum(options)
		require.NoError(t, err)
		assert.InDelta(t, c.sum, sum, 0.005)
		assert.InDelta(t, c.z, law.Standard(sum), 0.005)
		tails := law.Tails(sum)
		assert.InDelta(t, c.bound, tails.Bound/math.Ln10, 0.005)
		assert.InDelta(t, c.hoeffding, law.Closed(sum)/math.Ln10, 0.005)
		assert.Equal(t, tails.Bound, law.LogTail(sum), "too many cells for an exact p")
		assert.LessOrEqual(t, tails.Approx, tails.Bound)
		if c.suspect == "student" {
			assert.Equal(t, uint64(0x4068f18b51869bb0), math.Float64bits(sum), "T has one value on every machine")
			assert.InDelta(t, -20.97, tails.Approx/math.Ln10, 0.005)
			assert.InDelta(t, 18.79, law.LogE(sum)/math.Ln10, 0.005)
		}
	}
}

// TestCellsTailsAgainstEnumeration: exact tails are those of all outcomes, one by one;
// bounds are above, the closed one above Chernoff's.
//
// Mutants killed: laws shifted by an option, ≥ for > at ties, the variance of Kearns and
// Saul for any number of options, a half of the cells left out, scales lost.
func TestCellsTailsAgainstEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 1))
	for run := range 300 {
		cells := randomCells(rng, 1+rng.IntN(7), 2+rng.IntN(3))
		law := newCells(t, cells)
		options := drawOptions(rng, cells)
		sum, err := law.Sum(options)
		require.NoError(t, err)
		want := naiveTail(cells, sum)
		if sum <= 0 {
			want = 0
		}
		got, ok := law.Exact(sum)
		require.True(t, ok)
		assert.InDelta(t, want, got, 1e-9, "run %d", run)
		assert.Equal(t, got, law.LogTail(sum))
		tails, closed := law.Tails(sum), law.Closed(sum)
		assert.GreaterOrEqual(t, tails.Bound, got-1e-9, "run %d", run)
		assert.GreaterOrEqual(t, closed, tails.Bound-1e-6, "run %d", run)
		assert.GreaterOrEqual(t, got, law.LogLeast()-1e-9)
		assert.GreaterOrEqual(t, tails.Approx, law.LogLeast()-1e-9, "run %d", run)

		variance, fourth := 0.0, 0.0
		every(cells, func(p, s float64) { variance += p * s * s; fourth += p * s * s * s * s })
		assert.InEpsilon(t, variance, law.Variance(), 1e-9)
		assert.InDelta(t, fourth/variance/variance-3, law.Excess(), 1e-7)
		for _, theta := range []float64{-2, -0.01, 1e-5, 0.3, 4} {
			k := 0.0
			every(cells, func(p, s float64) { k += p * math.Expm1(theta*s) })
			assert.InDelta(t, math.Log1p(k), law.Cumulant(theta), 1e-9*(1+math.Abs(k))+1e-12)
		}
	}
}

// TestCellsTailsAgree: on the laws of 30 to 40 two-way cells, or 20 of up to four options,
// the approximation is near the exact tail all the way down, and never above the bound.
//
// Mutants killed: K” for K”', a saddle point that stops early.
func TestCellsTailsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(62, 1))
	for _, c := range []struct{ n, k int }{{30, 2}, {38, 2}, {16, 4}} {
		law := newCells(t, randomCells(rng, c.n, c.k))
		most, _, ok := law.Critical(-12)
		require.True(t, ok)
		for i := range 12 {
			x := most * float64(i+1) / 12
			exact, ok := law.Exact(x)
			require.True(t, ok)
			got := law.Tails(x)
			assert.InDelta(t, exact, got.Approx, 0.06+0.02*math.Abs(exact), "%v at %v", c, x)
			assert.GreaterOrEqual(t, got.Bound, exact)
			assert.LessOrEqual(t, got.Bound, 0.0)
			assert.GreaterOrEqual(t, law.Closed(x), got.Bound)
		}
		bound, approx, ok := law.Critical(-7)
		require.True(t, ok)
		assert.InDelta(t, -7, law.Tails(bound).Bound, 1e-6)
		assert.InDelta(t, -7, law.Tails(approx).Approx, 1e-6)
		_, _, ok = law.Critical(law.LogLeast() - 1)
		assert.False(t, ok, "a level that no key reaches")
	}
}

// TestClosedForm: two-way cells have the constant of Kearns and Saul, others that of Hoeffding, even
// where two of three options are all but all.
//
// Mutants killed: one constant for the other.
func TestClosedForm(t *testing.T) {
	two := evidence.Cell{Law: lawOf(0.9), Gains: []float64{1, 4}}
	three := evidence.Cell{Law: []uint32{1<<31 - 1, 1, 1 << 31}, Gains: []float64{-1, 0, 1}}
	p := float64(two.Law[1]) / (1 << 32)
	v := 9 * (2*p - 1) / (2 * math.Log(p/(1-p)))
	assert.InEpsilon(t, -0.5/(2*v*7), newCells(t, []evidence.Cell{two, two, two, two, two, two, two}).Closed(math.Sqrt(0.5)), 1e-9)
	assert.InEpsilon(t, -0.5/(2*(v+1)), newCells(t, []evidence.Cell{two, three}).Closed(math.Sqrt(0.5)), 1e-9)
	law := newCells(t, []evidence.Cell{three, three, three, three})
	for x := 0.1; x < 4; x += 0.1 {
		assert.GreaterOrEqual(t, law.Closed(x), law.Tails(x).Bound-1e-9, "%v", x)
	}
}

// TestTailsNextToTheMean: skewness shows in the approximation there, and K keeps its digits.
//
// Mutants killed: K” for K”', e^x − 1 for expm1.
func TestTailsNextToTheMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(69, 1))
	cells := make([]evidence.Cell, 38)
	for i := range cells {
		cells[i] = evidence.Cell{Law: lawOf(0.15), Gains: []float64{0, 1 + 3*rng.Float64()}}
	}
	law := newCells(t, cells)
	x := 1e-4 * math.Sqrt(law.Variance())
	exact, ok := law.Exact(x)
	require.True(t, ok)
	assert.Less(t, exact, math.Log(0.49), "the law leans")
	assert.InDelta(t, exact, law.Tails(x).Approx, 0.01)
	assert.InEpsilon(t, 1e-16*law.Variance()/2, law.Cumulant(1e-8), 1e-4)

	// No approximation is below the least p that there is, or above the bound.
	one := newCells(t, []evidence.Cell{{Law: fairLaw, Gains: []float64{0, 2}}})
	assert.Equal(t, -math.Ln2, one.Tails(0.01).Approx)
	for x := 0.0; x < 2; x += 0.05 {
		got := law.Tails(x * 10)
		assert.LessOrEqual(t, got.Approx, got.Bound)
	}
}

// TestFairCellsAreSignFlips: two-way fair cells have the tails of package tail.
func TestFairCellsAreSignFlips(t *testing.T) {
	rng := rand.New(rand.NewPCG(63, 1))
	for _, n := range []int{1, 2, 9, 24} {
		cells, terms, options := make([]evidence.Cell, n), make([]float64, n), make([]int, n)
		for i := range cells {
			g := rng.NormFloat64()
			options[i] = rng.IntN(2)
			cells[i] = evidence.Cell{Law: fairLaw, Gains: []float64{-g, g}}
			terms[i] = g * float64(2*options[i]-1)
		}
		law := newCells(t, cells)
		sum, err := law.Sum(options)
		require.NoError(t, err)
		assert.InDelta(t, total(terms), sum, 1e-12)
		want := tail.SignFlip(terms)
		if sum <= 0 {
			want = 0
		}
		got, ok := law.Exact(sum)
		require.True(t, ok)
		assert.InDelta(t, want, got, 1e-10)
		assert.InDelta(t, tail.SignFlipBound(terms), law.Closed(sum), 1e-9)
	}
}

func total(xs []float64) (sum float64) {
	for _, x := range xs {
		sum += x
	}
	return sum
}

// TestCellsThatAreAlike: hundreds of cells of one spread count matches; few such cells
// have the same answer as by enumeration.
func TestCellsThatAreAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(64, 1))
	cells, p := make([]evidence.Cell, 300), make([]float64, 300)
	for i := range cells {
		q := 0.2 + 0.6*rng.Float64()
		cells[i] = evidence.Cell{Law: lawOf(q), Gains: []float64{0.1, 0.8}}
		p[i] = float64(cells[i].Law[1]) / (1 << 32)
	}
	mean := total(p)
	law := newCells(t, cells)
	for _, k := range []int{160, 200, 280, 300} {
		got, ok := law.Exact(0.7 * (float64(k) - mean))
		require.True(t, ok)
		assert.InEpsilon(t, tail.PoissonBinomial(k, p), got, 1e-9)
	}
	few := cells[:12]
	twelve := newCells(t, few)
	for _, options := range [][]int{{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0}} {
		sum, err := twelve.Sum(options)
		require.NoError(t, err)
		got, ok := twelve.Exact(sum)
		require.True(t, ok)
		assert.InDelta(t, naiveTail(few, sum), got, 1e-9)
	}
}

// TestCellsWithTies: outcomes that tie within rounding count against the claim, in
// enumeration and in Monte Carlo alike; equal gains are one outcome.
func TestCellsWithTies(t *testing.T) {
	var cells []evidence.Cell
	for i := range 9 {
		g := 0.1 * float64(i%3+1)
		cells = append(cells, evidence.Cell{Law: fairLaw, Gains: []float64{g, -g}})
	}
	cells = append(cells, evidence.Cell{Law: []uint32{1 << 30, 1 << 31, 1 << 30}, Gains: []float64{0.7, 0.7, 0.1}})
	law := newCells(t, cells)
	options := []int{0, 1, 0, 0, 0, 0, 0, 0, 1, 1}
	sum, err := law.Sum(options)
	require.NoError(t, err)
	exact, ok := law.Exact(sum)
	require.True(t, ok)
	assert.InDelta(t, naiveTail(cells, sum), exact, 1e-12)
	assert.Greater(t, exact, naiveTail(cells, sum+2e-9)+0.1, "the outcome itself and its ties weigh something")
	// 100,000 draws: 5 standard deviations and the ulp of a count.
	got, err := law.MonteCarlo(sum, [32]byte{1}, 100_000)
	require.NoError(t, err)
	p := math.Exp(exact)
	assert.InDelta(t, p, math.Exp(got), 5*math.Sqrt(p*(1-p)/1e5)+2e-5)
}

// TestMonteCarloOfCells: the count of a seed is the same everywhere, never below
// 1/(1+J), and near the exact tail of uneven laws.
func TestMonteCarloOfCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(65, 1))
	cells := randomCells(rng, 9, 5)
	law := newCells(t, cells)
	x := 1.5 * math.Sqrt(law.Variance())
	exact, ok := law.Exact(x)
	require.True(t, ok)
	got, err := law.MonteCarlo(x, [32]byte{2}, 200_000)
	require.NoError(t, err)
	p := math.Exp(exact)
	assert.InDelta(t, p, math.Exp(got), 5*math.Sqrt(p*(1-p)/2e5))
	again, err := law.MonteCarlo(x, [32]byte{2}, 200_000)
	require.NoError(t, err)
	assert.Equal(t, got, again)
	other, err := law.MonteCarlo(x, [32]byte{3}, 200_000)
	require.NoError(t, err)
	assert.NotEqual(t, got, other)

	ten := make([]evidence.Cell, 10)
	for i := range ten {
		ten[i] = evidence.Cell{Law: fairLaw, Gains: []float64{0, 1}}
	}
	got, err = newCells(t, ten).MonteCarlo(1, [32]byte{4}, 999)
	require.NoError(t, err)
	assert.InDelta(t, 1+sixOfTen(rand.NewChaCha8([32]byte{4}), 999), 1000*math.Exp(got), 1e-9)
	least, err := newCells(t, ten).MonteCarlo(6, [32]byte{4}, 999)
	require.NoError(t, err)
	assert.Equal(t, -math.Log(1000), least)
	for _, draws := range []int64{0, -1, 1<<40 + 1} {
		_, err = law.MonteCarlo(x, [32]byte{}, draws)
		assert.ErrorContains(t, err, "want 1 to 2^40")
	}
}

// sixOfTen counts how many rows of ten 32-bit words, low halves first, have a leading 1 six
// times or more.
func sixOfTen(source *rand.ChaCha8, rows int) (count float64) {
	for range rows {
		ones := 0
		for range 5 {
			w := source.Uint64()
			ones += int(w>>31&1) + int(w>>63)
		}
		if ones >= 6 {
			count++
		}
	}
	return count
}

// TestCellsAtTheEdges: gains of all sizes at once, options that one key in 2³² gets, and sums next to
// the largest: no NaN, and every bound above the exact tail.
func TestCellsAtTheEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(70, 1))
	for run := range 300 {
		cells := make([]evidence.Cell, 1+rng.IntN(8))
		for i := range cells {
			size := math.Pow(10, 100*rng.Float64()-50)
			if run%2 == 0 {
				size = 1
			}
			law := [][]uint32{fairLaw, {1<<32 - 1, 1}, {1, 1<<32 - 1}, {1, 1<<32 - 2, 1}}[rng.IntN(4)]
			gains := []float64{size * rng.NormFloat64(), size * rng.NormFloat64(), size}[:len(law)]
			cells[i] = evidence.Cell{Law: law, Gains: gains}
		}
		law := newCells(t, cells)
		options := make([]int, len(cells))
		for i, c := range cells {
			options[i] = rng.IntN(len(c.Law))
		}
		sum, err := law.Sum(options)
		require.NoError(t, err)
		for _, x := range []float64{sum, 0.999999 * sum, 1e-9 * sum, 3 * math.Sqrt(law.Variance()), math.SmallestNonzeroFloat64, math.MaxFloat64} {
			exact, ok := law.Exact(x)
			require.True(t, ok)
			tails := law.Tails(x)
			for name, p := range map[string]float64{"bound": tails.Bound, "approx": tails.Approx, "closed": law.Closed(x), "exact": exact} {
				assert.LessOrEqual(t, p, 0.0, "%s of %v at %v", name, cells, x)
			}
			slack := 1e-8 * (1 + math.Abs(exact))
			assert.GreaterOrEqual(t, tails.Bound, exact-slack, "%v at %v", cells, x)
			assert.GreaterOrEqual(t, law.Closed(x), exact-slack, "%v at %v", cells, x)
			assert.False(t, math.IsNaN(law.LogE(x)))
		}
	}
}

// TestCellsWithoutEvidence: nothing above 0, nothing that says anything, nothing at all.
func TestCellsWithoutEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(66, 1))
	some := newCells(t, randomCells(rng, 6, 3))
	none := newCells(t, nil)
	flat := newCells(t, []evidence.Cell{{Law: fairLaw, Gains: []float64{2, 2}}, {Law: []uint32{1 << 31, 1 << 31, 0}, Gains: []float64{1, 1, 7}}})
	for _, law := range []*evidence.Cells{some, none, flat} {
		for _, x := range []float64{0, -1, math.Inf(-1), math.NaN()} {
			assert.Zero(t, law.LogTail(x))
			assert.Equal(t, tail.Tails{}, law.Tails(x))
			assert.Zero(t, law.Closed(x))
			p, err := law.MonteCarlo(x, [32]byte{}, 10)
			require.NoError(t, err)
			assert.Zero(t, p)
		}
		assert.Equal(t, math.Inf(-1), law.LogE(math.NaN()))
		assert.Equal(t, math.Inf(-1), law.LogTail(1e9), "more than there is")
	}
	for _, law := range []*evidence.Cells{none, flat} {
		assert.Zero(t, law.Variance())
		assert.Zero(t, law.Excess())
		assert.Zero(t, law.Standard(0))
		assert.Zero(t, law.LogE(0))
		assert.Zero(t, law.LogLeast())
		_, err := law.Decoys([]float64{0})
		assert.ErrorContains(t, err, "p ≤ 0.01")
	}
	sum, err := flat.Sum([]int{1, 0})
	require.NoError(t, err)
	assert.Zero(t, sum)
}

func TestCellsRefuse(t *testing.T) {
	for want, c := range map[string]evidence.Cell{
		"there are 1 options":                {Law: []uint32{1}, Gains: []float64{1}},
		"want 2, one for each":               {Law: fairLaw, Gains: []float64{1}},
		"law sums to 4294967295, want 2^32":  {Law: []uint32{1 << 31, 1<<31 - 1}, Gains: []float64{1, 2}},
		"gain of option 1 is NaN":            {Law: fairLaw, Gains: []float64{1, math.NaN()}},
		"gain of option 0 is +Inf":           {Law: fairLaw, Gains: []float64{math.Inf(1), 0}},
		"gain of option 0 is -1e+61 want at": {Law: fairLaw, Gains: []float64{-1e61, 0}},
		"there are 65537 options":            {Law: make([]uint32, 65537), Gains: make([]float64, 65537)},
	} {
		_, err := evidence.NewCells([]evidence.Cell{{Law: fairLaw, Gains: []float64{1, 2}}, c})
		if assert.Error(t, err, want) {
			assert.Contains(t, err.Error()+" want at", "cell 1")
		}
	}
	_, err := evidence.NewCells([]evidence.Cell{{Law: fairLaw, Gains: []float64{0, 1e-61}}})
	assert.ErrorContains(t, err, "gains differ by 1e-61")
	law := newCells(t, []evidence.Cell{{Law: []uint32{0, 1 << 31, 1 << 31}, Gains: []float64{1, 2, 3}}})
	for want, options := range map[string][]int{
		"there are 2 options": {1, 1}, "cell 0 is 3, want 0 to 2": {3}, "cell 0 is -1": {-1}, "probability 0": {0},
	} {
		_, err := law.Sum(options)
		assert.ErrorContains(t, err, want)
	}
	_, err = law.Decoys(nil)
	assert.ErrorContains(t, err, "no decoys")
	many := newCells(t, randomCells(rand.New(rand.NewPCG(1, 1)), 20, 2))
	_, err = many.Decoys([]float64{1, math.NaN()})
	assert.ErrorContains(t, err, "decoy 1 is NaN")

	for want, c := range map[string][2][]int{
		"there are 1 options":           {{1}, {1}},
		"reference has 3 options":       {{1, 2}, {1, 2, 3}},
		"option 1 has -2 uses":          {{1, -2}, {1, 2}},
		"option 0 has 1 uses and -1 of": {{1, 2}, {-1, 2}},
	} {
		_, _, err := evidence.Gains(c[0], c[1])
		assert.ErrorContains(t, err, want)
	}
}

func TestGains(t *testing.T) {
	g, ok, err := evidence.Gains([]int{12, 8}, []int{75, 25})
	require.NoError(t, err)
	require.True(t, ok)
	mu := 25.5 / 101
	d := (0.4 - mu) / math.Sqrt(mu*(1-mu)/20+mu*(1-mu)/101+0.001)
	assert.InDeltaSlice(t, []float64{-d, d}, g, 1e-12)
	g, ok, err = evidence.Gains([]int{500, 0, 0}, []int{0, 0, 1000})
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, 6.0, g[0], "clipped")
	assert.Equal(t, -6.0, g[2], "clipped")
	_, ok, err = evidence.Gains([]int{1, 1}, nil)
	require.NoError(t, err)
	assert.False(t, ok, "two uses")
	g, ok, err = evidence.Gains([]int{1, 2, 0, 0}, nil)
	require.NoError(t, err)
	assert.True(t, ok, "three uses")
	assert.InDelta(t, (2./3-.25)/math.Sqrt(.1875/3+.1875+.001), g[1], 1e-12, "against 1/k")
}

// TestEValuesOfCells: E e = 1 over all outcomes.
//
// Mutants killed: a grid that depends on T, a bet more or less in the mean.
func TestEValuesOfCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(67, 1))
	for range 20 {
		cells := randomCells(rng, 5, 4)
		law := newCells(t, cells)
		mean := 0.0
		every(cells, func(p, s float64) { mean += p * math.Exp(law.LogE(s)) })
		assert.InDelta(t, 1, mean, 1e-9)
	}
}

// TestDecoysOfCells: 2,000 decoy keys of the pilot's student, and of few, of alike and of
// uneven cells, follow the law; under a wrong law they void. In the pilot real and decoy
// keys part clearly.
//
// Mutants killed: excess left out (few cells), level 0.01 for a discrete law.
func TestDecoysOfCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(68, 1))
	student, _, _ := pilotCells(t, "student", "reference")
	alike := make([]evidence.Cell, 60)
	for i := range alike {
		alike[i] = evidence.Cell{Law: fairLaw, Gains: []float64{0, 1}}
	}
	uneven := randomCells(rng, 80, 4)
	for _, cells := range [][]evidence.Cell{student, randomCells(rng, 8, 2), alike, alike[:8], uneven} {
		law := newCells(t, cells)
		sums := make([]float64, 2000)
		for j := range sums {
			var err error
			sums[j], err = law.Sum(drawOptions(rng, cells))
			require.NoError(t, err)
		}
		d, err := law.Decoys(sums)
		require.NoError(t, err)
		assert.Equal(t, law.Excess(), d.Excess)
		assert.LessOrEqual(t, d.Level, 0.01)
		c, err := d.Calibrate()
		require.NoError(t, err)
		assert.False(t, c.Void, "%v", c.Reasons())
		assert.Less(t, c.DispersionLimit, 1.06)
		assert.Greater(t, c.DispersionLimit, 1.0)
		if len(cells) == 8 && cells[0].Gains[1] == 1 {
			assert.InDelta(t, 1./256, d.Level, 1e-12, "all of eight: seven are too common")
		}
		for j := range sums {
			sums[j] *= 1.12
		}
		d, err = law.Decoys(sums)
		require.NoError(t, err)
		c, err = d.Calibrate()
		require.NoError(t, err)
		assert.True(t, c.Void)
		x := 3 * math.Sqrt(law.Variance())
		assert.Equal(t, law.Tails(x/c.DispersionLimit), law.Sensitivity(c, x))
	}
}
