package evidence

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// maxOrdered bounds the things that an order has: 20! is less than 2⁶⁴.
const maxOrdered = 20

// LehmerRank returns the place, 0 to n!−1, of an order of 0 … n−1 among all in
// the order of the alphabet (D. H. Lehmer, 1960): what a key draws to choose an order
// of 2 to 20 things. An error names what makes it no order. [LehmerOrder] goes back.
func LehmerRank(order []int) (uint64, error) {
	if err := checkOrder(order); err != nil {
		return 0, err
	}
	rank := uint64(0)
	for i, v := range order {
		smaller := 0
		for _, w := range order[i+1:] {
			if w < v {
				smaller++
			}
		}
		rank = rank*uint64(len(order)-i) + uint64(smaller)
	}
	return rank, nil
}

// LehmerOrder returns the order of 0 … n−1 that has this [LehmerRank]. An error names an n
// outside 2 to 20 or a rank of n! and more.
func LehmerOrder(rank uint64, n int) ([]int, error) {
	if n < 2 || n > maxOrdered {
		return nil, fmt.Errorf("evidence: order has %d things, want 2 to %d", n, maxOrdered)
	}
	smaller := make([]int, n)
	rest := rank
	for i := n - 1; i >= 0; i-- {
		smaller[i] = int(rest % uint64(n-i))
		rest /= uint64(n - i)
	}
	if rest > 0 {
		return nil, fmt.Errorf("evidence: rank is %d, want less than %d factorial", rank, n)
	}
	left := make([]int, n)
	for i := range left {
		left[i] = i
	}
	order := make([]int, n)
	for i, k := range smaller {
		order[i] = left[k]
		left = slices.Delete(left, k, k+1)
	}
	return order, nil
}

func checkOrder(order []int) error {
	n := len(order)
	if n < 2 || n > maxOrdered {
		return fmt.Errorf("evidence: order has %d things, want 2 to %d", n, maxOrdered)
	}
	seen := 0
	for i, v := range order {
		if v < 0 || v >= n || seen>>v&1 == 1 {
			return fmt.Errorf("evidence: order has %d at place %d, want each of 0 to %d once", v, i, n-1)
		}
		seen |= 1 << v
	}
	return nil
}

// KendallDistance returns in how many pairs two orders of 0 … n−1 differ (M. G. Kendall,
// 1938): 0 to n(n−1)/2. An error names what makes one of them no order.
func KendallDistance(a, b []int) (int, error) {
	for _, order := range [][]int{a, b} {
		if err := checkOrder(order); err != nil {
			return 0, err
		}
	}
	if len(a) != len(b) {
		return 0, fmt.Errorf("evidence: orders have %d and %d things, want as many", len(a), len(b))
	}
	at := make([]int, len(b))
	for i, v := range b {
		at[v] = i
	}
	distance := 0
	for i, v := range a {
		for _, w := range a[i+1:] {
			if at[w] < at[v] {
				distance++
			}
		}
	}
	return distance, nil
}

// Consensus returns the one order that a suspect's answers to an item amount to: by mean
// place (J.-C. de Borda, 1781), the smaller number first in a tie, a rule that knows no
// key. An error names an answer that is no order, or of other length than the first; none
// at all is one too.
func Consensus(answers [][]int) ([]int, error) {
	if len(answers) == 0 {
		return nil, fmt.Errorf("evidence: there are no orders, want at least 1")
	}
	places := make([]int, len(answers[0]))
	for i, answer := range answers {
		if err := checkOrder(answer); err != nil {
			return nil, fmt.Errorf("%w in answer %d", err, i)
		}
		if len(answer) != len(places) {
			return nil, fmt.Errorf("evidence: orders have %d and %d things, want as many, in answer %d", len(places), len(answer), i)
		}
		for place, v := range answer {
			places[v] += place
		}
	}
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	return order, nil
}

// Orders is the null law of items whose answer is an order of n things, which the key
// draws evenly among n!: of how many orders the suspect has as the key has them, and
// of the distance, in pairs, of all its orders together. Distances give partial credit; of
// one item they have the law of inversions (P. A. MacMahon, 1916), of several the
// convolution. Both tails are exact.
//
// No test of a plan goes by it. The key of a book decides no order of n tools but the
// order of each two of them, whatever set they are called in (Choices.Order of package
// canary): so {a, b, c} and {a, b} share the decision on a and b, and a pair has as many
// answers as sets that hold it, where an order of its own would be met once. Three things
// then have three decisions that may form a circle, not one of 3! orders, and their order
// is not even; that of each pair is, and the test called order in package verify adds pairs
// up as [Cells]. Orders is for items whose order a key draws whole, by [LehmerOrder].
//
// It is immutable and safe for concurrent use.
type Orders struct {
	sizes []int
	match []float64
	far   uniforms
}

// NewOrders returns the law of items of the given numbers of things, 2 to 20 each. There
// may be no item.
func NewOrders(sizes []int) (*Orders, error) {
	o := &Orders{sizes: slices.Clone(sizes)}
	var tops []int
	for i, n := range sizes {
		if n < 2 || n > maxOrdered {
			return nil, fmt.Errorf("evidence: order of item %d has %d things, want 2 to %d", i, n, maxOrdered)
		}
		ways := 1.0
		for j := 2; j <= n; j++ {
			ways *= float64(j)
			tops = append(tops, j-1)
		}
		o.match = append(o.match, 1/ways)
	}
	o.far = newUniforms(tops)
	return o, nil
}

// Len returns the number of items.
func (o *Orders) Len() int { return len(o.sizes) }

// Compare returns how many of the suspect's orders are the key's, and in how many pairs
// the others differ, one order an item each. An error names an item with no order or one of
// another length.
func (o *Orders) Compare(suspect, key [][]int) (matches, distance int, err error) {
	if len(suspect) != len(o.sizes) || len(key) != len(o.sizes) {
		return 0, 0, fmt.Errorf("evidence: there are %d and %d orders, want %d, one for each item", len(suspect), len(key), len(o.sizes))
	}
	for i, n := range o.sizes {
		if len(suspect[i]) != n {
			return 0, 0, fmt.Errorf("evidence: order of item %d has %d things, want %d", i, len(suspect[i]), n)
		}
		d, err := KendallDistance(suspect[i], key[i])
		if err != nil {
			return 0, 0, fmt.Errorf("%w in item %d", err, i)
		}
		if d == 0 {
			matches++
		}
		distance += d
	}
	return matches, distance, nil
}

// LogTailMatches returns ln P(matches ≥ k), exact.
func (o *Orders) LogTailMatches(k int) float64 { return tail.PoissonBinomial(k, o.match) }

// LogTail returns ln P(distance ≤ d), exact.
func (o *Orders) LogTail(d int) float64 { return o.far.logLow(d) }

// LogLeast returns ln P(distance = 0), −Σ ln n!, which is that of a match on every item
// too.
func (o *Orders) LogLeast() float64 { return o.far.least }

// Mean returns the expected distance, Σ n(n−1)/4.
func (o *Orders) Mean() float64 { return o.far.mean }

// Variance returns that of the distance, Σ n(n−1)(2n+5)/72.
func (o *Orders) Variance() float64 { return o.far.variance }

// Standard returns by how many standard deviations a distance lies below its mean.
func (o *Orders) Standard(d int) float64 { return o.far.standard(d) }

// LogE returns the logarithm of an e-value of a distance, with the bets of [Cells.LogE] on
// the mean less the distance.
func (o *Orders) LogE(d int) float64 { return o.far.logE(d) }

// Decoys returns the decoys of the test, given the distance of each decoy key. An error
// says that there are none, or that no distance has p ≤ 0.01.
func (o *Orders) Decoys(distances []int) (Decoys, error) { return o.far.decoys(distances) }

// decoys counts from the other end: how much nearer than the farthest.
func (u uniforms) decoys(distances []int) (Decoys, error) {
	near := make([]int, len(distances))
	for j, d := range distances {
		if d < 0 || d > u.most {
			return Decoys{}, fmt.Errorf("evidence: distance of decoy %d is %d, want 0 to %d", j, d, u.most)
		}
		near[j] = u.most - d
	}
	return countDecoys(near, u.most, u.excess(),
		func(k int) float64 { return u.standard(u.most - k) },
		func(k int) float64 { return u.logLow(u.most - k) })
}

// Critical returns the largest distance whose ln p is at most logP, and false where not
// even 0 is that rare, or logP is no level.
func (o *Orders) Critical(logP float64) (distance int, ok bool) { return o.far.critical(logP) }

func (u uniforms) critical(logP float64) (d int, ok bool) {
	k, ok := criticalCount(logP, u.most, func(k int) float64 { return u.logLow(u.most - k) })
	if !ok || math.IsInf(u.logLow(u.most-k), -1) {
		return 0, false
	}
	return u.most - k, true
}
