package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFortyRequestsOverEightSequences(t *testing.T) {
	e := real(t)
	requests := make([]engine.Request, 40)
	for i := range requests {
		requests[i] = engine.Request{
			Prompt: plainText(t, e, fmt.Sprintf("Item %d of the list is", i)), Max: 4 + i%5, LogProbs: -1, Speculate: i%3 == 0,
			Sampling: engine.Sampling{Temperature: 1, Seed: uint64(i), Bias: endBias(e)},
		}
	}
	before := e.Stats()
	for i, a := range together(t, e, requests) {
		assert.Len(t, a.tokens[0], requests[i].Max, "request %d", i)
		assert.Equal(t, []engine.Finish{{Reason: "length", Tokens: requests[i].Max}}, a.finishes)
	}
	after := e.Stats()
	assert.EqualValues(t, 40, after.Requests-before.Requests)
	assert.Zero(t, after.Running)
	assert.Zero(t, after.Waiting)
	assert.Less(t, after.Steps-before.Steps, after.Generated-before.Generated, "steps are shared")
}

// endless is a request that goes on for long.
func endless(t testing.TB, e *engine.Engine) engine.Request {
	return engine.Request{
		Prompt: asked(t, e, questions[0]), Max: 100000, LogProbs: -1,
		Sampling: engine.Sampling{Temperature: 1, Bias: endBias(e)},
	}
}

func idle(t testing.TB, e *engine.Engine) {
	t.Helper()
	require.Eventually(t, func() bool { s := e.Stats(); return s.Running == 0 && s.Waiting == 0 }, 60*time.Second, 5*time.Millisecond)
}

func TestCancelFreesSequences(t *testing.T) {
	e := opened(t, engine.Config{Sequences: 2, Context: 512, Queue: 2})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("hung up")
	var wg sync.WaitGroup
	var seen atomic.Int64
	for range 2 {
		wg.Go(func() {
			_, err := e.Generate(ctx, endless(t, e), func(engine.Token) error { seen.Add(1); return nil })
			assert.ErrorIs(t, err, gone)
		})
	}
	require.Eventually(t, func() bool { return seen.Load() > 4 }, 60*time.Second, time.Millisecond)
	assert.Equal(t, 2, e.Stats().Running)
	for range 2 { // these wait, and go while they do
		wg.Go(func() {
			_, err := e.Generate(ctx, endless(t, e), func(engine.Token) error { return nil })
			assert.ErrorIs(t, err, gone)
		})
	}
	require.Eventually(t, func() bool { return e.Stats().Waiting == 2 }, 60*time.Second, time.Millisecond)
	_, err := generate(e, endless(t, e))
	assert.ErrorIs(t, err, engine.ErrBusy)
	cancel(gone)
	wg.Wait()
	idle(t, e)
	assert.Len(t, mustGenerate(t, e, engine.Request{Prompt: asked(t, e, questions[0]), Max: 3, LogProbs: -1}).tokens[0], 3)
}

func TestErrorOfEmitEndsTheRequest(t *testing.T) {
	e := real(t)
	broken := errors.New("the pipe broke")
	n := 0
	_, err := e.Generate(t.Context(), endless(t, e), func(engine.Token) error {
		if n++; n == 3 {
			return broken
		}
		return nil
	})
	assert.ErrorIs(t, err, broken)
	assert.Equal(t, 3, n)
	idle(t, e)
}

func TestStopEndsOneChoice(t *testing.T) {
	e := real(t)
	r := engine.Request{Prompt: asked(t, e, questions[4]), Max: 12, N: 3, LogProbs: -1, Sampling: engine.Sampling{Temperature: 1, Seed: 4, Bias: endBias(e)}}
	count := map[int]int{}
	finishes, err := e.Generate(t.Context(), r, func(x engine.Token) error {
		if count[x.Choice]++; x.Choice == 1 && count[1] == 5 {
			idle(t, e) // all tokens are there: those after the stop are not for emit
			return fmt.Errorf("stop string: %w", engine.ErrStop)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, []engine.Finish{{Reason: "length", Tokens: 12}, {Reason: "stop", Tokens: 5}, {Reason: "length", Tokens: 12}}, finishes)
	assert.Equal(t, map[int]int{0: 12, 1: 5, 2: 12}, count)

	finishes, err = e.Generate(t.Context(), endless(t, e), func(engine.Token) error { return engine.ErrStop })
	require.NoError(t, err)
	assert.Equal(t, []engine.Finish{{Reason: "stop", Tokens: 1}}, finishes)
	before := e.Stats().Generated
	idle(t, e)
	assert.Less(t, e.Stats().Generated-before, uint64(50), "its sequence is free at once")
}

func TestChoicesShareThePrompt(t *testing.T) {
	e := opened(t, engine.Config{Sequences: 4, Context: 256})
	prompt := asked(t, e, questions[7])
	w := testMark(t, 11)
	a := mustGenerate(t, e, engine.Request{Prompt: prompt, Max: 25, N: 4, Mark: w, LogProbs: 1, Sampling: engine.Sampling{Temperature: 1, Seed: 3}})
	assert.EqualValues(t, len(prompt), e.Stats().Prompt, "the prompt is read once")
	for i := range a.tokens {
		for j := range i {
			assert.NotEqual(t, a.tokens[i], a.tokens[j], "choices %d and %d", i, j)
		}
	}
	greedy := mustGenerate(t, e, engine.Request{Prompt: prompt, Max: 25, N: 3, LogProbs: -1})
	assert.Equal(t, greedy.tokens[0], greedy.tokens[1])
	assert.Equal(t, greedy.tokens[0], greedy.tokens[2])
}

func TestEndsOfAnswers(t *testing.T) {
	e := opened(t, engine.Config{Sequences: 1, Context: 64})
	full := mustGenerate(t, e, endless(t, e))
	assert.Equal(t, "length", full.finishes[0].Reason)
	assert.Equal(t, 64-len(asked(t, e, questions[0])), len(full.tokens[0]), "the context is full")
	spec := endless(t, e)
	spec.Speculate = true
	assert.Equal(t, full.tokens, mustGenerate(t, e, spec).tokens, "with drafts, too")

	// Drafts do not reach beyond the room of a sequence, nor beyond Max.
	room := opened(t, engine.Config{Sequences: 1, Context: 256})
	again := plainText(t, room, strings.Repeat("one, two, three, four, five, ", 50))[:238]
	for _, most := range []int{7, 1000} {
		before := room.Stats()
		got := mustGenerate(t, room, engine.Request{Prompt: again, Max: most, LogProbs: -1, Speculate: true})
		assert.Len(t, got.tokens[0], min(most, 256-238))
		after := room.Stats()
		assert.Positive(t, after.Accepted-before.Accepted)
		assert.Less(t, int(after.Drafted-before.Drafted), min(most, 256-238))
	}

	stop := mustGenerate(t, e, engine.Request{Prompt: asked(t, e, "Answer with the word yes, nothing else."), Max: 20, LogProbs: -1})
	assert.Equal(t, "stop", stop.finishes[0].Reason, "%q", stop.text(0))
	assert.Less(t, len(stop.tokens[0]), 20)
}

func TestClose(t *testing.T) {
	if absent != "" {
		t.Skip(absent)
	}
	e, err := engine.Open(engine.Config{Library: library, Model: model, Sequences: 1, Context: 128})
	require.NoError(t, err)
	started := make(chan struct{})
	var once sync.Once
	done := make(chan error, 1)
	r := endless(t, e)
	r.Max = 20
	go func() {
		_, err := e.Generate(context.Background(), r, func(engine.Token) error { once.Do(func() { close(started) }); return nil })
		done <- err
	}()
	<-started
	require.NoError(t, e.Close())
	require.NoError(t, <-done, "what runs ends first")
	require.NoError(t, e.Close(), "again")
	_, err = generate(e, r)
	assert.ErrorIs(t, err, engine.ErrClosed)
}

func TestLongPromptsDoNotStallAnswers(t *testing.T) {
	e := real(t)
	long := plainText(t, e, longText(t, 1600))
	require.Greater(t, len(long), 300)
	ctx, cancel := context.WithCancel(t.Context())
	var count atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = e.Generate(ctx, endless(t, e), func(engine.Token) error { count.Add(1); return nil })
	})
	require.Eventually(t, func() bool { return count.Load() > 0 }, 60*time.Second, time.Millisecond)
	before := e.Stats().Generated
	mustGenerate(t, e, engine.Request{Prompt: long, Max: 1, LogProbs: -1})
	assert.GreaterOrEqual(t, int(e.Stats().Generated-before), len(long)/32-1, "a token for each chunk of the prompt")
	cancel()
	wg.Wait()
	idle(t, e)
}

func TestSeeds(t *testing.T) {
	e := real(t)
	r := engine.Request{Prompt: plainText(t, e, "Numbers: 3"), Max: 12, LogProbs: -1, Sampling: engine.Sampling{Temperature: 1, Seed: 1}}
	first := mustGenerate(t, e, r)
	assert.Equal(t, first.tokens, mustGenerate(t, e, r).tokens)
	r.Sampling.Seed = 2
	assert.NotEqual(t, first.tokens, mustGenerate(t, e, r).tokens)
	r.N = 2
	pair := mustGenerate(t, e, r)
	assert.NotEqual(t, pair.tokens[0], pair.tokens[1])
}
