package mt19937

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The 10,000th word of seed 5489 is fixed by the C++ standard (26.5.5
// [rand.predef]).
func TestTenThousandthWord(t *testing.T) {
	var g Generator
	g.Seed(5489)
	var last uint32
	for range 10000 {
		last = g.Uint32()
	}
	require.Equal(t, uint32(4123659995), last)
}

func TestSeedUsesLow32Bits(t *testing.T) {
	var a, b Generator
	a.Seed(5489)
	b.Seed(7<<32 | 5489)
	require.Equal(t, a.Uint32(), b.Uint32())
}

// naive is the generator as its authors wrote it.
type naive struct {
	x [624]uint32
	i int
}

func newNaive(seed uint32) *naive {
	n := &naive{i: 624}
	n.x[0] = seed
	for i := 1; i < 624; i++ {
		n.x[i] = 1812433253*(n.x[i-1]^n.x[i-1]>>30) + uint32(i)
	}
	return n
}

func (n *naive) next() uint32 {
	if n.i == 624 {
		for k := range 624 {
			y := n.x[k]&0x80000000 | n.x[(k+1)%624]&0x7fffffff
			n.x[k] = n.x[(k+397)%624] ^ y>>1
			if y&1 == 1 {
				n.x[k] ^= 0x9908b0df
			}
		}
		n.i = 0
	}
	y := n.x[n.i]
	n.i++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func TestWordsAsTheAuthorsMakeThem(t *testing.T) {
	var g Generator
	for _, seed := range []uint32{0, 1, 5489, 1<<31 + 7, 1<<32 - 1} {
		g.Seed(uint64(seed))
		n := newNaive(seed)
		for _, length := range []int{1, 7, 623, 1, 624, 625, 0, 3, 5000, 2} {
			words := make([]uint32, length)
			g.Fill(words)
			for i, w := range words {
				require.Equal(t, n.next(), w, "seed %d, word %d of %d", seed, i, length)
			}
			require.Equal(t, n.next(), g.Uint32())
		}
	}
}

func TestBlockGeneric(t *testing.T) {
	var g Generator
	g.Seed(99)
	var x [2 * size]uint32
	copy(x[:], g.x[:size])
	var out [size]uint32
	blockGeneric(&x, &out)
	n := newNaive(99)
	for i, w := range out {
		require.Equal(t, n.next(), w, "word %d", i)
	}
	g.more()
	require.Equal(t, out, g.out)
	require.Equal(t, x[size:], g.x[size:2*size])
}

// Vectors of torch 2.15: the table of transformers' selfhash for two keys.
func TestPerm(t *testing.T) {
	for _, v := range []struct {
		seed   uint64
		first  []int32
		sha256 string
	}{
		{15485863, []int32{138280, 994103, 467886, 915329}, "686723845a10eec343c6c3142c75b88b7a07a4dcb86be42e8ff656b0f1d6b26c"},
		{1099511627779, []int32{651891, 760443, 468698, 553670}, "6089086b9a04d9a7ee591ef3429f09eb8a743d2bac902da7980172ba356aef14"},
	} {
		var g Generator
		g.Seed(v.seed)
		p := make([]int32, 1000003)
		g.Perm(p)
		assert.Equal(t, v.first, p[:4])
		h := sha256.New()
		var b [4]byte
		for _, x := range p {
			binary.LittleEndian.PutUint32(b[:], uint32(x))
			h.Write(b[:])
		}
		assert.Equal(t, v.sha256, hex.EncodeToString(h.Sum(nil)))
	}
}

func TestPermOfFew(t *testing.T) {
	var g Generator
	g.Seed(1)
	g.Perm(nil)
	one := []int32{7}
	g.Perm(one)
	require.Equal(t, []int32{0}, one)
}

func TestSkip(t *testing.T) {
	var g, h Generator
	g.Seed(5)
	h.Seed(5)
	for _, n := range []int{0, 1, 622, 1, 624, 623, 5000, 0} {
		g.Skip(n)
		h.Fill(make([]uint32, n))
		require.Equal(t, h.Uint32(), g.Uint32(), "after %d", n)
	}
}

func TestPermHead(t *testing.T) {
	var g Generator
	whole := make([]int32, 1000)
	g.Seed(5)
	g.Perm(whole)
	for _, k := range []int{0, 1, 500, 999, 1000} {
		p := make([]int32, 1000)
		g.Seed(5)
		g.PermHead(p, k)
		require.Equal(t, whole[:k], p[:k])
	}
	g.PermHead(nil, 0)
}

func TestNoAllocation(t *testing.T) {
	var g Generator
	g.Seed(1)
	buf := make([]uint32, 2000)
	require.Zero(t, testing.AllocsPerRun(20, func() {
		g.Seed(2)
		g.Uint32()
		g.Fill(buf)
	}))
}

func BenchmarkSeed(b *testing.B) {
	var g Generator
	for i := range b.N {
		g.Seed(uint64(i))
	}
}

func BenchmarkWords(b *testing.B) {
	var g Generator
	g.Seed(1)
	b.SetBytes(4 * size)
	for range b.N {
		g.more()
	}
}

func BenchmarkPerm49152(b *testing.B) {
	var g Generator
	p := make([]int32, 49152)
	for i := range b.N {
		g.Seed(uint64(i))
		g.Perm(p)
	}
}
