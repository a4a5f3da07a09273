package textseal_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/tail"
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

// Mutants killed in this file, each by the test in brackets: repeats scored again
// [Calibration, DetectorsAgree]; tournaments' windows scored once a token
// [DetectorsAgree]; the entropy of the token before, the two chances of entropies not
// corrected, other limits where they are equal [EqualEntropies]; another weight of
// key B in the law [Laws].

func TestCalibration(t *testing.T) {
	texts := conformance.Templates(200, 90)
	for _, c := range []textseal.Config{
		{WatermarkType: textseal.GumbelMax, Ngram: 1},
		{WatermarkType: textseal.GumbelMax, Ngram: 4},
		{WatermarkType: textseal.GreenList, Ngram: 2, Gamma: 0.25},
		{WatermarkType: textseal.SynthID, Ngram: 1, Depth: 4},
		{WatermarkType: textseal.SynthIDWeighted, Ngram: 3, Depth: 4},
		{WatermarkType: textseal.TextSeal, Ngram: 2, MixingAlpha: 0.3},
	} {
		t.Run(fmt.Sprintf("%s %d", c.WatermarkType, c.Ngram), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, 7))
			var logP [][]float64
			engine := 0
			for range 100 {
				c.SecretKey = textseal.NewKey(int64(rng.Uint64()))
				d, err := textseal.NewDetector(c)
				require.NoError(t, err)
				row := make([]float64, len(texts))
				for j, text := range texts {
					r, err := d.Detect(text)
					require.NoError(t, err)
					row[j] = r.LogP
					if r.EngineP < 0.01 {
						engine++
					}
				}
				logP = append(logP, row)
			}
			conformance.Calibrated(t, logP, c.WatermarkType)
			t.Logf("the engine with v2: %.4f", float64(engine)/float64(100*len(texts)))
		})
	}
}

func TestSeen(t *testing.T) {
	text := conformance.Templates(1, 90)[0]
	c := textseal.Config{SecretKey: textseal.NewKey(77), Ngram: 2, ScoringMethod: textseal.V1}
	d, err := textseal.NewDetector(c)
	require.NoError(t, err)
	fresh, err := d.Detect(text)
	require.NoError(t, err)
	var s textseal.Seen
	first, err := d.DetectSeen(text, &s)
	require.NoError(t, err)
	assert.Equal(t, fresh, first)
	again, err := d.DetectSeen(text, &s)
	require.NoError(t, err)
	assert.Zero(t, again.NumScored)
	assert.Equal(t, fresh.LogP, again.LogP, "this library's p-value is of the text alone")
	all, err := d.DetectSeen(text, nil)
	require.NoError(t, err)
	assert.Equal(t, len(text)-3, all.NumScored)
}

// What New reads and what Detect reads are one thing, prompts apart.
func TestDetectorsAgree(t *testing.T) {
	for _, kind := range []string{textseal.GumbelMax, textseal.GreenList, textseal.SynthID, textseal.SynthIDWeighted, textseal.TextSeal} {
		for ngram := 1; ngram <= 10; ngram += 3 {
			c := textseal.Config{WatermarkType: kind, Ngram: ngram, SecretKey: textseal.NewKey(-99)}
			w, err := textseal.New(c)
			require.NoError(t, err)
			for _, text := range conformance.Templates(4, 90) {
				own, err := textseal.Detect(c, text)
				require.NoError(t, err)
				shared, err := w.Detect(watermark.Text{Tokens: text})
				require.NoError(t, err)
				assert.Equal(t, shared.Scored, own.Distinct)
				assert.InDelta(t, shared.LogP, own.LogP, 0)
				known, err := w.Detect(watermark.Text{Tokens: text[ngram:], Prompt: text[:ngram], PromptKnown: true})
				require.NoError(t, err)
				assert.InDelta(t, shared.LogP, known.LogP, 0, "a known prompt lets the first token be scored")
			}
		}
	}
}

func TestLaws(t *testing.T) {
	for kind, want := range map[string]string{
		textseal.GumbelMax: "Exponential(1)", textseal.GreenList: "Bernoulli(0.5000610426077402)",
		textseal.SynthID: "Binomial(30,0.5000610426077402)", textseal.TextSeal: "DualExponential(0.7)",
	} {
		w, err := textseal.New(textseal.Config{WatermarkType: kind, SecretKey: textseal.NewKey(3), MixingAlpha: 0.3})
		require.NoError(t, err)
		assert.Equal(t, want, w.Law().String())
	}
}

// Without entropies that differ all weights are one number, and the weighted
// p-value is the unweighted one.
func TestEqualEntropies(t *testing.T) {
	text := conformance.Templates(1, 90)[0]
	c := textseal.Config{WatermarkType: textseal.TextSeal, SecretKey: textseal.NewKey(3), MixingAlpha: 0.3}
	d, err := textseal.NewDetector(c)
	require.NoError(t, err)
	entropies := make([]float64, len(text))
	for i := range entropies {
		entropies[i] = 2.5
	}
	r, err := d.DetectEntropies(text, entropies)
	require.NoError(t, err)
	for _, w := range r.Weights {
		assert.InDelta(t, 0.1+0.9*0.5, w, 1e-12)
	}
	assert.InEpsilon(t, 0.55*r.Score, r.WeightedScore, 1e-12)
	assert.InEpsilon(t, r.EngineP, r.EnginePWeighted, 1e-9)
	assert.InDelta(t, tail.DualGamma(r.Score, int64(r.NumScored), 0.7), r.LogPWeighted, 1e-3, "but for float32 scores")
	assert.InDelta(t, min(0, min(r.LogP, r.LogPWeighted)+math.Ln2), r.LogPBest, 1e-12)

	entropies[20], entropies[30] = 0, 10
	r, err = d.DetectEntropies(text, entropies)
	require.NoError(t, err)
	next := 0
	for i, ok := range r.Mask {
		if !ok {
			continue
		}
		assert.InDelta(t, 0.1+0.9*entropies[i+2]/10, r.Weights[next], 1e-12)
		next++
	}
}

func TestEntropiesAreCalibrated(t *testing.T) {
	texts := conformance.Templates(60, 90)
	rng := rand.New(rand.NewPCG(9, 9))
	var logP, best [][]float64
	for range 100 {
		d, err := textseal.NewDetector(textseal.Config{WatermarkType: textseal.TextSeal, SecretKey: textseal.NewKey(int64(rng.Uint64())), Ngram: 2})
		require.NoError(t, err)
		weighted, least := make([]float64, len(texts)), make([]float64, len(texts))
		for j, text := range texts[:12] {
			entropies := make([]float64, len(text))
			for i := range entropies {
				entropies[i] = float64(text[i] % 5)
			}
			r, err := d.DetectEntropies(text, entropies)
			require.NoError(t, err)
			weighted[j], least[j] = r.LogPWeighted, r.LogPBest
		}
		logP, best = append(logP, weighted[:12]), append(best, least[:12])
	}
	conformance.Calibrated(t, logP, "weighted")
	conformance.Calibrated(t, best, "best")
}

func TestBadEntropies(t *testing.T) {
	d, err := textseal.NewDetector(textseal.Config{SecretKey: textseal.NewKey(3)})
	require.NoError(t, err)
	_, err = d.DetectEntropies(nil, nil)
	assert.ErrorContains(t, err, `watermark_type is "gumbelmax", want textseal`)
	d, err = textseal.NewDetector(textseal.Config{SecretKey: textseal.NewKey(3), WatermarkType: textseal.TextSeal})
	require.NoError(t, err)
	_, err = d.DetectEntropies(make([]watermark.Token, 3), make([]float64, 2))
	assert.ErrorContains(t, err, "2 entropies for 3 tokens")
	for _, h := range []float64{-1, math.NaN(), math.Inf(1)} {
		_, err = d.DetectEntropies(make([]watermark.Token, 2), []float64{0, h})
		assert.ErrorContains(t, err, "entropy of token 1 is")
	}
	r, err := d.DetectEntropies(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 1.0, r.EnginePBest)
	assert.Zero(t, r.LogPBest)
}
