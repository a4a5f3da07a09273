package sglang

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// corpus returns texts of 208 tokens, 200,000 in all.
func corpus() [][]watermark.Token {
	r := rand.New(rand.NewPCG(5, 6))
	texts := make([][]watermark.Token, 200_000/208)
	for i := range texts {
		texts[i] = make([]watermark.Token, 208)
		for j := range texts[i] {
			texts[i][j] = r.Int32N(49152)
		}
	}
	return texts
}

func reportTokens(b *testing.B, texts [][]watermark.Token) {
	b.ReportMetric(float64(b.N*len(texts)*len(texts[0]))/b.Elapsed().Seconds(), "tokens/s")
}

func benchmarkDetect(b *testing.B, c Config) {
	texts := corpus()
	d, err := NewDetector(c, DetectorOptions{})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		for _, tokens := range texts {
			if _, err := d.Detect(watermark.Text{Tokens: tokens}); err != nil {
				b.Fatal(err)
			}
		}
	}
	reportTokens(b, texts)
}

// BenchmarkDetect reads texts one by one, with a p-value for each.
func BenchmarkDetect(b *testing.B) { benchmarkDetect(b, Config{Key: NewKey(testKey)}) }

func BenchmarkDetectDual(b *testing.B) {
	benchmarkDetect(b, Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB)})
}

// BenchmarkCorpus reads the texts as one corpus, in which each (context, token)
// pair counts once.
func BenchmarkCorpus(b *testing.B) {
	texts := corpus()
	w := newMark(b, Config{Key: NewKey(testKey)})
	for b.Loop() {
		d := w.NewDetector()
		for _, tokens := range texts {
			if err := d.Add(watermark.Text{Tokens: tokens}); err != nil {
				b.Fatal(err)
			}
		}
		d.Result()
	}
	reportTokens(b, texts)
}

func benchmarkSample(b *testing.B, w *watermark.Watermark, ids []watermark.Token, logits []float32) {
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(b, err)
	b.ReportAllocs()
	i := watermark.Token(0)
	for b.Loop() {
		if s.Len() >= 4096 {
			require.NoError(b, s.Rewind(0))
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

// normalLogits are logits of standard deviation 3, about as peaked as a chat
// model's.
func normalLogits(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	l := make([]float32, n)
	for i := range l {
		l[i] = float32(r.NormFloat64() * 3)
	}
	return l
}

func sparse50() ([]watermark.Token, []float32) {
	r := rand.New(rand.NewPCG(3, 4))
	ids, logits := make([]watermark.Token, 50), make([]float32, 50)
	for i := range ids {
		ids[i], logits[i] = r.Int32N(131072), float32(-0.15*float64(i)-0.05*r.Float64())
	}
	return ids, logits
}

func BenchmarkSampleSparse50(b *testing.B) {
	ids, logits := sparse50()
	benchmarkSample(b, newMark(b, Config{Key: NewKey(testKey)}), ids, logits)
}

func BenchmarkSampleDense128k(b *testing.B) {
	benchmarkSample(b, newMark(b, Config{Key: NewKey(testKey)}), nil, normalLogits(131072))
}
