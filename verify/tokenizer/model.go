package tokenizer

// A model is byte-level byte-pair encoding (Sennrich, Haddow and Birch, 2016):
// the symbols of a word are merged, the pair of the lowest rank first, of equal
// ones the leftmost, until no pair can be merged.
type model struct {
	symbol   [256]int32 // of a byte, or absent
	pairs    []pair
	pairBits uint8
	// bytePairs is what merges of two bytes' symbols give, at 256a + b: three of
	// four look-ups of a short word.
	bytePairs []uint64
	complete  bool // every byte has a symbol

	ignoreMerges bool // a word that is a token is this token

	// What becomes of the bytes that have none: the tokens for the UTF-8 of the
	// character that stands for the byte, one or two, or the unknown token, or
	// nothing.
	fallback [256][2]int32
	unknown  int32
	fuse     bool
}

const absent = -1

// A merge is rank<<32 | id; none is later than any. Ranks are below maxMerges, so
// that a rank and a position of 40 bits share a word in the queue of long words.
const (
	none      = ^uint64(0)
	maxMerges = 1 << 24
)

type pair struct {
	key   uint64 // left<<32 | right, or none
	merge uint64
}

func newPairs(merges map[uint64]uint64) ([]pair, uint8) {
	pairs, bits := table[pair](len(merges))
	for i := range pairs {
		pairs[i] = pair{none, none}
	}
	for key, m := range merges {
		i := key * hashA >> bits
		for pairs[i].key != none {
			i = (i + 1) & uint64(len(pairs)-1)
		}
		pairs[i] = pair{key, m}
	}
	return pairs, bits
}

func (m *model) merge(left, right int32) uint64 {
	key := uint64(uint32(left))<<32 | uint64(uint32(right))
	mask := uint64(len(m.pairs) - 1)
	for i := key * hashA >> m.pairBits; ; i++ {
		switch p := &m.pairs[i&mask]; p.key {
		case key:
			return p.merge
		case none:
			return none
		}
	}
}

// shortWords have at most this many bytes: below it a scan for the lowest rank
// beats a queue.
const shortWords = 100

// A scratch is the memory of one call.
type scratch struct {
	symbols []int32
	merges  [shortWords]uint64
	short   [shortWords]int32

	ends       []int // of a symbol in the word, in bytes; −1 amid a byte
	prev, next []int
	queue      []uint64
	buffer     []int32
}

func newScratch() any { return new(scratch) }

// append encodes one word.
func (m *model) append(dst []int32, word string, s *scratch) []int32 {
	if len(word) > shortWords || !m.complete && m.lacks(word) {
		m.long(word, s)
		for i := 0; i < len(s.symbols); i = s.next[i] {
			dst = append(dst, s.symbols[i])
		}
		return dst
	}
	n := len(word)
	symbols, merges := s.short[:n], s.merges[:n]
	last := byte(0)
	for i := range n {
		b := word[i]
		symbols[i] = m.symbol[b]
		if i > 0 {
			merges[i-1] = m.bytePairs[uint(last)<<8|uint(b)]
		}
		last = b
	}
	for n > 1 {
		best, at := none, 0
		for i, v := range merges[:n-1] {
			if v < best {
				best, at = v, i
			}
		}
		if best == none {
			break
		}
		symbols[at] = int32(best & 0xffffffff)
		n--
		copy(symbols[at+1:n], symbols[at+2:])
		copy(merges[at+1:n], merges[at+2:])
		if at+1 < n {
			merges[at] = m.merge(symbols[at], symbols[at+1])
		}
		if at > 0 {
			merges[at-1] = m.merge(symbols[at-1], symbols[at])
		}
	}
	return append(dst, symbols[:n]...)
}

// lacks reports whether a byte of word has no symbol.
func (m *model) lacks(word string) bool {
	for i := range len(word) {
		if m.symbol[word[i]] == absent {
			return true
		}
	}
	return false
}

// long encodes a word of any length in time n log n. It leaves in s the symbols
// of a list: from 0 by next to len(s.symbols).
func (m *model) long(word string, s *scratch) {
	m.begin(word, s)
	n := len(s.symbols)
	s.prev, s.next, s.queue = s.prev[:0], s.next[:0], s.queue[:0]
	for i := range n {
		s.prev, s.next = append(s.prev, i-1), append(s.next, i+1)
		if i > 0 {
			m.push(s, i-1)
		}
	}
	for len(s.queue) > 0 {
		top := s.pop()
		at := int(top & (1<<40 - 1))
		right := n
		if s.symbols[at] != absent {
			right = s.next[at]
		}
		if right == n {
			continue
		}
		merge := m.merge(s.symbols[at], s.symbols[right])
		if merge == none || merge>>32 != top>>40 {
			continue // of symbols that have gone
		}
		s.symbols[at], s.ends[at] = int32(merge&0xffffffff), s.ends[right]
		s.symbols[right] = absent
		after := s.next[right]
		s.next[at] = after
		if after < n {
			s.prev[after] = at
			m.push(s, at)
		}
		if before := s.prev[at]; before >= 0 {
			m.push(s, before)
		}
	}
}

// begin puts the symbols of the bytes of word into s.
func (m *model) begin(word string, s *scratch) {
	s.symbols, s.ends = s.symbols[:0], s.ends[:0]
	add := func(id int32, end int) { s.symbols, s.ends = append(s.symbols, id), append(s.ends, end) }
	unknown := false // an unknown token is open
	for i := range len(word) {
		b := word[i]
		id, two := m.symbol[b], m.fallback[b]
		if id != absent || two[1] != absent {
			if unknown {
				add(m.unknown, i)
				unknown = false
			}
			if id == absent {
				if id = two[1]; two[0] != absent {
					add(two[0], -1)
				}
			}
			add(id, i+1)
			continue
		}
		if m.unknown == absent {
			continue
		}
		if unknown && !m.fuse {
			add(m.unknown, i)
		}
		unknown = true
	}
	if unknown {
		add(m.unknown, len(word))
	}
}

// push queues the merge of the symbol at i with the next one, if there is one.
func (m *model) push(s *scratch, i int) {
	merge := m.merge(s.symbols[i], s.symbols[s.next[i]])
	if merge == none {
		return
	}
	q := append(s.queue, merge>>32<<40|uint64(i))
	for k := len(q) - 1; k > 0; {
		up := (k - 1) / 2
		if q[up] <= q[k] {
			break
		}
		q[up], q[k] = q[k], q[up]
		k = up
	}
	s.queue = q
}

// pop takes the first of the queue, a binary heap.
func (s *scratch) pop() uint64 {
	q := s.queue
	top := q[0]
	last := len(q) - 1
	q[0] = q[last]
	q = q[:last]
	for k := 0; ; {
		down := 2*k + 1
		if down >= last {
			break
		}
		if down+1 < last && q[down+1] < q[down] {
			down++
		}
		if q[k] <= q[down] {
			break
		}
		q[k], q[down] = q[down], q[k]
		k = down
	}
	s.queue = q
	return top
}
