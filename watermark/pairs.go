package watermark

import "math/bits"

// A pair is what a corpus scores once: a seed with the token after it.
type pair struct {
	seed   uint64
	score  uint64 // in units of 2^-32
	token1 uint32 // token + 1; 0 marks an empty slot
	count  uint32 // occurrences
}

// pairTable is an open-addressing table of pairs, at most half full, with the
// sum of their scores. Its sum and counts are those of a set: the order in which
// pairs come does not matter. With oncePerSeed it holds for each seed the pair
// of the least token, a choice that does not look at words.
type pairTable struct {
	oncePerSeed bool
	slots       []pair
	n           int // pairs
	occurrences int
	sum         fixedSum
}

// find returns the slot of a pair or the empty slot where it belongs.
func (t *pairTable) find(seed uint64, token1 uint32) *pair {
	key := seed
	if !t.oncePerSeed {
		key += uint64(token1) * 0xD6E8FEB86659FD93
	}
	hi, lo := bits.Mul64(key, 0x9E3779B97F4A7C15)
	mask := uint64(len(t.slots) - 1)
	for i := (hi ^ lo) & mask; ; i = (i + 1) & mask {
		p := &t.slots[i]
		if p.token1 == 0 || p.seed == seed && (t.oncePerSeed || p.token1 == token1) {
			return p
		}
	}
}

// add counts an occurrence of a pair and scores it with the lane's reader, which
// stands at its window, if it is new.
func (t *pairTable) add(seed uint64, token Token, y *lane) {
	t.room()
	token1 := uint32(token) + 1
	p := t.find(seed, token1)
	if p.token1 != 0 && p.token1 <= token1 {
		p.count++
		t.occurrences++
		return
	}
	t.set(p, pair{seed, fixed(y.mark.scheme.Score(y.reader, y.place, token)), token1, 1})
}

// put adds a pair that another table has scored.
func (t *pairTable) put(q pair) {
	t.room()
	p := t.find(q.seed, q.token1)
	if p.token1 != 0 && p.token1 <= q.token1 {
		p.count += q.count
		t.occurrences += int(q.count)
		return
	}
	t.set(p, q)
}

// set fills a slot that is empty or holds the same seed with a greater token.
func (t *pairTable) set(p *pair, q pair) {
	t.occurrences += int(q.count)
	t.sum.add(q.score)
	if p.token1 == 0 {
		t.n++
	} else {
		t.sum.subtract(p.score)
		q.count += p.count
	}
	*p = q
}

// room makes sure that one more pair fits.
func (t *pairTable) room() {
	if 2*(t.n+1) <= len(t.slots) {
		return
	}
	old := t.slots
	t.slots = make([]pair, max(1024, 2*len(old)))
	for _, p := range old {
		if p.token1 != 0 {
			*t.find(p.seed, p.token1) = p
		}
	}
}

// note records a pair without scoring it.
func (t *pairTable) note(seed uint64, token Token) {
	t.room()
	p := t.find(seed, uint32(token)+1)
	if p.token1 == 0 {
		t.n++
	}
	if p.token1 == 0 || p.token1 > uint32(token)+1 {
		*p = pair{seed: seed, token1: uint32(token) + 1}
	}
}

// first reports whether a pair is to be scored and was not asked for before. It
// notes pairs as they come, unless seeds are scored once: then all were noted
// before, and only the pair of the least token will do.
func (t *pairTable) first(seed uint64, token Token) bool {
	if !t.oncePerSeed {
		t.note(seed, token)
	}
	p := t.find(seed, uint32(token)+1)
	if p.token1 != uint32(token)+1 || p.count > 0 {
		return false
	}
	p.count = 1
	return true
}
