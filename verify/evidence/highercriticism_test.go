package evidence_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants killed in this file, each by the test in brackets: crossing at i+1 or i−1,
// a binomial with n for n−j, K one off, b_i below the floor kept, the term of a
// statistic at the floor lost, 1 − P(no crossing) in float64 [IsExact]; p-values of
// the floor left out of the count, i−1 for i in the statistic [StatisticIsNaive];
// an upper tail of the wrong side [IsCalibrated]; two-sided scores [FindsSparseMarks].

// steck returns 1 − P(p_(i) > u_i for all i) for n uniform p-values, from Steck's
// determinant (G. P. Steck, Rectangle probabilities for uniform order statistics,
// 1971), alternating sums in 3,000 bits: with D_0 = 1, D_m = Σ_k (−1)^{k+1}
// (1−u_m)^k/k! D_{m−k} and P = n! D_n.
func steck(u []float64) float64 {
	const bits = 3000
	f := func(x float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(x) }
	d := []*big.Float{f(1)}
	for m := 1; m <= len(u); m++ {
		sum, power := f(0), f(1)
		room := new(big.Float).Sub(f(1), f(u[m-1]))
		for k := 1; k <= m; k++ {
			power.Mul(power, room).Quo(power, f(float64(k)))
			term := new(big.Float).Mul(power, d[m-k])
			if k%2 == 0 {
				term.Neg(term)
			}
			sum.Add(sum, term)
		}
		d = append(d, sum)
	}
	p := d[len(u)]
	for i := range u {
		p.Mul(p, f(float64(i+1)))
	}
	one := f(1)
	one.Sub(one, p)
	exponent := one.MantExp(one)
	mantissa, _ := one.Float64()
	return math.Log(mantissa) + float64(exponent)*math.Ln2
}

// boundaries returns the u_i of HC ≥ h by bisection on the definition.
func boundaries(n int, h float64) []float64 {
	u := make([]float64, n)
	k := min(n/2, 200)
	for i := range u {
		if i >= k {
			u[i] = u[i-1]
			continue
		}
		at := func(q float64) float64 {
			return math.Sqrt(float64(n)) * (float64(i+1)/float64(n) - q) / math.Sqrt(q*(1-q))
		}
		lo, hi := 1/float64(n), float64(i+1)/float64(n)
		if at(lo) < h {
			continue // not even at the floor
		}
		for range 200 {
			if mid := (lo + hi) / 2; at(mid) >= h {
				lo = mid
			} else {
				hi = mid
			}
		}
		u[i] = lo
	}
	return u
}

func TestHigherCriticismIsExact(t *testing.T) {
	for _, n := range []int{2, 3, 4, 5, 8, 13, 30, 120, 450} {
		for _, h := range []float64{0.01, 0.4, 0.97, 1.5, 2.6, 4.2, 9, 25, 57.5, 150} {
			if n > 400 && h != 1.5 && h != 57.5 {
				continue // a second each
			}
			want, got := steck(boundaries(n, h)), evidence.HigherCriticismTail(n, h)
			if h > float64(min(n/2, 200)-1)/math.Sqrt(1-1/float64(n)) {
				assert.Equal(t, -inf, got, "n %d, h %v: more than can be", n, h)
				continue
			}
			assert.InDelta(t, want, got, 1e-9*math.Abs(want)+1e-13, "n %d, h %v", n, h)
		}
		// At the floor: HC of exactly c p-values there, an atom that must not be lost.
		for c := 2; c <= n/2 && c < 40; c += 7 {
			h := math.Sqrt(float64(n)) * (float64(c)/float64(n) - 1/float64(n)) / math.Sqrt(1/float64(n)*(1-1/float64(n)))
			got := evidence.HigherCriticismTail(n, h)
			assert.GreaterOrEqual(t, got, tail.Binomial(int64(c), int64(n), 1/float64(n))-1e-12, "n %d, %d at the floor", n, c)
			assert.GreaterOrEqual(t, got, evidence.HigherCriticismTail(n, h*(1+1e-7)), "n %d", n)
		}
	}
	assert.Zero(t, evidence.HigherCriticismTail(1, 3))
	assert.Zero(t, evidence.HigherCriticismTail(100, 0))
	assert.Zero(t, evidence.HigherCriticismTail(100, nan))
	assert.Equal(t, -inf, evidence.HigherCriticismTail(100, inf))
}

// TestHigherCriticismFar: ln P falls without a floor, and at its end is the chance
// that K p-values are below 1/n.
func TestHigherCriticismFar(t *testing.T) {
	last := 0.0
	for h := 1.0; h < 199; h += 9 {
		got := evidence.HigherCriticismTail(100000, h)
		assert.Less(t, got, last)
		last = got
	}
	least := evidence.HigherCriticismLeast(100000)
	assert.InEpsilon(t, tail.Binomial(200, 100000, 1e-5), least, 1e-9)
	assert.Less(t, least, -860.0)
	assert.InEpsilon(t, tail.Binomial(10, 20, 0.05), evidence.HigherCriticismLeast(20), 1e-9)
	assert.Zero(t, evidence.HigherCriticismLeast(1))
	assert.Zero(t, evidence.HigherCriticismLeast(2), "one p-value, at its floor")
}

func TestHigherCriticismStatisticIsNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	for _, n := range []int{2, 7, 40, 1000} {
		for range 5 {
			scores, p := make([]float64, n), make([]float64, n)
			for i := range scores {
				scores[i] = rng.ExpFloat64() * (1 + float64(rng.IntN(3)))
				p[i] = math.Exp(-scores[i])
			}
			slices.Sort(p)
			want := 0.0
			for i := 1; i <= min(n/2, 200); i++ {
				q := max(p[i-1], 1/float64(n))
				want = max(want, (float64(i)-float64(n)*q)/math.Sqrt(float64(n)*q*(1-q)))
			}
			got, logP, err := evidence.HigherCriticism(tail.Exponential(), scores)
			require.NoError(t, err)
			assert.InDelta(t, want, got, 1e-9)
			assert.Equal(t, evidence.HigherCriticismTail(n, got), logP)
		}
	}
	_, _, err := evidence.HigherCriticism(tail.Exponential(), []float64{1})
	assert.EqualError(t, err, "evidence: number of scores is 1, want at least 2")
	shared, err := tail.FixedList(10, 40)
	require.NoError(t, err)
	_, _, err = evidence.HigherCriticism(shared, []float64{1, 1})
	assert.ErrorContains(t, err, "shared by different windows")
	got, logP, err := evidence.HigherCriticism(tail.Exponential(), []float64{nan, nan, nan, nan})
	require.NoError(t, err)
	assert.Zero(t, got)
	assert.Zero(t, logP)
}

// TestHigherCriticismIsCalibrated: of 2,000 sets of 40 scores the share with p ≤ α is
// α within 4.9 standard errors (1e-6) for continuous scores, and at most that for
// dual ones and hits.
func TestHigherCriticismIsCalibrated(t *testing.T) {
	const runs = 2000
	rng := rand.New(rand.NewPCG(32, 1))
	for k, s := range sources(t)[:4] {
		count := map[float64]int{0.1: 0, 0.01: 0}
		scores := make([]float64, 40)
		for range runs {
			for i := range scores {
				s.draw(rng, scores[i:i+1])
			}
			_, logP, err := evidence.HigherCriticism(s.law, scores)
			require.NoError(t, err)
			for alpha := range count {
				if logP <= math.Log(alpha) {
					count[alpha]++
				}
			}
		}
		for alpha, got := range count {
			off := 4.9 * math.Sqrt(alpha*(1-alpha)/runs)
			assert.LessOrEqual(t, float64(got)/runs, alpha+off, "%v", s.law)
			if k < 2 {
				assert.GreaterOrEqual(t, float64(got)/runs, alpha-off, "%v", s.law)
			}
		}
	}
}

// TestHigherCriticismFindsSparseMarks: of 20,000 scores 60 were copied from a sure
// win of 3,000 candidates. The sum sees z = 3, HC what it is.
func TestHigherCriticismFindsSparseMarks(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 1))
	better := 0
	for range 20 {
		scores := make([]float64, 20000)
		sum := 0.0
		for i := range scores {
			scores[i] = rng.ExpFloat64()
			if i < 60 {
				scores[i] += math.Log(3000)
			}
			sum += scores[i]
		}
		_, logP, err := evidence.HigherCriticism(tail.Exponential(), scores)
		require.NoError(t, err)
		if logP < tail.Exponential().LogTail(sum, 20000)-30 {
			better++
		}
		assert.Less(t, logP, math.Log(1e-9))
	}
	assert.Equal(t, 20, better, "at least 13 decades better each time")
}

func BenchmarkHigherCriticism(b *testing.B) {
	rng := rand.New(rand.NewPCG(34, 1))
	scores := make([]float64, 20000)
	for i := range scores {
		scores[i] = rng.ExpFloat64()
	}
	for b.Loop() {
		if _, _, err := evidence.HigherCriticism(tail.Exponential(), scores); err != nil {
			b.Fatal(err)
		}
	}
}
