package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	runLeaves   = 1 << 17
	defaultRuns = 512 // 67 million leaves, 192 MiB

	entrySize = 16 // bytes of the index a leaf
)

// An entry is a leaf's place in the index.
type entry struct {
	at    int64 // offset of its record in the file of leaves, below 2^56
	kind  Kind
	print uint64
}

func (e entry) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.at)|uint64(e.kind)<<56)
	return binary.LittleEndian.AppendUint64(b, e.print)
}

func entryOf(b []byte) entry {
	at := binary.LittleEndian.Uint64(b)
	return entry{int64(at << 8 >> 8), Kind(at >> 56), binary.LittleEndian.Uint64(b[8:])}
}

// printOf returns a hash of a nonce that nobody who does not see the salt can
// make collide.
func printOf(salt [16]byte, n Nonce) uint64 {
	var b [len(salt) + len(n)]byte
	copy(b[copy(b[:], salt[:]):], n[:])
	h := sha256.Sum256(b[:])
	return binary.LittleEndian.Uint64(h[:])
}

// recall finds earlier leaves by the prints of their nonces. The leaves of the
// unfinished run are in a map; a finished run has a filter of 3 bytes a leaf, and
// is searched in the index if that lets a print through.
type recall struct {
	index  io.ReaderAt
	run    int64 // leaves in a run
	most   int   // runs that are kept
	active map[uint64]int64
	next   int64 // number of the next leaf
	full   []filter
	begin  int64 // number of the first leaf in full, or in active if full is empty
}

func newRecall(index io.ReaderAt, run int64, most int) *recall {
	return &recall{index: index, run: run, most: most, active: map[uint64]int64{}}
}

// add appends the next leaf.
func (r *recall) add(print uint64) {
	if _, twice := r.active[print]; !twice {
		r.active[print] = r.next
	}
	r.next++
	if r.next%r.run != 0 {
		return
	}
	f := newFilter(r.run)
	for p := range r.active {
		f.add(p)
	}
	clear(r.active)
	r.keep(f)
}

// addRun appends the leaves of a whole run, given their part of the index.
func (r *recall) addRun(entries []byte) {
	f := newFilter(r.run)
	for ; len(entries) > 0; entries = entries[entrySize:] {
		f.add(entryOf(entries).print)
	}
	r.next += r.run
	r.keep(f)
}

func (r *recall) keep(f filter) {
	r.full = append(r.full, f)
	if len(r.full) > r.most {
		copy(r.full, r.full[1:])
		r.full = r.full[:r.most]
		r.begin += r.run
	}
}

// find returns the number of the leaf with a print, or false.
func (r *recall) find(print uint64) (int64, bool, error) {
	if i, ok := r.active[print]; ok {
		return i, true, nil
	}
	for k := len(r.full) - 1; k >= 0; k-- {
		if !r.full[k].has(print) {
			continue
		}
		i, ok, err := r.search(r.begin+int64(k)*r.run, print)
		if ok || err != nil {
			return i, ok, err
		}
	}
	return 0, false, nil
}

// search looks through the index of the run that begins with leaf first.
func (r *recall) search(first int64, print uint64) (int64, bool, error) {
	var buf [1024 * entrySize]byte
	for i := first; i < first+r.run; {
		n := min(int64(len(buf)), (first+r.run-i)*entrySize)
		if _, err := r.index.ReadAt(buf[:n], i*entrySize); err != nil {
			return 0, false, fmt.Errorf("ledger: %w", err)
		}
		for b := buf[:n]; len(b) > 0; b, i = b[entrySize:], i+1 {
			if entryOf(b).print == print {
				return i, true, nil
			}
		}
	}
	return 0, false, nil
}

// A filter is a Bloom filter of 24 bits a leaf in blocks of 512 bits: one cache
// line a question (Putze, Sanders and Singler, 2007). It lets about one strange
// print in 10,000 through, and every print that was added.
type filter [][8]uint64

func newFilter(leaves int64) filter { return make(filter, max(1, leaves*24/512)) }

func (f filter) add(print uint64) {
	block := &f[print%uint64(len(f))]
	for h, k := mix(print), 0; k < 7; h, k = h>>9, k+1 {
		block[h>>6&7] |= 1 << (h & 63)
	}
}

func (f filter) has(print uint64) bool {
	block := &f[print%uint64(len(f))]
	for h, k := mix(print), 0; k < 7; h, k = h>>9, k+1 {
		if block[h>>6&7]&(1<<(h&63)) == 0 {
			return false
		}
	}
	return true
}

// mix makes the bits within a block independent of the block's number: the
// multiplier is 2^64 divided by the golden ratio (Knuth, 6.4).
func mix(print uint64) uint64 {
	h := print * 0x9e3779b97f4a7c15
	return h ^ h>>29
}
