package prf

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The keystream in bulk is that of one block at a time, also where the counter
// carries into its high half and at every length.
func TestCoarseInBulk(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		var derived [64]byte
		for i := range derived {
			derived[i] = byte(r.Uint32())
		}
		f := New(&derived)
		q := f.NewReader()
		q.Seek([]int32{int32(n)})
		if n%4 == 0 {
			q.lo = ^uint64(0) - uint64(r.IntN(100))
		}
		if n%8 == 0 {
			q.hi = ^uint64(0)
		}
		first := int32(16 * r.IntN(50))
		dst := make([]byte, r.IntN(1200))
		q.Coarse(nil, first, dst)
		for i, c := range dst {
			require.Equal(t, naiveCoarse(f, q, first+int32(i)), c, "case %d byte %d", n, i)
		}
		ids := make([]int32, 40)
		for i := range ids {
			ids[i] = r.Int32()
		}
		sparse := make([]byte, len(ids))
		q.Coarse(ids, 0, sparse)
		for i, t1 := range ids {
			require.Equal(t, byte(q.Word(t1)>>56), sparse[i])
			require.Equal(t, naiveCoarse(f, q, t1), sparse[i])
		}
	}
}

func naiveCoarse(f *Func, q *Reader, t int32) byte {
	c := new(big.Int).SetUint64(q.hi)
	c.Lsh(c, 64).Add(c, new(big.Int).SetUint64(q.lo)).Add(c, big.NewInt(int64(t/16)))
	c.Mod(c, new(big.Int).Lsh(big.NewInt(1), 128))
	out := make([]byte, 16)
	f.coarse.slow.b.Encrypt(out, c.FillBytes(make([]byte, 16)))
	return out[t%16]
}

func BenchmarkCoarse128k(b *testing.B) {
	q := New(new([64]byte)).NewReader()
	q.Seek([]int32{1, 2, 3})
	dst := make([]byte, 1024)
	b.SetBytes(1 << 17)
	for b.Loop() {
		for i := range int32(128) {
			q.Coarse(nil, 1024*i, dst)
		}
	}
}

// Looking ahead gives the positions of seeking one by one, whatever part of the
// windows is sought, and in whatever order.
func TestAheadChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		f := New(&[64]byte{byte(r.Uint32())})
		ahead, plain := f.NewReader(), f.NewReader()
		text, width := make([]int32, 40), 1+r.IntN(16)
		for i := range text {
			text[i] = r.Int32()
		}
		var windows [][]int32
		for range r.IntN(9) {
			i := r.IntN(len(text) - width)
			windows = append(windows, text[i:i+width])
		}
		ahead.Ahead(windows)
		for range 12 {
			w := text[:width]
			if len(windows) > 0 && r.IntN(4) > 0 {
				w, windows = windows[0], windows[1:]
			}
			require.Equal(t, plain.Seek(w), ahead.Seek(w))
			require.Equal(t, plain.Word(77), ahead.Word(77))
		}
	}
}
