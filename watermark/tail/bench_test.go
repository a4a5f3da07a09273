package tail_test

import (
	"fmt"
	"testing"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

var sink float64

func BenchmarkGamma(b *testing.B) {
	for _, c := range []struct{ x, shape float64 }{{1.2, 0.5}, {30, 8}, {70, 64}, {260, 64}, {1100, 1000}, {5000, 1000}, {1e6 + 4000, 1e6}, {1.01e6, 1e6}, {9e5, 1e6}} {
		b.Run(fmt.Sprintf("shape=%g/x=%g", c.shape, c.x), func(b *testing.B) {
			for b.Loop() {
				sink = tail.Gamma(c.x, c.shape)
			}
		})
	}
}

func BenchmarkBinomial(b *testing.B) {
	for _, c := range []struct {
		k, n int64
		p    float64
	}{{15, 25, 0.25}, {30, 64, 0.5}, {60, 64, 0.5}, {80, 200, 0.25}, {140, 200, 0.25}, {5200, 10000, 0.5}, {64236, 248200, 0.25}, {510000, 1000000, 0.5}, {500100, 1000000, 0.5}, {12, 1000000, 1e-5}} {
		b.Run(fmt.Sprintf("n=%d/p=%g/k=%d", c.n, c.p, c.k), func(b *testing.B) {
			for b.Loop() {
				sink = tail.Binomial(c.k, c.n, c.p)
			}
		})
	}
}

func BenchmarkDualGamma(b *testing.B) {
	for _, n := range []int64{1, 64, 1000, 1000000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				sink = tail.DualGamma(1.1*float64(n), n, 0.1)
			}
		})
	}
}
