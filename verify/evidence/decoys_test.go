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

// sums draws j sums of n scores by draw.
func sums(rng *rand.Rand, j int, n int64, draw func(*rand.Rand) float64) []evidence.Score {
	out := make([]evidence.Score, j)
	for i := range out {
		out[i].N = n
		for range n {
			out[i].Sum += draw(rng)
		}
	}
	return out
}

func exponential(rng *rand.Rand) float64 { return rng.ExpFloat64() }

func hit(p float64) func(*rand.Rand) float64 {
	return func(rng *rand.Rand) float64 {
		if rng.Float64() < p {
			return 1
		}
		return 0
	}
}

func calibrate(t *testing.T, law tail.Law, decoys []evidence.Score) evidence.Calibration {
	d, err := evidence.DecoysOf(law, decoys)
	require.NoError(t, err)
	c, err := d.Calibrate()
	require.NoError(t, err)
	return c
}

// Mutants killed in this file, each by the test in brackets: variance J·2
// without κ₄ [DiagnosticsAreCalibrated]; one-sided diagnostics, or a void level
// of 1e-4 for each [DiagnosticsVoid]; C against 0.01 for a discrete law
// [DiscreteLawsAreNotVoid]; a ratio of variances for a ratio of deviations, or a
// limit on the wrong side [DispersionLimitCovers]; k/J for a rank, ties in
// favour of the claim [Rank]; z/φ with φ below 1 [Sensitivity].

// Over 2,000 sets of 200 decoys that follow the law, each diagnostic has p ≤ 0.01
// in about 20 (standard deviation 4.5): more than 47 happens once in a million
// times (Poisson), and so do fewer than 4. None is void: at one in 10^4 each, 0.2
// are expected, and more than 5 happen less than once in a million times.
func TestDiagnosticsAreCalibrated(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		law  tail.Law
		n    int64
		draw func(*rand.Rand) float64
	}{{tail.Exponential(), 8, exponential}, {tail.Exponential(), 40, exponential}, {bernoulli(t, 0.25), 20, hit(0.25)}} {
		var spread, mean, small, void int
		for range 2000 {
			got := calibrate(t, c.law, sums(rng, 200, c.n, c.draw))
			for count, p := range map[*int]float64{&spread: got.LogPSpread, &mean: got.LogPMean, &small: got.LogPSmall} {
				if p <= math.Log(0.01) {
					*count++
				}
			}
			if got.Void {
				void++
			}
		}
		for name, count := range map[string]int{"spread": spread, "mean": mean} {
			assert.LessOrEqual(t, count, 47, "%s of %v, n %d", name, c.law, c.n)
			assert.GreaterOrEqual(t, count, 4, "%s of %v, n %d", name, c.law, c.n)
		}
		assert.LessOrEqual(t, small, 47, "small of %v, n %d", c.law, c.n)
		assert.LessOrEqual(t, void, 5, "%v, n %d", c.law, c.n)
	}
}

// Decoys that follow another law than the test's are void, and the reason says
// how: too wide, too narrow, off centre on either side, heavy in the tail.
func TestDiagnosticsVoid(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for name, c := range map[string]struct {
		draw   func(*rand.Rand) float64
		reason string
	}{
		"wide":   {func(r *rand.Rand) float64 { return 1 + 1.2*(r.ExpFloat64()-1) }, "times as wide as the null law"},
		"narrow": {func(r *rand.Rand) float64 { return 1 + 0.8*(r.ExpFloat64()-1) }, "times as wide as the null law"},
		"above":  {func(r *rand.Rand) float64 { return 1.02 * r.ExpFloat64() }, "instead of 0"},
		"below":  {func(r *rand.Rand) float64 { return 0.98 * r.ExpFloat64() }, "instead of 0"},
		// Uniform words in place of exponential ones, twice the mean ½: right
		// mean, a third of the variance.
		"other words": {func(r *rand.Rand) float64 { return 2 * r.Float64() }, "decoy keys have p ≤ 0.01"},
	} {
		got := calibrate(t, tail.Exponential(), sums(rng, 4000, 100, c.draw))
		assert.True(t, got.Void, name)
		require.NotEmpty(t, got.Reasons(), name)
		all := ""
		for _, r := range got.Reasons() {
			all += r + "\n"
		}
		assert.Contains(t, all, c.reason, name)
	}
	// A mixture with the right mean and variance, one decoy in 50 far out.
	d := evidence.Decoys{Level: 0.01}
	for range 2000 {
		z := 0.96 * rng.NormFloat64()
		if rng.IntN(50) == 0 {
			z = 2 * rng.NormFloat64()
		}
		d.Z, d.LogP = append(d.Z, z), append(d.LogP, min(tail.Normal(z), tail.Normal(z+0.8)))
	}
	c, err := d.Calibrate()
	require.NoError(t, err)
	assert.True(t, c.Void)
	assert.Less(t, c.LogPSmall, math.Log(evidence.VoidBelow))
	assert.Greater(t, min(c.LogPMean, c.LogPSpread), math.Log(evidence.VoidBelow))

	// Exactly at the limit for one diagnostic: 1e-4/3 for each, two-sided. Of
	// four decoys with one z each the mean z is z.
	for z, void := range map[float64]bool{2.060: false, 2.085: true} { // √4·z = 4.12, 4.17; two-sided 3.8e-5, 3.0e-5
		d := evidence.Decoys{Z: []float64{z, z, z, z}, LogP: []float64{-1, -1, -1, -1}, Excess: 100, Level: 0.01}
		c, err := d.Calibrate()
		require.NoError(t, err)
		assert.Equal(t, void, c.Void, "z %v", z)
	}
}

// With 20 green-list tokens p ≤ 0.01 has probability 0.0039, not 0.01: 10,000
// decoys that follow the law have about 40, which is no flaw. The same decoys
// compared with 0.01 would void.
func TestDiscreteLawsAreNotVoid(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	d, err := evidence.DecoysOf(bernoulli(t, 0.25), sums(rng, 10000, 20, hit(0.25)))
	require.NoError(t, err)
	assert.InDelta(t, 0.0039, d.Level, 1e-4)
	c, err := d.Calibrate()
	require.NoError(t, err)
	assert.False(t, c.Void, c.Reasons())
	d.Level = 0.01
	c, err = d.Calibrate()
	require.NoError(t, err)
	assert.True(t, c.Void)
	d.Bound = true // p-values that are bounds may be small less often
	c, err = d.Calibrate()
	require.NoError(t, err)
	assert.False(t, c.Void)
}

// φ is above the true ratio 1 in 99 % of 2,000 sets, that is, below it in 20
// (standard deviation 4.5); 4 and 47 are the limits at 1e-6.
func TestDispersionLimitCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	missed := 0
	for range 2000 {
		d := evidence.Decoys{Level: 0.01}
		for range 100 {
			z := rng.NormFloat64()
			d.Z, d.LogP = append(d.Z, z), append(d.LogP, tail.Normal(z))
		}
		c, err := d.Calibrate()
		require.NoError(t, err)
		assert.Greater(t, c.DispersionLimit, c.Dispersion)
		if c.DispersionLimit < 1 {
			missed++
		}
	}
	assert.GreaterOrEqual(t, missed, 4)
	assert.LessOrEqual(t, missed, 47)
	c := calibrate(t, tail.Exponential(), sums(rng, 2000, 100, func(r *rand.Rand) float64 { return 1 + 1.5*(r.ExpFloat64()-1) }))
	assert.InDelta(t, 1.5, c.Dispersion, 0.1)
	assert.InDelta(t, 1.56, c.DispersionLimit, 0.1)
	assert.Equal(t, 2000, c.J)
}

func TestSensitivity(t *testing.T) {
	law := tail.Exponential()
	s := evidence.Score{Sum: 1200, N: 1000}
	for _, c := range []struct{ phi, sum float64 }{{1.25, 1160}, {1, 1200}, {0.7, 1200}} {
		got := evidence.Calibration{DispersionLimit: c.phi}.Sensitivity(law, s)
		assert.InEpsilon(t, law.LogTail(c.sum, 1000), got, 1e-12)
	}
	below := evidence.Score{Sum: 900, N: 1000}
	assert.Equal(t, law.LogTail(900, 1000), evidence.Calibration{DispersionLimit: 2}.Sensitivity(law, below))
	assert.Zero(t, evidence.Calibration{DispersionLimit: 2}.Sensitivity(law, evidence.Score{}))
}

func TestRank(t *testing.T) {
	assert.InDelta(t, math.Log(1.0/5), evidence.Rank(9, []float64{1, 2, 3, 4}), 1e-15)
	assert.InDelta(t, math.Log(3.0/5), evidence.Rank(3, []float64{1, 2, 3, 4}), 1e-15)
	assert.InDelta(t, math.Log(2.0/5), evidence.Rank(9, []float64{1, 2, 3, nan}), 1e-15)
	assert.Zero(t, evidence.Rank(nan, []float64{1, 2}))
	assert.Zero(t, evidence.Rank(1, nil))
	// Exact: among ten exchangeable numbers each rank is equally likely. 20,000
	// runs, 10 counts of 2,000 with standard deviation 42; six of them fail once
	// in 10^7 runs.
	rng := rand.New(rand.NewPCG(5, 5))
	count := map[float64]int{}
	for range 20000 {
		decoys := make([]float64, 9)
		for i := range decoys {
			decoys[i] = rng.Float64()
		}
		count[math.Round(10*math.Exp(evidence.Rank(rng.Float64(), decoys)))]++
	}
	assert.Len(t, count, 10)
	for r, n := range count {
		assert.InDelta(t, 2000, n, 255, "rank %v", r)
	}
}

// Decoys of different lengths — a keyed gate hides some tokens from some — are
// each compared with the law of their own length.
func TestDecoysOfDifferentLengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var all []evidence.Score
	for _, n := range []int64{50, 60, 70} {
		all = append(all, sums(rng, 1000, n, hit(0.5))...)
	}
	d, err := evidence.DecoysOf(bernoulli(t, 0.5), all)
	require.NoError(t, err)
	assert.InDelta(t, (0.00767+0.00674+0.00557)/3, d.Level, 4e-4)
	assert.InDelta(t, -2*(1.0/50+1.0/60+1.0/70)/3, d.Excess, 1e-9)
	c, err := d.Calibrate()
	require.NoError(t, err)
	assert.False(t, c.Void, c.Reasons())
}

func TestDecoysRefuse(t *testing.T) {
	_, err := evidence.DecoysOf(tail.Exponential(), nil)
	assert.EqualError(t, err, "evidence: there are no decoys, want at least 1")
	_, err = evidence.DecoysOf(tail.Exponential(), []evidence.Score{{1, 1}, {0, 0}})
	assert.EqualError(t, err, "evidence: decoy 1 has 0 scores, want at least 1")
	for want, d := range map[string]evidence.Decoys{
		"evidence: there are no decoys, want at least 1":                {},
		"evidence: decoys have 0 p-values, want 1, one each":            {Z: []float64{1}},
		"evidence: excess kurtosis is -2, want more than -2":            {Z: []float64{1}, LogP: []float64{-1}, Excess: -2},
		"evidence: level of small p-values is 1, want 0 to less than 1": {Z: []float64{1}, LogP: []float64{-1}, Level: 1},
		"evidence: z of decoy 1 is NaN, want a finite number":           {Z: []float64{1, nan}, LogP: []float64{-1, -1}},
		"evidence: z of decoy 0 is +Inf, want a finite number":          {Z: []float64{inf}, LogP: []float64{-1}},
		"evidence: ln p of decoy 0 is 0.1, want at most 0":              {Z: []float64{1}, LogP: []float64{0.1}},
		"evidence: ln p of decoy 0 is NaN, want at most 0":              {Z: []float64{1}, LogP: []float64{nan}},
	} {
		_, err := d.Calibrate()
		assert.EqualError(t, err, want)
	}
}
