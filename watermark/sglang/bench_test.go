package sglang

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

func benchmarkDetect(b *testing.B, c Config) {
	texts := conformance.Corpus()
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
	conformance.ReportTokens(b, texts)
}

// BenchmarkDetect reads texts one by one, with a p-value for each.
func BenchmarkDetect(b *testing.B) { benchmarkDetect(b, Config{Key: NewKey(testKey)}) }

func BenchmarkDetectDual(b *testing.B) {
	benchmarkDetect(b, Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB)})
}

// BenchmarkCorpus reads the texts as one corpus, in which each (context, token)
// pair counts once.
func BenchmarkCorpus(b *testing.B) {
	texts := conformance.Corpus()
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
	conformance.ReportTokens(b, texts)
}

func benchmarkSample(b *testing.B, w *watermark.Watermark, ids []watermark.Token, logits []float32) {
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(b, err)
	conformance.BenchmarkSteps(b, s, ids, logits)
}

func BenchmarkSampleSparse50(b *testing.B) {
	ids, logits := conformance.Sparse50()
	benchmarkSample(b, newMark(b, Config{Key: NewKey(testKey)}), ids, logits)
}

func BenchmarkSampleDense128k(b *testing.B) {
	benchmarkSample(b, newMark(b, Config{Key: NewKey(testKey)}), nil, conformance.NormalLogits(131072))
}
