package lattice

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShifts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([]byte, 3*Block)
	for range 300 {
		for i := range rows {
			rows[i] = byte(rng.Uint32()) >> rng.IntN(8)
		}
		offsets := make([]uint32, rng.IntN(20))
		var want [Block]byte
		for i := range offsets {
			offsets[i] = rng.Uint32N(2*Block + 1)
			for j := range want {
				want[j] += rows[int(offsets[i])+j]
			}
		}
		var got, generic [Block]byte
		got[3], generic[3] = 1, 1 // what was there does not count
		Shifts(&got, rows, offsets)
		require.Equal(t, want, got)
		shiftsGeneric(&generic, rows, offsets)
		require.Equal(t, want, generic)
	}
	require.Panics(t, func() { Shifts(new([Block]byte), rows, []uint32{2*Block + 1}) })
}

func BenchmarkShifts(b *testing.B) {
	rows := make([]byte, 1<<16)
	offsets := make([]uint32, 200)
	for i := range offsets {
		offsets[i] = uint32(i * 300)
	}
	var dst [Block]byte
	for range b.N {
		Shifts(&dst, rows, offsets)
	}
}
