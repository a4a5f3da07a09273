package evidence_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

func newOrders(t testing.TB, sizes []int) *evidence.Orders {
	t.Helper()
	o, err := evidence.NewOrders(sizes)
	require.NoError(t, err)
	return o
}

// TestLehmerRanks: all orders of up to 6 things in the order of the alphabet have ranks 0 to
// n!−1, and back; ends of 20.
func TestLehmerRanks(t *testing.T) {
	for n := 2; n <= 6; n++ {
		ways, last := uint64(1), []int(nil)
		for j := 2; j <= n; j++ {
			ways *= uint64(j)
		}
		for rank := range ways {
			order, err := evidence.LehmerOrder(rank, n)
			require.NoError(t, err)
			again, err := evidence.LehmerRank(order)
			require.NoError(t, err)
			require.Equal(t, rank, again)
			if last != nil {
				require.True(t, before(last, order), "%v, %v", last, order)
			}
			last = order
		}
		_, err := evidence.LehmerOrder(ways, n)
		assert.ErrorContains(t, err, "want less than")
	}
	back := make([]int, 20)
	for i := range back {
		back[i] = 19 - i
	}
	rank, err := evidence.LehmerRank(back)
	require.NoError(t, err)
	assert.Equal(t, uint64(2432902008176640000-1), rank)
	order, err := evidence.LehmerOrder(rank, 20)
	require.NoError(t, err)
	assert.Equal(t, back, order)
}

func before(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// inversions returns how many of all orders of the items, taken together, have each total
// distance: Mahonian numbers, convolved in integers.
func inversions(sizes []int) []*big.Int {
	counts := []*big.Int{big.NewInt(1)}
	for _, n := range sizes {
		for top := 1; top < n; top++ {
			next := make([]*big.Int, len(counts)+top)
			for d := range next {
				next[d] = new(big.Int)
				for j := max(0, d-len(counts)+1); j <= min(top, d); j++ {
					next[d].Add(next[d], counts[d-j])
				}
			}
			counts = next
		}
	}
	return counts
}

func logBig(x *big.Int) float64 {
	mantissa := new(big.Float)
	exponent := new(big.Float).SetInt(x).MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log(m) + float64(exponent)*math.Ln2
}

// TestDistancesAreExact: tails of total Kendall distances against whole numbers, to
// ln p = −800 and below.
//
// Mutants killed: distances to n for n−1, a step of the window lost, the complement off by one,
// the tilt left out.
func TestDistancesAreExact(t *testing.T) {
	many := make([]int, 40)
	for i := range many {
		many[i] = 2 + i%19
	}
	for _, sizes := range [][]int{{2}, {3}, {5}, {2, 2, 2}, {3, 7, 4}, {20}, {20, 20, 20, 20, 20}, many} {
		law := newOrders(t, sizes)
		counts := inversions(sizes)
		all, sum := new(big.Int), new(big.Int)
		mean, square := new(big.Int), new(big.Int)
		for d, n := range counts {
			all.Add(all, n)
			at := new(big.Int).Mul(n, big.NewInt(int64(d)))
			mean.Add(mean, at)
			square.Add(square, at.Mul(at, big.NewInt(int64(d))))
		}
		step := max(1, len(counts)/60)
		for d, n := range counts {
			sum.Add(sum, n)
			if d%step > 0 && d > 5 && d < len(counts)-5 {
				continue
			}
			want := logBig(sum) - logBig(all)
			if rest := new(big.Int).Sub(all, sum); 2*d > len(counts) && rest.Sign() > 0 {
				want = math.Log1p(-math.Exp(logBig(rest) - logBig(all)))
			}
			assert.InDelta(t, want, law.LogTail(d), 1e-10*math.Abs(want)+1e-300, "%v at %d", sizes, d)
		}
		assert.Zero(t, law.LogTail(len(counts)-1))
		assert.Equal(t, math.Inf(-1), law.LogTail(-1))
		assert.InDelta(t, -logBig(all), law.LogLeast(), 1e-10*logBig(all))
		m := math.Exp(logBig(mean) - logBig(all))
		assert.InEpsilon(t, m, law.Mean(), 1e-9)
		assert.InEpsilon(t, math.Exp(logBig(square)-logBig(all))-m*m, law.Variance(), 1e-6)
		assert.InDelta(t, (m-3)/math.Sqrt(law.Variance()), law.Standard(3), 1e-6)
		d, ok := law.Critical(-2)
		require.Equal(t, law.LogLeast() <= -2, ok)
		if ok {
			assert.LessOrEqual(t, law.LogTail(d), -2.0)
			assert.Greater(t, law.LogTail(d+1), -2.0)
		}
	}
}

// TestOrdersOfKeys: all 6·24 orders of two items have the distances and matches that the law
// says; e-values have mean 1.
func TestOrdersOfKeys(t *testing.T) {
	law := newOrders(t, []int{3, 4})
	said := [][]int{{2, 0, 1}, {1, 3, 0, 2}}
	k, d, err := law.Compare(said, said)
	require.NoError(t, err)
	assert.Equal(t, []int{2, 0}, []int{k, d})
	distances, matched, e := map[int]float64{}, map[int]float64{}, 0.0
	for a := range uint64(6) {
		for b := range uint64(24) {
			x, err := evidence.LehmerOrder(a, 3)
			require.NoError(t, err)
			y, err := evidence.LehmerOrder(b, 4)
			require.NoError(t, err)
			k, d, err := law.Compare(said, [][]int{x, y})
			require.NoError(t, err)
			distances[d]++
			matched[k]++
			e += math.Exp(law.LogE(d)) / 144
		}
	}
	sum := 0.0
	for d := range 10 {
		sum += distances[d] / 144
		assert.InDelta(t, math.Log(sum), law.LogTail(d), 1e-12)
	}
	assert.InDelta(t, 1, e, 1e-12)
	assert.InDelta(t, math.Log((matched[1]+matched[2])/144), law.LogTailMatches(1), 1e-12)
	assert.InDelta(t, -math.Log(144), law.LogTailMatches(2), 1e-12)
	assert.Equal(t, 2, law.Len())
}

func TestKendallDistance(t *testing.T) {
	for _, c := range []struct {
		a, b     []int
		distance int
	}{
		{[]int{0, 1, 2, 3}, []int{0, 1, 2, 3}, 0},
		{[]int{0, 1, 2, 3}, []int{3, 2, 1, 0}, 6},
		{[]int{2, 0, 1}, []int{2, 1, 0}, 1},
		{[]int{1, 2, 0}, []int{0, 1, 2}, 2},
	} {
		for _, pair := range [][2][]int{{c.a, c.b}, {c.b, c.a}} {
			d, err := evidence.KendallDistance(pair[0], pair[1])
			require.NoError(t, err)
			assert.Equal(t, c.distance, d)
		}
	}
}

func TestConsensus(t *testing.T) {
	for _, c := range []struct {
		answers [][]int
		order   []int
	}{
		{[][]int{{2, 0, 1}}, []int{2, 0, 1}},
		{[][]int{{2, 0, 1}, {2, 1, 0}, {0, 2, 1}}, []int{2, 0, 1}},
		{[][]int{{2, 1, 0}, {0, 1, 2}}, []int{0, 1, 2}}, // a tie of all
	} {
		order, err := evidence.Consensus(c.answers)
		require.NoError(t, err)
		assert.Equal(t, c.order, order)
	}
}

// TestOrdersAreSuperUniform: suspects that never change an order, or follow a taste, or ask
// anything thrice, over 3,000 keys each: more than 62 with p ≤ 0.01 are a chance of 1e-6.
// Decoy keys follow the law.
func TestOrdersAreSuperUniform(t *testing.T) {
	require.Less(t, tail.Binomial(63, 3000, 0.01), math.Log(1e-6))
	rng := rand.New(rand.NewPCG(85, 1))
	sizes := []int{2, 3, 4, 5, 6, 3, 4}
	law := newOrders(t, sizes)
	for name, say := range map[string]func(n int) []int{
		"as it was": func(n int) []int {
			out := make([]int, n)
			for i := range out {
				out[i] = i
			}
			return out
		},
		"by chance": rng.Perm,
		"by mean": func(n int) []int {
			out, err := evidence.Consensus([][]int{rng.Perm(n), rng.Perm(n), rng.Perm(n)})
			require.NoError(t, err)
			return out
		},
	} {
		alarms, exact := 0, 0
		distances := make([]int, 3000)
		for j := range distances {
			said, key := make([][]int, len(sizes)), make([][]int, len(sizes))
			for i, n := range sizes {
				said[i], key[i] = say(n), rng.Perm(n)
			}
			k, d, err := law.Compare(said, key)
			require.NoError(t, err)
			distances[j] = d
			if law.LogTail(d) <= math.Log(0.01) {
				alarms++
			}
			if law.LogTailMatches(k) <= math.Log(0.01) {
				exact++
			}
		}
		assert.LessOrEqual(t, alarms, 62, name)
		assert.Greater(t, alarms, 5, name)
		assert.LessOrEqual(t, exact, 62, name)
		d, err := law.Decoys(distances)
		require.NoError(t, err)
		c, err := d.Calibrate()
		require.NoError(t, err)
		assert.False(t, c.Void, "%s: %v", name, c.Reasons())
	}
}

func TestOrdersRefuse(t *testing.T) {
	for want, order := range map[string][]int{"1 things": {0}, "2 at place 1": {0, 2}, "0 at place 1": {0, 0}, "-1 at place 0": {-1, 0}, "21 things": make([]int, 21)} {
		_, err := evidence.LehmerRank(order)
		assert.ErrorContains(t, err, want)
		_, err = evidence.KendallDistance([]int{0, 1}, order)
		assert.ErrorContains(t, err, want)
		_, err = evidence.Consensus([][]int{{0, 1}, order})
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "answer 1")
	}
	_, err := evidence.KendallDistance([]int{0, 1}, []int{0, 2, 1})
	assert.ErrorContains(t, err, "2 and 3 things")
	_, err = evidence.Consensus(nil)
	assert.ErrorContains(t, err, "no orders")
	_, err = evidence.Consensus([][]int{{0, 1}, {0, 2, 1}})
	assert.ErrorContains(t, err, "2 and 3 things")
	for _, n := range []int{1, 21} {
		_, err = evidence.LehmerOrder(0, n)
		assert.ErrorContains(t, err, "want 2 to 20")
		_, err = evidence.NewOrders([]int{2, n})
		assert.ErrorContains(t, err, "item 1")
	}
	law := newOrders(t, []int{2, 3})
	good := [][]int{{0, 1}, {0, 2, 1}}
	for want, bad := range map[string][][]int{"want 2, one for each": good[:1], "order of item 1 has 2 things, want 3": {{0, 1}, {0, 1}}, "in item 1": {{0, 1}, {0, 2, 2}}} {
		_, _, err = law.Compare(bad, good)
		assert.ErrorContains(t, err, want)
	}
	_, _, err = law.Compare(good, [][]int{{0, 1}, {0, 1}})
	assert.ErrorContains(t, err, "3 and 2 things, want as many in item 1")
	_, err = newOrders(t, []int{9}).Decoys([]int{-1})
	assert.ErrorContains(t, err, "decoy 0 is -1, want 0 to 36")
	none := newOrders(t, nil)
	assert.Zero(t, none.LogTail(0))
	assert.Zero(t, none.LogE(0))
	assert.Zero(t, none.Standard(0))
	_, err = none.Decoys([]int{0})
	assert.ErrorContains(t, err, "p ≤ 0.01")
}
