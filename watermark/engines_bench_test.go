package watermark_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/markllm"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// BenchmarkEngines puts every engine's mark beside the native one in one run: the
// shared Detector on texts of 208 tokens, each with its p-value and with repeats left
// out, and a Session's draw (Sample and Accept) among 50 and among 131,072 candidates.
// The engines' own detectors are benchmarked in their packages.
func BenchmarkEngines(b *testing.B) {
	const key = 0x1f83d9abfb41bd6b
	layers := make([]int64, 30)
	for i := range layers {
		layers[i] = key + int64(i)*77_777_777
	}
	texts := conformance.Corpus()[:100]
	ids, logits := conformance.Sparse50()
	dense := conformance.NormalLogits(vocabulary)
	for _, e := range []struct {
		name string
		mark func() (*watermark.Watermark, error)
	}{
		{"native", func() (*watermark.Watermark, error) {
			return watermark.New(testKey(b, 1), watermark.Gumbel{}, watermark.Options{})
		}},
		{"vllm", func() (*watermark.Watermark, error) { return vllm.New(vllm.Config{Key: vllm.NewKey(key)}) }},
		{"vllm dual", func() (*watermark.Watermark, error) {
			return vllm.New(vllm.Config{Key: vllm.NewKey(key), Algorithm: vllm.DualKeyGumbel})
		}},
		{"sglang", func() (*watermark.Watermark, error) { return sglang.New(sglang.Config{Key: sglang.NewKey(key)}) }},
		{"transformers lefthash, lists kept", func() (*watermark.Watermark, error) {
			return transformers.NewGreenList(transformers.GreenListConfig{
				HashingKey: transformers.NewHashingKey(key), VocabSize: vocabulary, CacheBytes: 1 << 29})
		}},
		{"synthid table-free, 30 layers", func() (*watermark.Watermark, error) {
			return synthid.New(synthid.Config{Hash: synthid.TableFree, Keys: synthid.NewKeys(layers...)})
		}},
		{"textseal", func() (*watermark.Watermark, error) {
			return textseal.New(textseal.Config{SecretKey: textseal.NewKey(key)})
		}},
		{"markllm unigram", func() (*watermark.Watermark, error) {
			return markllm.NewUnigram(markllm.UnigramConfig{HashKey: markllm.NewHashKey(key >> 8), VocabSize: vocabulary})
		}},
		{"markllm exp", func() (*watermark.Watermark, error) {
			return markllm.NewEXP(markllm.EXPConfig{HashKey: markllm.NewHashKey(8675309123), VocabSize: vocabulary})
		}},
	} {
		w, err := e.mark()
		require.NoError(b, err)
		b.Run(e.name+"/detect", func(b *testing.B) { benchmarkTexts(b, w, texts) })
		b.Run(e.name+"/sample 50", func(b *testing.B) { benchmarkMark(b, w, ids, logits) })
		b.Run(e.name+"/sample 128k", func(b *testing.B) { benchmarkMark(b, w, nil, dense) })
	}
}

func benchmarkTexts(b *testing.B, w *watermark.Watermark, texts [][]watermark.Token) {
	d := w.NewDetector()
	read := func() {
		for _, tokens := range texts {
			d.Reset()
			if err := d.Add(watermark.Text{Tokens: tokens}); err != nil {
				b.Fatal(err)
			}
			if d.Result().Scored == 0 {
				b.Fatal("nothing is scored")
			}
		}
	}
	read() // what a detector keeps is ready
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
	conformance.ReportTokens(b, texts)
}

func benchmarkMark(b *testing.B, w *watermark.Watermark, ids []watermark.Token, logits []float32) {
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: []watermark.Token{1, 2, 3, 5, 7}})
	require.NoError(b, err)
	conformance.BenchmarkSteps(b, s, ids, logits)
}
