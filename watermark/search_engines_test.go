package watermark_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// engineMarks are 15 marks of each engine and of the native words, of as many
// keys and of several widths.
func engineMarks(t testing.TB) []watermark.Candidate {
	t.Helper()
	var all []watermark.Candidate
	add := func(engine string, i int, w *watermark.Watermark, err error) {
		require.NoError(t, err)
		all = append(all, watermark.Candidate{Name: fmt.Sprintf("%s %d", engine, i), Mark: w})
	}
	for i := range 15 {
		key := 0x9E3779B97F4A7C15 * uint64(i+1)
		layers := make([]int64, 30)
		for l := range layers {
			layers[l] = int64(key>>1) + int64(l)*77_777_777
		}
		w, err := watermark.New(worldKey(t, 6, uint64(i)), schemes[i%len(schemes)], watermark.Options{Width: 1 + i%4})
		add("native", i, w, err)
		w, err = vllm.New(vllm.Config{Key: vllm.NewKey(key), ContextWidth: 1 + i%5})
		add("vllm", i, w, err)
		w, err = sglang.New(sglang.Config{Key: sglang.NewKey(key), ContextWindow: 1 + i%5})
		add("sglang", i, w, err)
		w, err = textseal.New(textseal.Config{SecretKey: textseal.NewKey(int64(key >> 1)), Ngram: 1 + i%3})
		add("textseal", i, w, err)
		w, err = synthid.New(synthid.Config{Keys: synthid.NewKeys(layers...), NgramLen: 3 + i%3})
		add("synthid", i, w, err)
		w, err = transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(key), VocabSize: 4096})
		add("transformers", i, w, err)
	}
	return all
}

// One text, ninety marks of six engines: the one that made it is named, and every
// result is that of the mark's own detector.
func TestSearchOverEngines(t *testing.T) {
	t.Parallel()
	all := engineMarks(t)
	for made := 3; made < len(all); made += 11 {
		w := all[made].Mark
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(made)), Prompt: []watermark.Token{5, 6, 7, 8, 9}})
		require.NoError(t, err)
		text := watermark.Text{
			Prompt: []watermark.Token{5, 6, 7, 8, 9}, PromptKnown: true,
			Tokens: write(t, s, newToyModel(uint64(made)), 300),
		}
		matches, err := watermark.Search([]watermark.Text{text}, all)
		require.NoError(t, err)
		require.Len(t, matches, len(all))
		assert.Equal(t, all[made].Name, matches[0].Name)
		assert.Less(t, matches[0].LogPFamily, math.Log(1e-6), all[made].Name)
		assert.Greater(t, matches[1].LogPFamily, math.Log(1e-3), matches[1].Name)
		for _, m := range matches {
			for _, c := range all {
				if c.Name == m.Name {
					r, err := c.Mark.Detect(text)
					require.NoError(t, err)
					assert.Equal(t, r, m.Result, c.Name)
				}
			}
		}
	}
}
