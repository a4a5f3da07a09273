package engine_test

import (
	"flag"
	"math"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var answersFlag = flag.Int("answers", 8, "marked answers of 200 tokens that are looked at")

// TestMarkIsFoundInAnswers asks for answers of 200 tokens at temperature 1. The
// mark is found in at least 95 of 100 at p < 1e-6. Without it, and under another
// key, p is uniform at most: below 1e-6 once in 10^6 answers.
func TestMarkIsFoundInAnswers(t *testing.T) {
	e := real(t)
	w, other := testMark(t, 2), testMark(t, 3)
	const length = 200
	var requests []engine.Request
	for i := range *answersFlag + 1 {
		r := engine.Request{
			Prompt: plainText(t, e, questions[i%len(questions)]), Max: length, Mark: w, LogProbs: -1,
			Sampling: engine.Sampling{Temperature: 1, Seed: uint64(i), Bias: endBias(e)},
		}
		if i >= *answersFlag {
			r.Mark = nil
		}
		requests = append(requests, r)
	}
	found, worst := 0, math.Inf(-1)
	before := e.Stats()
	for i, a := range together(t, e, requests) {
		require.Len(t, a.tokens[0], length)
		right, err := w.Detect(watermark.Text{Tokens: a.tokens[0]})
		require.NoError(t, err)
		wrong, err := other.Detect(watermark.Text{Tokens: a.tokens[0]})
		require.NoError(t, err)
		assert.Greater(t, wrong.LogP, math.Log(1e-6), "answer %d under another key", i)
		marked := 0
		for _, x := range a.all {
			if x.Marked {
				marked++
			}
		}
		if requests[i].Mark == nil {
			assert.Zero(t, marked)
			assert.Greater(t, right.LogP, math.Log(1e-6), "answer %d without the mark", i)
			continue
		}
		assert.Equal(t, right.Scored, marked, "answer %d: what was marked is what is scored", i)
		if right.LogP < math.Log(1e-6) {
			found++
		}
		worst = max(worst, right.LogP)
	}
	spent := e.Stats()
	t.Logf("%d of %d answers at p < 1e-6, the weakest at log10 p = %.1f; %.0f%% of tokens marked", found, *answersFlag, worst/math.Ln10,
		100*float64(spent.Marked-before.Marked)/float64(length**answersFlag))
	assert.GreaterOrEqual(t, float64(found), 0.95*float64(*answersFlag)-1e-9)
}

// endBias keeps answers from ending.
func endBias(e *engine.Engine) map[watermark.Token]float32 {
	ids, err := e.Tokenize("<|im_end|><|endoftext|>", true)
	if err != nil || len(ids) != 2 {
		panic("the model has other end tokens")
	}
	return map[watermark.Token]float32{ids[0]: -100, ids[1]: -100}
}

func TestLayersMarkToo(t *testing.T) {
	e := real(t)
	shares := watermark.Shares(3, 1)
	layers, err := watermark.NewLayers(testKey(t, 7),
		watermark.Layer{Name: "vendor", Share: shares[0], Mark: testMark(t, 4)},
		watermark.Layer{Name: "cohort", Share: shares[1], Mark: testMark(t, 5)})
	require.NoError(t, err)
	got := mustGenerate(t, e, engine.Request{
		Prompt: asked(t, e, questions[3]), Max: 120, Mark: layers, LogProbs: -1,
		Sampling: engine.Sampling{Temperature: 1, Seed: 1, Bias: endBias(e)},
	})
	for _, name := range layers.Names() {
		r, err := layers.Mark(name).Detect(watermark.Text{Tokens: got.tokens[0]})
		require.NoError(t, err)
		assert.Less(t, r.LogP, math.Log(0.01), name)
	}
}

func TestOwnEarlierTurnsAreNotMarkedAgain(t *testing.T) {
	e := real(t)
	w := testMark(t, 6)
	r := engine.Request{Prompt: asked(t, e, questions[1]), Max: 40, Mark: w, LogProbs: -1, Sampling: engine.Sampling{Temperature: 1}}
	first := mustGenerate(t, e, r)
	r.Turns = first.tokens
	// The same windows come again: from the first that is not drawn with the mark
	// on, the answer is another.
	assert.NotEqual(t, first.tokens, mustGenerate(t, e, r).tokens)
	r.Turns = [][]watermark.Token{{-1}}
	_, err := generate(e, r)
	assert.ErrorIs(t, err, engine.ErrRequest)
}
