package mt19937

import (
	"math"
	"math/bits"
)

// Lists are sets of green of n tokens, one a seed: the first green of the seed's
// randperm(n). They are immutable and safe for concurrent use.
//
// Step i of the shuffle exchanges place i with place j = i + word mod (n−i). So
// the set is known after green steps, and whether it holds one token can be told
// without any permutation: the token lies at place t until a step has j = t, which
// puts it in place i for good, or until its own step i = t moves it to j.
type Lists struct {
	n, green int
	// magic[i] = ⌈2^64/(n−i)⌉: word mod (n−i) without a division (Lemire, Kaser
	// and Kurz 2019). n−i = 2^k·odd: inverse[i]·odd = 1 mod 2^32 and limit[i] =
	// ⌊(2^32−1)/odd⌋, so that x·inverse[i] <= limit[i] holds for all multiples x of
	// n−i and next to no others (Granlund and Montgomery 1994, section 9).
	magic          []uint64
	inverse, limit []uint32
	identity       []uint32
}

// NewLists returns the lists of green of n tokens. Requires 1 <= green <= n < 2^31.
func NewLists(n, green int) *Lists {
	l := &Lists{
		n: n, green: green,
		magic: make([]uint64, green), inverse: make([]uint32, green), limit: make([]uint32, green),
		identity: make([]uint32, n),
	}
	for i := range green {
		d := uint32(n - i)
		l.magic[i] = math.MaxUint64/uint64(d) + 1 // 0 for d = 1, which makes the remainder the word: see step
		odd := d >> bits.TrailingZeros32(d)
		x := odd // correct in 3 bits; each step doubles them
		for range 4 {
			x *= 2 - odd*x
		}
		l.inverse[i], l.limit[i] = x, math.MaxUint32/odd
	}
	for i := range l.identity {
		l.identity[i] = uint32(i)
	}
	return l
}

// Size returns n, the tokens of the vocabulary.
func (l *Lists) Size() int { return l.n }

// step returns word mod (n−i).
func (l *Lists) step(i int, word uint32) int {
	d := uint32(l.n - i)
	if d == 1 {
		return 0
	}
	q, _ := bits.Mul64(l.magic[i], uint64(word))
	return int(word - uint32(q)*d)
}

// DefaultCache is the memory of the sets that a reader keeps unless it is told
// otherwise: at most a mebibyte and 64 sets.
const (
	DefaultCache = 1 << 20
	maxSlots     = 64
)

// patience is how many single tokens a reader looks for at a seed before it makes
// the whole set, which costs about as much. One with a cache of its own makes it at
// once: the seed will come again.
const patience = 4

// A ListReader tells which tokens are in the list of a seed. It is for one
// goroutine, keeps a bounded number of whole sets, and does not allocate once it
// has made one.
type ListReader struct {
	lists *Lists
	g     Generator
	place []uint32
	slots []slot
	seed  uint32
	asked int
	set   []uint64 // of seed, nil where it was not made

	victim   int // counts sets that made room for another
	patience int
	sets     int // slots that there are to be
}

// A slot holds the set of a seed: bit t%64 of set[t/64] says that t is in it.
type slot struct {
	seed uint32
	made bool
	set  []uint64 // made with the slot's first use
}

// NewReader returns a reader at seed 0 with [DefaultCache].
func (l *Lists) NewReader() *ListReader {
	return &ListReader{lists: l, patience: patience, sets: max(1, min(maxSlots, DefaultCache/l.setBytes()))}
}

// NewCachedReader returns a reader at seed 0 that keeps as many sets as fit in so
// many bytes, at least one, and makes each when it is first asked for.
func (l *Lists) NewCachedReader(bytes int) *ListReader {
	return &ListReader{lists: l, sets: max(1, bytes/l.setBytes())}
}

func (l *Lists) setBytes() int { return 8 * ((l.n + 63) / 64) }

// Seek moves to the list of a seed, of which the low 32 bits count.
func (r *ListReader) Seek(seed uint64) {
	r.seed, r.asked, r.set = uint32(seed), 0, nil
	if r.slots != nil {
		if s := r.slot(); s.made && s.seed == r.seed {
			r.set = s.set
		}
	}
}

// ways is how many slots a seed may be in.
const ways = 8

// slot returns the slot that holds the set of the seed, or one that it may go to:
// an empty one, or else one after another of its ways.
func (r *ListReader) slot() *slot {
	n := len(r.slots)
	home := int(uint64(r.seed*0x9E3779B9) * uint64(n) >> 32)
	for way := range min(ways, n) {
		if s := &r.slots[(home+way)%n]; !s.made || s.seed == r.seed {
			return s
		}
	}
	return &r.slots[(home+r.victim%ways)%n]
}

// Has reports whether token t is in the list. Tokens outside 0 to n−1 are not.
func (r *ListReader) Has(t int32) bool {
	if t < 0 || int(t) >= r.lists.n {
		return false
	}
	if r.set == nil {
		if r.asked++; r.asked <= r.patience {
			return r.find(int(t))
		}
		r.Set()
	}
	return r.set[t/64]>>(t%64)&1 != 0
}

// Set returns the whole list: bit t%64 of word t/64 says that t is in it. It is
// not to be changed and lasts until the next Seek.
func (r *ListReader) Set() []uint64 {
	if r.set != nil {
		return r.set
	}
	l := r.lists
	if r.slots == nil {
		r.place = make([]uint32, l.n)
		r.slots = make([]slot, r.sets)
	}
	s := r.slot()
	if s.set == nil {
		s.set = make([]uint64, l.setBytes()/8)
	}
	if s.made {
		r.victim++
	}
	s.seed, s.made = r.seed, true
	clear(s.set)
	copy(r.place, l.identity)
	r.g.Seed(uint64(r.seed))
	for base := 0; base < l.green; base += size {
		words := r.g.next()
		r.shuffle(s.set, base, words[:min(size, l.green-base)])
	}
	r.set = s.set
	return r.set
}

// Raise adds delta to row[i] where token ids[i], or i where ids is nil, is in the
// list.
func (r *ListReader) Raise(ids []int32, row []float32, delta float32) {
	if ids == nil {
		row = row[:min(len(row), r.lists.n)]
		add := [2]float32{0, delta} // no branch: which tokens are green cannot be foreseen
		for w, bits := range r.Set()[:(len(row)+63)/64] {
			part := row[64*w : min(64*w+64, len(row))]
			for i := range part {
				part[i] += add[bits&1]
				bits >>= 1
			}
		}
		return
	}
	for i, t := range ids {
		if r.Has(t) {
			row[i] += delta
		}
	}
}

// shuffle does the steps from base on.
func (r *ListReader) shuffle(set []uint64, base int, words []uint32) {
	place, magic := r.place[base:], r.lists.magic[base:][:len(words)]
	d := uint32(len(place))
	for i, word := range words {
		q, _ := bits.Mul64(magic[i], uint64(word))
		j := i + int(word-uint32(q)*d)
		if d--; d == 0 {
			j = i
		}
		t := place[j]
		place[j] = place[i]
		set[t/64] |= 1 << (t % 64)
	}
}

// find reports whether t is in the list by following its place.
func (r *ListReader) find(t int) bool {
	l := r.lists
	r.g.Seed(uint64(r.seed))
	at := t
	for base := 0; base < l.green; base += size {
		words := r.g.next()
		words = words[:min(size, l.green-base)]
		for from := 0; from < len(words); {
			own := min(at-base, len(words)) // the token's own step
			if l.hit(base+from, words[from:own], at) {
				return true
			}
			if own == len(words) {
				break
			}
			j := l.step(at, words[own])
			if j == 0 {
				return true
			}
			at += j
			from = own + 1
		}
	}
	return false
}

// hit reports whether one of the steps from base on exchanges with place at,
// which lies behind them.
func (l *Lists) hit(base int, words []uint32, at int) bool {
	inverse, limit := l.inverse[base:][:len(words)], l.limit[base:][:len(words)]
	for i := 0; ; i++ {
		i += skip(words[i:], inverse[i:], limit[i:], uint32(at-base-i))
		if i >= len(words) {
			return false
		}
		if l.step(base+i, words[i]) == at-base-i {
			return true
		}
	}
}

// skipGeneric returns the index of the first word i for which word − (rest − i) may
// be a multiple of what inverse[i] and limit[i] stand for, or len(words).
func skipGeneric(words, inverse, limit []uint32, rest uint32) int {
	for i, w := range words {
		if (w-rest+uint32(i))*inverse[i] <= limit[i] {
			return i
		}
	}
	return len(words)
}
