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

// Mutants killed in this file, each by the test in brackets: the family left out of
// the level, the dose squared or left out, power of 1 − power [DesignsOfTheSpecification,
// DesignsGoBack]; an effect per root token, a variance for a deviation
// [PowerCurve]; figures of another row [MeasuredEffects].

// 80 % power at 1e-6: the figures of the specification.
func TestDesignsOfTheSpecification(t *testing.T) {
	for d, want := range map[float64]float64{0.35: 256, 0.11: 2587.3, 0.02: 78261, 0.0086: 423264} {
		n, err := evidence.Design{Effect: d, Alpha: 1e-6}.Tokens()
		require.NoError(t, err)
		assert.InDelta(t, want, float64(n), 1)
		diluted, err := evidence.Design{Effect: 4 * d, Dose: 0.25, Tests: 100, Alpha: 1e-4, Power: 0.8}.Tokens()
		require.NoError(t, err)
		assert.InDelta(t, n, diluted, 1)
	}
	// An account among 24,000, of which 667 exchanges of 200 tokens are read
	// supervised at the effect reported for window 3: cohorts yes, accounts no.
	account := evidence.Design{Law: tail.Exponential(), Effect: 0.0086, Tests: 24000, Alpha: 1e-3}
	n, err := account.Tokens()
	require.NoError(t, err)
	assert.Greater(t, n, int64(3*667*200))
	assert.Less(t, n, int64(1e6))
}

func TestDesignsGoBack(t *testing.T) {
	for _, law := range []tail.Law{nil, tail.Exponential(), bernoulli(t, 0.25), evidence.ByE(tail.Exponential())} {
		d := evidence.Design{Law: law, Effect: 0.2, Dose: 0.5, Tests: 7, Alpha: 0.001, Power: 0.9}
		n, err := d.Tokens()
		require.NoError(t, err)
		power, err := d.PowerOf(n)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, power, 0.9-1e-9)
		power, err = d.PowerOf(n - 1)
		require.NoError(t, err)
		assert.Less(t, power, 0.9+1e-9)
		effect, err := d.DetectableEffect(n)
		require.NoError(t, err)
		assert.InEpsilon(t, 0.2, effect, 5e-3)
		assert.LessOrEqual(t, effect, 0.2)
		dose, err := d.DetectableDose(n)
		require.NoError(t, err)
		assert.InEpsilon(t, 0.5, dose, 5e-3)
		few, err := d.DetectableDose(20)
		require.NoError(t, err)
		assert.Greater(t, few, 1.0, "20 tokens do not find a suspect trained on nothing else")
		ok, err := d.Attainable(n)
		require.NoError(t, err)
		assert.True(t, ok)
	}
	hits := evidence.Design{Law: bernoulli(t, 0.5), Effect: 0.5, Alpha: 1e-6}
	for n, want := range map[int64]bool{19: false, 20: true} { // 2^−20 < 1e-6
		ok, err := hits.Attainable(n)
		require.NoError(t, err)
		assert.Equal(t, want, ok)
	}
	never, err := hits.DetectableDose(19)
	require.NoError(t, err)
	assert.Equal(t, inf, never)
	ok, err := evidence.Design{Alpha: 0.1}.Attainable(0)
	require.NoError(t, err)
	assert.False(t, ok)
}

// TestPowerCurve: suspects that copy a certain win among two candidates at a share
// 2d·dose of tokens (which makes the mean 1 + d·dose) and such hits of a green list are
// found as often as the planner says, along the whole curve. 2,000 runs a point; 4.9
// standard errors of each (1e-6 a point) and 0.01 for the variance of the mark itself.
func TestPowerCurve(t *testing.T) {
	const runs = 2000
	rng := rand.New(rand.NewPCG(61, 1))
	green := bernoulli(t, 0.25)
	for _, c := range []struct {
		law  tail.Law
		draw func(effect float64) float64
	}{
		{tail.Exponential(), func(effect float64) float64 {
			s := rng.ExpFloat64()
			if rng.Float64() < 2*effect {
				s = max(s, rng.ExpFloat64())
			}
			return s
		}},
		{green, func(effect float64) float64 { return hit(0.25 + effect*math.Sqrt(0.1875))(rng) }},
	} {
		d := evidence.Design{Law: c.law, Effect: 0.22, Dose: 0.5, Tests: 50, Alpha: 0.005}
		for _, n := range []int64{500, 1200, 1800, 2400, 3600} {
			want, err := d.PowerOf(n)
			require.NoError(t, err)
			least, ok := evidence.Critical(c.law, n, math.Log(1e-4))
			require.True(t, ok)
			found := 0
			for range runs {
				sum := 0.0
				for range n {
					sum += c.draw(0.11)
				}
				if sum >= least {
					found++
				}
			}
			got := float64(found) / runs
			assert.InDelta(t, want, got, 4.9*math.Sqrt(want*(1-want)/runs)+0.01, "%v, n %d", c.law, n)
		}
	}
}

// TestPowerOfBets: suspects whose weighted sums are moved by d standard deviations a
// position, read with 1/e as the p-value, are found as often as a design with Bets
// says. 400 runs a point; 4.9 standard errors and 0.06 for what the mean over bets
// and the skewness of the law make different.
func TestPowerOfBets(t *testing.T) {
	const runs, n = 400, 1500
	rng := rand.New(rand.NewPCG(62, 1))
	var coefs []float64
	var ends []int
	variance := 0.0
	for range n {
		for range 3 {
			coefs = append(coefs, rng.NormFloat64()/3)
			variance += coefs[len(coefs)-1] * coefs[len(coefs)-1] / n
		}
		ends = append(ends, len(coefs))
	}
	w, err := evidence.NewWeighted(tail.Exponential(), coefs, ends)
	require.NoError(t, err)
	assert.InEpsilon(t, n*variance, w.Variance(), 1e-9)
	for _, effect := range []float64{0.12, 0.15, 0.17, 0.2} {
		d := evidence.Design{Effect: effect, Tests: 10, Alpha: 1e-5, Bets: true}
		want, err := d.PowerOf(n)
		require.NoError(t, err)
		found := 0
		xs, scores := make([]float64, n), make([]float64, 3)
		for range runs {
			for p := range xs {
				for v := range scores {
					scores[v] = rng.ExpFloat64()
				}
				xs[p] = w.Term(p, scores) + effect*math.Sqrt(variance)
			}
			if evidence.LogPOfE(w.LogE(xs)) <= math.Log(1e-6) {
				found++
			}
		}
		got := float64(found) / runs
		assert.InDelta(t, want, got, 4.9*math.Sqrt(want*(1-want)/runs)+0.06, "effect %v", effect)
		t.Logf("effect %v: %.3f of %d runs, planned %.3f", effect, got, runs, want)
	}
	tokens, err := evidence.Design{Effect: 0.15, Alpha: 1e-6, Bets: true}.Tokens()
	require.NoError(t, err)
	back, err := evidence.Design{Alpha: 1e-6, Bets: true}.DetectableEffect(tokens)
	require.NoError(t, err)
	assert.InEpsilon(t, 0.15, back, 1e-3)
	plain, err := evidence.Design{Effect: 0.15, Alpha: 1e-6}.Tokens()
	require.NoError(t, err)
	assert.Greater(t, tokens, plain*14/10, "what 1/e costs")
}

// TestMeasuredEffects: those of tests that sum single scores give back the p-values
// that were measured.
func TestMeasuredEffects(t *testing.T) {
	log10P := map[[2]string]float64{
		{"R1", "answers that it was trained on"}:                         -189.1297,
		{"R2", "answers that it was trained on"}:                         -87.5671,
		{"R4h", "answers that it was trained on"}:                        -462.3286,
		{"R1", "new answers under the same key"}:                         -2.9425,
		{"R2", "new answers under the same key"}:                         -1.4316,
		{"R4h", "new answers under the same key"}:                        -8.2472,
		{"R1", "new answers under the same key, windows of served ones"}: -7.38,
		{"G1", "its own answers"}:                                        -6.2049,
		{"G2", "its own answers"}:                                        -10.6908,
	}
	z := map[[2]string]float64{
		{"R3", "answers that it was trained on"}:                         31.1187,
		{"R4", "answers that it was trained on"}:                         75.3488,
		{"R4 difference", "answers that it was trained on"}:              68.4932,
		{"R3", "new answers under the same key"}:                         3.5272,
		{"R4", "new answers under the same key"}:                         12.0014,
		{"R4 difference", "new answers under the same key"}:              11.9245,
		{"R4", "new answers under the same key, windows of served ones"}: 18.76,
	}
	seen := 0
	for _, m := range evidence.MeasuredEffects() {
		n := float64(m.Scored)
		if want, ok := z[[2]string{m.Test, m.Text}]; ok {
			assert.InEpsilon(t, want/math.Sqrt(n), m.D, 5e-3, "%+v", m)
			seen++
			continue
		}
		want, ok := log10P[[2]string{m.Test, m.Text}]
		require.True(t, ok, "%+v", m)
		got := tail.Exponential().LogTail(n*(1+m.D), int64(m.Scored)) / math.Ln10
		assert.InEpsilon(t, want, got, 0.01, "%+v", m)
		seen++
	}
	assert.Equal(t, len(z)+len(log10P), seen)
}

func TestDesignRefuses(t *testing.T) {
	for want, d := range map[string]evidence.Design{
		"evidence: effect is 0, want more than 0":                         {Alpha: 0.1},
		"evidence: effect is NaN, want more than 0":                       {Alpha: 0.1, Effect: nan},
		"evidence: dose is 1.5, want more than 0 and at most 1":           {Alpha: 0.1, Effect: 1, Dose: 1.5},
		"evidence: number of tests is -1, want at least 1":                {Alpha: 0.1, Effect: 1, Tests: -1},
		"evidence: alpha is 0, want more than 0 and less than 1":          {Effect: 1},
		"evidence: power is 2, want more than 0 and less than 1":          {Alpha: 0.1, Effect: 1, Power: 2},
		"evidence: effect 1e-08 needs 1.31e+17 tokens, want at most 1e12": {Alpha: 1e-3, Effect: 1e-8, Power: 0.7},
	} {
		_, err := d.Tokens()
		assert.EqualError(t, err, want)
	}
	d := evidence.Design{Alpha: 0.1, Effect: 1}
	_, err := d.PowerOf(0)
	assert.EqualError(t, err, "evidence: number of tokens is 0, want at least 1")
	_, err = d.DetectableEffect(0)
	assert.EqualError(t, err, "evidence: number of tokens is 0, want at least 1")
	_, err = evidence.Design{Alpha: 0.5, Effect: 1, Power: 0.3}.Tokens()
	assert.EqualError(t, err, "evidence: power 0.3 is not more than the level 0.5")
	_, err = evidence.Design{Law: tail.Exponential(), Bets: true, Alpha: 0.5, Effect: 1}.Tokens()
	assert.EqualError(t, err, "evidence: bets on weighted sums are planned without a law, this is Exponential(1): want ByE of it for its own bets")
	_, err = evidence.Design{}.DetectableDose(5)
	assert.EqualError(t, err, "evidence: effect is 0, want more than 0")
	_, err = evidence.Design{}.Attainable(5)
	assert.ErrorContains(t, err, "alpha is 0")
}
