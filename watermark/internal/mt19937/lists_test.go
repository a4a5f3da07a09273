package mt19937

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Mutants that the tests of this file were seen to kill: a token that leaves its
// own place lost; the step at its own place skipped; one step too many or too few;
// the test for a multiple taken as proof; sets of one slot mixed up; a set kept
// after its slot was given away.

// naiveList returns the first green of randperm(n).
func naiveList(seed uint64, n, green int) map[int32]bool {
	var g Generator
	g.Seed(seed)
	p := make([]int32, n)
	g.Perm(p)
	list := make(map[int32]bool)
	for _, t := range p[:green] {
		list[t] = true
	}
	return list
}

func TestListsAreHeadsOfPermutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, v := range []struct{ n, green int }{
		{1, 1}, {2, 1}, {2, 2}, {3, 2}, {20, 5}, {20, 20}, {64, 63}, {1000, 300}, {1000, 999}, {1024, 512},
		{5000, 624}, {5000, 625}, {4096, 4096}, {49152, 12288},
	} {
		l := NewLists(v.n, v.green)
		r, whole := l.NewReader(), l.NewReader()
		for range 4 {
			seed := rng.Uint64()
			want := naiveList(seed, v.n, v.green)
			whole.Seek(seed)
			set := whole.Set()
			step := 1 + v.n/1500
			for x := int32(0); int(x) < v.n; x += int32(1 + rng.IntN(step)) {
				r.Seek(seed)
				require.Equal(t, want[x], r.find(int(x)), "n %d, green %d, seed %d, token %d", v.n, v.green, seed, x)
				require.Equal(t, want[x], set[x/64]>>(x%64)&1 == 1)
			}
		}
	}
}

func TestListReaderFindsThenKeeps(t *testing.T) {
	const n, green = 300, 100
	l := NewLists(n, green)
	r := l.NewReader()
	rng := rand.New(rand.NewPCG(2, 2))
	for range 3000 {
		seed := rng.Uint64N(200)
		r.Seek(seed)
		want := naiveList(seed, n, green)
		for range rng.IntN(9) {
			x := int32(rng.IntN(n+20) - 10)
			assert.Equal(t, want[x], r.Has(x))
		}
		if rng.IntN(20) == 0 {
			count := 0
			for x, w := range r.Set() {
				for b := range 64 {
					if w>>b&1 == 1 {
						count++
						assert.True(t, want[int32(64*x+b)])
					}
				}
			}
			assert.Equal(t, green, count)
		}
	}
}

func TestRaise(t *testing.T) {
	const n, green = 500, 200
	r := NewLists(n, green).NewReader()
	want := naiveList(9, n, green)
	dense := make([]float32, n+10) // more candidates than tokens
	r.Seek(9)
	r.Raise(nil, dense, 2)
	for _, few := range []int{1, 3, 200} {
		var ids []int32
		for i := range few {
			ids = append(ids, int32(i*37%(n+5)))
		}
		sparse := make([]float32, few)
		r.Seek(9)
		r.Raise(ids, sparse, 2)
		for i, x := range ids {
			raised := float32(0)
			if want[x] {
				raised = 2
			}
			assert.Equal(t, raised, sparse[i])
			assert.Equal(t, raised, dense[x])
		}
	}
}

func TestSkipIsTheGenericOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 2000 {
		n := rng.IntN(60)
		words, inverse, limit := make([]uint32, n), make([]uint32, n), make([]uint32, n)
		for i := range n {
			words[i], inverse[i], limit[i] = rng.Uint32(), rng.Uint32(), rng.Uint32()>>(2+rng.IntN(10))
		}
		rest := rng.Uint32()
		require.Equal(t, skipGeneric(words, inverse, limit, rest), skip(words, inverse, limit, rest))
	}
}

func TestListReaderDoesNotAllocate(t *testing.T) {
	r := NewLists(5000, 1000).NewReader()
	r.Set()
	seed := uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		seed++
		r.Seek(seed)
		r.Has(3)
		r.Set()
	}))
}

func BenchmarkFind(b *testing.B) {
	r := NewLists(49152, 12288).NewReader()
	for i := range b.N {
		r.Seek(uint64(i))
		r.find(i * 7919 % 49152)
	}
}

func BenchmarkSet(b *testing.B) {
	r := NewLists(49152, 12288).NewReader()
	for i := range b.N {
		r.Seek(uint64(i))
		r.Set()
	}
}

// A reader with a cache of any size tells what one without tells, seeds coming
// again and again and more of them than fit.
func TestCachedReader(t *testing.T) {
	l := NewLists(500, 120)
	for _, bytes := range []int{0, 64, 640, 5000, 1 << 20} {
		cached, r := l.NewCachedReader(bytes), rand.New(rand.NewPCG(9, uint64(bytes)))
		for range 3000 {
			seed, token := r.Uint64N(60)*0x10000, r.Int32N(520)-10
			plain := l.NewReader()
			plain.Seek(seed)
			cached.Seek(seed)
			require.Equal(t, plain.Has(token), cached.Has(token), "%d bytes, seed %d, token %d", bytes, seed, token)
		}
	}
}
