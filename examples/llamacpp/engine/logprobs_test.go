package engine_test

import (
	"math"
	"slices"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// softmax returns log-probabilities of the row after what the peer read last.
func (p *peer) softmax(t testing.TB) []float64 {
	t.Helper()
	row, err := llama.GetLogitsIth(p.ctx, -1, int(llama.VocabNTokens(p.vocab)))
	require.NoError(t, err)
	total := 0.0
	for _, l := range row {
		total += math.Exp(float64(l))
	}
	lps := make([]float64, len(row))
	for i, l := range row {
		lps[i] = float64(l) - math.Log(total)
	}
	return lps
}

func TestLogProbabilitiesAreTheModels(t *testing.T) {
	e, p := real(t), newPeer(t)
	prompt := plainText(t, e, "The quick brown fox jumps over the lazy dog, and then")
	const n = 5
	a := mustGenerate(t, e, engine.Request{
		Prompt: prompt, Max: 15, LogProbs: n, Echo: true,
		// None of this changes what is reported.
		Sampling: engine.Sampling{Temperature: 1.5, TopK: 100, TopP: 0.9, RepeatPenalty: 1.3, FrequencyPenalty: 1, Seed: 6, Bias: endBias(e)},
	})
	require.Len(t, a.all, len(prompt)+15)
	assert.Nil(t, a.all[0].Top)
	assert.Zero(t, a.all[0].LogProb)
	for i, x := range a.all {
		assert.Equal(t, i < len(prompt), x.Prompt, "token %d", i)
		if i < len(prompt) {
			assert.Equal(t, prompt[i], x.ID)
		}
		assert.Equal(t, e.Piece(x.ID), x.Bytes)
		if i > 0 {
			lps := p.softmax(t)
			assert.InDelta(t, lps[x.ID], x.LogProb, 1e-4, "token %d", i)
			require.Len(t, x.Top, n)
			order := slices.Clone(lps)
			slices.SortFunc(order, func(a, b float64) int { return -cmpFloat(a, b) })
			for k, alternative := range x.Top {
				assert.InDelta(t, order[k], alternative.LogProb, 1e-4, "token %d, alternative %d", i, k)
				assert.InDelta(t, lps[alternative.ID], alternative.LogProb, 1e-4)
				assert.Equal(t, e.Piece(alternative.ID), alternative.Bytes)
			}
		}
		p.decode(t, x.ID)
	}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestEchoAlone(t *testing.T) {
	e := real(t)
	prompt := plainText(t, e, longText(t, 700)) // more than one step reads
	require.Greater(t, len(prompt), 130)
	a := mustGenerate(t, e, engine.Request{Prompt: prompt, LogProbs: 1, Echo: true})
	require.Len(t, a.all, len(prompt))
	again := mustGenerate(t, e, engine.Request{Prompt: prompt, Max: 1, LogProbs: 1, Echo: true})
	assert.Equal(t, a.all, again.all[:len(prompt)], "however it is read")
	total := 0.0
	for i, x := range a.all {
		assert.Equal(t, prompt[i], x.ID)
		total += x.LogProb
	}
	assert.Less(t, total/float64(len(prompt)), -0.1)
	bare := mustGenerate(t, e, engine.Request{Prompt: prompt, LogProbs: -1, Echo: true})
	require.Len(t, bare.all, len(prompt))
	assert.Equal(t, engine.Token{ID: prompt[3], Bytes: e.Piece(prompt[3]), Prompt: true}, bare.all[3])
	none := mustGenerate(t, e, engine.Request{Prompt: prompt, LogProbs: -1})
	assert.Empty(t, none.all)
	assert.Equal(t, []engine.Finish{{Reason: "length"}}, none.finishes)
	zero := mustGenerate(t, e, engine.Request{Prompt: prompt[:5], Max: 2, LogProbs: 0})
	assert.Empty(t, zero.all[0].Top)
	assert.Less(t, zero.all[0].LogProb, 0.0)
}

// TestTokensFollowTheirProbabilities draws many first tokens and compares how
// often the likeliest comes with its probability: five standard deviations are
// exceeded once in 1.7 million tests.
func TestTokensFollowTheirProbabilities(t *testing.T) {
	e := real(t)
	prompt := plainText(t, e, "The weather today is")
	const draws = 240
	requests := make([]engine.Request, draws)
	for i := range requests {
		requests[i] = engine.Request{Prompt: prompt, Max: 1, LogProbs: 1, Sampling: engine.Sampling{Temperature: 1, Seed: uint64(i), TopK: 5}}
	}
	counts := map[watermark.Token]int{}
	var top engine.Alternative
	five := mustGenerate(t, e, engine.Request{Prompt: prompt, Max: 1, LogProbs: 5})
	share := 0.0
	for _, x := range five.all[0].Top {
		share += math.Exp(x.LogProb)
	}
	for _, a := range together(t, e, requests) {
		counts[a.tokens[0][0]]++
		top = a.all[0].Top[0]
	}
	assert.LessOrEqual(t, len(counts), 5)
	p := math.Exp(top.LogProb) / share
	assert.InDelta(t, p*draws, counts[top.ID], 5*math.Sqrt(draws*p*(1-p)))
}
