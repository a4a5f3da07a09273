package transformers_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

// The engine's detector: 3,641 (lefthash, V = 49152), 1,211 (lefthash, V = 128256)
// and 2,685 (selfhash, V = 49152) tokens a second of one core.
func BenchmarkGreenListDetect(b *testing.B) {
	for _, v := range []struct {
		name string
		c    transformers.GreenListConfig
	}{
		{"lefthash/V=49152", transformers.GreenListConfig{VocabSize: 49152}},
		{"lefthash/V=128256", transformers.GreenListConfig{VocabSize: 128256}},
		{"selfhash/V=49152", transformers.GreenListConfig{VocabSize: 49152, SeedingScheme: transformers.SelfHash, ContextWidth: 4}},
	} {
		v.c.HashingKey = transformers.NewHashingKey(8675309123)
		texts := conformance.Skewed(10, v.c.VocabSize)
		b.Run("engine/"+v.name, func(b *testing.B) {
			d, err := transformers.NewGreenListDetector(v.c, transformers.GreenListDetectorOptions{})
			require.NoError(b, err)
			b.ReportAllocs()
			for i := range b.N {
				if _, err := d.Detect(texts[i%len(texts)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(208*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
		b.Run("mark/"+v.name, func(b *testing.B) {
			w, err := transformers.NewGreenList(v.c)
			require.NoError(b, err)
			for i := range b.N {
				if _, err := w.Detect(watermark.Text{Tokens: texts[i%len(texts)]}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(208*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// Texts of one vocabulary share lists: 250 texts of 208 tokens whose lists are kept
// from one text to the next, repeats handled, next to the native green list.
func BenchmarkGreenListDetectCached(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	texts := make([]watermark.Text, 250)
	for i := range texts {
		for range 208 {
			x := rng.Float64()
			texts[i].Tokens = append(texts[i].Tokens, watermark.Token(x*x*x*x*8000))
		}
	}
	native, err := keys.New(rand.NewChaCha8([32]byte{1}))
	require.NoError(b, err)
	for _, v := range []struct {
		name string
		mark func() (*watermark.Watermark, error)
	}{
		{"lefthash/V=49152", func() (*watermark.Watermark, error) {
			return transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(8675309123), VocabSize: 49152, CacheBytes: 64 << 20})
		}},
		{"native", func() (*watermark.Watermark, error) {
			return watermark.New(native, watermark.GreenList{Gamma: 0.25, Delta: 2}, watermark.Options{Width: 1})
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			w, err := v.mark()
			require.NoError(b, err)
			d := w.NewDetector()
			read := func(t watermark.Text) {
				d.Reset()
				if err := d.Add(t); err != nil || d.Result().Scored == 0 {
					b.Fatal("nothing scored", err)
				}
			}
			for _, t := range texts {
				read(t)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				read(texts[i%len(texts)])
			}
			b.ReportMetric(float64(208*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// The engine's step with its softmax and draw: 1.6 ms (lefthash) and 19 ms
// (selfhash) at V = 49152.
func BenchmarkGreenListSample(b *testing.B) {
	for _, v := range []struct {
		name string
		c    transformers.GreenListConfig
		k    int
	}{
		{"lefthash/dense", transformers.GreenListConfig{VocabSize: 49152}, 0},
		{"lefthash/top50", transformers.GreenListConfig{VocabSize: 49152}, 50},
		{"selfhash/dense", transformers.GreenListConfig{VocabSize: 49152, SeedingScheme: transformers.SelfHash, ContextWidth: 4}, 0},
	} {
		v.c.HashingKey = transformers.NewHashingKey(8675309123)
		b.Run(v.name, func(b *testing.B) {
			w, err := transformers.NewGreenList(v.c)
			require.NoError(b, err)
			s, err := w.NewSession(watermark.SessionOptions{Prompt: []watermark.Token{1, 2, 3, 4}, Seed: watermark.Seed{1}, Tokens: b.N + 10})
			require.NoError(b, err)
			rng := rand.New(rand.NewPCG(1, 1))
			n := v.c.VocabSize
			var ids []watermark.Token
			if v.k > 0 {
				n = v.k
				for _, x := range rng.Perm(v.c.VocabSize)[:n] {
					ids = append(ids, watermark.Token(x))
				}
			}
			logits := make([]float32, n)
			for i := range logits {
				logits[i] = float32(2 * rng.NormFloat64())
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				x, err := s.Sample(ids, logits)
				if err != nil || s.Accept(x) != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
