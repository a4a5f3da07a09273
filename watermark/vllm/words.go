package vllm

import "math"

// uniform returns the variate of a word, u = float32((m+1)/(2^24+1)) with m the
// word's high 24 bits: the float32 just below (m+1)·2^-24, in (0, 1).
func uniform(word uint32) float32 {
	u := float32(word>>8+1) * 0x1p-24
	return math.Float32frombits(math.Float32bits(u) - 1)
}

// score returns −ln(1−u), in nats. The difference is exact: u is a multiple of
// 2^-49, and at least 2^-25.
func score(word uint32) float64 { return -math.Log(1 - float64(uniform(word))) }

// gumbel returns −ln(−ln u) as float32 code computes it: each logarithm rounded.
func gumbel(word uint32) float32 {
	e := -float32(math.Log(float64(uniform(word))))
	return -float32(math.Log(float64(e)))
}

// maxGumbel is what gumbel is at most.
var maxGumbel = gumbel(math.MaxUint32)

// bounds holds for each high byte of a word an upper bound of gumbel. It is a unit
// in the last place higher than needed: logarithms of the standard library are
// accurate, not provably monotone.
var bounds = newBounds()

func newBounds() *[256]float32 {
	var b [256]float32
	for i := range b {
		b[i] = math.Nextafter32(gumbel(uint32(i)<<24|0xFFFFFF), float32(math.Inf(1)))
	}
	return &b
}
