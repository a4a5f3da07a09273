package main

import (
	"encoding/binary"
	"math/bits"
)

// A BLAKE3 written from its specification for inputs of one chunk, with none of
// the code that package keys uses: the vectors check that code too.

var iv = [8]uint32{
	0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
	0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
}

const (
	chunkStart         = 1
	chunkEnd           = 2
	root               = 8
	deriveKeyContext   = 32
	deriveKeyMaterial  = 64
	blockLen, chunkLen = 64, 1024
)

// deriveKey is the derive_key mode of section 2.3, with n bytes of output.
func deriveKey(context string, material []byte, n int) []byte {
	key := hash(iv, deriveKeyContext, []byte(context), 32)
	var words [8]uint32
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	return hash(words, deriveKeyMaterial, material, n)
}

// hash is the hash of one chunk under key words and mode flags.
func hash(cv [8]uint32, mode uint32, in []byte, n int) []byte {
	if len(in) > chunkLen {
		panic("input is longer than one chunk")
	}
	flags := mode | chunkStart
	for len(in) > blockLen {
		full := compress(cv, in[:blockLen], 0, flags)
		copy(cv[:], full[:8])
		in = in[blockLen:]
		flags = mode
	}
	var out []byte
	for counter := uint64(0); len(out) < n; counter++ {
		for _, w := range compress(cv, in, counter, flags|chunkEnd|root) {
			out = binary.LittleEndian.AppendUint32(out, w)
		}
	}
	return out[:n]
}

// compress is the compression function of section 2.2, all sixteen words.
func compress(cv [8]uint32, block []byte, counter uint64, flags uint32) [16]uint32 {
	var padded [blockLen]byte
	copy(padded[:], block)
	var m [16]uint32
	for i := range m {
		m[i] = binary.LittleEndian.Uint32(padded[4*i:])
	}
	v := [16]uint32{
		cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7],
		iv[0], iv[1], iv[2], iv[3],
		uint32(counter), uint32(counter >> 32), uint32(len(block)), flags,
	}
	for range 7 {
		for i := range 4 { // columns
			mix(&v, i, 4+i, 8+i, 12+i, m[2*i], m[2*i+1])
		}
		for i := range 4 { // diagonals
			mix(&v, i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4, m[8+2*i], m[9+2*i])
		}
		m = permute(m)
	}
	for i := range 8 {
		v[i] ^= v[i+8]
		v[i+8] ^= cv[i]
	}
	return v
}

func mix(v *[16]uint32, a, b, c, d int, x, y uint32) {
	v[a] += v[b] + x
	v[d] = bits.RotateLeft32(v[d]^v[a], -16)
	v[c] += v[d]
	v[b] = bits.RotateLeft32(v[b]^v[c], -12)
	v[a] += v[b] + y
	v[d] = bits.RotateLeft32(v[d]^v[a], -8)
	v[c] += v[d]
	v[b] = bits.RotateLeft32(v[b]^v[c], -7)
}

func permute(m [16]uint32) (p [16]uint32) {
	for i, from := range [16]int{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8} {
		p[i] = m[from]
	}
	return p
}
