package sglang

import "math"

// score returns −ln(1−u), in nats, u = (word + ½)/2^32. The difference is exact.
func score(word uint32) float64 { return -math.Log((0x1p32 - float64(word) - 0.5) * 0x1p-32) }

// logUniform returns ln u as float32 code computes it, near 1 from the complement
// of the word, which is taken as an integer.
func logUniform(word uint32) float32 {
	if word < 1<<31 {
		u := float32(float32(word)+0.5) * 0x1p-32
		return float32(math.Log(float64(u)))
	}
	return log1p(-float32(float32(^word)+0.5) * 0x1p-32)
}

// gumbel returns −ln(−ln u).
func gumbel(word uint32) float32 { return -float32(math.Log(float64(-logUniform(word)))) }

// bounds holds for each high byte of a word an upper bound of −ln(−ln u), above it
// by more than the rounding of float32 logarithms.
var bounds = newBounds()

func newBounds() *[256]float64 {
	var b [256]float64
	for i := range b {
		b[i] = float64(gumbel(uint32(i)<<24|0xFFFFFF)) + margin
	}
	return &b
}

// margin is more than all that the rounding of float32 can do to the logarithm of a
// ratio ln u / p: a few units of 2^-24, relative, in each of its four steps, and in
// logits up to 100 below the highest.
const margin = 1e-4
