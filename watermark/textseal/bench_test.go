package textseal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

var kinds = []string{textseal.GumbelMax, textseal.GreenList, textseal.SynthID, textseal.SynthIDWeighted, textseal.TextSeal}

func BenchmarkDetect(b *testing.B) {
	texts := conformance.Answers(64)
	for _, kind := range kinds {
		b.Run(kind, func(b *testing.B) {
			d, err := textseal.NewDetector(textseal.Config{WatermarkType: kind, Ngram: 2, SecretKey: textseal.NewKey(12321)})
			require.NoError(b, err)
			for i := range b.N {
				if _, err := d.Detect(texts[i%64]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(208*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mtokens/s")
		})
	}
}

// native is the native mark of a kind, to compare with.
func native(b *testing.B, scheme watermark.Scheme) *watermark.Watermark {
	key, err := keys.New(rand.NewChaCha8([32]byte{1}))
	require.NoError(b, err)
	w, err := watermark.New(key, scheme, watermark.Options{Width: 2})
	require.NoError(b, err)
	return w
}

// marks are one of each kind, and native ones.
func marks(b *testing.B) map[string]*watermark.Watermark {
	all := map[string]*watermark.Watermark{
		"native gumbel":     native(b, watermark.Gumbel{}),
		"native green list": native(b, watermark.GreenList{Gamma: 0.5, Delta: 2}),
		"native tournament": native(b, watermark.Tournament{Depth: 30}),
	}
	for _, kind := range kinds {
		w, err := textseal.New(textseal.Config{WatermarkType: kind, Ngram: 2, SecretKey: textseal.NewKey(12321)})
		require.NoError(b, err)
		all[kind] = w
	}
	return all
}

// BenchmarkDetector is the shared detector, over a corpus.
func BenchmarkDetector(b *testing.B) {
	texts := conformance.Answers(64)
	for name, w := range marks(b) {
		b.Run(name, func(b *testing.B) {
			d := w.NewDetector()
			for i := range b.N {
				if i%64 == 0 {
					d = w.NewDetector()
				}
				if err := d.Add(watermark.Text{Tokens: texts[i%64]}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(208*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mtokens/s")
		})
	}
}

func BenchmarkSample(b *testing.B) {
	conformance.SampleRows(func(candidates int, ids []watermark.Token, logits []float32) {
		for name, w := range marks(b) {
			b.Run(fmt.Sprintf("%s/%d", name, candidates), func(b *testing.B) {
				s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
				require.NoError(b, err)
				conformance.BenchmarkDraws(b, s, 2, ids, logits)
			})
		}
	})
}
