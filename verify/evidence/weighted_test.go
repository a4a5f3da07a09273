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

// A source draws the scores of k different tokens after one window of a law.
type source struct {
	law  tail.Law
	draw func(rng *rand.Rand, dst []float64)
}

// sources are the null laws of all marks in use.
func sources(t testing.TB) []source {
	each := func(one func(*rand.Rand) float64) func(*rand.Rand, []float64) {
		return func(rng *rand.Rand, dst []float64) {
			for i := range dst {
				dst[i] = one(rng)
			}
		}
	}
	dual, err := tail.DualExponential(0.2)
	require.NoError(t, err)
	bits, err := tail.Binomials(30, 0.5)
	require.NoError(t, err)
	hits, err := tail.Bernoulli(0.25)
	require.NoError(t, err)
	lists, err := tail.FixedLists(10, 24)
	require.NoError(t, err)
	return []source{
		{tail.Exponential(), each(exponential)},
		{dual, each(func(r *rand.Rand) float64 { return 0.8*r.ExpFloat64() + 0.2*r.ExpFloat64() })},
		{bits, each(func(r *rand.Rand) float64 {
			n := 0.0
			for word := r.Uint64() >> 34; word > 0; word &= word - 1 {
				n++
			}
			return n
		})},
		{hits, each(hit(0.25))},
		{lists, func(r *rand.Rand, dst []float64) {
			for i, v := range r.Perm(24)[:len(dst)] {
				dst[i] = 0
				if v < 10 {
					dst[i] = 1
				}
			}
		}},
	}
}

// TestTailsOfAReading: the first 1,000 positions of a real student's reading of
// marked texts, and what another implementation made of them (Python, float64):
// √q − √q⁰ (R4) and q (R3).
//
// Mutants killed: coefficients unscaled by √, the law uncentred, K” for K”', the
// bound for the approximation, one position off.
func TestTailsOfAReading(t *testing.T) {
	rows := readings(t)
	if len(rows) != 1000 {
		t.Skip("figures are of 1,000 positions")
	}
	for _, c := range []struct {
		coefs                                     func(reading) []float64
		sum, variance, z, approx, chernoff, theta float64
	}{
		{roots, 328.020477, 117.544865, 30.2551, -116.8781, -114.4149, 1.065594},
		{shares, 245.348883, 480.170188, 11.1966, -23.2015, -21.7455, 0.367017},
	} {
		w, _, sum := weigh(t, rows, c.coefs)
		assert.InDelta(t, c.sum, sum, 1e-4)
		assert.InDelta(t, c.variance, w.Variance(), 1e-4)
		assert.InDelta(t, c.z, w.Standard(sum), 1e-3)
		assert.InDelta(t, c.theta, w.Saddle(sum), 1e-5)
		got := w.Tails(sum)
		assert.InDelta(t, c.chernoff, got.Bound/math.Ln10, 1e-3)
		assert.InDelta(t, c.approx, got.Approx/math.Ln10, 1e-3)
		assert.InDelta(t, c.z/math.Sqrt(1000), w.EffectOf(sum).D, 1e-4)
	}
}

// TestTailsAgainstExactLaws: sums with one token a position are those of package
// tail, where the exact law is known.
func TestTailsAgainstExactLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	coefs, ends, mean := make([]float64, 60), make([]int, 60), 0.0
	for i := range coefs {
		coefs[i], ends[i] = rng.NormFloat64()+0.4, i+1
		mean += coefs[i]
	}
	w, err := evidence.NewWeighted(tail.Exponential(), coefs, ends)
	require.NoError(t, err)
	for _, z := range []float64{-3, -1, -0.01, 0, 0.003, 0.5, 2, 6, 15, 80} {
		x := z * math.Sqrt(w.Variance())
		got, want := w.Tails(x), tail.WeightedExponential(x+mean, coefs)
		assert.InDelta(t, want.Bound, got.Bound, 1e-6*(0.01-want.Bound), "z %v", z)
		assert.InDelta(t, want.Approx, got.Approx, 1e-4*(0.1-want.Approx), "z %v", z)
		exact := tail.WeightedExponentialExact(x+mean, coefs)
		assert.GreaterOrEqual(t, got.Bound, exact, "z %v", z)
		assert.InDelta(t, exact, got.Approx, 0.082, "z %v", z)
	}
	hits := bernoulli(t, 0.3)
	w, err = evidence.NewWeighted(hits, coefs, ends)
	require.NoError(t, err)
	p := make([]float64, 60)
	for i := range p {
		p[i] = 0.3
	}
	for _, z := range []float64{-2, 0.01, 1, 4, 8} {
		x := z * math.Sqrt(w.Variance())
		got, want := w.Tails(x), tail.WeightedBernoulli(x+0.3*mean, coefs, p)
		assert.InDelta(t, want.Bound, got.Bound, 1e-6*(0.01-want.Bound), "z %v", z)
		assert.InDelta(t, want.Approx, got.Approx, 1e-4*(0.1-want.Approx), "z %v", z)
	}
	// Sums that cannot be: a bound is a bound, far below any level.
	assert.Less(t, w.Tails(1e6).Bound, -1e6)
	assert.Equal(t, tail.Tails{}, w.Tails(nan))
	assert.Zero(t, w.Tails(-1e6).Bound)
}

// TestMomentMatchedGammaIsWrong: the gamma law with mean and variance of 85 terms
// of weight 0.1 and 15 of weight 1 promises 1e-10 where the truth is 28 times as
// much. The bound is above the truth, the approximation within 1 % of it in p.
func TestMomentMatchedGammaIsWrong(t *testing.T) {
	coefs, ends, mean, variance := make([]float64, 100), make([]int, 100), 0.0, 0.0
	for i := range coefs {
		coefs[i], ends[i] = 0.1, i+1
		if i >= 85 {
			coefs[i] = 1
		}
		mean += coefs[i]
		variance += coefs[i] * coefs[i]
	}
	scale := variance / mean
	lo, hi := mean, 10*mean // where the matched law has 1e-10
	for range 100 {
		if mid := (lo + hi) / 2; tail.Gamma(mid/scale, mean/scale) > math.Log(1e-10) {
			lo = mid
		} else {
			hi = mid
		}
	}
	exact := tail.WeightedExponentialExact(hi, coefs)
	assert.InDelta(t, 2.8e-9, math.Exp(exact), 0.05e-9)

	w, err := evidence.NewWeighted(tail.Exponential(), coefs, ends)
	require.NoError(t, err)
	assert.InEpsilon(t, variance, w.Variance(), 1e-12)
	assert.InEpsilon(t, 6*(85*1e-4+15)/(variance*variance), w.Excess(), 1e-12)
	got := w.Tails(hi - mean)
	assert.Greater(t, got.Bound, exact)
	assert.InDelta(t, exact, got.Approx, 0.01)
}

// TestCritical: the tails there are the level, from the side that reaches it.
func TestCriticalWeighted(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	for _, s := range sources(t) {
		w, _ := random(t, rng, s, 40, 6)
		for _, level := range []float64{math.Log(0.3), math.Log(0.01), math.Log(1e-6), -40} {
			bound, approx, ok := w.Critical(level)
			require.True(t, ok, "%v, level %v", s.law, level)
			b, a := w.Tails(bound), w.Tails(approx)
			assert.InEpsilon(t, level, b.Bound, 1e-6, "%v", s.law)
			assert.InEpsilon(t, level, a.Approx, 1e-6, "%v", s.law)
			assert.GreaterOrEqual(t, bound, approx)
			below := w.Tails(bound - 1e-3*(1+bound))
			assert.Greater(t, below.Bound, level)
		}
		bound, approx, ok := w.Critical(math.Log(0.9)) // to the left of the mean, for the approximation
		if ok {
			assert.Less(t, approx, 0.0, "%v", s.law)
			assert.GreaterOrEqual(t, bound, 0.0)
		}
		for _, level := range []float64{0, 1, nan, -inf} {
			_, _, ok := w.Critical(level)
			assert.False(t, ok)
		}
	}
	// Five hits of a quarter have probability 4^−5 at best.
	w, err := evidence.NewWeighted(bernoulli(t, 0.25), []float64{1, 2, 1, 1, 1}, []int{1, 2, 3, 4, 5})
	require.NoError(t, err)
	_, _, ok := w.Critical(math.Log(1e-9))
	assert.False(t, ok)
	bound, _, ok := w.Critical(math.Log(2e-3))
	require.True(t, ok)
	assert.Greater(t, bound, 4.0)
}

// random returns a statistic of n positions with up to k coefficients of either
// sign, and what draws its terms.
func random(t testing.TB, rng *rand.Rand, s source, n, k int) (*evidence.Weighted, func() (xs []float64, sum float64)) {
	t.Helper()
	var coefs []float64
	var ends []int
	for range n {
		for range 1 + rng.IntN(k) {
			coefs = append(coefs, rng.NormFloat64()+0.3)
		}
		ends = append(ends, len(coefs))
	}
	w, err := evidence.NewWeighted(s.law, coefs, ends)
	require.NoError(t, err)
	scores := make([]float64, k)
	return w, func() (xs []float64, sum float64) {
		for p := range n {
			here := scores[:len(w.Position(p))]
			s.draw(rng, here)
			xs = append(xs, w.Term(p, here))
			sum += xs[p]
		}
		return xs, sum
	}
}

// TestWeightedMoments: variance and kurtosis are those of simulated sums, of lists
// with their correlation, and derivatives of the cumulant. 20,000 draws: the
// variance is known to 1 %, five standard deviations to 5 %.
func TestWeightedMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	for k, s := range sources(t) {
		w, draw := random(t, rng, s, 12, 12)
		square, fourth := 0.0, 0.0
		for range 20000 {
			_, sum := draw()
			square += sum * sum / 20000
			fourth += sum * sum * sum * sum / 20000
		}
		assert.InEpsilon(t, w.Variance(), square, 0.05*math.Sqrt(1+w.Excess()/2), "%v", s.law)
		assert.InDelta(t, w.Excess(), fourth/(square*square)-3, 0.35, "%v", s.law)
		h := 0.01 / math.Sqrt(w.Variance())
		assert.InEpsilon(t, w.Variance(), (w.Cumulant(h)+w.Cumulant(-h))/(h*h), 1e-3, "%v", s.law)
		assert.InDelta(t, 0, (w.Cumulant(h)-w.Cumulant(-h))/(2*h), 1e-2, "%v", s.law)
		if k == 4 {
			continue // the kurtosis of a list is that of independent hits
		}
		h *= 10
		fourth = (w.Cumulant(2*h) - 4*w.Cumulant(h) - 4*w.Cumulant(-h) + w.Cumulant(-2*h)) / (h * h * h * h)
		assert.InDelta(t, fourth/(w.Variance()*w.Variance()), w.Excess(), 0.05*math.Abs(w.Excess())+1e-5, "%v", s.law)
	}
}

// TestDomain: the end of the first position to reach one, on both sides.
func TestDomainWeighted(t *testing.T) {
	w, err := evidence.NewWeighted(tail.Exponential(), []float64{0.5, -0.2, 0.8, -0.4}, []int{2, 4})
	require.NoError(t, err)
	lo, hi := w.Domain()
	assert.Equal(t, 1/0.8, hi)
	assert.Equal(t, -1/0.4, lo)
	assert.Equal(t, inf, w.Cumulant(hi))
	assert.Equal(t, inf, w.Cumulant(lo))
	assert.Equal(t, inf, w.Cumulant(nan))
	assert.Zero(t, w.Cumulant(0))
	assert.Equal(t, 2, w.Len())
	assert.Equal(t, []float64{0.8, -0.4}, w.Position(1))
	assert.InDelta(t, 0.5*0.5+0.2*0.9, w.Term(0, []float64{1.5, 0.1}), 1e-15)
	assert.True(t, math.IsNaN(w.Term(0, []float64{1})))
	want := 0.0
	for _, a := range []float64{0.5, -0.2, 0.8, -0.4} {
		want -= math.Log(1-0.7*a) + 0.7*a
	}
	assert.InEpsilon(t, want, w.Cumulant(0.7), 1e-13)
	w, err = evidence.NewWeighted(bernoulli(t, 0.5), []float64{1, -1}, []int{2})
	require.NoError(t, err)
	lo, hi = w.Domain()
	assert.Equal(t, []float64{-inf, inf}, []float64{lo, hi})
}

// TestWeightedDecoys: sums that follow the law are not void, others are, and small
// ones are counted by one critical value.
func TestWeightedDecoys(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 1))
	for _, s := range sources(t) {
		w, draw := random(t, rng, s, 30, 5)
		sums := make([]float64, 4000)
		for j := range sums {
			_, sums[j] = draw()
		}
		d, err := w.Decoys(sums)
		require.NoError(t, err)
		c, err := d.Calibrate()
		require.NoError(t, err)
		assert.False(t, c.Void, "%v: %v", s.law, c.Reasons())
		assert.InDelta(t, 40, c.Small, 31, "%v", s.law)
		small := 0
		for _, sum := range sums {
			if w.Tails(sum).Approx <= math.Log(0.01) {
				small++
			}
		}
		assert.Equal(t, small, c.Small, "%v", s.law)
		for j := range sums {
			sums[j] *= 1.15
		}
		d, err = w.Decoys(sums)
		require.NoError(t, err)
		c, err = d.Calibrate()
		require.NoError(t, err)
		assert.True(t, c.Void, "%v", s.law)
		x := 4 * math.Sqrt(w.Variance())
		assert.Equal(t, w.Tails(x/c.DispersionLimit), w.Sensitivity(c, x))
		assert.Equal(t, w.Tails(-x), w.Sensitivity(c, -x))
		assert.Equal(t, w.Tails(x), w.Sensitivity(evidence.Calibration{DispersionLimit: 0.8}, x))
	}
	w, err := evidence.NewWeighted(bernoulli(t, 0.5), []float64{1}, []int{1})
	require.NoError(t, err)
	_, err = w.Decoys([]float64{0.5})
	assert.ErrorContains(t, err, "no sum of 1 positions has p ≤ 0.01")
	_, err = w.Decoys(nil)
	assert.EqualError(t, err, "evidence: there are no decoys, want at least 1")
	w, err = evidence.NewWeighted(tail.Exponential(), []float64{1}, []int{1})
	require.NoError(t, err)
	_, err = w.Decoys([]float64{1, nan})
	assert.EqualError(t, err, "evidence: sum of decoy 1 is NaN, want a finite number")
	_, err = evidence.Decoys{Z: []float64{1}, SmallAt: nan}.Calibrate()
	assert.EqualError(t, err, "evidence: decoys have 0 p-values, want 1, one each")
	need, err := w.DetectableAbove(3, 0.8)
	require.NoError(t, err)
	assert.InDelta(t, 3+0.8416212335729143, need, 1e-9)
	_, err = w.DetectableAbove(3, 1)
	assert.ErrorContains(t, err, "power is 1")
}

// TestManyTokensOfAList: beyond 64 tokens a position's law is a bound, wider than
// the truth; its decoys are then too seldom small, which is no fault.
func TestManyTokensOfAList(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	law, err := tail.FixedLists(60, 120)
	require.NoError(t, err)
	s := source{law, func(r *rand.Rand, dst []float64) {
		for i, v := range r.Perm(120)[:len(dst)] {
			dst[i] = float64(v % 2)
		}
	}}
	var coefs []float64
	var ends []int
	for range 20 {
		for range 80 {
			coefs = append(coefs, rng.NormFloat64())
		}
		ends = append(ends, len(coefs))
	}
	w, err := evidence.NewWeighted(law, coefs, ends)
	require.NoError(t, err)
	sums, scores := make([]float64, 3000), make([]float64, 80)
	square := 0.0
	for j := range sums {
		for p := range ends {
			s.draw(rng, scores)
			sums[j] += w.Term(p, scores)
		}
		square += sums[j] * sums[j] / 3000
	}
	assert.InEpsilon(t, w.Variance(), square, 0.15)
	d, err := w.Decoys(sums)
	require.NoError(t, err)
	assert.True(t, d.Bound)
	c, err := d.Calibrate()
	require.NoError(t, err)
	assert.False(t, c.Void, c.Reasons())
	assert.Less(t, c.Small, 15)
}

// TestHugeCoefficients: rounding decides nothing.
func TestHugeCoefficients(t *testing.T) {
	for _, s := range sources(t) {
		for _, a := range []float64{1e-55, 1e-9, 1e9, 1e55} {
			w, err := evidence.NewWeighted(s.law, []float64{a, -a, a}, []int{1, 3})
			require.NoError(t, err)
			d, err := w.Decoys([]float64{0, a, -a})
			if err == nil {
				_, err = d.Calibrate()
				require.NoError(t, err)
			}
			m := s.law.Moments()
			xs := []float64{a * math.Sqrt(m.Variance), 0}
			assert.Less(t, w.LogE(xs), 3.0, "%v, %v: one score one deviation above its mean", s.law, a)
			got := w.Tails(xs[0])
			assert.True(t, got.Bound <= 0 && got.Bound > -3, "%v, %v: %v", s.law, a, got)
			assert.True(t, got.Approx <= got.Bound && got.Approx > -5, "%v, %v: %v", s.law, a, got)
		}
	}
}

// TestBetsOnOneHit: a hit of probability 1/4 is worth 4 at most, whatever is staked.
func TestBetsOnOneHit(t *testing.T) {
	for _, p := range []float64{0.25, 0.3, 0.7} {
		for _, a := range []float64{0.1, 1, 37, 1e9, 3e40, 1e59} {
			w, err := evidence.NewWeighted(bernoulli(t, p), []float64{a, -a / 3, a / 7}, []int{1, 2, 3})
			require.NoError(t, err)
			most := []float64{w.Term(0, []float64{1}), w.Term(1, []float64{0}), w.Term(2, []float64{1})}
			assert.LessOrEqual(t, w.LogE(most), -2*math.Log(p)-math.Log1p(-p)+1e-6, "p %v, weight %v", p, a)
		}
	}
}

func TestWeightedRefuses(t *testing.T) {
	build := func(l tail.Law, coefs []float64, ends ...int) error {
		_, err := evidence.NewWeighted(l, coefs, ends)
		return err
	}
	shared, err := tail.FixedList(10, 40)
	require.NoError(t, err)
	e := tail.Exponential()
	assert.EqualError(t, build(nil, nil), "evidence: there is no law")
	assert.EqualError(t, build(shared, []float64{1}, 1), "evidence: words of FixedList(10/40) are shared by different windows: no such test is known to hold")
	assert.EqualError(t, build(evidence.ByE(shared), []float64{1}, 1), "evidence: words of FixedList(10/40) are shared by different windows: no such test is known to hold")
	assert.EqualError(t, build(e, []float64{1, 2}, 1, 3), "evidence: coefficients of position 1 end at 3, want 1 to 2")
	assert.EqualError(t, build(e, []float64{1, 2}, 2, 1), "evidence: coefficients of position 1 end at 1, want 2 to 2")
	assert.EqualError(t, build(e, []float64{1, 2}, 1), "evidence: positions end at coefficient 1, want 2, all of them")
	assert.EqualError(t, build(e, []float64{1, nan}, 1, 2), "evidence: coefficient is NaN, want at most 1e+60 in size at position 1")
	assert.EqualError(t, build(e, []float64{inf}, 1), "evidence: coefficient is +Inf, want at most 1e+60 in size at position 0")
	assert.ErrorContains(t, build(e, []float64{0, 0}, 1, 2), "variance of the weighted sum is 0")
	assert.ErrorContains(t, build(e, nil), "variance of the weighted sum is 0")
	assert.ErrorContains(t, build(e, []float64{1e-70}, 1), "variance of the weighted sum is 1e-140, want more than 1e-120")
	assert.ErrorContains(t, build(e, []float64{-2e60}, 1), "coefficient is -2e+60, want at most 1e+60 in size")
	assert.NoError(t, build(e, []float64{1, 2}, 0, 2, 2))
}
