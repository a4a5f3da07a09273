package verify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// BenchmarkThousandDecoys is a whole examination with 1,000 decoy keys: of 100,000 scored
// tokens for tests that score one token a position, and of 6,000 positions of 20 tokens
// for weighted ones. One iteration is all of it, on as many cores as there are (-cpu).
func BenchmarkThousandDecoys(b *testing.B) {
	native := newMark(b, newKey(b, 1), watermark.Gumbel{}, 3)
	engine, err := vllm.New(vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b), ContextWidth: 3})
	require.NoError(b, err)
	for _, mark := range []struct {
		name string
		mark *watermark.Watermark
	}{{"native", native}, {"vllm", engine}} {
		for _, c := range []struct {
			name          string
			tests         []verify.Test
			texts, listed int // texts of 1,000 tokens, and tokens listed at each position
			reads         bool
		}{
			{"G1 of 100k tokens", []verify.Test{{Name: verify.G1}}, 100, 0, false},
			{"R1 of 100k positions", []verify.Test{{Name: verify.R1}}, 100, 0, true},
			{"R4 of 6k x 20", []verify.Test{{Name: verify.R4}}, 6, 20, true},
			{"R1, R3, R4, R4h of 6k x 20", []verify.Test{{Name: verify.R1}, {Name: verify.R3}, {Name: verify.R4}, {Name: verify.R4h}}, 6, 20, true},
		} {
			b.Run(fmt.Sprintf("%s/%s", mark.name, c.name), func(b *testing.B) {
				rec := speedRecord(c.texts, c.listed, c.reads)
				e := verify.Examination{Name: "k", Mark: mark.mark, Tests: c.tests, Alpha: 1e-3, Decoys: 1000, Seed: [32]byte{1}}
				b.ResetTimer()
				for b.Loop() {
					found, err := e.Run(context.Background(), rec)
					require.NoError(b, err)
					b.ReportMetric(float64(found[0].Scored), "scored")
				}
			})
		}
	}
}

// speedRecord is a record of random texts in a large vocabulary, so that hardly a window
// comes twice.
func speedRecord(texts, listed int, reads bool) *verify.Record {
	rng := rand.New(rand.NewPCG(1, 1))
	rec := &verify.Record{}
	for range texts {
		tokens := make([]token, 1003)
		list := make([]collect.Prediction, len(tokens))
		for i := range tokens {
			tokens[i] = rng.Int32N(50_000)
			list[i] = collect.Prediction{Argmax: rng.Int32N(50_000), Sample: collect.NoToken}
			for k := range listed {
				list[i].IDs = append(list[i].IDs, rng.Int32N(2000)+2000*int32(k))
				list[i].LogProbs = append(list[i].LogProbs, -2-0.3*float64(k))
				list[i].Reference = append(list[i].Reference, -2-0.3*float64(k)-rng.Float64())
			}
		}
		if reads {
			rec.Passages = append(rec.Passages, collect.Passage{Tokens: tokens})
			rec.Predictions = append(rec.Predictions, list)
		} else {
			rec.Texts = append(rec.Texts, watermark.Text{Tokens: tokens})
		}
	}
	return rec
}
