package collect_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// Every span is asked once, with what is wanted, and comes back as it was
// predicted, from the file too; running again asks nothing.
func TestReadKeepsEverything(t *testing.T) {
	task, path := readTask(4), journal(t)
	s, r, ref := reading()
	var last collect.Progress
	got := run(t, task, s, path, collect.Options{Concurrency: 3, Clock: newClock(), Progress: func(p collect.Progress) { last = p }})
	n := 0
	for i, p := range task.Passages {
		d, err := p.Digest()
		require.NoError(t, err)
		for begin := 0; begin < len(p.Tokens); begin += 2 {
			q := collect.Reading{Passage: &p, Begin: begin, End: min(begin+2, len(p.Tokens)), Want: task.Want}
			want := predict(1, q)
			var ids [][]int32
			for _, p := range want.At {
				ids = append(ids, p.IDs)
			}
			for k, r := range rescore(2, q, ids) {
				want.At[k].Sample, want.At[k].Reference = collect.NoToken, r
			}
			e := got.Readings[n]
			assert.Equal(t, collect.ReadingExchange{N: n, Passage: i, Begin: q.Begin, End: q.End, Question: d, Status: collect.Complete,
				Predictions: want.At, Model: "bigram-1", Asked: 1, First: e.First, Last: e.Last}, e)
			assert.Equal(t, 1, r.n[name(q)])
			assert.Equal(t, 1, ref.n[name(q)])
			n++
		}
	}
	assert.Equal(t, n, len(got.Readings))
	assert.Equal(t, collect.Counts{Complete: n}, got.ReadingCounts())
	assert.Equal(t, collect.Counts{}, got.Counts())
	assert.Equal(t, collect.Progress{Total: n, Counts: collect.Counts{Complete: n}}, last)
	assert.Equal(t, []string{"bigram-1"}, got.Models())
	assert.Equal(t, []any{task.Want, true, 2}, []any{got.Want, got.Reference, got.Span})

	again := run(t, task, collect.Suspect{Name: "s", TopLogProbs: &reader{f: nobody(t)}, Reference: ref}, path, collect.Options{})
	assert.Equal(t, got, again)
	assert.Len(t, ref.order, n)
	assert.Equal(t, got, reread(t, got))
}

func nobody(t *testing.T) func(collect.Reading, int) (collect.Predictions, error) {
	return func(q collect.Reading, _ int) (collect.Predictions, error) {
		t.Errorf("%s is asked again", name(q))
		return collect.Predictions{}, errors.New("asked again")
	}
}

func reread(t *testing.T, got *collect.Transcript) *collect.Transcript {
	t.Helper()
	var b bytes.Buffer
	n, err := got.WriteTo(&b)
	require.NoError(t, err)
	assert.Equal(t, int64(b.Len()), n)
	read, err := collect.ReadTranscript(&b)
	require.NoError(t, err)
	d, err := got.Digest()
	require.NoError(t, err)
	e, err := read.Digest()
	require.NoError(t, err)
	assert.Equal(t, d, e)
	return read
}

// Who is asked, and what is kept of the answer, follows from what is wanted.
func TestReadAsksOnePredictor(t *testing.T) {
	for _, c := range []struct {
		want   collect.Want
		prefix bool
	}{
		{collect.Want{Argmax: true}, true},
		{collect.Want{Sample: true}, true},
		{collect.Want{Argmax: true, Sample: true}, true},
		{collect.Want{Top: 1}, false},
		{collect.Want{Argmax: true, Sample: true, Top: vocabulary}, false},
	} {
		prefix, top := &reader{seed: 1}, &reader{seed: 2}
		task := collect.Task{Plan: digest(1), Passages: passages(3), Want: c.want}
		got := run(t, task, collect.Suspect{Name: "s", Prefix: prefix, TopLogProbs: top}, journal(t), collect.Options{})
		asked, other := top, prefix
		if c.prefix {
			asked, other = prefix, top
		}
		assert.Equal(t, []string{"0 [0, 3)", "1 [0, 4)", "2 [0, 5)"}, asked.order)
		assert.Empty(t, other.order)
		for _, e := range got.Readings {
			for _, p := range e.Predictions {
				assert.Equal(t, c.want.Argmax, p.Argmax != collect.NoToken)
				assert.Equal(t, c.want.Sample, p.Sample != collect.NoToken)
				assert.Len(t, p.IDs, c.want.Top)
				assert.Len(t, p.LogProbs, c.want.Top)
				assert.Nil(t, p.Reference)
			}
		}
		assert.Equal(t, got, reread(t, got))
	}
}

// Readings come after the prompts of their half.
func TestReadOrder(t *testing.T) {
	var order []string
	m := &model{f: func(p string, _ int) (collect.Answer, error) {
		order = append(order, p)
		return collect.Answer{Text: "x"}, nil
	}}
	r := &reader{}
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		order = append(order, name(q))
		return predict(1, q), nil
	}
	task := collect.Task{Plan: digest(1), Prompts: prompts(3), Probes: []string{"probe"}, Passages: passages(2), Want: collect.Want{Argmax: true}, Span: 3}
	s := collect.Suspect{Name: "s", Text: m, Prefix: r}
	got := run(t, task, s, journal(t), collect.Options{})
	assert.Equal(t, []string{"probe", "question 0", "question 1", "0 [0, 3)", "1 [0, 3)", "probe", "question 2", "1 [3, 4)", "probe"}, order)
	assert.Equal(t, got, reread(t, got))

	order, task.Prompts = nil, nil
	run(t, task, s, journal(t), collect.Options{})
	assert.Equal(t, []string{"probe", "0 [0, 3)", "1 [0, 3)", "probe", "1 [3, 4)", "probe"}, order)
}

func TestReadRetriesOnlyWhereNothingArrived(t *testing.T) {
	s, r, _ := reading()
	r.f = func(q collect.Reading, k int) (collect.Predictions, error) {
		switch {
		case name(q) == "0 [0, 2)" && k <= 2:
			return collect.Predictions{}, &collect.TransportError{Err: errors.New("refused"), RetryAfter: 5 * time.Second}
		case name(q) == "0 [2, 3)":
			return collect.Predictions{}, errors.New("HTTP 400")
		case name(q) == "1 [0, 2)":
			return collect.Predictions{}, &collect.TransportError{Err: errors.New("down")}
		}
		return predict(1, q), nil
	}
	c, path := newClock(), journal(t)
	got := run(t, readTask(2), s, path, collect.Options{Clock: c, Retries: 2})
	assert.Equal(t, collect.Counts{Complete: 2, Failed: 1, Missing: 1, Unreached: 5}, got.ReadingCounts())
	assert.Equal(t, []string{"no byte of an answer: refused", "no byte of an answer: refused"}, got.Readings[0].Unreached)
	assert.Equal(t, 3, got.Readings[0].Asked)
	assert.Equal(t, 1, r.n["0 [2, 3)"])
	assert.Equal(t, []time.Duration{1e9, 4e9, 2e9, 3e9, 1e9, 2e9}, c.slept)
	assert.Equal(t, got, reread(t, got))
	r.f = nil
	got = run(t, readTask(2), s, path, collect.Options{Clock: c})
	assert.Equal(t, collect.Counts{Complete: 3, Failed: 1, Unreached: 5}, got.ReadingCounts())
}

// Never more than Concurrency questions are open, at the suspect and the reference
// together.
func TestReadHonoursConcurrency(t *testing.T) {
	var now, most atomic.Int32
	var once sync.Once
	full := make(chan struct{})
	enter := func() {
		k := now.Add(1)
		for m := most.Load(); k > m && !most.CompareAndSwap(m, k); m = most.Load() {
		}
		if k == 4 {
			once.Do(func() { close(full) })
		}
		<-full // the first four wait until all of them are inside
	}
	s, r, ref := reading()
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		enter()
		defer now.Add(-1)
		return predict(1, q), nil
	}
	ref.f = func(q collect.Reading, ids [][]int32, _ int) ([][]float64, error) {
		enter()
		defer now.Add(-1)
		return rescore(2, q, ids), nil
	}
	run(t, readTask(9), s, journal(t), collect.Options{Concurrency: 4})
	assert.LessOrEqual(t, most.Load(), int32(4))
}

// A cancelled question is asked again by the next run, unless something of the
// answer had come: then it has its outcome, good or bad.
func TestReadStopsWhenTold(t *testing.T) {
	for where, want := range map[string]collect.ReadingExchange{
		"suspect":         {Status: collect.Complete, Asked: 2, Unreached: []string{"interrupted"}},
		"bad predictions": {Status: collect.Failed, Asked: 1},
		"reference":       {Status: collect.Complete, Asked: 1},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		s, r, ref := reading()
		r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
			switch {
			case name(q) != "1 [0, 2)" || where == "reference":
				return predict(1, q), nil
			case where == "suspect":
				cancel(errors.New("enough"))
				return collect.Predictions{}, ctx.Err()
			}
			cancel(errors.New("enough"))
			return collect.Predictions{}, nil
		}
		ref.f = func(q collect.Reading, ids [][]int32, _ int) ([][]float64, error) {
			if name(q) == "1 [0, 2)" {
				cancel(errors.New("enough"))
				return nil, ctx.Err()
			}
			return rescore(2, q, ids), nil
		}
		path := journal(t)
		_, err := collect.Run(ctx, readTask(4), s, path, collect.Options{})
		require.EqualError(t, err, "enough", where)
		assert.Zero(t, r.n["1 [2, 4)"], where)
		r.f, ref.f = nil, nil
		got := run(t, readTask(4), s, path, collect.Options{})
		e := got.Readings[2]
		assert.Equal(t, want.Asked, r.n["1 [0, 2)"], where)
		assert.Equal(t, want, collect.ReadingExchange{Status: e.Status, Asked: e.Asked, Unreached: e.Unreached}, where)
		assert.Zero(t, got.ReadingCounts().Missing)
	}
}

// A clock that is set back neither fails nor stops a collection, and the
// transcript says what the clock said.
func TestClockSetBack(t *testing.T) {
	c := newClock()
	start := c.Now()
	s, r, _ := reading()
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		if name(q) == "1 [0, 2)" {
			c.mu.Lock()
			c.t = c.t.Add(-24 * time.Hour)
			c.mu.Unlock()
		}
		return predict(1, q), nil
	}
	got := run(t, readTask(2), s, journal(t), collect.Options{Clock: c, Every: time.Minute})
	assert.Equal(t, []time.Duration{time.Minute, time.Minute, time.Minute}, c.slept)
	e := got.Readings[2]
	assert.Equal(t, start.Add(2*time.Minute).UnixMilli(), e.First)
	assert.Equal(t, start.Add(2*time.Minute-24*time.Hour).UnixMilli(), e.Last)
	assert.Equal(t, got, reread(t, got))
}

func TestReadRefuses(t *testing.T) {
	full, r, ref := reading()
	with := func(change func(*collect.Task)) collect.Task {
		task := readTask(2)
		change(&task)
		return task
	}
	for want, c := range map[string]struct {
		task    collect.Task
		suspect collect.Suspect
	}{
		"collect: task wants nothing of its passages":                                               {with(func(t *collect.Task) { t.Want = collect.Want{} }), full},
		"collect: task wants the -1 most likely tokens, want 0 to 1048576":                          {with(func(t *collect.Task) { t.Want.Top = -1 }), full},
		"collect: task wants the 1048577 most likely tokens, want 0 to 1048576":                     {with(func(t *collect.Task) { t.Want.Top = 1<<20 + 1 }), full},
		"collect: task has spans of -1 positions, want at least 1, or 0 for whole passages":         {with(func(t *collect.Task) { t.Span = -1 }), full},
		"collect: task has a reference, but wants no tokens for it to score":                        {with(func(t *collect.Task) { t.Want.Top = 0 }), full},
		"collect: task has no passages, but says what is wanted of them":                            {with(func(t *collect.Task) { t.Passages, t.Prompts = nil, prompts(1) }), full},
		"collect: passage 1 of the task: passage has 0 tokens, want at least 1":                     {with(func(t *collect.Task) { t.Passages[1].Tokens = nil }), full},
		"collect: passage 0 of the task: token 1 of the passage is -1, want at least 0":             {with(func(t *collect.Task) { t.Passages[0].Tokens[1] = -1 }), full},
		"collect: passage 0 of the task: token 0 of the passage's prompt is -5, want at least 0":    {with(func(t *collect.Task) { t.Passages[0].Prompt[0] = -5 }), full},
		"collect: passage 1 of the task: passage has 3 pieces, want 4, one for each token, or none": {with(func(t *collect.Task) { t.Passages[1].Pieces = t.Passages[1].Pieces[:3] }), full},
		"collect: passage 1 of the task: name of the key is not valid UTF-8":                        {with(func(t *collect.Task) { t.Passages[1].Key = "\xff" }), full},
		"collect: no such access to the suspect s: it gives no log-probabilities":                   {readTask(2), collect.Suspect{Name: "s", Prefix: r, Reference: ref}},
		"collect: no such access to the suspect s: there is no reference model beside it":           {readTask(2), collect.Suspect{Name: "s", TopLogProbs: r}},
		"collect: no such access to the suspect s: it predicts no tokens":                           {collect.Task{Plan: digest(1), Passages: passages(1), Want: collect.Want{Argmax: true}}, collect.Suspect{Name: "s", TopLogProbs: r}},
		"collect: no such access to the suspect s: it answers no prompts":                           {with(func(t *collect.Task) { t.Probes = []string{"who?"} }), full},
	} {
		path := journal(t)
		_, err := collect.Run(context.Background(), c.task, c.suspect, path, collect.Options{})
		assert.EqualError(t, err, want)
		assert.NoFileExists(t, path)
	}
}
