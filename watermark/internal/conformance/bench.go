package conformance

import (
	"math/rand/v2"
	"testing"
)

// Corpus returns texts of 208 tokens, 200,000 in all, to benchmark detectors on.
func Corpus() [][]int32 {
	r := rand.New(rand.NewPCG(5, 6))
	texts := make([][]int32, 200_000/208)
	for i := range texts {
		texts[i] = RandomTokens(r, 208, 49152)
	}
	return texts
}

// Answers returns n texts of 208 tokens that repeat a little.
func Answers(n int) [][]int32 {
	r := rand.New(rand.NewPCG(5, 5))
	texts := make([][]int32, n)
	for i := range texts {
		texts[i] = make([]int32, 208)
		for j := range texts[i] {
			texts[i][j] = r.Int32N(49152) >> r.IntN(12)
		}
	}
	return texts
}

// Skewed returns n texts of 208 tokens below vocabulary, low ids oftener than high.
func Skewed(n, vocabulary int) [][]int32 {
	r := rand.New(rand.NewPCG(1, 1))
	texts := make([][]int32, n)
	for i := range texts {
		for range 208 {
			x := r.Float64()
			texts[i] = append(texts[i], int32(x*x*x*float64(vocabulary)))
		}
	}
	return texts
}

// ReportTokens reports a rate: each round of the benchmark read all of the texts, which
// are of one length.
func ReportTokens(b *testing.B, texts [][]int32) {
	b.ReportMetric(float64(b.N*len(texts)*len(texts[0]))/b.Elapsed().Seconds(), "tokens/s")
}

// NormalLogits are logits of standard deviation 3, about as peaked as a chat model's.
func NormalLogits(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	l := make([]float32, n)
	for i := range l {
		l[i] = float32(r.NormFloat64() * 3)
	}
	return l
}

// Sparse50 are 50 candidates with their logits, which fall slowly.
func Sparse50() ([]int32, []float32) {
	r := rand.New(rand.NewPCG(3, 4))
	ids, logits := make([]int32, 50), make([]float32, 50)
	for i := range ids {
		ids[i], logits[i] = r.Int32N(131072), float32(-0.15*float64(i)-0.05*r.Float64())
	}
	return ids, logits
}

// BenchmarkSteps samples and accepts: each round moves the session on by one token.
func BenchmarkSteps(b *testing.B, s Session, ids []int32, logits []float32) {
	b.ReportAllocs()
	i := int32(0)
	for b.Loop() {
		if s.Len() >= 4096 {
			if err := s.Rewind(0); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Accept(i); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Sample(ids, logits); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// SampleRows calls f with 50 candidates and with a dense row of 131,072, for which ids
// is nil: logits are normal, of standard deviation 3.
func SampleRows(f func(candidates int, ids []int32, logits []float32)) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, candidates := range []int{50, 131072} {
		logits := make([]float32, candidates)
		var ids []int32
		for i := range logits {
			logits[i] = 3 * float32(r.NormFloat64())
			if candidates == 50 {
				ids = append(ids, r.Int32N(49152))
			}
		}
		f(candidates, ids, logits)
	}
}

// BenchmarkDraws accepts some tokens, so that the session has a window, and samples
// there again and again.
func BenchmarkDraws(b *testing.B, s Session, tokens int, ids []int32, logits []float32) {
	for range tokens {
		Accept(b, s, 1)
	}
	if _, err := s.Sample(ids, logits); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for range b.N {
		if _, err := s.Sample(ids, logits); err != nil {
			b.Fatal(err)
		}
	}
}
