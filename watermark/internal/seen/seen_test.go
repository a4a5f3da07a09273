package seen_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/seen"
)

// Sets of all sizes, used again and again, against a map.
func TestAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s seen.Set
	for range 300 {
		n := r.IntN(300)
		s.Reset(n)
		m := map[uint64]bool{}
		for range n {
			seed := r.Uint64() & uint64(r.IntN(2000)) * 0x9E3779B97F4A7C15
			require.Equal(t, !m[seed], s.Add(seed))
			m[seed] = true
		}
	}
}
