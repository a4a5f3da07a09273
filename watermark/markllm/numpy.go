package markllm

import "math/bits"

// pcg64 is numpy's default generator (PCG XSL RR 128/64, O'Neill 2014), with the
// seeding of its SeedSequence.
type pcg64 struct {
	state, inc uint128
	// half is the high half of a 64-bit word, where its low half was the last
	// 32-bit word.
	half    uint32
	hasHalf bool
}

type uint128 struct{ hi, lo uint64 }

func (a uint128) add(b uint128) uint128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return uint128{a.hi + b.hi + carry, lo}
}

func (a uint128) mul(b uint128) uint128 {
	hi, lo := bits.Mul64(a.lo, b.lo)
	return uint128{hi + a.hi*b.lo + a.lo*b.hi, lo}
}

// newPCG64 returns numpy.random.default_rng(seed).
func newPCG64(seed uint32) *pcg64 {
	s := seedSequence(seed)
	g := &pcg64{inc: uint128{s[2]<<1 | s[3]>>63, s[3]<<1 | 1}}
	g.step()
	g.state = g.state.add(uint128{s[0], s[1]})
	g.step()
	return g
}

// seedSequence returns numpy.random.SeedSequence(seed).generate_state(4, uint64).
func seedSequence(seed uint32) (out [4]uint64) {
	const initA, multA, initB, multB, mixL, mixR = 0x43b0d7e5, 0x931e8875, 0x8b51f9dd, 0x58f38ded, 0xca01f9dd, 0x4973f715
	constant := uint32(initA)
	hash := func(x uint32) uint32 {
		x ^= constant
		constant *= multA
		x *= constant
		return x ^ x>>16
	}
	var pool [4]uint32
	for i := range pool {
		entropy := uint32(0)
		if i == 0 {
			entropy = seed
		}
		pool[i] = hash(entropy)
	}
	for src := range pool {
		for dst := range pool {
			if src != dst {
				x := mixL*pool[dst] - mixR*hash(pool[src])
				pool[dst] = x ^ x>>16
			}
		}
	}
	constant = initB
	var words [8]uint32
	for i := range words {
		x := pool[i%4] ^ constant
		constant *= multB
		x *= constant
		words[i] = x ^ x>>16
	}
	for i := range out {
		out[i] = uint64(words[2*i]) | uint64(words[2*i+1])<<32
	}
	return out
}

func (g *pcg64) step() {
	g.state = g.state.mul(uint128{0x2360ED051FC65DA4, 0x4385DF649FCCF645}).add(g.inc)
}

func (g *pcg64) uint32() uint32 {
	if g.hasHalf {
		g.hasHalf = false
		return g.half
	}
	g.step()
	x := bits.RotateLeft64(g.state.hi^g.state.lo, -int(g.state.hi>>58))
	g.half, g.hasHalf = uint32(x>>32), true
	return uint32(x)
}

// atMost returns numpy's random_interval: the first word that is at most top once the
// bits are cleared that top cannot have.
func (g *pcg64) atMost(top uint32) uint32 {
	mask := uint32(1)<<bits.Len32(top) - 1
	for {
		if x := g.uint32() & mask; x <= top {
			return x
		}
	}
}

// shuffle shuffles n elements as Generator.shuffle does.
func (g *pcg64) shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i >= 1; i-- {
		if j := int(g.atMost(uint32(i))); j != i {
			swap(i, j)
		}
	}
}
