package watermark

import (
	"encoding/binary"
	"fmt"
)

// Fork returns sibling i of n that go on from here: further answers to one
// request, retries, or candidates of which the best is kept. Sibling i marks
// only windows whose seed is i modulo n and draws plainly elsewhere, from
// randomness of its own, so that siblings differ. Detectors score all windows
// of each, so that their p-values stay exact. The session itself is unchanged: do
// not draw from it afterwards, as it would mark its siblings' windows too.
func (s *Session) Fork(i, n int) (*Session, error) {
	if s.loc == nil {
		return nil, errZeroSession
	}
	if n < 1 || n > 1<<16 {
		return nil, fmt.Errorf("watermark: fork into %d siblings, want 1 to %d", n, 1<<16)
	}
	if i < 0 || i >= n {
		return nil, fmt.Errorf("watermark: fork has sibling %d, want 0 to %d", i, n-1)
	}
	if s.forks > 1<<32/uint64(n) {
		return nil, fmt.Errorf("watermark: fork of %d siblings into %d each, want at most 2^32 in all", s.forks, n)
	}
	f := &Session{loc: s.loc.clone(), sc: new(scratch), plain: plainFunc.NewReader()}
	if err := f.CopyFrom(s); err != nil {
		return nil, err
	}
	f.fork, f.forks = s.fork+s.forks*uint64(i), s.forks*uint64(n)
	if n > 1 {
		f.reseed(seedBytes(s.request.Hash(uint64(i)<<32|uint64(n), purposeFork)))
	}
	return f, nil
}

func seedBytes(h [4]uint64) (s Seed) {
	for i, x := range h {
		binary.LittleEndian.PutUint64(s[8*i:], x)
	}
	return s
}
