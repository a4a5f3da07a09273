// Package mt19937 is the Mersenne Twister (Matsumoto and Nishimura 1998) as
// torch's CPU generator uses it: seeding, 32-bit words, randperm, and the first
// tokens of a permutation as a set, which is what green lists are.
package mt19937

// size is the number of words of the state, shift the distance of the recurrence
// x[i+size] = x[i+shift] ^ twist(x[i], x[i+1]), and blocks how many times size
// words are made before the last of them are moved to the front.
const (
	size   = 624
	shift  = 397
	blocks = 6
)

// A Generator makes words from a seed. It makes size of them at a time. The zero
// Generator is to be seeded first.
type Generator struct {
	// x[0:size] is the state before the words made last; behind it lie raw words
	// in one line, so that the recurrence never wraps.
	x [size * (1 + blocks)]uint32
	// out are the tempered words made last, of which the first used are spent.
	out  [size]uint32
	used int
	end  int // of the raw words in x
}

// Seed starts anew from a seed: torch's manual_seed, which uses the low 32 bits.
func (g *Generator) Seed(seed uint64) {
	x := uint32(seed)
	for i := range uint32(size) {
		g.x[i] = x
		x = 1812433253*(x^x>>30) + i + 1
	}
	g.end, g.used = size, size
}

// Uint32 returns the next word.
func (g *Generator) Uint32() uint32 {
	if g.used == size {
		g.more()
	}
	g.used++
	return g.out[g.used-1]
}

// next returns the words made last that are not yet spent, at least 1, and
// spends them.
func (g *Generator) next() []uint32 {
	if g.used == size {
		g.more()
	}
	words := g.out[g.used:]
	g.used = size
	return words
}

// Fill writes the next len(dst) words to dst.
func (g *Generator) Fill(dst []uint32) {
	for len(dst) > 0 {
		if g.used == size {
			g.more()
		}
		n := copy(dst, g.out[g.used:])
		dst = dst[n:]
		g.used += n
	}
}

// Skip passes over the next n words.
func (g *Generator) Skip(n int) {
	for n > size-g.used {
		n -= size - g.used
		g.more()
	}
	g.used += n
}

// more makes the next size words.
func (g *Generator) more() {
	if g.end == len(g.x) {
		copy(g.x[:size], g.x[g.end-size:])
		g.end = size
	}
	block((*[2 * size]uint32)(g.x[g.end-size:]), &g.out)
	g.end += size
	g.used = 0
}

// Perm fills p with a permutation of 0 to len(p)−1: torch's randperm. Requires
// len(p) < 2^31.
func (g *Generator) Perm(p []int32) { g.PermHead(p, len(p)) }

// PermHead is [Generator.Perm] as far as p[:k] goes: the rest of p is not as it
// would be.
func (g *Generator) PermHead(p []int32, k int) {
	for i := range p {
		p[i] = int32(i)
	}
	for i := range min(k, len(p)-1) {
		j := i + int(g.Uint32()%uint32(len(p)-i))
		p[i], p[j] = p[j], p[i]
	}
}

// blockGeneric makes the size words after the state x[:size] in x[size:], raw,
// and tempered in out.
func blockGeneric(x *[2 * size]uint32, out *[size]uint32) {
	const upper, matrix = 1 << 31, 0x9908B0DF
	for i := range size {
		y := x[i]&upper | x[i+1]&^upper
		y = x[i+shift] ^ y>>1 ^ -(y&1)&matrix
		x[i+size] = y
		y ^= y >> 11
		y ^= y << 7 & 0x9D2C5680
		y ^= y << 15 & 0xEFC60000
		out[i] = y ^ y>>18
	}
}
