package markllm_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/markllm"
)

// The engine's detectors: 3,372 (KGW) and 5,993 (EXP) tokens a second of one core at
// V = 49152.
func BenchmarkDetect(b *testing.B) {
	const size, tokens = 49152, 208
	key := markllm.NewHashKey(8675309123)
	texts := conformance.Skewed(10, size)
	kgw, err := markllm.NewKGWDetector(markllm.KGWConfig{HashKey: key, VocabSize: size})
	require.NoError(b, err)
	unigram, err := markllm.NewUnigramDetector(markllm.UnigramConfig{HashKey: key, VocabSize: size})
	require.NoError(b, err)
	exp, err := markllm.NewEXPDetector(markllm.EXPConfig{HashKey: key, VocabSize: size})
	require.NoError(b, err)
	run := func(name string, detect func([]watermark.Token) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if err := detect(texts[i%len(texts)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
	run("KGW", func(text []watermark.Token) error { _, err := kgw.Detect(text); return err })
	run("Unigram", func(text []watermark.Token) error { _, err := unigram.Detect(text); return err })
	run("EXP", func(text []watermark.Token) error { _, err := exp.Detect(text); return err })
}

func BenchmarkSampleEXP(b *testing.B) {
	const size = 49152
	w, err := markllm.NewEXP(markllm.EXPConfig{HashKey: markllm.NewHashKey(8675309123), VocabSize: size})
	require.NoError(b, err)
	s, err := w.NewSession(watermark.SessionOptions{Prompt: []watermark.Token{1, 2, 3, 5}, Seed: watermark.Seed{1}, Tokens: b.N + 10})
	require.NoError(b, err)
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float32, size)
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		x, err := s.Sample(nil, logits)
		if err != nil || s.Accept(x) != nil {
			b.Fatal(err)
		}
	}
}
