package textseal_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

// Mutants killed in this file, each by the test in brackets: repeats scored again
// [Calibration, DetectorsAgree]; tournaments' windows scored once a token
// [DetectorsAgree]; the entropy of the token before, the two chances of entropies not
// corrected, other limits where they are equal [EqualEntropies]; another weight of
// key B in the law [Laws].

// falseAlarm is ln of the rate at which a statistical assertion fails although what
// it asserts is true.
var falseAlarm = math.Log(1e-6)

// templates returns texts that repeat themselves and each other: a few templates of
// 20 to 60 tokens, each said several times with other words filled in.
func templates(n int) [][]watermark.Token {
	rng := rand.New(rand.NewPCG(3, 1))
	var texts [][]watermark.Token
	for i := range n {
		form := rand.New(rand.NewPCG(uint64(i%10), 2))
		template := make([]watermark.Token, 20+form.IntN(41))
		for j := range template {
			template[j] = form.Int32N(3000)
		}
		var text []watermark.Token
		for len(text) < 90 {
			for j, t := range template {
				if j%7 == 3 {
					t = rng.Int32N(49152)
				}
				text = append(text, t)
			}
		}
		texts = append(texts, text)
	}
	return texts
}

// assertCalibrated checks p-values, p[i][j] of key i and text j. Texts share phrases,
// so that only keys are independent: each text's count of p < 0.01 over the keys is
// at most binomial, and the keys' shares are a mean of independent numbers from 0 to
// 1 whose expectation is at most 0.01 (Hoeffding 1963, theorem 1).
func assertCalibrated(t *testing.T, logP [][]float64, what string) {
	t.Helper()
	keys, texts := len(logP), len(logP[0])
	total := 0
	for j := range texts {
		k := 0
		for i := range keys {
			if logP[i][j] < math.Log(0.01) {
				k++
			}
		}
		total += k
		assert.Greater(t, tail.Binomial(int64(k), int64(keys), 0.01), falseAlarm-math.Log(float64(texts)), "%s: text %d, %d of %d", what, j, k, keys)
	}
	share := float64(total) / float64(keys*texts)
	if share > 0.01 {
		divergence := share*math.Log(share/0.01) + (1-share)*math.Log((1-share)/0.99)
		assert.Greater(t, -float64(keys)*divergence, falseAlarm, "%s: share of p < 0.01 is %.4f", what, share)
	}
	t.Logf("%s: share of p < 0.01 is %.4f", what, share)
}

func TestCalibration(t *testing.T) {
	texts := templates(200)
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
			assertCalibrated(t, logP, c.WatermarkType)
			t.Logf("the engine with v2: %.4f", float64(engine)/float64(100*len(texts)))
		})
	}
}

func TestSeen(t *testing.T) {
	text := templates(1)[0]
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
			for _, text := range templates(4) {
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
	text := templates(1)[0]
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
	texts := templates(60)
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
	assertCalibrated(t, logP, "weighted")
	assertCalibrated(t, best, "best")
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
