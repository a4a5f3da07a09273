package evidence_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// BenchmarkCells: what a p-value of T at 3 standard deviations costs, by cells and method.
func BenchmarkCells(b *testing.B) {
	rng := rand.New(rand.NewPCG(97, 1))
	for _, n := range []int{40, 256, 4096} {
		cells := randomCells(rng, n, 2)
		law := newCells(b, cells)
		x := 3 * math.Sqrt(law.Variance())
		options := drawOptions(rng, cells)
		run := func(name string, f func() float64) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					benchmarked = f()
				}
			})
		}
		run("law", func() float64 { return newCells(b, cells).Variance() })
		run("sum", func() float64 { sum, _ := law.Sum(options); return sum })
		run("tails", func() float64 { return law.Tails(x).Bound })
		run("closed", func() float64 { return law.Closed(x) })
		run("1000 draws", func() float64 { p, _ := law.MonteCarlo(x, [32]byte{}, 1000); return p })
		if n == 40 {
			run("exact, halves made", func() float64 { p, _ := law.Exact(x); return p })
			run("exact", func() float64 { p, _ := newCells(b, cells).Exact(x); return p })
			terms := make([]float64, n)
			for i, c := range cells {
				terms[i] = (c.Gains[1] - c.Gains[0]) / 2
			}
			run("sign flips of package tail", func() float64 { return tail.SignFlip(terms) })
		}
	}
}

// BenchmarkDistances: the exact tail of 100 orders of 8 things at 3 standard deviations.
func BenchmarkDistances(b *testing.B) {
	sizes := make([]int, 100)
	for i := range sizes {
		sizes[i] = 8
	}
	law, err := evidence.NewOrders(sizes)
	if err != nil {
		b.Fatal(err)
	}
	d := int(law.Mean() - 3*math.Sqrt(law.Variance()))
	for range b.N {
		benchmarked = law.LogTail(d)
	}
}

var benchmarked float64
