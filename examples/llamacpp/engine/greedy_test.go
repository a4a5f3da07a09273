package engine_test

import (
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// peer is llama.cpp used directly, one sequence in a context of its own.
type peer struct {
	model llama.Model
	ctx   llama.Context
	vocab llama.Vocab
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	real(t) // loads the library
	m, err := llama.ModelLoadFromFile(model, llama.ModelDefaultParams())
	require.NoError(t, err)
	p := llama.ContextDefaultParams()
	p.NCtx, p.NThreads, p.NThreadsBatch = 512, 1, 1
	p.NUbatch = 32
	c, err := llama.InitFromModel(m, p)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, llama.Free(c))
		require.NoError(t, llama.ModelFree(m))
	})
	return &peer{m, c, llama.ModelGetVocab(m)}
}

// decode reads tokens after what was read before.
func (p *peer) decode(t testing.TB, tokens ...watermark.Token) {
	t.Helper()
	ids := make([]llama.Token, len(tokens))
	for i, x := range tokens {
		ids[i] = llama.Token(x)
	}
	status, err := llama.Decode(p.ctx, llama.BatchGetOne(ids))
	require.NoError(t, err)
	require.Zero(t, status)
}

func (p *peer) forget(t testing.TB) {
	t.Helper()
	mem, err := llama.GetMemory(p.ctx)
	require.NoError(t, err)
	require.NoError(t, llama.MemoryClear(mem, false))
}

// greedy goes on from a prompt by llama.cpp's own greedy sampler.
func (p *peer) greedy(t testing.TB, prompt []watermark.Token, n int) (answer []watermark.Token) {
	t.Helper()
	p.forget(t)
	chain := llama.SamplerInitGreedy()
	defer llama.SamplerFree(chain)
	for next := prompt; len(answer) < n; next = answer[len(answer)-1:] {
		p.decode(t, next...)
		x := llama.SamplerSample(chain, p.ctx, -1)
		if llama.VocabIsEOG(p.vocab, x) {
			break
		}
		answer = append(answer, watermark.Token(x))
	}
	return answer
}

func TestGreedyIsLlamaCppsOwn(t *testing.T) {
	e, p := real(t), newPeer(t)
	requests := make([]engine.Request, len(questions))
	for i, q := range questions {
		requests[i] = engine.Request{Prompt: asked(t, e, q), Max: 16, LogProbs: -1}
	}
	for i, a := range together(t, e, requests) { // eight in one batch
		if i >= 5 {
			break // the others were company
		}
		want := p.greedy(t, requests[i].Prompt, 16)
		assert.Equal(t, want, a.tokens[0], "question %d", i)
		assert.Equal(t, "length", a.finishes[0].Reason)
		assert.Equal(t, len(want), a.finishes[0].Tokens)
		if i < 2 {
			assert.Equal(t, want, mustGenerate(t, e, requests[i]).tokens[0], "question %d alone", i)
		}
	}
}

func TestAnswersDoNotDependOnCompany(t *testing.T) {
	e := real(t)
	w := testMark(t, 1)
	requests := make([]engine.Request, 8)
	for i := range requests {
		requests[i] = engine.Request{
			Prompt: asked(t, e, questions[i]), Max: 20, LogProbs: 2, Mark: w,
			Sampling: engine.Sampling{Temperature: 1, Seed: uint64(i), TopP: 0.95},
		}
	}
	crowd := together(t, e, requests)
	for i := range requests[:2] {
		alone := mustGenerate(t, e, requests[i])
		assert.Equal(t, alone.all, crowd[i].all, "request %d: tokens and log-probabilities to the bit", i)
	}
	other := requests[0]
	other.Sampling.Seed++
	assert.NotEqual(t, crowd[0].tokens, mustGenerate(t, e, other).tokens, "another seed")
}

func TestLongPromptsDoNotDependOnCompany(t *testing.T) {
	e := real(t)
	long := plainText(t, e, longText(t, 1100))
	require.Greater(t, len(long), 200)
	r := engine.Request{Prompt: long, Max: 20, LogProbs: 0, Sampling: engine.Sampling{Temperature: 1, Seed: 9}}
	crowd := together(t, e, []engine.Request{
		r,
		{Prompt: asked(t, e, questions[0]), Max: 15, LogProbs: -1, Sampling: engine.Sampling{Temperature: 1}},
		{Prompt: long[:100], Max: 20, LogProbs: -1, Sampling: engine.Sampling{Temperature: 1}},
	})
	// Alone, with the beginning of the prompt still in the context, and without.
	before := e.Stats().Reused
	assert.Equal(t, crowd[0].all, mustGenerate(t, e, r).all)
	assert.Greater(t, e.Stats().Reused, before)
	fresh := opened(t, engine.Config{Sequences: 1, Context: 512})
	assert.Equal(t, crowd[0].all, mustGenerate(t, fresh, r).all)
}

func TestWhatTheContextHasIsReused(t *testing.T) {
	one, other := opened(t, engine.Config{Sequences: 1, Context: 256}), real(t)
	sampling := engine.Sampling{Temperature: 1, Seed: 5}
	begin := "The ship left the harbour at dawn, and the"
	for _, end := range []string{" captain", " captain said that", " crew", "", " crew was", " storm came"} {
		r := engine.Request{Prompt: plainText(t, one, begin+end), Max: 6, LogProbs: 0, Sampling: sampling}
		got := mustGenerate(t, one, r)
		r.Echo = true // all of the prompt is read, for its log-probabilities
		want := mustGenerate(t, other, r)
		assert.Equal(t, want.all[len(r.Prompt):], got.all, "prompt ends with %q", end)
	}
	assert.Greater(t, one.Stats().Reused, uint64(30))
}
