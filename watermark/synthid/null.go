package synthid

import (
	"fmt"
	"math"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/lattice"
)

// Null is the exact law of sums of g-values of the table hash over a text that has
// nothing to do with the keys, keys being drawn from all of 64 bits. It depends on no
// key, is immutable and safe for concurrent use.
//
// All g-values of an n-gram are functions of its state, the hash of the n-gram mod
// the size N of the table, 16 bits by default: layer l is entry (state + key_l) of
// the table, turned by a bijection. So a layer's sum over a text whose state s occurs
// c_s times is
//
//	S_l = Σ_s c_s T[(s + key_l) mod N],
//
// the cyclic correlation of the counts with the table at a random place. One
// transform of length N gives all its N values; layers are independent and have the
// same law, whose D-fold convolution is the law of the sum. Binomial(n·D, ½) is not:
// the table has 32,743 ones, not 32,768, n-grams share states, and a text of a few
// thousand of them uses up the table. Nor can a p-value be below N^−D, which is all
// that the keys can be.
type Null struct {
	lookup *lookup
	tiled  []byte // the turned table, twice
	fast   func() *spectrum
}

type spectrum struct {
	transform *lattice.Transform
	table     lattice.Spectrum
}

// NewNull returns the law for the table of a configuration, whose keys do not matter.
// It fails for the table-free hash and for tables whose size is no power of two,
// as their g-values depend on all 64 bits of an n-gram's hash, and for tables of more than
// 2^20 entries.
func NewNull(c Config) (*Null, error) {
	if c.Keys.Len() == 0 {
		c.Keys = NewKeys(0)
	}
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Hash == TableFree {
		return nil, fmt.Errorf("synthid: hash is %q, want %q for a law of its table", c.Hash, Table)
	}
	l, err := c.table()
	if err != nil {
		return nil, err
	}
	if !l.lawful() {
		return nil, fmt.Errorf("synthid: sampling_table_size is %d, want a power of two up to %d for a law of its table", len(l.table), largestLaw)
	}
	return newNull(l), nil
}

func newNull(l *lookup) *Null {
	n := &Null{lookup: l}
	n.fast = sync.OnceValue(n.transform)
	if l.lawful() {
		n.tiled = make([]byte, 2*len(l.table))
		for y := range uint64(len(l.table)) {
			bit := byte(l.shifted[y/64] >> (y % 64) & 1)
			n.tiled[y], n.tiled[y+uint64(len(l.table))] = bit, bit
		}
	}
	return n
}

func (n *Null) transform() *spectrum {
	size := len(n.lookup.table)
	table := make([]float64, size)
	for i := range table {
		table[i] = float64(n.tiled[i])
	}
	t := lattice.NewTransform(size)
	return &spectrum{t, t.Spectrum(table)}
}

// States returns N, the number of states.
func (n *Null) States() int { return len(n.lookup.table) }

// State returns the state of an n-gram, its last token included.
func (n *Null) State(ngram []watermark.Token) int {
	return int(hashContext(1, ngram) & n.lookup.mask)
}

// LogTail returns ln P(S >= sum) for the sum of the g-values of all layers over a text
// in which state s occurs counts[s] times; repeats of an n-gram should not be counted.
// It is exact, with a relative error below 1e-10, unless the sums spread so wide that
// 2^20 points do not hold them, over some 10^8 n-grams: then it is a bound.
// Counts other than States() in number, or a depth below 1, are errors of the caller
// and give 0, no evidence.
func (n *Null) LogTail(counts []uint32, depth int, sum int64) float64 {
	if len(counts) != n.States() || depth < 1 {
		return 0
	}
	var list []stateCount
	for s, c := range counts {
		if c > 0 {
			list = append(list, stateCount{uint32(s), c})
		}
	}
	return n.logTail(list, depth, sum)
}

// A stateCount says how often a state occurs.
type stateCount struct{ state, count uint32 }

func (n *Null) logTail(list []stateCount, depth int, sum int64) float64 {
	if len(list) == 0 {
		return 0
	}
	law, unit := n.layer(list)
	law.Count = int64(depth)
	return lattice.LogTail(-floorDiv(-sum, unit), []lattice.Part{law})
}

// floorDiv returns ⌊a/b⌋ for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// logTailWeighted returns a bound of ln P(Σ w_l S_l >= sum), weights not negative.
func (n *Null) logTailWeighted(list []stateCount, weights []float64, sum float64) float64 {
	if len(list) == 0 {
		return 0
	}
	law, unit := n.layer(list)
	return chernoff(law, 1, weights, sum/float64(unit))
}

// chernoff returns Chernoff's bound of ln P(Σ_l w_l X_l >= sum), X_l being the sum of
// count integers of a law, weights not negative.
func chernoff(law lattice.Part, count int64, weights []float64, sum float64) float64 {
	bound := func(theta float64) (value, slope float64) {
		for _, w := range weights {
			k, k1 := cumulant(law, theta*w)
			value += float64(count) * k
			slope += float64(count) * w * k1
		}
		return value - theta*sum, slope - sum
	}
	if _, slope := bound(0); slope >= 0 {
		return 0
	}
	low, high := 0.0, 1.0
	for range 60 {
		if _, slope := bound(high); slope >= 0 {
			break
		}
		low, high = high, 2*high
	}
	for range 40 { // any θ is a bound, the last digits of the best are not needed
		mid := 0.5 * (low + high)
		if _, slope := bound(mid); slope < 0 {
			low = mid
		} else {
			high = mid
		}
	}
	value, _ := bound(low)
	return min(0, value)
}

// cumulant returns ln E e^{θX} and its derivative.
func cumulant(p lattice.Part, theta float64) (k, slope float64) {
	top := math.Max(0, theta*float64(len(p.P)-1))
	var sum, first float64
	for i, v := range p.P {
		e := v * math.Exp(theta*float64(i)-top)
		sum += e
		first += e * float64(i)
	}
	return top + math.Log(sum) + theta*float64(p.First), first/sum + float64(p.First)
}

// directTokens is how many n-grams are correlated with the table term by term: a
// transform takes as long as some thousand of them.
const directTokens = 3000

// layer returns the law of one layer's sum in a unit, rounded up: 1 but for the widest
// laws.
func (n *Null) layer(list []stateCount) (law lattice.Part, unit int64) {
	total := uint64(0)
	for _, e := range list {
		total += uint64(e.count)
	}
	size := len(n.lookup.table)
	if size >= lattice.Block && total <= directTokens {
		return lawOf(n.direct(list), size)
	}
	counts := make([]float64, size)
	for _, e := range list {
		counts[e.state] += float64(e.count)
	}
	f := n.fast()
	return lawOf(f.transform.Correlate(counts, f.table), size)
}

// widest is the largest number of values that a law may have one by one.
const widest = 1 << 20

// lawOf returns the law of a value drawn from n sums, as Null.layer does.
func lawOf(sums []int64, n int) (law lattice.Part, unit int64) {
	low, high := sums[0], sums[0]
	for _, v := range sums {
		low, high = min(low, v), max(high, v)
	}
	unit = (high-low)/widest + 1
	low = -floorDiv(-low, unit)
	law = lattice.Part{First: low, P: make([]float64, -floorDiv(-high, unit)-low+1), Count: 1}
	if unit == 1 {
		for _, v := range sums {
			law.P[v-low]++
		}
	} else {
		for _, v := range sums {
			law.P[-floorDiv(-v, unit)-low]++
		}
	}
	for i := range law.P {
		law.P[i] /= float64(n)
	}
	return law, unit
}

// direct returns the correlation of counts with the table, term by term, in bytes that
// are emptied before they can overflow. Requires a table of at least lattice.Block
// entries.
func (n *Null) direct(list []stateCount) []int64 {
	var offsets []uint32 // each state as often as it occurs
	for _, e := range list {
		for range e.count {
			offsets = append(offsets, e.state)
		}
	}
	sums := make([]int64, len(n.lookup.table))
	var bytes [lattice.Block]byte
	for base := 0; base < len(sums); base += lattice.Block {
		block := sums[base : base+lattice.Block]
		for rest := offsets; len(rest) > 0; {
			group := rest[:min(len(rest), math.MaxUint8)]
			rest = rest[len(group):]
			lattice.Shifts(&bytes, n.tiled[base:], group)
			for j, b := range bytes {
				block[j] += int64(b)
			}
		}
	}
	return sums
}

// joint returns the law as a mark's detectors want it.
func (n *Null) joint(depth int) watermark.Joint {
	if !n.lookup.lawful() {
		return func([]watermark.Scored, float64) float64 { return 0 }
	}
	return func(scored []watermark.Scored, score float64) float64 {
		counts := make(map[uint32]uint32, len(scored))
		for _, s := range scored {
			counts[uint32(accumulate(unmix(s.Seed), uint64(s.Token))&n.lookup.mask)]++
		}
		list := make([]stateCount, 0, len(counts))
		for s, c := range counts {
			list = append(list, stateCount{s, c})
		}
		return n.logTail(list, depth, int64(math.Ceil(score)))
	}
}
