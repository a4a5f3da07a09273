package tail_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants that the tests of this file were seen to kill, each tried by hand:
//   - FixedLists' bound used from nγ on, or one count too early;
//   - the binomial tail for one list that all tokens share, and the hypergeometric tail for many;
//   - the upper sum where the lower one is to be taken, and the ratio of a step used one step off;
//   - the term of n of size tokens left out of the hypergeometric point.

// hits returns P(j hits) of n tokens in one list, in integers over C(size, n).
func hits(green, size, n int) (law []*big.Int, total *big.Int) {
	for j := range n + 1 {
		a := new(big.Int).Binomial(int64(green), int64(j))
		b := new(big.Int).Binomial(int64(size-green), int64(n-j))
		if j > green || n-j > size-green {
			a.SetInt64(0)
		}
		law = append(law, a.Mul(a, b))
	}
	return law, new(big.Int).Binomial(int64(size), int64(n))
}

// exactTail returns ln P(X >= k) of a law in integers over total.
func exactTail(law []*big.Int, total *big.Int, k int) float64 {
	upper, lower := new(big.Int), new(big.Int)
	for j, v := range law {
		if j >= k {
			upper.Add(upper, v)
		} else {
			lower.Add(lower, v)
		}
	}
	float := func(v *big.Int) *big.Float { return new(big.Float).SetPrec(400).SetInt(v) }
	if upper.Cmp(lower) > 0 {
		q, _ := new(big.Float).Quo(float(lower), float(total)).Float64()
		return math.Log1p(-q)
	}
	if upper.Sign() == 0 {
		return math.Inf(-1)
	}
	return logFloat(new(big.Float).Quo(float(upper), float(total)))
}

func TestFixedListIsExact(t *testing.T) {
	for _, v := range []struct{ green, size, n int }{
		{1, 2, 1}, {1, 2, 2}, {3, 10, 9}, {3, 10, 10}, {5, 20, 7}, {19, 20, 12}, {50, 100, 30}, {300, 1000, 500}, {12288, 49152, 200}, {250, 500, 499},
	} {
		law, err := tail.FixedList(v.green, v.size)
		require.NoError(t, err)
		want, total := hits(v.green, v.size, v.n)
		for k := range v.n + 2 {
			w, got := exactTail(want, total, k), law.LogTail(float64(k), int64(v.n))
			if math.IsInf(w, -1) {
				assert.Equal(t, w, got)
				continue
			}
			assert.InEpsilon(t, 1+w, 1+got, 1e-10, "P(S >= %d), %+v", k, v)
			if w != 0 {
				assert.InEpsilon(t, w, got, 1e-10, "P(S >= %d), %+v", k, v)
			}
		}
	}
}

// TestFixedListDeep: exact sums in integers, by Python 3.13 and 60 decimal digits.
func TestFixedListDeep(t *testing.T) {
	for _, v := range []struct {
		green, size int
		n           int64
		k, want     float64
	}{
		{24576, 49152, 3000, 2900, -1.72913729988856539e+03},
		{24576, 49152, 3000, 1560, -4.38449433351410622e+00},
		{24576, 49152, 3000, 1300, -1.92629058178480589e-14},
		{24576, 49152, 9000, 5000, -7.13695329383134265e+01},
		{32064, 128256, 5000, 1400, -1.46707905515863946e+01},
		{500, 1000, 200, 120, -6.90838008175306406e+00},
	} {
		law, err := tail.FixedList(v.green, v.size)
		require.NoError(t, err)
		assert.InEpsilon(t, v.want, law.LogTail(v.k, v.n), 1e-10, "%+v", v)
	}
}

// lists returns the law of the hits of independent lists, counts[i] tokens in list
// i, in integers over total.
func lists(green, size int, counts []int) (law []*big.Int, total *big.Int) {
	law, total = []*big.Int{big.NewInt(1)}, big.NewInt(1)
	for _, n := range counts {
		one, of := hits(green, size, n)
		next := make([]*big.Int, len(law)+n)
		for i := range next {
			next[i] = new(big.Int)
		}
		for i, a := range law {
			for j, b := range one {
				next[i+j].Add(next[i+j], new(big.Int).Mul(a, b))
			}
		}
		law, total = next, total.Mul(total, of)
	}
	return law, total
}

func TestFixedListsBoundEveryDesign(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	tight := 0
	for range 300 {
		size := 2 + rng.IntN(30)
		green := 1 + rng.IntN(size-1)
		law, err := tail.FixedLists(green, size)
		require.NoError(t, err)
		var counts []int
		n := 0
		for range 1 + rng.IntN(6) {
			counts = append(counts, 1+rng.IntN(size))
			n += counts[len(counts)-1]
		}
		want, total := lists(green, size, counts)
		for k := range n + 1 {
			w, got := exactTail(want, total, k), law.LogTail(float64(k), int64(n))
			assert.GreaterOrEqual(t, got, w-1e-12, "P(S >= %d), %d of %d, %v", k, green, size, counts)
			if got < 0 && got < w+0.5 {
				tight++
			}
		}
	}
	assert.Greater(t, tight, 100, "a bound of 0 everywhere bounds too")
}

func TestFixedListsAreBinomialForOneTokenASeed(t *testing.T) {
	law, err := tail.FixedLists(12288, 49152)
	require.NoError(t, err)
	for n := int64(1); n < 500; n += 7 {
		for k := int64(0); k <= n; k++ {
			want := tail.Binomial(k, n, 0.25)
			if float64(k) < 0.25*float64(n)+1 {
				want = 0
			}
			assert.Equal(t, want, law.LogTail(float64(k), n))
			assert.Equal(t, want, law.LogTail(float64(k)-0.5, n), "counts are whole")
		}
	}
	assert.Equal(t, math.Inf(-1), law.LogTail(11, 10))
}

// TestFixedListEValues takes expectations over whole laws.
func TestFixedListEValues(t *testing.T) {
	for _, green := range []int{3, 10, 15} {
		const size = 20
		many, err := tail.FixedLists(green, size)
		require.NoError(t, err)
		one, err := tail.FixedList(green, size)
		require.NoError(t, err)
		for _, counts := range [][]int{{1}, {20}, {7}, {3, 5, 20}, {1, 1, 1, 1, 1}, {10, 10}} {
			law, total := lists(green, size, counts)
			n := int64(len(law) - 1)
			for _, l := range []tail.Law{many, one} {
				mean, power := 0.0, 0.0
				for j, v := range law {
					p, _ := new(big.Rat).SetFrac(v, total).Float64()
					mean += p * math.Exp(l.LogE(float64(j), n))
					power += p * math.Exp(0.3*float64(j)-float64(n)*l.Cumulant(0.3))
				}
				assert.LessOrEqual(t, mean, 1+1e-12, "%v %v", l, counts)
				assert.LessOrEqual(t, power, 1+1e-12, "%v %v", l, counts)
			}
		}
	}
}

func TestFixedListArguments(t *testing.T) {
	for _, v := range []struct {
		green, size int
		want        string
	}{
		{1, 1, "tail: vocabulary has 1 tokens, want 2 to 2^31-1"},
		{1, -5, "tail: vocabulary has -5 tokens, want 2 to 2^31-1"},
		{0, 10, "tail: list holds 0 of 10 tokens, want 1 to 9"},
		{10, 10, "tail: list holds 10 of 10 tokens, want 1 to 9"},
	} {
		_, err := tail.FixedLists(v.green, v.size)
		assert.EqualError(t, err, v.want)
		_, err = tail.FixedList(v.green, v.size)
		assert.EqualError(t, err, v.want)
	}
	for _, of := range []func(int, int) (tail.Law, error){tail.FixedLists, tail.FixedList} {
		l, err := of(25, 100)
		require.NoError(t, err)
		same, err := of(25, 100)
		require.NoError(t, err)
		assert.True(t, l == same, "laws compare")
		for _, n := range []int64{-1, 0} {
			assert.Zero(t, l.LogTail(3, n))
			assert.Zero(t, l.LogE(3, n))
		}
		assert.Zero(t, l.LogTail(math.NaN(), 10))
		assert.Zero(t, l.LogTail(-1, 10))
		assert.Equal(t, math.Inf(-1), l.LogTail(math.Inf(1), 10))
		assert.Equal(t, math.Inf(-1), l.LogE(math.NaN(), 10))
		assert.Equal(t, tail.Moments{Mean: 0.25, Variance: 0.1875, Excess: (1 - 6*0.1875) / 0.1875, Correlation: -1. / 99}, l.Moments())
		lo, hi := l.Domain()
		assert.True(t, math.IsInf(lo, -1) && math.IsInf(hi, 1))
		assert.Zero(t, l.Cumulant(0))
	}
	one, err := tail.FixedList(25, 100)
	require.NoError(t, err)
	assert.Zero(t, one.LogTail(25, 101), "101 tokens of 100 cannot differ")
	assert.Zero(t, one.LogTail(25, 100))
	assert.Equal(t, math.Inf(-1), one.LogTail(26, 100))
}

// 120 of 200 tokens green, each with a seed of its own, in lists of half of the
// vocabulary; and 120 of 200 different tokens in one such list.
func ExampleFixedLists() {
	lists, err := tail.FixedLists(500, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	one, err := tail.FixedList(500, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v: ln p = %.3f\n", lists, lists.LogTail(120, 200))
	fmt.Printf("%v: ln p = %.3f\n", one, one.LogTail(120, 200))
	// Output:
	// FixedLists(500/1000): ln p = -5.863
	// FixedList(500/1000): ln p = -6.908
}
