package synthid

// recent says when a hash was seen last: the engine's context history. It is an
// open-addressing table of which slots of an earlier text count as empty, so that
// a text begins without a sweep.
type recent struct {
	slots []recentSlot // a power of two, at most half full
	size  int          // of the history
	base  uint64       // slots at or below are of earlier texts
	at    uint64
}

type recentSlot struct{ hash, at uint64 }

// reset begins a text of n hashes, of which the last size are looked at.
func (r *recent) reset(n, size int) {
	r.size, r.base = max(0, size), r.at
	want := 64
	for want < 2*n {
		want *= 2
	}
	if want > len(r.slots) {
		r.slots = make([]recentSlot, want)
	}
}

// add puts a hash in front. It reports whether the hash was seen before in this text,
// and whether among the last ones of its history, which begins as zeros.
func (r *recent) add(hash uint64) (seen, repeated bool) {
	r.at++
	mask := uint64(len(r.slots) - 1)
	for i := mix(hash) & mask; ; i = (i + 1) & mask {
		s := &r.slots[i]
		switch {
		case s.at <= r.base:
			*s = recentSlot{hash, r.at}
			return false, hash == 0 && r.at-r.base <= uint64(r.size)
		case s.hash == hash:
			repeated = r.at-s.at <= uint64(r.size) || hash == 0 && r.at-r.base <= uint64(r.size)
			s.at = r.at
			return true, repeated
		}
	}
}
