package tail_test

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants seen to be killed here, each tried by hand: a weight left out, or its square for it; hits of one list taken
// for independent ones; the bound with m−1, or over the weighted tokens only; 0 for a list that windows share.

var (
	inf = math.Inf(1)
	nan = math.NaN()
)

func fixedLists(t *testing.T, green, size int) tail.Law {
	t.Helper()
	law, err := tail.FixedLists(green, size)
	require.NoError(t, err)
	return law
}

func TestJointOfIndependentWords(t *testing.T) {
	w := []float64{0.3, -1.2, 0, 0.07, 0.3, -1e-7}
	for _, law := range laws(t) {
		for _, theta := range []float64{-3, -1e-5, 0, 1e-9, 0.02, 1.5} {
			want := 0.0
			for _, v := range w {
				want += law.Cumulant(theta * v)
			}
			assert.InDelta(t, want, law.Joint(theta, w), 1e-14*(1+math.Abs(want)), "%v, θ %v", law, theta)
		}
		for _, theta := range []float64{1e-300, 1e-12, 0.3} { // alone it is the law's own, to the last digit
			assert.Equal(t, law.Cumulant(theta*0.5), law.Joint(theta, []float64{0.5}), "%v, θ %v", law, theta)
		}
	}
	assert.Equal(t, inf, tail.Exponential().Joint(2, []float64{0.1, 0.5}), "at the end of the domain")
	assert.Less(t, tail.Exponential().Joint(-2, []float64{0.1, 0.5}), 0.0, "the other end is open")
	assert.Equal(t, inf, tail.Exponential().Joint(-2, []float64{-0.5, 0.1}))
}

// enumerated returns ln E exp(θ Σ w·X) over all lists of green of the size tokens, the first len(w) of them weighted.
func enumerated(green, size int, theta float64, w []float64) float64 {
	sum, count := 0.0, 0.0
	for set := range 1 << size {
		if bits.OnesCount(uint(set)) != green {
			continue
		}
		t := 0.0
		for v, x := range w {
			if set>>v&1 == 1 {
				t += theta * x
			}
		}
		sum += math.Exp(t)
		count++
	}
	return math.Log(sum / count)
}

func TestJointOfListsIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for size := 2; size <= 12; size++ {
		for green := 1; green < size; green++ {
			w := make([]float64, 1+rng.IntN(size))
			for i := range w {
				w[i] = rng.NormFloat64()
			}
			for _, theta := range []float64{-4, -0.1, 1e-6, 0.5, 3, 20} {
				want := enumerated(green, size, theta, w)
				assert.InDelta(t, want, fixedLists(t, green, size).Joint(theta, w), 1e-13*(1+math.Abs(want)), "%d of %d, θ %v, %v", green, size, theta, w)
			}
		}
	}
	// One token is a Bernoulli hit, and the whole vocabulary has no chance left.
	law := fixedLists(t, 12288, 49152)
	hit, err := tail.Bernoulli(0.25)
	require.NoError(t, err)
	assert.InEpsilon(t, hit.Cumulant(0.3), law.Joint(0.3, []float64{1}), 1e-14)
	assert.InEpsilon(t, 0.5*7, fixedLists(t, 7, 20).Joint(0.5, ones(20)), 1e-13)
	assert.GreaterOrEqual(t, fixedLists(t, 7, 20).Joint(5000, ones(20)), 5000.0*7, "a bound where float64 cannot follow")
}

// TestJointOfManyTokensIsABound: beyond 64 tokens it is no less than the exact value, which 64 of them and the rest at
// weight 0 have, and tight enough to be of use.
func TestJointOfManyTokensIsABound(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, sign := range []bool{false, true} {
		for _, v := range []struct{ green, size int }{{50, 100}, {12288, 49152}, {3, 70}, {68, 70}} {
			law := fixedLists(t, v.green, v.size)
			w := make([]float64, 64)
			for i := range w {
				w[i] = rng.NormFloat64() / 4
				if sign {
					w[i] = math.Abs(w[i])
				}
			}
			for _, theta := range []float64{-8, -0.3, 0.001, 1, 8} {
				exact, bound := law.Joint(theta, w), law.Joint(theta, append(w[:64:64], 0))
				assert.GreaterOrEqual(t, bound, exact-1e-12*math.Abs(exact), "%+v, θ %v", v, theta)
				if !sign || v.size < 1000 {
					continue
				}
				assert.InDelta(t, exact, bound, 0.01*math.Abs(exact), "%+v, θ %v: hits of few of many tokens are all but independent", v, theta)
			}
		}
	}
	// Drawing with replacement, by its definition.
	law, w := fixedLists(t, 30, 100), append(ones(40), make([]float64, 25)...)
	w[64] = -2
	for _, theta := range []float64{0.01, 3, 900} {
		want := math.Log((40 + 59*math.Exp(-theta) + math.Exp(-3*theta)) / 100)
		assert.InEpsilon(t, 30*(theta+want), law.Joint(theta, w), 1e-12, "θ %v", theta)
	}
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// TestJointAtTheEdges: 0 for nothing at stake; never NaN; no bound where windows share their words.
func TestJointAtTheEdges(t *testing.T) {
	list, err := tail.FixedList(10, 40)
	require.NoError(t, err)
	lists := fixedLists(t, 10, 40)
	for _, law := range append(laws(t), lists, list) {
		name := fmt.Sprint(law)
		assert.Zero(t, law.Joint(0, []float64{1, -2}), name)
		assert.Zero(t, law.Joint(0, make([]float64, 70)), name)
		assert.Zero(t, law.Joint(0.5, nil), name)
		for _, w := range [][]float64{{nan}, {1, nan}, append(make([]float64, 70), nan)} {
			assert.Equal(t, inf, law.Joint(0.1, w), name)
			assert.Equal(t, inf, law.Joint(0, w), name)
		}
		assert.Equal(t, inf, law.Joint(nan, []float64{1}), name)
		assert.Equal(t, inf, law.Joint(inf, []float64{1, -1}), name)
		assert.Equal(t, inf, law.Joint(0, []float64{inf}), name)
	}
	for _, theta := range []float64{-1, 1e-300, 2} {
		assert.Equal(t, inf, list.Joint(theta, []float64{1}), "no bound is known of words that windows share")
	}
	assert.Equal(t, inf, lists.Joint(0.1, ones(41)), "more tokens than there are")
}

// TestSaddlepoint: a normal law's is exact, far out and near the mean; what is no saddle point is no evidence.
func TestSaddlepoint(t *testing.T) {
	for _, z := range []float64{-2, -1e-4, 0, 1e-4, 0.3, 5, 60} {
		got := tail.Saddlepoint(z, z*z/2, 1, 0)
		assert.InDelta(t, tail.Normal(z), got.Approx, 1e-6*(1-tail.Normal(z)), "z %v", z)
		assert.Equal(t, -max(z, 0)*max(z, 0)/2, got.Bound+0, "z %v", z)
	}
	for _, v := range [][4]float64{{nan, 1, 1, 0}, {1, -1, 1, 0}, {1, nan, 1, 0}, {1, 1, 0, 0}, {1, 1, inf, 0}, {1, 1, 1, nan}, {1, 1, 1, inf}} {
		assert.Equal(t, tail.Tails{}, tail.Saddlepoint(v[0], v[1], v[2], v[3]), "%v", v)
	}
}
