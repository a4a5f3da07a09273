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

// Mutants killed in this file, each by the test in brackets: K left out or counted
// for the wrong θ, no cap on θ, the sum over bets for their mean, the law
// uncentred [BetsHaveExpectationOne]; a cap of the next position, a coefficient
// that looks at its own word [BetsOnWhatIsSeenAreWrong]; e below Chernoff's bound
// by more than the grid explains [BetsLoseLittle].

// TestBetsHaveExpectationOne, exactly: the mean of e over all outcomes of hits, two
// positions of three tokens, the coefficients of the second decided by the first.
func TestBetsHaveExpectationOne(t *testing.T) {
	for _, p := range []float64{0.25, 0.5} {
		law := bernoulli(t, p)
		mean := 0.0
		for outcome := range 64 {
			b, err := evidence.NewBets(law)
			require.NoError(t, err)
			coefs, chance := []float64{0.9, -0.4, 0.1}, 1.0
			for range 2 {
				x, hits := 0.0, 0
				for _, a := range coefs {
					s := float64(outcome & 1)
					outcome >>= 1
					x += a * (s - p)
					hits += int(s)
					chance *= s*p + (1-s)*(1-p)
				}
				require.NoError(t, b.Add(x, coefs))
				coefs = []float64{float64(hits), -1, 5 * x} // predictable: of the past
			}
			mean += chance * math.Exp(b.LogE())
		}
		assert.InDelta(t, 1, mean, 1e-12, "p %v", p)
	}
	// One exponential score of weight a: e = mean over θ of e^{θ_t a(s−1) − K}.
	for _, a := range []float64{0.03, 1, 7} {
		w, err := evidence.NewWeighted(tail.Exponential(), []float64{a}, []int{1})
		require.NoError(t, err)
		const step = 1. / 256
		mean := 0.0
		for v := -40.0; v < 7; v += step {
			s := math.Exp(v)
			mean += s * math.Exp(-s+w.LogE([]float64{a * (s - 1)})) * step
		}
		assert.InDelta(t, 1, mean, 1e-9, "weight %v", a)
	}
}

// TestBetsAreOneProcess: bets one by one, along a path, and all at once are the
// same number.
func TestBetsAreOneProcess(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for _, s := range sources(t) {
		w, draw := random(t, rng, s, 50, 6)
		xs, _ := draw()
		b, err := evidence.NewBets(s.law)
		require.NoError(t, err)
		most := 0.0
		for n, logE := range w.Path(xs) {
			require.NoError(t, b.Add(xs[n-1], w.Position(n-1)))
			assert.InDelta(t, logE, b.LogE(), 1e-12)
			assert.Equal(t, int64(n), b.N())
			most = max(most, b.LogE())
			if n == 20 {
				assert.Equal(t, logE, w.LogE(xs[:20]))
			}
		}
		assert.InDelta(t, w.LogE(xs), b.LogE(), 1e-11, "%v", s.law)
		assert.Equal(t, most, b.LogMax())
		assert.Equal(t, -inf, w.LogE(append(xs, 1)), "a term without a position")
		xs[7] = nan
		assert.Equal(t, -inf, w.LogE(xs))
		assert.Equal(t, -inf, w.LogE(xs[:10]))
		assert.Zero(t, w.LogE(nil))
		for range w.Path(xs) {
			break // stopping is free
		}
	}
	b, err := evidence.NewBets(tail.Exponential())
	require.NoError(t, err)
	assert.EqualError(t, b.Add(nan, []float64{1}), "evidence: term is NaN, want a finite number")
	assert.EqualError(t, b.Add(1, []float64{inf}), "evidence: coefficient is +Inf, want at most 1e+60 in size")
	assert.Zero(t, b.N(), "an error leaves no trace")
	shared, err := tail.FixedList(10, 40)
	require.NoError(t, err)
	_, err = evidence.NewBets(shared)
	assert.ErrorContains(t, err, "shared by different windows")
}

// One law serves many at once.
func TestWeightedAtOnce(t *testing.T) {
	w, xs, sum := weigh(t, readings(t)[:100], roots)
	want, _, _ := weigh(t, readings(t)[:100], roots)
	results := make(chan float64)
	for range 4 {
		go func() { results <- w.LogE(xs) + w.Tails(sum).Bound }()
	}
	for range 4 {
		assert.Equal(t, want.LogE(xs)+want.Tails(sum).Bound, <-results)
	}
}

// TestBetsLoseLittle: on a real reading e is worth what Chernoff's bound is, which
// knows the best θ, up to 3.4 nats and 3 %: with R3 it loses 1.5 decades of 21.7.
// With R4 it gains 18 to 114.4, as a θ of its own at each position can be beyond the
// end of the domain of the others.
func TestBetsLoseLittle(t *testing.T) {
	rows := readings(t)
	for _, coefs := range []func(reading) []float64{roots, shares} {
		w, xs, sum := weigh(t, rows, coefs)
		e, bound := w.LogE(xs)/math.Ln10, -w.Tails(sum).Bound/math.Ln10
		t.Logf("ln e is 10^%.1f, 1/Chernoff's bound 10^%.1f", e, bound)
		assert.Greater(t, e, 0.97*bound-3.4/math.Ln10)
	}
}

// TestEverReaching: under the null e ever reaches 1/α in a share of at most α of
// runs, with coefficients that react to what was seen so as to win (double up
// after a loss). 10,000 runs of up to 16 weighted or 30 single scores; the limit is α plus 4.75 standard
// errors, a false alarm of 1e-6.
func TestEverReaching(t *testing.T) {
	const runs, alpha = 10000, 0.05
	limit := alpha + 4.75*math.Sqrt(alpha*(1-alpha)/runs)
	rng := rand.New(rand.NewPCG(22, 1))
	for _, s := range sources(t) {
		reached, reachedHard := 0, 0
		mean := s.law.Moments().Mean
		scores := make([]float64, 2)
		for range runs {
			b, err := evidence.NewBets(s.law)
			require.NoError(t, err)
			p, err := evidence.NewProcess(s.law)
			require.NoError(t, err)
			coefs := []float64{0.5, -0.25}
			for stop, rejected := false, false; !stop; {
				s.draw(rng, scores)
				x := coefs[0]*(scores[0]-mean) + coefs[1]*(scores[1]-mean)
				require.NoError(t, b.Add(x, coefs))
				if x < 0 && coefs[0] < 2 {
					coefs = []float64{2 * coefs[0], coefs[1] / 2}
				} else {
					coefs = []float64{0.5, x / 4}
				}
				stop, rejected, err = b.Stopped(alpha, 16)
				require.NoError(t, err)
				if rejected {
					reached++
				}
			}
			for stop, rejected := false, false; !stop; {
				s.draw(rng, scores[:1])
				require.NoError(t, p.Add(scores[0]))
				stop, rejected, err = p.Stopped(alpha, 30)
				require.NoError(t, err)
				if rejected {
					reachedHard++
				}
			}
		}
		t.Logf("%v: weighted %.4f, single %.4f", s.law, float64(reached)/runs, float64(reachedHard)/runs)
		assert.LessOrEqual(t, float64(reached)/runs, limit, "%v, weighted", s.law)
		assert.LessOrEqual(t, float64(reachedHard)/runs, limit, "%v, single", s.law)
		assert.Positive(t, reached, "%v: bets that never win bound nothing", s.law)
		assert.Positive(t, reachedHard, "%v", s.law)
	}
}

// TestBetsOnWhatIsSeenAreWrong: coefficients that look at the position's own words
// make any law an oracle; that is why a_t has to be decided before.
func TestBetsOnWhatIsSeenAreWrong(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	b, err := evidence.NewBets(tail.Exponential())
	require.NoError(t, err)
	for range 200 {
		s := rng.ExpFloat64()
		a := math.Copysign(0.5, s-1)
		require.NoError(t, b.Add(a*(s-1), []float64{a}))
	}
	assert.Greater(t, b.LogE(), 20.0)
}

func TestProcess(t *testing.T) {
	rng := rand.New(rand.NewPCG(24, 1))
	for _, s := range sources(t) {
		p, err := evidence.NewProcess(s.law)
		require.NoError(t, err)
		scores, most, sum := make([]float64, 1), 0.0, 0.0
		for n := int64(1); n <= 60; n++ {
			s.draw(rng, scores)
			require.NoError(t, p.Add(scores[0]))
			sum += scores[0]
			assert.InDelta(t, s.law.LogE(sum, n), p.LogE(), 1e-9, "%v", s.law)
			most = max(most, p.LogE())
			assert.Equal(t, most, p.LogMax())
			assert.Equal(t, n, p.N())
			assert.InDelta(t, sum, p.Sum(), 1e-12)
		}
		before := p.LogE()
		for _, score := range []float64{nan, inf, -inf} {
			assert.ErrorContains(t, p.Add(score), "want a finite number")
		}
		assert.ErrorContains(t, p.Add(-0.5), "evidence: score is -0.5, which "+s.law.String()+" cannot have")
		assert.Equal(t, before, p.LogE())
		assert.Equal(t, int64(60), p.N())
	}
	p, err := evidence.NewProcess(bernoulli(t, 0.25))
	require.NoError(t, err)
	assert.EqualError(t, p.Add(2), "evidence: score is 2, which Bernoulli(0.25) cannot have")
	shared, err := tail.FixedList(10, 40)
	require.NoError(t, err)
	_, err = evidence.NewProcess(shared)
	assert.ErrorContains(t, err, "shared by different windows")
}

func BenchmarkWeighted(b *testing.B) {
	rows := readings(b)
	w, xs, sum := weigh(b, rows, roots)
	b.Run("LogE", func(b *testing.B) { // of a new law: the cached sums are paid for
		for b.Loop() {
			w, xs, _ := weigh(b, rows, roots)
			w.LogE(xs)
		}
	})
	b.Run("LogE of a decoy", func(b *testing.B) {
		for b.Loop() {
			w.LogE(xs)
		}
	})
	b.Run("Path", func(b *testing.B) {
		for b.Loop() {
			for range w.Path(xs) {
			}
		}
	})
	b.Run("Tails", func(b *testing.B) {
		for b.Loop() {
			w.Tails(sum)
		}
	})
	b.Run("Critical", func(b *testing.B) {
		for b.Loop() {
			w.Critical(math.Log(0.01))
		}
	})
}
