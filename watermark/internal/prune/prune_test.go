package prune_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/prune"
)

// Every length to 200 with few hits, of each kind, from every start, against the
// definition.
func TestNext(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hits := []float32{0, float32(math.Copysign(0, -1)), 1, float32(math.NaN()), float32(math.Inf(1)), math.MaxFloat32}
	for n := range 200 {
		row, coarse := make([]float32, n), make([]byte, n)
		for i := range row {
			row[i], coarse[i] = -1-r.Float32(), byte(r.IntN(255))
			switch r.IntN(100) {
			case 0:
				row[i] = hits[r.IntN(len(hits))]
			case 1:
				coarse[i] = 255
			case 2:
				row[i] = float32(math.Inf(-1))
			}
		}
		for from := range n + 1 {
			want := from
			for want < n && row[want] < 0 && coarse[want] != 255 {
				want++
			}
			require.Equal(t, want, prune.Next(row, coarse, from, 0), "%d from %d", n, from)
		}
	}
	row := []float32{1, 2, 3}
	require.Equal(t, 0, prune.Next(row, make([]byte, 3), 0, float32(math.Inf(-1))), "nothing is below -Inf")
}

func BenchmarkNext128k(b *testing.B) {
	row, coarse := make([]float32, 1<<17), make([]byte, 1<<17)
	b.SetBytes(5 << 17)
	for b.Loop() {
		prune.Next(row, coarse, 0, 1)
	}
}
