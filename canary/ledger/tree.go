package ledger

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// A frontier is the right edge of a tree of n leaves: the hashes of its complete
// subtrees, the largest first. It is all that appending needs.
type frontier struct {
	n     int64
	peaks []tlog.Hash
}

// add appends a leaf with hash h, and to dst the hashes that it completes, in
// the order of tlog.StoredHashIndex.
func (f *frontier) add(h tlog.Hash, dst []byte) []byte {
	dst = append(dst, h[:]...)
	for n := f.n; n&1 == 1; n >>= 1 {
		last := len(f.peaks) - 1
		h = tlog.NodeHash(f.peaks[last], h)
		f.peaks = f.peaks[:last]
		dst = append(dst, h[:]...)
	}
	f.peaks = append(f.peaks, h)
	f.n++
	return dst
}

// root returns the tree's hash (RFC 6962, section 2.1).
func (f *frontier) root() tlog.Hash {
	if f.n == 0 {
		h, _ := tlog.TreeHash(0, nil) // reads nothing
		return h
	}
	h := f.peaks[len(f.peaks)-1]
	for i := len(f.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.peaks[i], h)
	}
	return h
}

// copyFrom makes f a copy of g that shares no memory with it.
func (f *frontier) copyFrom(g *frontier) {
	f.n = g.n
	f.peaks = append(f.peaks[:0], g.peaks...)
}

// readFrontier reads the frontier of the first n leaves from their stored
// hashes.
func readFrontier(n int64, r tlog.HashReader) (frontier, error) {
	var at []int64
	for lo, rest := int64(0), uint64(n); rest != 0; {
		level := bits.Len64(rest) - 1
		at = append(at, tlog.StoredHashIndex(level, lo>>level))
		lo += 1 << level
		rest &^= 1 << level
	}
	peaks, err := r.ReadHashes(at)
	return frontier{n, peaks}, err
}
