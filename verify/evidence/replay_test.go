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

// Mutants killed in this file, each by the test in brackets: r^{1/p} for r^{1/p−1}, no
// factor 1/p, φ for 1+εφ, ε summed and not averaged [ReplayHasExpectationOne]; the
// score for its word, p and 1/p exchanged [ReplayIsTheLikelihoodRatio]; a token of p = 0
// let off its stake [ReplayByHand]; stakes that grow [ReplayFinds].

func replayOf(t *testing.T, score, p float64) float64 {
	t.Helper()
	var r evidence.Replay
	require.NoError(t, r.Add(score, p))
	return math.Exp(r.LogE())
}

// TestReplayHasExpectationOne: ∫ e(r) dr = 1, by the trapezoidal rule in the score.
func TestReplayHasExpectationOne(t *testing.T) {
	for _, p := range []float64{1, 0.7, 0.1, 0.003} {
		mean := 0.0
		const step = 1. / 256
		for v := -40.0; v < 6.3; v += step {
			s := math.Exp(v)
			mean += replayOf(t, s, p) * s * math.Exp(-s) * step
		}
		assert.InDelta(t, 1, mean, 1e-9, "p %v", p)
	}
}

func TestReplayByHand(t *testing.T) {
	stakes := 0.0
	for g := 1; g <= 12; g++ {
		stakes += math.Ldexp(1, -g) / 12
	}
	assert.InDelta(t, 1, replayOf(t, 3, 1), 1e-15, "a sure token says nothing")
	assert.InDelta(t, 1-stakes, replayOf(t, 3, 0), 1e-15, "an impossible one costs the stake")
	r := 0.9
	assert.InDelta(t, 1+stakes*(4*math.Pow(r, 3)-1), replayOf(t, -math.Log(1-r), 0.25), 1e-14)
	assert.InEpsilon(t, stakes*1e300, replayOf(t, 800, 1e-300), 1e-9)
	assert.InDelta(t, 1-stakes, replayOf(t, 0, 0.5), 1e-15, "r = 0")
	var deep evidence.Replay
	require.NoError(t, deep.Add(800, 0x1p-1000))
	assert.InEpsilon(t, 1000*math.Ln2+math.Log(stakes), deep.LogE(), 1e-9)

	var run evidence.Replay
	for range 3 {
		require.NoError(t, run.Add(5, 0.2))
	}
	most := run.LogE()
	require.NoError(t, run.Add(0.01, 0.2))
	assert.Less(t, run.LogE(), most)
	assert.Equal(t, most, run.LogMax())
	assert.Equal(t, int64(4), run.N())
	want := 0.0
	for g := 1; g <= 12; g++ {
		e := 1.0
		for _, s := range []float64{5, 5, 5, 0.01} {
			e *= 1 + math.Ldexp(1, -g)*(5*math.Pow(1-math.Exp(-s), 4)-1)
		}
		want += e / 12
	}
	assert.InDelta(t, want, math.Exp(run.LogE()), 1e-12)
	before := run.LogE()
	assert.EqualError(t, run.Add(-1, 0.5), "evidence: score is -1, want a finite number of at least 0")
	assert.EqualError(t, run.Add(nan, 0.5), "evidence: score is NaN, want a finite number of at least 0")
	assert.EqualError(t, run.Add(1, 1.5), "evidence: probability of the token is 1.5, want 0 to 1")
	assert.EqualError(t, run.Add(1, nan), "evidence: probability of the token is NaN, want 0 to 1")
	assert.Equal(t, before, run.LogE())
}

// TestReplayIsTheLikelihoodRatio: teachers draw by argmax of ln u_v/p_v. Among the
// draws that fell on token 0 the mean of any function of its word under the ratio is
// that of uniform words: here P(r > 0.8) by weighing with 1/ratio. 40,000 draws;
// five standard errors.
func TestReplayIsTheLikelihoodRatio(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 1))
	p := []float64{0.3, 0.5, 0.2}
	n, sum, square := 0.0, 0.0, 0.0
	for range 40000 {
		best, at, word := math.Inf(-1), 0, 0.0
		for v, q := range p {
			u := rng.Float64()
			if s := math.Log(u) / q; s > best {
				best, at, word = s, v, u
			}
		}
		if at != 0 {
			continue
		}
		n++
		if word > 0.8 {
			// 1/ratio of the package: e is affine in it.
			stakes := (1 - math.Ldexp(1, -12)) / 12
			ratio := (replayOf(t, -math.Log1p(-word), 0.3)-1)/stakes + 1
			sum += 1 / ratio
			square += 1 / (ratio * ratio)
		}
	}
	mean := sum / n
	assert.InDelta(t, 12000, n, 5*math.Sqrt(40000*0.3*0.7))
	assert.InDelta(t, 0.2, mean, 5*math.Sqrt((square/n-mean*mean)/n))
}

// TestReplayFinds: a suspect that repeats 7 % of the draws and else follows the
// teacher's distribution is found within 4,000 positions, where the sum of scores
// is not; one that repeats none ever reaches 1/α in at most a share α of 10,000 runs
// (4.75 standard errors: a false alarm of 1e-6).
func TestReplayFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(52, 1))
	p := []float64{0.9, 0.05, 0.02, 0.01, 0.01, 0.01}
	pick := func() int {
		u, v := rng.Float64(), 0
		for ; v < len(p)-1 && u >= p[v]; v++ {
			u -= p[v]
		}
		return v
	}
	// position returns the score of the suspect's token and its probability.
	position := func(repeats float64) (score, q float64) {
		if rng.Float64() >= repeats {
			v := pick()
			return rng.ExpFloat64(), p[v]
		}
		v := pick() // what the teacher drew: r = U^p
		return -math.Log1p(-math.Pow(rng.Float64(), p[v])), p[v]
	}
	found, foundBySum := 0, 0
	for range 40 {
		var r evidence.Replay
		sum := 0.0
		for range 4000 {
			s, q := position(0.07)
			sum += s
			require.NoError(t, r.Add(s, q))
		}
		if evidence.LogPOfE(r.LogMax()) < math.Log(1e-3) {
			found++
		}
		if tail.Exponential().LogTail(sum, 4000) < math.Log(1e-3) {
			foundBySum++
		}
	}
	t.Logf("found %d of 40, by the sum %d", found, foundBySum)
	assert.Greater(t, found, 25)
	assert.Less(t, foundBySum, 8)

	const runs, alpha = 10000, 0.05
	reached := 0
	for range runs {
		var r evidence.Replay
		for stop, rejected := false, false; !stop; {
			s, q := position(0)
			require.NoError(t, r.Add(s, q))
			var err error
			stop, rejected, err = r.Stopped(alpha, 60)
			require.NoError(t, err)
			if rejected {
				reached++
			}
		}
	}
	assert.LessOrEqual(t, float64(reached)/runs, alpha+4.75*math.Sqrt(alpha*(1-alpha)/runs))
	assert.Positive(t, reached)
	var r evidence.Replay
	_, _, err := r.Stopped(0, 10)
	assert.EqualError(t, err, "evidence: alpha is 0, want more than 0 and less than 1")
	_, _, err = r.Stopped(0.1, 0)
	assert.EqualError(t, err, "evidence: budget is 0, want at least 1")
}
