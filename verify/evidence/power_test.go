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

func bernoulli(t *testing.T, p float64) tail.Law {
	l, err := tail.Bernoulli(p)
	require.NoError(t, err)
	return l
}

// The figures of the specification: 80 % power at 1e-6.
func TestSampleSize(t *testing.T) {
	for d, want := range map[float64]float64{0.35: 255.5, 0.11: 2587, 0.02: 78260, 0.0086: 423254} {
		n, err := evidence.SampleSize(d, math.Log(1e-6), 0.8)
		require.NoError(t, err)
		assert.InEpsilon(t, want, n, 1e-3)
		back, err := evidence.DetectableBy(n, math.Log(1e-6), 0.8)
		require.NoError(t, err)
		assert.InEpsilon(t, d, back, 1e-12)
	}
	// z(1e-6) = 4.753424308822899, z(0.2) = 0.8416212335729143.
	n, err := evidence.SampleSize(1, math.Log(1e-6), 0.8)
	require.NoError(t, err)
	assert.InEpsilon(t, math.Pow(4.753424308822899+0.8416212335729143, 2), n, 1e-13)
	n, err = evidence.SampleSize(1, math.Log(0.9), 0.95) // below even odds on the left: z = −1.28155
	require.NoError(t, err)
	assert.InEpsilon(t, math.Pow(-1.2815515655446004+1.6448536269514722, 2), n, 1e-12)
}

// Mutants killed: a threshold one hit too low or too high, −Inf taken for a
// small p, the level of one step of the loop taken for the answer.
func TestCriticalOfHits(t *testing.T) {
	for _, p := range []float64{0.1, 0.25, 0.5, 0.9} {
		law := bernoulli(t, p)
		for n := int64(1); n <= 40; n++ {
			for _, level := range []float64{1e-12, 1e-6, 0.01, 0.3, 0.9, 0.9999} {
				want := int64(-1)
				for k := n; k >= 0 && tail.Binomial(k, n, p) <= math.Log(level); k-- {
					want = k
				}
				got, ok := evidence.Critical(law, n, math.Log(level))
				assert.Equal(t, want >= 0, ok, "p %v n %d level %v", p, n, level)
				if ok {
					assert.Equal(t, want, int64(math.Ceil(got)), "p %v n %d level %v: %v", p, n, level, got)
				}
			}
		}
	}
}

func TestCriticalOfScores(t *testing.T) {
	for _, n := range []int64{1, 5, 300, 1e6} {
		for _, logP := range []float64{-0.001, -1, -50, -1e5} {
			c, ok := evidence.Critical(tail.Exponential(), n, logP)
			require.True(t, ok)
			assert.LessOrEqual(t, tail.Exponential().LogTail(c, n), logP)
			assert.InEpsilon(t, logP, tail.Exponential().LogTail(c, n), 1e-6)
		}
	}
	for _, logP := range []float64{0, 1, nan, -inf} {
		_, ok := evidence.Critical(tail.Exponential(), 10, logP)
		assert.False(t, ok)
	}
	_, ok := evidence.Critical(tail.Exponential(), 0, -1)
	assert.False(t, ok)
}

// Simulated suspects whose scores are drawn above the null by the effect are
// found as often as Power says. 4,000 runs each; the allowed difference is 4.9
// standard errors (false-alarm rate 1e-6) and 0.02 for the normal approximation
// beyond the exact threshold. The skewness that SampleSize leaves out is seen:
// at n = 256 it promises 80 %.
func TestPowerOfSimulatedSuspects(t *testing.T) {
	const runs = 4000
	rng := rand.New(rand.NewPCG(5, 6))
	level := math.Log(1e-6)
	for _, c := range []struct {
		n int64
		d float64
	}{{256, 0.35}, {400, 0.3}, {1000, 0.2}} {
		law := tail.Exponential()
		want, err := evidence.Power(law, c.n, c.d, level)
		require.NoError(t, err)
		hits := 0
		for range runs {
			sum := 0.0
			for range c.n {
				// A share d of tokens was copied from a marked answer, where the
				// score is that of a certain win among two candidates (mean 3/2);
				// the share that makes the mean 1+d.
				s := rng.ExpFloat64()
				if rng.Float64() < 2*c.d {
					s = max(s, rng.ExpFloat64())
				}
				sum += s
			}
			if law.LogTail(sum, c.n) <= level {
				hits++
			}
		}
		assert.InDelta(t, want, float64(hits)/runs, 4.9*math.Sqrt(want*(1-want)/runs)+0.02, "n %d d %v", c.n, c.d)
	}
	green := bernoulli(t, 0.25)
	want, err := evidence.Power(green, 700, 0.22, level)
	require.NoError(t, err)
	hits := 0
	for range runs {
		sum := 0.0
		for range 700 {
			if rng.Float64() < 0.25+0.22*math.Sqrt(0.25*0.75) {
				sum++
			}
		}
		if green.LogTail(sum, 700) <= level {
			hits++
		}
	}
	assert.InDelta(t, want, float64(hits)/runs, 4.9*math.Sqrt(want*(1-want)/runs)+0.03)
}

func TestTokensAndDetectableAgree(t *testing.T) {
	level := math.Log(1e-6)
	for _, law := range []tail.Law{tail.Exponential(), bernoulli(t, 0.25), bernoulli(t, 0.5)} {
		for _, d := range []float64{0.02, 0.11, 0.35} {
			n, err := evidence.Tokens(law, d, level, 0.8)
			require.NoError(t, err)
			at, err := evidence.Detectable(law, n, level, 0.8)
			require.NoError(t, err)
			assert.LessOrEqual(t, at, d)
			power, err := evidence.Power(law, n, d, level)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, power, 0.8-1e-9)
			before, err := evidence.Detectable(law, n-1, level, 0.8)
			require.NoError(t, err)
			assert.Greater(t, before, d)
			simple, err := evidence.SampleSize(d, level, 0.8)
			require.NoError(t, err)
			assert.InEpsilon(t, simple, float64(n), 0.35, "%v d %v", law, d)
		}
	}
}

// Ten green tokens of ten at γ = 1/2 have p = 2^-10: at 1e-6 the test is void.
func TestUnattainable(t *testing.T) {
	law := bernoulli(t, 0.5)
	power, err := evidence.Power(law, 10, 0.5, math.Log(1e-6))
	require.NoError(t, err)
	assert.Zero(t, power)
	d, err := evidence.Detectable(law, 10, math.Log(1e-6), 0.8)
	require.NoError(t, err)
	assert.Equal(t, inf, d)
	_, ok := evidence.Critical(law, 19, math.Log(1e-6))
	assert.False(t, ok, "2^-19 > 1e-6")
	c, ok := evidence.Critical(law, 20, math.Log(1e-6))
	assert.True(t, ok, "2^-20 < 1e-6")
	assert.InDelta(t, 20, c, 1.0)
}

func TestPowerRefuses(t *testing.T) {
	size := func(d, logP, power float64) error { _, err := evidence.SampleSize(d, logP, power); return err }
	assert.EqualError(t, size(0, -1, 0.8), "evidence: effect is 0, want more than 0")
	assert.EqualError(t, size(nan, -1, 0.8), "evidence: effect is NaN, want more than 0")
	assert.EqualError(t, size(1, 0, 0.8), "evidence: ln of the level is 0, want less than 0 and finite")
	assert.EqualError(t, size(1, -inf, 0.8), "evidence: ln of the level is -Inf, want less than 0 and finite")
	assert.EqualError(t, size(1, -1, 1), "evidence: power is 1, want more than 0 and less than 1")
	assert.EqualError(t, size(1, math.Log(0.5), 0.4), "evidence: power 0.4 is not more than the level 0.5")
	_, err := evidence.DetectableBy(0, -1, 0.8)
	assert.EqualError(t, err, "evidence: number of tokens is 0, want more than 0")
	_, err = evidence.Power(tail.Exponential(), 0, 0.1, -1)
	assert.EqualError(t, err, "evidence: number of tokens is 0, want at least 1")
	_, err = evidence.Power(tail.Exponential(), 10, 0.1, 1)
	assert.ErrorContains(t, err, "ln of the level is 1")
	_, err = evidence.Detectable(tail.Exponential(), 10, -1, 2)
	assert.ErrorContains(t, err, "power is 2")
	_, err = evidence.Detectable(tail.Exponential(), 10, 1, 0.5)
	assert.ErrorContains(t, err, "ln of the level is 1")
	_, err = evidence.Tokens(tail.Exponential(), 1e-9, -14, 0.8)
	assert.ErrorContains(t, err, "evidence: effect 1e-09 needs ")
	_, err = evidence.Tokens(tail.Exponential(), -1, -14, 0.8)
	assert.ErrorContains(t, err, "evidence: effect is -1")
}

// The interval covers the true effect in 95 % of runs: of 4,000, 3,800 with
// standard deviation 14; 4.9 of them are 69.
func TestEffectCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	covered := 0
	for range 4000 {
		sum := 0.0
		for range 500 {
			sum += rng.ExpFloat64()
		}
		if e := evidence.EffectOf(tail.Exponential(), sum, 500); e.Low <= 0 && 0 <= e.High {
			covered++
		}
	}
	assert.InDelta(t, 3800, covered, 69)
	assert.Equal(t, evidence.Effect{}, evidence.EffectOf(tail.Exponential(), 5, 0))
	e := evidence.EffectOf(bernoulli(t, 0.25), 40, 100)
	assert.InDelta(t, 0.15/math.Sqrt(0.1875), e.D, 1e-12)
	assert.InDelta(t, 2*0.1959963984540054, e.High-e.Low, 1e-12)
}

// Where no representable sum reaches the level the search ends.
func TestCriticalEnds(t *testing.T) {
	law := bernoulli(t, 0.25)
	for _, n := range []int64{1 << 54, math.MaxInt64} {
		for _, l := range []tail.Law{law, tail.Exponential()} {
			_, ok := evidence.Critical(l, n, -14)
			assert.False(t, ok, "%v, %d scores", l, n)
			d, err := evidence.Detectable(l, n, -14, 0.8)
			require.NoError(t, err)
			assert.Equal(t, math.Inf(1), d)
			p, err := evidence.Power(l, n, 0.1, -14)
			require.NoError(t, err)
			assert.Zero(t, p)
		}
	}
	_, ok := evidence.Critical(law, 1<<40, -14)
	assert.True(t, ok)
}
