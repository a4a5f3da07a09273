package canary

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zeebo/blake3"
)

const contextReserve = "dyetrace 2026-11-25 canary reserve/1"

// Draw returns n different units of a tree's reserve, drawn by a public nonce:
// those with the smallest
//
//	u64(BLAKE3 derive_key(contextReserve, hash of the book ‖ nonce ‖ unit))
//
// in that order. The reserve is for tests that confirm; units of the other half,
// the screening half, may be looked at as often as one likes.
func (b *Book) Draw(tree string, n int, nonce [32]byte) ([]Unit, error) {
	type ticket struct {
		number uint64
		unit   Unit
	}
	var all []ticket
	for _, u := range b.units {
		if u.Tree != tree || !u.Reserve {
			continue
		}
		h := blake3.NewDeriveKey(contextReserve)
		_, _ = h.Write(b.hash[:])
		_, _ = h.Write(nonce[:])
		_, _ = h.Write(u.key(nil))
		all = append(all, ticket{binary.LittleEndian.Uint64(h.Sum(nil)), u})
	}
	if n < 1 || n > len(all) {
		return nil, fmt.Errorf("canary: draw is of %d units, want 1 to the %d in the reserve of tree %q", n, len(all), tree)
	}
	slices.SortFunc(all, func(x, y ticket) int {
		if x.number < y.number {
			return -1
		}
		return 1
	})
	out := make([]Unit, n)
	for i := range out {
		out[i] = all[i].unit
	}
	return out, nil
}
