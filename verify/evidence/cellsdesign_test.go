package evidence_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

// students draws the cells of students of a design, in the planner's world but use by use, and
// returns z and the bound on ln p of each.
func students(t *testing.T, rng *rand.Rand, d evidence.CellsDesign, cells, runs int) (zs, ps []float64) {
	if d.Polarisation == 0 {
		d.Polarisation = 2
	}
	count := func(n int, q float64) []int {
		ones := 0
		for range n {
			if rng.Float64() < q {
				ones++
			}
		}
		return []int{n - ones, ones}
	}
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for range runs {
		all, options := make([]evidence.Cell, cells), make([]int, cells)
		for i := range all {
			l := d.Polarisation * rng.NormFloat64()
			options[i] = rng.IntN(2)
			reference := count(d.Reference, logistic(l))
			own := logistic(l + d.Drift*rng.NormFloat64())
			uses := count(d.Uses, (1-d.Shift)*own+d.Shift*float64(options[i]))
			gains, ok, err := evidence.Gains(uses, reference)
			require.NoError(t, err)
			require.True(t, ok)
			all[i] = evidence.Cell{Law: fairLaw, Gains: gains}
		}
		law := newCells(t, all)
		sum, err := law.Sum(options)
		require.NoError(t, err)
		zs, ps = append(zs, law.Standard(sum)), append(ps, law.Tails(sum).Bound)
	}
	slices.Sort(zs)
	return zs, ps
}

// TestCellsDesignOfTheSpecification: median z by another program's simulation, in a world with
// drift where there is a reference; to 6 %.
func TestCellsDesignOfTheSpecification(t *testing.T) {
	for _, c := range []struct {
		cells        int
		shift        float64
		bare, beside float64 // without and with a reference
	}{{256, .1, 2.7, 4.8}, {256, .2, 5.4, 8.3}, {256, .4, 11, 0}, {1024, .05, 0, 5.2}, {1024, .1, 0, 9.6}, {1024, .2, 0, 16.4}} {
		if c.bare > 0 {
			z, err := evidence.CellsDesign{Uses: 20, Shift: c.shift}.Z(c.cells)
			require.NoError(t, err)
			assert.InEpsilon(t, c.bare, z, 0.06, "%v", c)
		}
		if c.beside > 0 {
			z, err := evidence.CellsDesign{Uses: 20, Shift: c.shift, Reference: 1000, Drift: 1}.Z(c.cells)
			require.NoError(t, err)
			assert.InEpsilon(t, c.beside, z, 0.06, "%v", c)
		}
	}
}

// TestCellsDesignBySimulation: students of the planner's world, drawn use by use and judged by the
// real test, have the planner's median z and are found as often as it says. 400 students a design:
// 4.9 standard errors of a median (1e-6) are at most 0.31, of a power of 0.8 0.1; the formula may
// be off by 0.06 besides.
//
// Mutants killed: drift or reference left out, the kurtosis of d left out of the deviation of z,
// a normal threshold for Chernoff's.
func TestCellsDesignBySimulation(t *testing.T) {
	rng := rand.New(rand.NewPCG(95, 1))
	for _, d := range []evidence.CellsDesign{
		{Uses: 20, Shift: .2, Alpha: 1e-6},
		{Uses: 20, Shift: .2, Alpha: 1e-6, Reference: 40, Drift: .5},
		{Uses: 10, Shift: .3, Alpha: 1e-5, Tests: 10, Reference: 40, Polarisation: 1},
		{Uses: 60, Shift: .2, Alpha: 1e-6, Reference: 200, Drift: 1},
	} {
		n, err := d.Cells()
		require.NoError(t, err)
		z, err := d.Z(n)
		require.NoError(t, err)
		power, err := d.PowerOf(n)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, power, 0.8)
		less, err := d.PowerOf(n - 1)
		require.NoError(t, err)
		assert.Less(t, less, 0.8)
		zs, ps := students(t, rng, d, n, 400)
		found := 0
		for _, p := range ps {
			if p <= math.Log(d.Alpha/float64(max(1, d.Tests))) {
				found++
			}
		}
		assert.InDelta(t, z, zs[200], 0.3, "%+v", d)
		assert.InDelta(t, power, float64(found)/400, 0.16, "%+v", d)
		few, err := d.PowerOf(n * 2 / 3)
		require.NoError(t, err)
		_, ps = students(t, rng, d, n*2/3, 400)
		found = 0
		for _, p := range ps {
			if p <= math.Log(d.Alpha/float64(max(1, d.Tests))) {
				found++
			}
		}
		assert.InDelta(t, few, float64(found)/400, 0.18, "%+v", d)
	}
}

func TestCellsDesignRefuses(t *testing.T) {
	good := evidence.CellsDesign{Uses: 20, Shift: .2, Alpha: 1e-6}
	for want, change := range map[string]func(*evidence.CellsDesign){
		"uses of a unit are 2":              func(d *evidence.CellsDesign) { d.Uses = 2 },
		"shift is 0,":                       func(d *evidence.CellsDesign) { d.Shift = 0 },
		"shift is NaN":                      func(d *evidence.CellsDesign) { d.Shift = math.NaN() },
		"shift is 1.5":                      func(d *evidence.CellsDesign) { d.Shift = 1.5 },
		"uses of the reference are -1":      func(d *evidence.CellsDesign) { d.Reference = -1 },
		"polarisation is -1":                func(d *evidence.CellsDesign) { d.Polarisation = -1 },
		"drift is 11":                       func(d *evidence.CellsDesign) { d.Drift = 11 },
		"alpha is 0,":                       func(d *evidence.CellsDesign) { d.Alpha = 0 },
		"number of tests is -1":             func(d *evidence.CellsDesign) { d.Tests = -1 },
		"power is 1,":                       func(d *evidence.CellsDesign) { d.Power = 1 },
		"shift 1e-06 needs more than 1e9 c": func(d *evidence.CellsDesign) { d.Shift = 1e-6 },
	} {
		d := good
		change(&d)
		_, err := d.Cells()
		assert.ErrorContains(t, err, want)
	}
	_, err := good.Z(0)
	assert.ErrorContains(t, err, "number of cells is 0")
	_, err = good.PowerOf(-1)
	assert.ErrorContains(t, err, "number of cells is -1")
	power, err := evidence.CellsDesign{Uses: 50, Shift: 1, Alpha: 1e-6}.PowerOf(19)
	require.NoError(t, err)
	assert.Zero(t, power, "2^−19 is more than 1e-6")
	for _, d := range []evidence.CellsDesign{
		{Uses: 20, Shift: 1, Alpha: 1e-6}, {Uses: 20, Shift: .9, Alpha: 1e-6, Polarisation: 10}, {Uses: 20, Shift: 1, Alpha: 1e-6, Polarisation: 10, Reference: 30},
	} {
		power, err = d.PowerOf(200)
		require.NoError(t, err)
		assert.Greater(t, power, 0.9, "%+v: certainty is a probability like any other", d)
	}
	power, err = evidence.CellsDesign{Uses: 50, Shift: 1, Alpha: 1e-6}.PowerOf(25)
	require.NoError(t, err)
	assert.Greater(t, power, 0.9)
}
