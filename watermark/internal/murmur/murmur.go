// Package murmur is MurmurHash3_x86_32 of Austin Appleby over whole 32-bit words
// with seed 0, in the two steps of which it consists, so that a common beginning
// is hashed once.
package murmur

import "math/bits"

// Mix returns the state after word w. The state before all words is 0.
func Mix(state, w uint32) uint32 {
	w *= 0xCC9E2D51
	w = bits.RotateLeft32(w, 15)
	w *= 0x1B873593
	return bits.RotateLeft32(state^w, 13)*5 + 0xE6546B64
}

// Sum returns the hash of the words that made the state, n in number.
func Sum(state uint32, n int) uint32 {
	h := state ^ uint32(4*n)
	h ^= h >> 16
	h *= 0x85EBCA6B
	h ^= h >> 13
	h *= 0xC2B2AE35
	return h ^ h>>16
}
