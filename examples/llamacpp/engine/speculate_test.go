package engine_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// speculative are requests whose answers must not change by drafts: marked and
// plain, greedy, truncated, penalised, within a grammar, several choices.
func speculative(t *testing.T, e *engine.Engine) []engine.Request {
	w := testMark(t, 8)
	repetitive := plainText(t, e, "one, two, three, four, five, one, two, three, four, five, one, two, three, four,")
	dual, err := watermark.New(testKey(t, 9), watermark.DualGumbel{Alpha: 0.1}, watermark.Options{})
	require.NoError(t, err)
	return []engine.Request{
		{Prompt: repetitive, Max: 20, LogProbs: -1},
		{Prompt: repetitive, Max: 20, LogProbs: 1, Mark: w, Sampling: engine.Sampling{Temperature: 0.6, Seed: 1}},
		{Prompt: plainText(t, e, questions[1]), Max: 20, LogProbs: -1, Mark: w, Sampling: engine.Sampling{Temperature: 1, Seed: 2}},
		{Prompt: plainText(t, e, questions[2]), Max: 20, LogProbs: -1, Mark: dual, Sampling: engine.Sampling{Temperature: 1, Seed: 2, TopP: 0.9, TopK: 50}},
		{Prompt: repetitive, Max: 20, LogProbs: -1, Sampling: engine.Sampling{Temperature: 0.8, Seed: 3, RepeatPenalty: 1.05, FrequencyPenalty: 0.2}},
		{Prompt: repetitive, Max: 20, LogProbs: -1, N: 2, Mark: w, Sampling: engine.Sampling{Temperature: 0.7, Seed: 3}},
		{Prompt: plainText(t, e, "A JSON list of twenty numbers:"), Max: 20, LogProbs: -1, Mark: w, Sampling: engine.Sampling{Temperature: 0.7, Seed: 4, Grammar: engine.JSON}},
	}
}

// undrafted are the answers to speculative without drafts, once for all tests.
var undrafted struct {
	sync.Once
	answers []answer
}

// sameWithDrafts compares answers of an engine that drafts with those of one
// that does not.
func sameWithDrafts(t *testing.T, plain, drafting *engine.Engine) {
	t.Helper()
	requests := speculative(t, plain)
	undrafted.Do(func() { undrafted.answers = together(t, plain, requests) })
	want := undrafted.answers
	require.Len(t, want, len(requests))
	for i := range requests {
		requests[i].Speculate = true
	}
	before := drafting.Stats()
	for i, got := range together(t, drafting, requests) {
		assert.Equal(t, want[i].tokens, got.tokens, "request %d", i)
		assert.Equal(t, want[i].finishes, got.finishes, "request %d", i)
		if requests[i].N == 0 { // with several the order between choices is free
			assert.Equal(t, want[i].all, got.all, "request %d: log-probabilities and marks", i)
		}
	}
	after := drafting.Stats()
	drafted, accepted := after.Drafted-before.Drafted, after.Accepted-before.Accepted
	t.Logf("%d of %d drafts kept", accepted, drafted)
	assert.Positive(t, accepted)
	assert.Less(t, accepted, drafted, "where all are kept nothing is taken back")
}

func TestLookupDraftsChangeNothing(t *testing.T) { sameWithDrafts(t, real(t), real(t)) }

func TestDraftModelChangesNothing(t *testing.T) {
	e := real(t)
	smaller := filepath.Join(t.TempDir(), "draft.gguf")
	p := llama.ModelQuantizeDefaultParams()
	p.Ftype, p.AllowRequantize, p.NThread = llama.FtypeMostlyQ4_0, 1, 2
	require.Zero(t, llama.ModelQuantize(model, smaller, &p))
	sameWithDrafts(t, e, opened(t, engine.Config{Draft: smaller, Context: 512, Drafts: 4}))
}

// TestModelAgreesWithItself drafts with the same model: both sessions draw with
// the same randomness, so that every draft is kept but where the draft model does
// not see what the target does.
func TestModelAgreesWithItself(t *testing.T) {
	e := opened(t, engine.Config{Draft: model, Context: 512, Sequences: 2})
	for i, mark := range []engine.Mark{nil, testMark(t, 10)} {
		before := e.Stats()
		a := mustGenerate(t, e, engine.Request{
			Prompt: asked(t, e, questions[5]), Max: 28, LogProbs: -1, Speculate: true, Mark: mark,
			Sampling: engine.Sampling{Temperature: 1, Seed: 21, TopP: 0.95, PresencePenalty: 0.5, Bias: endBias(e)},
		})
		require.Len(t, a.tokens[0], 28)
		after := e.Stats()
		assert.Equal(t, after.Drafted-before.Drafted, after.Accepted-before.Accepted, "mark %d", i)
		assert.EqualValues(t, 4, after.Steps-before.Steps, "one for the prompt, three of nine tokens")
	}
}
