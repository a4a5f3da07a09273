package transformers

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Unmarked texts that repeat themselves, under many keys. The bounds here are
// passed by 1e-6 at most where the p-values are valid. Mutants seen to be killed:
// repeats scored again (the engine's counts in place of ours, with the exact tail); the
// engine's ratio in place of the lists' share.

func TestGreenListCalibration(t *testing.T) {
	const keys, texts, level = 100, 200, 0.01
	rng := rand.New(rand.NewPCG(41, 1))
	for _, c := range []GreenListConfig{
		{VocabSize: 400},
		{VocabSize: 200, SeedingScheme: SelfHash, ContextWidth: 3},
	} {
		corpus := conformance.Frames(rng, texts, 60, c.VocabSize, 5)
		var ours, engine []float64
		small := int64(0)
		for range keys {
			c.HashingKey = NewHashingKey(rng.Uint64() >> 1)
			w, err := NewGreenList(c)
			require.NoError(t, err)
			d, err := NewGreenListDetector(c, GreenListDetectorOptions{})
			require.NoError(t, err)
			all := w.NewDetector()
			flagged, flaggedEngine := 0, 0
			for i, text := range corpus {
				r, err := d.Detect(text)
				require.NoError(t, err)
				if r[0].LogP <= math.Log(level) {
					flagged++
				}
				if r[0].EnginePValue <= level {
					flaggedEngine++
				}
				if i < 3*10 { // three of each frame
					require.NoError(t, all.Add(watermark.Text{Tokens: text}))
				}
			}
			ours = append(ours, float64(flagged)/texts)
			engine = append(engine, float64(flaggedEngine)/texts)
			if all.Result().LogP <= math.Log(0.05) {
				small++
			}
		}
		what := string(c.SeedingScheme) + " ours"
		conformance.MeanAtMost(t, ours, level, what)
		assert.Greater(t, tail.Binomial(small, keys, 0.05), conformance.FalseAlarm, "%d corpora of %d at p <= 0.05", small, keys)
		mean := 0.0
		for _, v := range engine {
			mean += v / keys
		}
		assert.Greater(t, mean, 0.05, "the texts are repetitive enough for the engine's p-value to fail")
		t.Logf("engine: mean %.4f", mean)
	}
}

// TestGreenListExactTails checks P(S >= s) itself on texts whose seeds are all
// different, for a share that is far from greenlist_ratio.
func TestGreenListExactTails(t *testing.T) {
	c := GreenListConfig{VocabSize: 9, GreenlistRatio: 0.32} // 2 of 9: 0.222
	text := []watermark.Token{1, 2, 3, 4, 5, 6, 7, 8}
	rng := rand.New(rand.NewPCG(41, 2))
	const keys, n = 20000, 7
	var count [n + 1]int64
	for range keys {
		c.HashingKey = NewHashingKey(rng.Uint64())
		d, err := NewGreenListDetector(c, GreenListDetectorOptions{})
		require.NoError(t, err)
		r, err := d.Detect(text)
		require.NoError(t, err)
		require.Equal(t, n, r[0].Seeds)
		for k := range r[0].Green + 1 {
			count[k]++
		}
		want := 0.0 // below one more than the mean
		if r[0].Green >= 3 {
			want = tail.Binomial(int64(r[0].Green), n, 2.0/9)
		}
		require.Equal(t, want, r[0].LogP)
	}
	for k := int64(1); k <= n; k++ {
		p := math.Exp(tail.Binomial(k, n, 2.0/9))
		assert.Greater(t, tail.Binomial(count[k], keys, p), math.Log(1e-7), "P(S >= %d) is %d of %d, want %v", k, count[k], keys, p)
		assert.Greater(t, tail.Binomial(keys-count[k], keys, 1-p), math.Log(1e-7), "P(S >= %d) is %d of %d, want %v", k, count[k], keys, p)
	}
}
