//go:build !purego

package prf

import "math"

// keystream8 writes groups·8 blocks of AES-128 under the expanded key, of the
// counters hi‖lo, hi‖lo+1, …. Requires AES and SSE4.1, groups >= 1 and no carry
// out of lo.
//
//go:noescape
func keystream8(keys *[11][16]byte, hi, lo uint64, dst *byte, groups int)

// expandKey writes the round keys of AES-128. Requires AES.
//
//go:noescape
func expandKey(key *[16]byte, keys *[11][16]byte)

func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// fast says that the processor has AES instructions and SSE4.1.
var fast = hasAES()

func hasAES() bool {
	_, _, features, _ := cpuid(1, 0)
	const aes, sse41 = 1 << 25, 1 << 19
	return features&aes != 0 && features&sse41 != 0
}

// roundKeys are the expanded key of the coarse bytes.
type roundKeys [11][16]byte

func newRoundKeys(key []byte) (k roundKeys) {
	if fast {
		expandKey((*[16]byte)(key), (*[11][16]byte)(&k))
	}
	return k
}

// bulk writes as many whole groups of eight blocks as fit dst, of the counters
// from hi‖lo on, and returns how many bytes it wrote: the rest is for the caller,
// and so is everything where the counter carries or the processor cannot.
func (k *roundKeys) bulk(hi, lo uint64, dst []byte) int {
	groups := len(dst) / 128
	if !fast || groups == 0 || lo > math.MaxUint64-uint64(8*groups) {
		return 0
	}
	keystream8((*[11][16]byte)(k), hi, lo, &dst[0], groups)
	return 128 * groups
}
