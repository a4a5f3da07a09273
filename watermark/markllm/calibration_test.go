package markllm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// Unmarked texts that repeat themselves, under many keys. The bound is passed with
// probability 1e-6 at most where the p-values are valid. The engine's counts in place of ours
// fail it; Unigram by the law of many lists fails the examples.

func TestCalibration(t *testing.T) {
	const keys, texts, vocab, level = 100, 200, 211, 0.01
	rng := rand.New(rand.NewPCG(61, 1))
	corpus := conformance.Frames(rng, texts, 48, vocab, 6)
	type figures struct{ ours, engine []float64 }
	marks := map[string]*figures{"kgw": {}, "unigram": {}, "exp": {}}
	for range keys {
		key := NewHashKey(rng.Uint64() >> 10)
		kgw, err := NewKGWDetector(KGWConfig{HashKey: key, VocabSize: vocab})
		require.NoError(t, err)
		unigram, err := NewUnigramDetector(UnigramConfig{HashKey: key, VocabSize: vocab})
		require.NoError(t, err)
		exp, err := NewEXPDetector(EXPConfig{HashKey: key, VocabSize: vocab, PrefixLength: 2})
		require.NoError(t, err)
		var ours, engine [3]float64
		note := func(i int, logP, engineP float64) {
			if logP <= math.Log(level) {
				ours[i] += 1.0 / texts
			}
			if engineP <= level {
				engine[i] += 1.0 / texts
			}
		}
		for _, text := range corpus {
			k, err := kgw.Detect(text)
			require.NoError(t, err)
			note(0, k.LogP, 0.5*math.Erfc(k.ZScore/math.Sqrt2))
			u, err := unigram.Detect(text)
			require.NoError(t, err)
			note(1, u.LogP, 0.5*math.Erfc(u.ZScore/math.Sqrt2))
			e, err := exp.Detect(text)
			require.NoError(t, err)
			note(2, e.LogP, e.EnginePValue)
		}
		for i, name := range []string{"kgw", "unigram", "exp"} {
			marks[name].ours = append(marks[name].ours, ours[i])
			marks[name].engine = append(marks[name].engine, engine[i])
		}
	}
	for name, f := range marks {
		conformance.MeanAtMost(t, f.ours, level, name)
		assert.Greater(t, conformance.Mean(f.engine), 0.05, "%s: the texts are repetitive enough for the engine's figure to fail", name)
	}
}

// The whole vocabulary is as green as its list, and no evidence.
func TestUnigramOfWholeVocabulary(t *testing.T) {
	const vocab = 211
	w, err := NewUnigram(UnigramConfig{HashKey: NewHashKey(testKey), VocabSize: vocab})
	require.NoError(t, err)
	var text []watermark.Token
	for i := range vocab {
		text = append(text, watermark.Token(i))
	}
	r, err := w.Detect(watermark.Text{Tokens: text})
	require.NoError(t, err)
	assert.Equal(t, vocab, r.Scored)
	assert.Equal(t, 105.0, r.Score)
	assert.Zero(t, r.LogP)
}
