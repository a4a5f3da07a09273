package watermark

import (
	"iter"
	"math"
	"math/bits"
)

// A pair is what a corpus scores once: a seed with the token after it.
type pair struct {
	seed  uint64 // [Reader.Seed] of the token
	score uint64 // in units of 2^-32
	token Token
	count uint32 // occurrences, at most 2^32−1
}

// pairTable is a set of pairs with the sum of their scores. Its sum and counts
// are those of a set: the order in which pairs come does not matter. With
// oncePerSeed it holds for each seed the pair of the least token, a choice that
// does not look at words.
//
// Pairs lie in the order in which they came, in blocks of 64, 128, 256, … that are
// never moved; an open-addressing index of their places, with 32 bits of hash
// beside each, is small enough for a cache where the pairs are not.
type pairTable struct {
	oncePerSeed bool
	blocks      [][]pair
	n           int      // pairs
	index       []uint64 // hash<<32 | place + 1; 0 is empty; a power of two, at most 2/3 full
	occurrences int64
	sum         fixedSum
}

const firstBlock = 64

// at returns the pair at a place, 0 <= place < n, or the next free one, place = n,
// if its block is there.
func (t *pairTable) at(place int) *pair {
	k := bits.Len(uint(place/firstBlock+1)) - 1
	return &t.blocks[k][place-firstBlock*(1<<k-1)]
}

// all yields the pairs in the order in which they came.
func (t *pairTable) all() iter.Seq[*pair] {
	return func(yield func(*pair) bool) {
		for place := range t.n {
			if !yield(t.at(place)) {
				return
			}
		}
	}
}

// find returns the pair of a seed and token, or nil and the index slot where it
// belongs with the entry's hash.
func (t *pairTable) find(seed uint64, token Token) (p *pair, slot int, hash uint64) {
	key := seed
	if !t.oncePerSeed {
		key += (uint64(token) + 1) * 0xD6E8FEB86659FD93
	}
	hi, lo := bits.Mul64(key, 0x9E3779B97F4A7C15)
	hash = (hi ^ lo) >> 32
	mask := len(t.index) - 1
	for slot = int(hash) & mask; ; slot = (slot + 1) & mask {
		e := t.index[slot]
		if e == 0 {
			return nil, slot, hash
		}
		if e>>32 == hash {
			if p = t.at(int(uint32(e)) - 1); p.seed == seed && (t.oncePerSeed || p.token == token) {
				return p, slot, hash
			}
		}
	}
}

// add counts an occurrence of a pair and scores it with the lane's reader, which
// stands at its window, if it is new.
func (t *pairTable) add(token Token, y *lane) {
	t.room()
	seed := y.reader.Seed(token)
	p, slot, hash := t.find(seed, token)
	if p != nil && p.token <= token {
		t.more(p, 1)
		return
	}
	t.set(p, slot, hash, pair{seed, fixed(y.mark.scheme.Score(y.reader, y.place, token)), token, 1})
}

// more counts n more occurrences of a pair, as far as its count goes.
func (t *pairTable) more(p *pair, n uint32) {
	n = min(n, math.MaxUint32-p.count)
	p.count += n
	t.occurrences += int64(n)
}

// put adds a pair that another table has scored.
func (t *pairTable) put(q pair) {
	t.room()
	p, slot, hash := t.find(q.seed, q.token)
	if p != nil && p.token <= q.token {
		t.more(p, q.count)
		return
	}
	t.set(p, slot, hash, q)
}

// set appends a pair, or puts it in the place of one of the same seed with a
// greater token.
func (t *pairTable) set(p *pair, slot int, hash uint64, q pair) {
	t.sum.add(q.score)
	if p != nil {
		t.sum.subtract(p.score)
		p.seed, p.score, p.token = q.seed, q.score, q.token
		t.more(p, q.count)
		return
	}
	t.occurrences += int64(q.count)
	if k := len(t.blocks); t.n >= firstBlock*(1<<k-1) {
		t.blocks = append(t.blocks, make([]pair, firstBlock<<k))
	}
	*t.at(t.n) = q
	t.n++
	t.index[slot] = hash<<32 | uint64(t.n)
}

// reset empties the table and keeps its memory, unless it is much.
func (t *pairTable) reset() {
	if len(t.index) > 1<<16 {
		t.index, t.blocks = nil, nil
	}
	clear(t.index)
	t.n, t.occurrences, t.sum = 0, 0, fixedSum{}
}

// room makes sure that one more pair fits.
func (t *pairTable) room() {
	if 3*(t.n+1) <= 2*len(t.index) {
		return
	}
	old := t.index
	grown := 4 * len(old) // few growths while memory is cheap, then few slots
	if len(old) >= 1<<20 {
		grown = 2 * len(old)
	}
	t.index = make([]uint64, max(128, grown))
	mask := len(t.index) - 1
	for _, e := range old {
		if e == 0 {
			continue
		}
		slot := int(e>>32) & mask
		for t.index[slot] != 0 {
			slot = (slot + 1) & mask
		}
		t.index[slot] = e
	}
}

// note records a pair without scoring it.
func (t *pairTable) note(seed uint64, token Token) {
	t.room()
	if p, slot, hash := t.find(seed, token); p == nil || p.token > token {
		t.set(p, slot, hash, pair{seed: seed, token: token})
	}
}

// first reports whether a pair is to be scored and was not asked for before. It
// notes pairs as they come, unless seeds are scored once: then all were noted
// before, and only the pair of the least token will do.
func (t *pairTable) first(seed uint64, token Token) bool {
	if !t.oncePerSeed {
		t.note(seed, token)
	}
	p, _, _ := t.find(seed, token)
	if p.token != token || p.count > 0 {
		return false
	}
	p.count = 1
	return true
}

// once notes a pair and reports whether it is new.
func (t *pairTable) once(seed uint64, token Token) bool {
	t.room()
	p, slot, hash := t.find(seed, token)
	if p != nil {
		return false
	}
	t.set(nil, slot, hash, pair{seed: seed, token: token})
	return true
}
