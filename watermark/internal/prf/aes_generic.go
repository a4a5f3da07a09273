//go:build !amd64 || purego

package prf

// A cipherAES is AES-128 under one key.
type cipherAES struct{ slow slowAES }

func newAES(key []byte) *cipherAES { return &cipherAES{newSlowAES(key)} }

// keystream writes nothing: everything is for the caller.
func (c *cipherAES) keystream(_, _ uint64, _ []byte) int { return 0 }

// encrypt8 encrypts eight blocks in place.
func (c *cipherAES) encrypt8(blocks *[128]byte) { c.slow.encrypt8(blocks) }

// encryptTwo encrypts the first block with c and the second with o, in place.
func (c *cipherAES) encryptTwo(o *cipherAES, blocks *[128]byte) {
	c.slow.encrypt(blocks[:16])
	o.slow.encrypt(blocks[16:32])
}
