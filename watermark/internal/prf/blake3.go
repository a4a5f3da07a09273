package prf

import (
	"encoding/binary"
	"math/bits"
)

// The BLAKE3 keyed hash of a message of one block, at most 64 bytes (O'Connor,
// Aumasson, Neves and Wilcox-O'Hearn 2020, section 2.2). A window is one block,
// so the tree, the chunk state and the 8 KiB buffer of a general hasher would
// be most of a session's memory; the tests hold this against zeebo/blake3.

const (
	iv0 uint32 = 0x6A09E667
	iv1 uint32 = 0xBB67AE85
	iv2 uint32 = 0x3C6EF372
	iv3 uint32 = 0xA54FF53A

	chunkStart = 1 << 0
	chunkEnd   = 1 << 1
	root       = 1 << 3
	keyedHash  = 1 << 4
)

// blockKey is a BLAKE3 key as eight little-endian words.
type blockKey [8]uint32

func newBlockKey(key []byte) (k blockKey) {
	for i := range k {
		k[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	return k
}

// hash returns the first 32 bytes of keyed_hash(k, m[:size]) as eight
// little-endian words. Requires size <= 64 and m zero from byte size on.
func (k *blockKey) hash(m *[16]uint32, size uint32) (out [8]uint32) {
	s0, s1, s2, s3 := k[0], k[1], k[2], k[3]
	s4, s5, s6, s7 := k[4], k[5], k[6], k[7]
	s8, s9, sa, sb := iv0, iv1, iv2, iv3
	sc, sd, se, sf := uint32(0), uint32(0), size, uint32(chunkStart|chunkEnd|root|keyedHash)
	for r := range schedule {
		p := &schedule[r]
		s0, s4, s8, sc = mix(s0, s4, s8, sc, m[p[0]&15], m[p[1]&15])
		s1, s5, s9, sd = mix(s1, s5, s9, sd, m[p[2]&15], m[p[3]&15])
		s2, s6, sa, se = mix(s2, s6, sa, se, m[p[4]&15], m[p[5]&15])
		s3, s7, sb, sf = mix(s3, s7, sb, sf, m[p[6]&15], m[p[7]&15])
		s0, s5, sa, sf = mix(s0, s5, sa, sf, m[p[8]&15], m[p[9]&15])
		s1, s6, sb, sc = mix(s1, s6, sb, sc, m[p[10]&15], m[p[11]&15])
		s2, s7, s8, sd = mix(s2, s7, s8, sd, m[p[12]&15], m[p[13]&15])
		s3, s4, s9, se = mix(s3, s4, s9, se, m[p[14]&15], m[p[15]&15])
	}
	return [8]uint32{s0 ^ s8, s1 ^ s9, s2 ^ sa, s3 ^ sb, s4 ^ sc, s5 ^ sd, s6 ^ se, s7 ^ sf}
}

// schedule holds the message words of each of the seven rounds: the
// permutation of the specification's table 2, applied again and again.
var schedule = [7][16]uint8{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
	{3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
	{10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
	{12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
	{9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
	{11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
}

func mix(a, b, c, d, x, y uint32) (uint32, uint32, uint32, uint32) {
	a += b + x
	d = bits.RotateLeft32(d^a, -16)
	c += d
	b = bits.RotateLeft32(b^c, -12)
	a += b + y
	d = bits.RotateLeft32(d^a, -8)
	c += d
	b = bits.RotateLeft32(b^c, -7)
	return a, b, c, d
}
