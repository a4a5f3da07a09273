//go:build !purego

package prf

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/internal/cpu"
)

// keystream8 writes groups·8 blocks of AES-128 under the expanded key, of the
// counters hi‖lo, hi‖lo+1, …. Requires AES and SSE4.1, groups >= 1 and no carry
// out of lo.
//
//go:noescape
func keystream8(keys *[11][16]byte, hi, lo uint64, dst *byte, groups int)

// blocks8 encrypts eight blocks in place. Requires AES.
//
//go:noescape
func blocks8(keys *[11][16]byte, blocks *[128]byte)

// twoBlocks encrypts the first block under one key and the second under another,
// in place. Requires AES.
//
//go:noescape
func twoBlocks(one, two *[11][16]byte, blocks *[128]byte)

// expandKey writes the round keys of AES-128. Requires AES.
//
//go:noescape
func expandKey(key *[16]byte, keys *[11][16]byte)

// A cipherAES is AES-128 under one key. The standard library takes one block a
// call, and a core has room for eight at once.
type cipherAES struct {
	slow slowAES
	keys [11][16]byte
}

func newAES(key []byte) *cipherAES {
	c := &cipherAES{slow: newSlowAES(key)}
	if cpu.AES {
		expandKey((*[16]byte)(key), &c.keys)
	}
	return c
}

// keystream writes the blocks of the counters from hi‖lo on, whole ones only, and
// returns how many bytes it wrote: what is left, fewer than 8 blocks unless the
// counter carries, is for the caller.
func (c *cipherAES) keystream(hi, lo uint64, dst []byte) int {
	groups := len(dst) / 128
	if !cpu.AES || groups == 0 || lo > math.MaxUint64-uint64(8*groups) {
		return 0
	}
	keystream8(&c.keys, hi, lo, &dst[0], groups)
	return 128 * groups
}

// encrypt8 encrypts eight blocks in place.
func (c *cipherAES) encrypt8(blocks *[128]byte) {
	if cpu.AES {
		blocks8(&c.keys, blocks)
		return
	}
	c.slow.encrypt8(blocks)
}

// encryptTwo encrypts the first block with c and the second with o, in place.
func (c *cipherAES) encryptTwo(o *cipherAES, blocks *[128]byte) {
	if cpu.AES {
		twoBlocks(&c.keys, &o.keys, blocks)
		return
	}
	c.slow.encrypt(blocks[:16])
	o.slow.encrypt(blocks[16:32])
}
