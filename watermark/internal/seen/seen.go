// Package seen is a set of 64-bit seeds that is emptied often: what a detector
// counts the repeats of one text by.
package seen

// A Set holds seeds in an open-addressing table. Slots of an earlier use are told
// by their stamp, so that Reset is cheap. The zero Set is empty, and wants a
// Reset before seeds are added.
type Set struct {
	slots []slot // a power of two
	mask  uint64
	stamp uint64
}

type slot struct{ seed, stamp uint64 }

// Reset empties the set and makes room for n seeds.
func (s *Set) Reset(n int) {
	s.stamp++
	if 2*n <= len(s.slots) {
		return
	}
	size := 64
	for size < 2*n {
		size *= 2
	}
	s.slots, s.mask, s.stamp = make([]slot, size), uint64(size-1), 1
}

// Add puts a seed in, of at most as many as Reset made room for, and reports
// whether it is new. The low bits of seeds must be well mixed.
func (s *Set) Add(seed uint64) bool {
	for i := seed & s.mask; ; i = (i + 1) & s.mask {
		switch e := &s.slots[i]; {
		case e.stamp != s.stamp:
			*e = slot{seed, s.stamp}
			return true
		case e.seed == seed:
			return false
		}
	}
}
