package lattice_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/lattice"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants killed in this file, each by the tests in brackets: P(S > s) for
// P(S >= s), the tilt left out of the sum, a part's First forgotten, Count taken
// for Count−1 [AgainstRationals, AgainstBinomial]; a transform half as long, so that
// the law wraps into its own tail, and sums that run round the circle
// [AgainstBinomial]; conjugate forgotten, shift in the other direction [Correlate].

// rationalTail is ln P(S >= s) by convolution of fractions.
func rationalTail(s int64, parts []lattice.Part) float64 {
	law := map[int64]*big.Rat{0: big.NewRat(1, 1)}
	for _, p := range parts {
		for range p.Count {
			next := map[int64]*big.Rat{}
			for x, v := range law {
				for i, q := range p.P {
					y := x + p.First + int64(i)
					if next[y] == nil {
						next[y] = new(big.Rat)
					}
					next[y].Add(next[y], new(big.Rat).Mul(v, new(big.Rat).SetFloat64(q)))
				}
			}
			law = next
		}
	}
	sum := new(big.Rat)
	for x, v := range law {
		if x >= s {
			sum.Add(sum, v)
		}
	}
	f := new(big.Float).SetPrec(200).SetRat(sum)
	if f.Sign() == 0 {
		return math.Inf(-1)
	}
	mantissa := new(big.Float)
	exponent := f.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log(m) + float64(exponent)*math.Ln2
}

func TestAgainstRationals(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		var parts []lattice.Part
		var low, high int64
		for range 1 + rng.IntN(3) {
			p := lattice.Part{First: rng.Int64N(9) - 4, Count: rng.Int64N(4), P: make([]float64, 1+rng.IntN(7))}
			left := 1.0
			for i := range p.P[1:] {
				p.P[i] = math.Floor(rng.Float64()*left*64) / 64 // exact, and often 0
				left -= p.P[i]
			}
			p.P[len(p.P)-1] = left
			parts = append(parts, p)
			low += p.Count * p.First
			high += p.Count * (p.First + int64(len(p.P)) - 1)
		}
		for s := low - 1; s <= high+1; s++ {
			want, got := rationalTail(s, parts), lattice.LogTail(s, parts)
			if math.IsInf(want, -1) {
				assert.Equal(t, want, got)
				continue
			}
			assert.InDelta(t, want, got, 1e-12*math.Max(1, -want), "s %d of %v", s, parts)
		}
	}
}

func TestAgainstBinomial(t *testing.T) {
	for _, n := range []int64{1, 2, 10, 100, 4000, 100000, 20000000} {
		for _, p := range []float64{0.5, 4096.0 / 8191, 0.01, 0.9} {
			sd := math.Sqrt(float64(n) * p * (1 - p))
			for _, z := range []float64{-9, -2, -0.3, 0, 0.5, 1, 3, 8, 20, 60, 300} {
				s := int64(math.Round(float64(n)*p + z*sd))
				if s < 0 || s > n {
					continue
				}
				want := tail.Binomial(s, n, p)
				got := lattice.LogTail(s, []lattice.Part{{P: []float64{1 - p, p}, Count: n}})
				assert.InDelta(t, want, got, 1e-11*math.Max(1, -want)+4e-16*float64(n), "n %d p %v s %d", n, p, s)
			}
		}
	}
}

// A wide law is answered by a bound.
func TestWideLawIsBounded(t *testing.T) {
	wide := lattice.Part{P: make([]float64, 3000001), Count: 2}
	for _, i := range []int{0, 1500000, 3000000} {
		wide.P[i] = 0.25
	}
	wide.P[1500000] = 0.5
	got := lattice.LogTail(4500001, []lattice.Part{wide})
	assert.Greater(t, got, math.Log(1.0/16)-1e-9, "the truth")
	assert.Less(t, got, -0.5)
	assert.InDelta(t, math.Log(1.0/16), lattice.LogTail(6000000, []lattice.Part{wide}), 1e-12)
}

func TestEmpty(t *testing.T) {
	assert.Zero(t, lattice.LogTail(0, nil))
	assert.Equal(t, math.Inf(-1), lattice.LogTail(1, nil))
	assert.Zero(t, lattice.LogTail(-1, []lattice.Part{{P: []float64{1}, Count: 0}}))
}

func TestCorrelate(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{1, 2, 8, 256} {
		tr := lattice.NewTransform(n)
		a, b := make([]float64, n), make([]float64, n)
		for i := range a {
			a[i], b[i] = float64(rng.IntN(1<<20)), float64(rng.IntN(2))
		}
		got := tr.Correlate(a, tr.Spectrum(b))
		require.Len(t, got, n)
		for k := range got {
			want := 0.0
			for s, v := range a {
				want += v * b[(s+k)%n]
			}
			assert.Equal(t, int64(want), got[k])
		}
	}
}

func BenchmarkLogTail(b *testing.B) {
	p := make([]float64, 60)
	for i := range p {
		p[i] = math.Exp(tail.Binomial(int64(i), 59, 0.5)) - math.Exp(tail.Binomial(int64(i)+1, 59, 0.5))
	}
	for range b.N {
		lattice.LogTail(1000, []lattice.Part{{P: p, Count: 30}})
	}
}

func BenchmarkCorrelate65536(b *testing.B) {
	tr := lattice.NewTransform(65536)
	a := make([]float64, 65536)
	s := tr.Spectrum(a)
	for range b.N {
		tr.Correlate(a, s)
	}
}
