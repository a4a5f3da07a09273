package canon

import "github.com/zeebo/blake3"

// Sum returns the first 32 bytes of BLAKE3 in derive-key mode: context says for
// which kind of contents, data is the material, concatenated.
func Sum(context string, data ...[]byte) (out [32]byte) {
	h := blake3.NewDeriveKey(context)
	for _, b := range data {
		h.Write(b)
	}
	h.Sum(out[:0])
	return out
}
