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
// little-endian words. Requires size <= 64 and m zero from byte size on. The seven
// rounds are written out, since the permutation of the message words (table 2
// there) then costs nothing.
func (k *blockKey) hash(m *[16]uint32, size uint32) (out [8]uint32) {
	s0, s1, s2, s3 := k[0], k[1], k[2], k[3]
	s4, s5, s6, s7 := k[4], k[5], k[6], k[7]
	s8, s9, sa, sb := iv0, iv1, iv2, iv3
	sc, sd, se, sf := uint32(0), uint32(0), size, uint32(chunkStart|chunkEnd|root|keyedHash)
	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[0], m[1])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[2], m[3])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[4], m[5])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[6], m[7])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[8], m[9])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[10], m[11])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[12], m[13])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[14], m[15])

	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[2], m[6])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[3], m[10])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[7], m[0])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[4], m[13])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[1], m[11])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[12], m[5])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[9], m[14])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[15], m[8])

	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[3], m[4])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[10], m[12])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[13], m[2])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[7], m[14])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[6], m[5])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[9], m[0])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[11], m[15])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[8], m[1])

	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[10], m[7])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[12], m[9])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[14], m[3])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[13], m[15])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[4], m[0])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[11], m[2])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[5], m[8])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[1], m[6])

	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[12], m[13])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[9], m[11])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[15], m[10])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[14], m[8])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[7], m[2])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[5], m[3])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[0], m[1])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[6], m[4])

	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[9], m[14])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[11], m[5])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[8], m[12])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[15], m[1])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[13], m[3])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[0], m[10])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[2], m[6])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[4], m[7])

	s0, s4, s8, sc = mix(s0, s4, s8, sc, m[11], m[15])
	s1, s5, s9, sd = mix(s1, s5, s9, sd, m[5], m[0])
	s2, s6, sa, se = mix(s2, s6, sa, se, m[1], m[9])
	s3, s7, sb, sf = mix(s3, s7, sb, sf, m[8], m[6])
	s0, s5, sa, sf = mix(s0, s5, sa, sf, m[14], m[10])
	s1, s6, sb, sc = mix(s1, s6, sb, sc, m[2], m[12])
	s2, s7, s8, sd = mix(s2, s7, s8, sd, m[3], m[4])
	s3, s4, s9, se = mix(s3, s4, s9, se, m[7], m[13])
	return [8]uint32{s0 ^ s8, s1 ^ s9, s2 ^ sa, s3 ^ sb, s4 ^ sc, s5 ^ sd, s6 ^ se, s7 ^ sf}
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
