package watermark

import (
	"iter"
	"math/bits"
)

// seedSet is a set of seeds: an open-addressing table with linear probing. Seed 0
// is kept apart, as empty slots are 0.
type seedSet struct {
	slots []uint64
	n     int // seeds in slots
	zero  bool
}

// newSeedSet returns a set that holds n seeds without growing.
func newSeedSet(n int) seedSet { return seedSet{slots: make([]uint64, slotsFor(n))} }

// slotsFor returns the slots of a set for n seeds: a load of at most 4/5, so that
// the table of a session of 4,096 tokens fills five pages.
func slotsFor(n int) int { return max(16, n+n/4) }

// home returns the slot where the search for a seed begins. Seeds are already
// mixed where they come from a PRF, and not where they come from an engine.
func (s *seedSet) home(seed uint64) int {
	hi, _ := bits.Mul64(seed*0x9E3779B97F4A7C15, uint64(len(s.slots)))
	return int(hi)
}

// find returns the slot of a seed or the empty slot where it belongs.
func (s *seedSet) find(seed uint64) (slot int, found bool) {
	i := s.home(seed)
	for s.slots[i] != 0 {
		if s.slots[i] == seed {
			return i, true
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	return i, false
}

func (s *seedSet) len() int {
	if s.zero {
		return s.n + 1
	}
	return s.n
}

func (s *seedSet) has(seed uint64) bool {
	if seed == 0 {
		return s.zero
	}
	_, ok := s.find(seed)
	return ok
}

// add puts a seed in and reports whether it is new.
func (s *seedSet) add(seed uint64) bool {
	if seed == 0 {
		fresh := !s.zero
		s.zero = true
		return fresh
	}
	i, found := s.find(seed)
	if found {
		return false
	}
	if 5*(s.n+1) > 4*len(s.slots) {
		s.grow()
		i, _ = s.find(seed)
	}
	s.slots[i] = seed
	s.n++
	return true
}

// remove takes a seed out and closes the gap in its run (Knuth 1998, volume 3,
// algorithm 6.4R).
func (s *seedSet) remove(seed uint64) {
	if seed == 0 {
		s.zero = false
		return
	}
	gap, found := s.find(seed)
	if !found {
		return
	}
	s.n--
	n := len(s.slots)
	for i := gap; ; {
		s.slots[gap] = 0
		for {
			if i++; i == n {
				i = 0
			}
			if s.slots[i] == 0 {
				return
			}
			// The seed at i may move to the gap unless its home lies between them.
			if home := s.home(s.slots[i]); (i-home+n)%n >= (i-gap+n)%n {
				break
			}
		}
		s.slots[gap] = s.slots[i]
		gap = i
	}
}

func (s *seedSet) grow() {
	old := s.slots
	s.slots = make([]uint64, 2*len(old))
	for _, seed := range old {
		if seed != 0 {
			i, _ := s.find(seed)
			s.slots[i] = seed
		}
	}
}

// reset empties the set and gives it room for n seeds, keeping its memory where
// that suffices.
func (s *seedSet) reset(n int) {
	s.n, s.zero = 0, false
	want := slotsFor(n)
	if cap(s.slots) < want {
		s.slots = make([]uint64, want)
		return
	}
	s.slots = s.slots[:want]
	clear(s.slots)
}

func (s *seedSet) copyFrom(o *seedSet) {
	s.slots = append(s.slots[:0], o.slots...)
	s.n, s.zero = o.n, o.zero
}

// all yields the seeds in no order.
func (s *seedSet) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		if s.zero && !yield(0) {
			return
		}
		for _, seed := range s.slots {
			if seed != 0 && !yield(seed) {
				return
			}
		}
	}
}
