package tail_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Naive oracles: every term in 400-bit arithmetic, enumeration, quadrature.
//
// Mutants seen to be killed here, each tried by hand: the uniform expansions used further out or at smaller
// parameters than they hold; P(X > k) for P(X >= k), and k for k−1 where the lower tail is computed; a tilt of the
// wrong sign, and the ends of a convolution cut off at 1e-9; ties not counted by SignFlip and WeightedBernoulliExact;
// a Chernoff exponent used below the mean, doubled, or with its cumulant 2 % off; Hoeffding's exponent doubled;
// Lugannani and Rice's correction with the other sign; and in the inversion integral plain sums of a thousand terms,
// either form of the exponent without the other, a step that is halved until 1e-4 only.

// logFloat returns ln f for f > 0 of any exponent.
func logFloat(f *big.Float) float64 {
	mantissa := new(big.Float)
	exponent := f.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log(m) + float64(exponent)*math.Ln2
}

func newFloat(v float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(v) }

// naiveLaw returns P(X = j) for the number of successes with probabilities p.
func naiveLaw(p []float64) []*big.Float {
	law := []*big.Float{newFloat(1)}
	for _, v := range p {
		hit := newFloat(v)
		miss := newFloat(1)
		miss.Sub(miss, hit)
		next := make([]*big.Float, len(law)+1)
		for j := range next {
			next[j] = newFloat(0)
			if j < len(law) {
				next[j].Mul(law[j], miss)
			}
			if j > 0 {
				next[j].Add(next[j], newFloat(0).Mul(law[j-1], hit))
			}
		}
		law = next
	}
	return law
}

// naiveTail returns ln P(X >= k), from the lower tail where that is the small one.
func naiveTail(law []*big.Float, k int) float64 {
	upper, lower := newFloat(0), newFloat(0)
	for j, v := range law {
		if j >= k {
			upper.Add(upper, v)
		} else {
			lower.Add(lower, v)
		}
	}
	switch {
	case upper.Sign() == 0:
		return math.Inf(-1)
	case lower.Cmp(newFloat(0.1)) < 0:
		l, _ := lower.Float64()
		return math.Log1p(-l)
	}
	return logFloat(upper)
}

func TestBinomialAgainstSums(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 9, 39, 80, 82, 130} {
		for _, p := range []float64{1e-200, 1e-9, 0.01, 0.25, 1. / 3, 0.5, 0.9, 1 - 1e-9} {
			chances := make([]float64, n)
			for i := range chances {
				chances[i] = p
			}
			law := naiveLaw(chances)
			for k := 0; k <= n+1; k++ {
				want := naiveTail(law, k)
				assert.True(t, close(tail.Binomial(int64(k), int64(n), p), want, 1e-12, 1e-300), "n %d, p %v, k %d", n, p, k)
				assert.True(t, close(tail.PoissonBinomial(k, chances), want, 1e-11, 1e-300), "n %d, p %v, k %d", n, p, k)
			}
		}
	}
}

func TestPoissonBinomialAgainstSums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		p := make([]float64, 1+r.IntN(50))
		for i := range p {
			p[i] = []float64{0, 1, 0.5, r.Float64(), math.Exp(-30 * r.Float64())}[r.IntN(5)]
		}
		law := naiveLaw(p)
		for k := -1; k <= len(p)+1; k++ {
			assert.True(t, close(tail.PoissonBinomial(k, p), naiveTail(law, k), 1e-11, 1e-300), "%v, k %d", p, k)
		}
	}
}

// TestSeams crosses the borders between the methods of Gamma: the answer must not jump.
func TestSeams(t *testing.T) {
	check := func(x, shape, dx, dshape float64) {
		a, b := tail.Gamma(x-dx, shape-dshape), tail.Gamma(x+dx, shape+dshape)
		assert.True(t, close(a, b, 2e-11, 0), "x %v, shape %v: %v and %v", x, shape, a, b)
	}
	for shape := 12.0; shape < 1e7; shape *= 1.7 {
		check(2.36*shape, shape, 1e-15*shape, 0)
		if shape < 1500 {
			check(0.3*shape, shape, 1e-16*shape, 0)
		}
	}
	for x := 0.5; x < 60; x *= 1.05 {
		check(x, 12, 0, 4e-15)
		check(x, 1, 0, 2e-16)
	}
	for shape := 1e-5; shape < 12; shape *= 1.1 {
		check(shape+1, shape, 1e-15, 0)
		check(1.5, shape, 3e-16, 0)
	}
}

// TestGammaRecurrence checks Q(a+1, x) = Q(a, x) + x^a e^−x / Γ(a+1) on both sides of the mean.
func TestGammaRecurrence(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		a := math.Exp(r.Float64()*16 - 8)
		x := a * math.Exp(r.NormFloat64()*(0.02+2/math.Sqrt(a+1)))
		lg, _ := math.Lgamma(a + 1)
		step := a*math.Log(x) - x - lg
		if q, next := tail.Gamma(x, a), tail.Gamma(x, a+1); x > a {
			assert.True(t, close(next, q+math.Log1p(math.Exp(step-q)), 1e-9, 0), "x %v, a %v", x, a)
		} else {
			assert.True(t, close(math.Expm1(next), math.Expm1(q)+math.Exp(step), 1e-9, 1e-12), "x %v, a %v", x, a)
		}
	}
}

// subsets visits the sum and the probability of every subset.
func subsets(w, p []float64, visit func(sum, chance float64)) {
	for set := range 1 << len(w) {
		sum, chance := 0.0, 1.0
		for i := range w {
			if set>>i&1 == 1 {
				sum += w[i]
				chance *= p[i]
			} else {
				chance *= 1 - p[i]
			}
		}
		visit(sum, chance)
	}
}

func TestWeightedBernoulliAgainstEnumeration(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for rep := range 200 {
		n := 1 + r.IntN(10)
		w, p := make([]float64, n), make([]float64, n)
		for i := range w {
			w[i] = []float64{0, 1, float64(r.IntN(4)), r.Float64()*2 - 0.5, r.Float64() * 1e-3}[r.IntN(5)]
			p[i] = []float64{0, 1, 0.5, 0.25, r.Float64()}[r.IntN(5)]
		}
		var sums, chances []float64
		subsets(w, p, func(sum, chance float64) { sums, chances = append(sums, sum), append(chances, chance) })
		for _, x := range []float64{sums[r.IntN(len(sums))], sums[r.IntN(len(sums))], r.Float64() * 3, -5, 40} {
			want, rest := 0.0, 0.0
			for i, s := range sums {
				if s >= x-1e-13 {
					want += chances[i]
				} else {
					rest += chances[i]
				}
			}
			lnP := math.Log(want)
			if want > 0.5 {
				lnP = math.Log1p(-rest)
			}
			name := fmt.Sprint(rep, w, p, x)
			got, exact := tail.WeightedBernoulliExact(x, w, p)
			assert.True(t, exact, name)
			assert.True(t, close(got, lnP, 1e-11, 1e-15), "%s: %v, want %v", name, got, lnP)
			tails := tail.WeightedBernoulli(x, w, p)
			assert.GreaterOrEqual(t, tails.Bound, lnP-1e-12, name)
			assert.LessOrEqual(t, tails.Approx, tails.Bound, name)
		}
	}
}

// TestWeightedBernoulliOfManyTermsIsTheBound: too many unequal terms to visit all sums.
func TestWeightedBernoulliOfManyTermsIsTheBound(t *testing.T) {
	w, p := make([]float64, 21), make([]float64, 21)
	for i := range w {
		w[i], p[i] = 1+0.1*float64(i), 0.3
	}
	lnP, exact := tail.WeightedBernoulliExact(30, w, p)
	assert.False(t, exact)
	assert.InDelta(t, tail.WeightedBernoulli(30, w, p).Bound, lnP, 1e-12)
	p[20] = 0
	below, exact := tail.WeightedBernoulliExact(30, w, p)
	assert.True(t, exact)
	assert.Less(t, below, lnP)
}

// TestWeightedBernoulliApprox holds Lugannani and Rice to what the documentation says of 16 unequal weights.
func TestWeightedBernoulliApprox(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 40 {
		w, p := make([]float64, 16), make([]float64, 16)
		total := 0.0
		for i := range w {
			w[i], p[i] = 0.2+1.8*r.Float64(), []float64{0.25, 0.5, r.Float64()}[r.IntN(3)]
			total += w[i]
		}
		for range 10 {
			x := total * r.Float64()
			exact, _ := tail.WeightedBernoulliExact(x, w, p)
			approx := tail.WeightedBernoulli(x, w, p).Approx
			switch {
			case exact > -5:
				assert.InDelta(t, exact, approx, 0.1, "%v %v %v", x, w, p)
			case exact > -10:
				assert.InDelta(t, exact, approx, 0.5, "%v %v %v", x, w, p)
			}
		}
	}
}

func TestWeightedExponentialOfEqualWeightsIsGamma(t *testing.T) {
	for _, n := range []int{1, 2, 3, 30, 1000} {
		w := make([]float64, n)
		for _, scale := range []float64{1e-200, 0.3, 1, 1e200} {
			for i := range w {
				w[i] = scale
			}
			for _, x := range []float64{1e-3, 0.4, 0.97, 1, 1.1, 2, 40, 1e6} {
				want := tail.Gamma(x*float64(n), float64(n))
				assert.True(t, close(tail.WeightedExponentialExact(x*float64(n)*scale, w), want, 1e-11, 1e-300), "n %d, scale %v, x %v", n, scale, x)
			}
		}
	}
}

// TestWeightedExponentialOfManyWeights: clusters of small weights beside a large one are where a fixed step of the
// quadrature fails.
func TestWeightedExponentialOfManyWeights(t *testing.T) {
	w := []float64{1}
	for range 300 {
		w = append(w, 0.01)
	}
	// Conditional on the large term, S is Gamma(300)/100 plus e: P(S > x) = Q(300, 100x) + ∫ f(g) e^{−(x−g)} dg, and
	// the integral is P(300, 99x) (100/99)^300 e^{−x}.
	for _, x := range []float64{1, 2.9, 4, 4.2, 9, 200} {
		want := math.Exp(tail.Gamma(100*x, 300)) - math.Expm1(tail.Gamma(99*x, 300))*math.Exp(300*math.Log(100./99)-x)
		assert.True(t, close(math.Exp(tail.WeightedExponentialExact(x, w)), want, 1e-11, 0), "x %v", x)
	}
}

// TestWeightedExponentialOfBothSigns compares P(A − B >= x), A = u·Gamma(m), B = v·Gamma(k), with ∫ density of B ·
// P(A >= x + b) db. Between a cluster of many small weights and a few opposite large ones is where the path of
// steepest descent turns twice.
func TestWeightedExponentialOfBothSigns(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 120 {
		m, k := int(math.Exp(4+3.5*r.Float64())), 8+r.IntN(30)
		v := math.Exp(-3 * r.Float64())
		u := v * math.Exp(4*r.Float64()-2) / math.Sqrt(float64(m)) // wide enough for the step of the quadrature
		w := make([]float64, 0, m+k)
		for range m {
			w = append(w, u)
		}
		for range k {
			w = append(w, -v)
		}
		fm, fk := float64(m), float64(k)
		sd := math.Sqrt(u*u*fm + v*v*fk)
		x := u*fm - v*fk + sd*5*r.NormFloat64()

		upper, lower := 0.0, 0.0
		const step = 0.02
		for g := step; g < 40+6*fk; g += step {
			chance := tail.Gamma((x+v*g)/u, fm)
			upper += step * math.Exp(gammaDensity(fk, g)+chance)
			lower += step * math.Exp(gammaDensity(fk, g)) * -math.Expm1(chance)
		}
		want := math.Log(upper)
		if upper > 0.5 {
			want = math.Log1p(-lower)
		}
		got := tail.WeightedExponentialExact(x, w)
		assert.True(t, close(got, want, 1e-10, 1e-300), "%d × %v, %d × −%v, x %v: %v, want %v", m, u, k, v, x, got, want)
	}
}

// TestWeightedExponentialOfClusters: A = u·Gamma(m) of many small weights, one weight of 1, and k opposite weights v.
// Here a path that only bends to the right climbs by hundreds of nats. P(A + E >= y) = Q(m, y/u) + (1−u)^{−m} e^{−y}
// P(m, y(1/u − 1)).
func TestWeightedExponentialOfClusters(t *testing.T) {
	for _, c := range []struct {
		u float64
		m int
		v float64
		k int
		x float64
	}{
		{u: 0.006, m: 9684, v: 0.628, k: 39, x: 34.31},
		{u: 0.002, m: 7366, v: 0.279, k: 28, x: 4.3},
		{u: 0.01, m: 3184, v: 0.489, k: 16, x: 7.5},
		{u: 0.002, m: 8944, v: 0.09, k: 12, x: 10.12},
	} {
		w := []float64{1}
		for range c.m {
			w = append(w, c.u)
		}
		for range c.k {
			w = append(w, -c.v)
		}
		m, k := float64(c.m), float64(c.k)
		upper, lower := 0.0, 0.0
		const step = 0.005
		for g := step; g < 40+6*k; g += step {
			y := c.x + c.v*g
			below := -math.Expm1(tail.Gamma(y/c.u, m)) // P(A < y)
			split := -m*math.Log1p(-c.u) - y + math.Log(-math.Expm1(tail.Gamma(y*(1/c.u-1), m)))
			density := step * math.Exp(gammaDensity(k, g))
			upper += density * (math.Exp(tail.Gamma(y/c.u, m)) + math.Exp(split))
			lower += density * (below - math.Exp(split))
		}
		want := math.Log(upper)
		if upper > 0.9 {
			want = math.Log1p(-lower)
		}
		got := tail.WeightedExponentialExact(c.x, w)
		assert.True(t, close(got, want, 1e-9, 1e-300), "%+v: %v, want %v", c, got, want)
	}
}

func TestSignFlipAgainstEnumeration(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		terms := make([]float64, 1+r.IntN(11))
		total := 0.0
		for i := range terms {
			terms[i] = []float64{0, 1, -1, 0.1, r.NormFloat64()}[r.IntN(5)]
			total += terms[i]
		}
		count := 0
		for set := range 1 << len(terms) {
			sum := 0.0
			for i, v := range terms {
				if set>>i&1 == 1 {
					v = -v
				}
				sum += v
			}
			if sum >= total-1e-12 {
				count++
			}
		}
		want := math.Log(float64(count)) - float64(len(terms))*math.Ln2
		assert.True(t, close(tail.SignFlip(terms), want, 1e-12, 1e-15), "%v", terms)
		assert.LessOrEqual(t, tail.SignFlip(terms), tail.SignFlipBound(terms)+1e-12, "%v", terms)
	}
}

func TestSignFlipOfManyTermsIsTheBound(t *testing.T) {
	terms := make([]float64, tail.MaxSignFlip+1)
	for i := range terms {
		terms[i] = 1
	}
	assert.Equal(t, tail.SignFlipBound(terms), tail.SignFlip(terms))
	assert.InDelta(t, -float64(len(terms))/2, tail.SignFlip(terms), 1e-12)
	assert.InDelta(t, -float64(tail.MaxSignFlip)*math.Ln2, tail.SignFlip(terms[1:]), 1e-12)
}

// TestDualGammaBetweenGammas: at α = 0, ½, 1 the law is a Gamma law, and next to them nearly so.
func TestDualGammaBetweenGammas(t *testing.T) {
	for _, n := range []int64{1, 8, 500, 1000000} {
		for _, z := range []float64{-5, -0.3, 0, 0.2, 3, 50} {
			x := float64(n) + z*math.Sqrt(float64(n))
			if x <= 0 {
				continue
			}
			assert.Equal(t, tail.Gamma(x, float64(n)), tail.DualGamma(x, n, 0))
			assert.Equal(t, tail.Gamma(x, float64(n)), tail.DualGamma(x, n, 1))
			assert.True(t, close(tail.DualGamma(x, n, 0.5-1e-13), tail.DualGamma(x, n, 0.5), 1e-10, 0), "n %d, x %v", n, x)
			assert.True(t, close(tail.DualGamma(x, n, 1e-15), tail.DualGamma(x, n, 0), 1e-10, 0), "n %d, x %v", n, x)
		}
	}
}

// TestTailsFall: larger sums are rarer.
func TestTailsFall(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 300 {
		n := int64(math.Exp(r.Float64() * 13))
		xs := make([]float64, 20)
		for i := range xs {
			xs[i] = float64(n) * math.Exp(r.NormFloat64())
		}
		sort.Float64s(xs)
		for i := 1; i < len(xs); i++ {
			assert.LessOrEqual(t, tail.Gamma(xs[i], float64(n)), tail.Gamma(xs[i-1], float64(n)))
			assert.LessOrEqual(t, tail.DualGamma(xs[i], n, 0.3), tail.DualGamma(xs[i-1], n, 0.3)*(1-1e-12))
		}
	}
}
