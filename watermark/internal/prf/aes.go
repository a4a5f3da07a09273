package prf

import (
	"crypto/aes"
	"crypto/cipher"
)

// slowAES is the standard library's AES-128, one block a call.
type slowAES struct{ b cipher.Block }

// newSlowAES cannot fail: a key of 16 bytes is always an AES-128 key.
func newSlowAES(key []byte) slowAES {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return slowAES{b}
}

func (s slowAES) encrypt(block []byte) { s.b.Encrypt(block, block) }

func (s slowAES) encrypt8(blocks *[128]byte) {
	for i := 0; i < len(blocks); i += 16 {
		s.encrypt(blocks[i : i+16])
	}
}
