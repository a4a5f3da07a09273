package synthid_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/synthid"
)

var hashes = []synthid.Hash{synthid.Table, synthid.TableFree}

func thirtyKeys() synthid.Keys {
	rng := rand.New(rand.NewPCG(4, 4))
	keys := make([]int64, 30)
	for i := range keys {
		keys[i] = int64(rng.Uint64())
	}
	return synthid.NewKeys(keys...)
}

func BenchmarkDetect(b *testing.B) {
	texts := conformance.Answers(64)
	for _, hash := range hashes {
		for _, exact := range []bool{false, true} {
			name := string(hash)
			if exact {
				name += " with LogP"
			}
			b.Run(name, func(b *testing.B) {
				d, err := synthid.NewDetector(synthid.Config{Hash: hash, Keys: thirtyKeys()})
				require.NoError(b, err)
				for i := range b.N {
					r, err := d.Detect(texts[i%64], synthid.NoEOS)
					if err != nil {
						b.Fatal(err)
					}
					if exact {
						r.LogP()
					}
				}
				b.ReportMetric(208*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mtokens/s")
			})
		}
	}
}

// BenchmarkDetector is the shared detector, over a corpus.
func BenchmarkDetector(b *testing.B) {
	texts := conformance.Answers(64)
	for _, hash := range append(hashes, "native") {
		b.Run(string(hash), func(b *testing.B) {
			w := native(b)
			if hash != "native" {
				var err error
				w, err = synthid.New(synthid.Config{Hash: hash, Keys: thirtyKeys()})
				require.NoError(b, err)
			}
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

// native is the native mark of as many layers, to compare with.
func native(b *testing.B) *watermark.Watermark {
	key, err := keys.New(rand.NewChaCha8([32]byte{1}))
	require.NoError(b, err)
	w, err := watermark.New(key, watermark.Tournament{Depth: 30}, watermark.Options{Width: 4})
	require.NoError(b, err)
	return w
}

// BenchmarkNull is the exact law over n n-grams.
func BenchmarkNull(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 6))
	n, err := synthid.NewNull(synthid.Config{})
	require.NoError(b, err)
	for _, tokens := range []int{200, 2000, 1_000_000} {
		counts := make([]uint32, n.States())
		for range tokens {
			counts[rng.IntN(len(counts))]++
		}
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			for range b.N {
				n.LogTail(counts, 30, int64(tokens)*15+int64(tokens)/2)
			}
		})
	}
}

func BenchmarkSample(b *testing.B) {
	conformance.SampleRows(func(candidates int, ids []watermark.Token, logits []float32) {
		for _, hash := range append(hashes, "native") {
			b.Run(fmt.Sprintf("%s/%d", hash, candidates), func(b *testing.B) {
				w := native(b)
				if hash != "native" {
					var err error
					w, err = synthid.New(synthid.Config{Hash: hash, Keys: thirtyKeys()})
					require.NoError(b, err)
				}
				s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
				require.NoError(b, err)
				conformance.BenchmarkDraws(b, s, 4, ids, logits)
			})
		}
	})
}
