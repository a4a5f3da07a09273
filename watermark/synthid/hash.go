package synthid

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/big"

	"github.com/dyetrace/dyetrace/watermark"
)

// multiplier is that of the linear congruential generator of newlib and musl.
const multiplier = 6364136223846793005

// accumulate returns the hash h after one more integer, in 64 bits that wrap.
func accumulate(h, x uint64) uint64 { return (h+x)*multiplier + 1 }

// hashContext returns the hash of a context from its start value.
func hashContext(h uint64, context []watermark.Token) uint64 {
	for _, t := range context {
		h = accumulate(h, uint64(t))
	}
	return h
}

// startValue returns the start value of the table-free hash: SHA-256 of the keys as
// little-endian 64-bit integers, read as a big-endian integer, mod 2^63−1.
func startValue(keys []int64) uint64 {
	h := sha256.New()
	for _, k := range keys {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(k))
		h.Write(b[:])
	}
	x := new(big.Int).SetBytes(h.Sum(nil))
	return x.Mod(x, big.NewInt(math.MaxInt64)).Uint64()
}

// rounds is how often the table-free hash goes on from an n-gram's key.
const rounds = 12

// tableFree returns the g-value of the table-free hash: the key of an n-gram and a
// layer, 12 times hashed and shifted, of which it is bit 30.
func tableFree(key uint64) uint64 {
	x := int64(key)
	for range rounds {
		x = int64(accumulate(uint64(x), 1)) >> 5
	}
	return uint64(x) >> 30 & 1
}

// tableFree4 returns the g-values of four keys at once, which a processor works out
// side by side, the first in bit 3.
func tableFree4(a, b, c, d uint64) uint64 {
	w, x, y, z := int64(a), int64(b), int64(c), int64(d)
	for range rounds {
		w = int64(accumulate(uint64(w), 1)) >> 5
		x = int64(accumulate(uint64(x), 1)) >> 5
		y = int64(accumulate(uint64(y), 1)) >> 5
		z = int64(accumulate(uint64(z), 1)) >> 5
	}
	return uint64(w)>>30&1<<3 | uint64(x)>>30&1<<2 | uint64(y)>>30&1<<1 | uint64(z)>>30&1
}

// mix is a bijection of 64 bits whose every output bit depends on every input bit
// (MurmurHash3's finaliser): the low bits of context hashes are poor, and tables
// and forks go by them. unmix is its inverse.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xFF51AFD7ED558CCD
	x ^= x >> 33
	x *= 0xC4CEB9FE1A85EC53
	return x ^ x>>33
}

func unmix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0x9CB4B2F8129337DB
	x ^= x >> 33
	x *= 0x4F74430C22A54005
	return x ^ x>>33
}
