package collect_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
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

// A bad prediction is an answer that failed: it is kept with what is wrong with
// it and not asked again.
func TestBadPredictions(t *testing.T) {
	top := func(ids []int32, l ...float64) collect.Prediction {
		return collect.Prediction{Argmax: 1, Sample: 2, IDs: ids, LogProbs: l}
	}
	third := math.Log(1. / 3)
	many := make([]int32, 40)
	flat := make([]float64, 40)
	for i := range many {
		many[i], flat[i] = int32(i), -4
	}
	many[39] = 38
	for want, p := range map[string]collect.Prediction{
		"lists 4 tokens, want at most 3":                              top([]int32{1, 2, 3, 4}, -1, -2, -3, -4),
		"lists 0 tokens with 1 log-probabilities":                     top(nil, -1),
		"lists 3 tokens with 2 log-probabilities":                     top([]int32{1, 2, 3}, -1, -2),
		"token 1 of the list is -1, want at least 0":                  top([]int32{1, -1, 3}, -1, -2, -3),
		"token 7 is listed twice":                                     top([]int32{7, 1, 7}, -1, -2, -3),
		"ln p of token 2 is NaN, want a finite number of at most 0":   top([]int32{1, 2, 3}, -1, math.NaN(), -3),
		"ln p of token 1 is 1e-12, want a finite number of at most 0": top([]int32{1, 2, 3}, 1e-12, -2, -3),
		"ln p of token 3 is -Inf, want a finite number of at most 0":  top([]int32{1, 2, 3}, -1, -2, math.Inf(-1)),
		"token 3 is listed after the less likely token 2":             top([]int32{1, 2, 3}, -1, -3, -2),
		"token 2 is listed after token 3, which is as likely":         top([]int32{1, 3, 2}, -1, -2, -2),
		"probabilities of the listed tokens have sum 1.00101":         top([]int32{1, 2, 3}, third+.00101, third+.00101, third+.00101),
		"most likely token is -2, want at least 0, or -1 for none":    {Argmax: -2, Sample: 1, IDs: []int32{1, 2, 3}, LogProbs: []float64{-1, -2, -3}},
		"sampled token is -3, want at least 0, or -1 for none":        {Argmax: 1, Sample: -3, IDs: []int32{1, 2, 3}, LogProbs: []float64{-1, -2, -3}},
		"has 3 figures of a reference, want none":                     {IDs: []int32{1, 2, 3}, LogProbs: []float64{-1, -2, -3}, Reference: []float64{-1, -2, -3}},
	} {
		bad := p
		r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
			out := predict(1, q)
			if name(q) == "1 [2, 4)" {
				out.At[1] = bad
			}
			return out, nil
		}}
		path := journal(t)
		task := collect.Task{Plan: digest(1), Passages: passages(2), Want: collect.Want{Argmax: true, Sample: true, Top: 3}, Span: 2}
		s := collect.Suspect{Name: "s", TopLogProbs: r}
		for range 2 { // the second run asks nothing
			got := run(t, task, s, path, collect.Options{})
			e := got.Readings[3]
			assert.Equal(t, collect.Failed, e.Status, want)
			assert.Contains(t, e.Error, "collect: prediction at position 3: "+want)
			assert.Nil(t, e.Predictions)
			assert.Equal(t, "bigram-1", e.Model)
			assert.Equal(t, 1, r.n["1 [2, 4)"])
			assert.Equal(t, collect.Counts{Complete: 3, Failed: 1}, got.ReadingCounts())
			assert.Equal(t, got, reread(t, got))
		}
	}
	// A long list is searched in another way.
	r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
		return collect.Predictions{At: []collect.Prediction{{IDs: slices.Clone(many), LogProbs: slices.Clone(flat)}}}, nil
	}}
	task := collect.Task{Plan: digest(1), Passages: []collect.Passage{{Tokens: []int32{1}}}, Want: collect.Want{Top: 40}}
	got := run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
	assert.Equal(t, "collect: prediction at position 0: token 38 is listed twice", got.Readings[0].Error)
	many[39] = 39
	got = run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
	assert.Equal(t, collect.Complete, got.Readings[0].Status, got.Readings[0].Error)
}

// What is rounded, and what is not a token of the marked model, is good.
func TestGoodPredictions(t *testing.T) {
	third := math.Log(1. / 3)
	for _, p := range []collect.Prediction{
		{Argmax: collect.NoToken, Sample: collect.NoToken, IDs: []int32{1, 2, 3}, LogProbs: []float64{third + .00099, third + .00099, third + .00099}},
		{IDs: []int32{0, math.MaxInt32, 5}, LogProbs: []float64{0, -9999, -math.MaxFloat64}},
		{IDs: []int32{4, 5, 6}, LogProbs: []float64{math.Copysign(0, -1), -20, -20}},
	} {
		r := &reader{f: func(collect.Reading, int) (collect.Predictions, error) {
			return collect.Predictions{At: []collect.Prediction{p}}, nil
		}}
		task := collect.Task{Plan: digest(1), Passages: []collect.Passage{{Tokens: []int32{1}}}, Want: collect.Want{Argmax: true, Sample: true, Top: 3}}
		got := run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
		assert.Equal(t, collect.Complete, got.Readings[0].Status, got.Readings[0].Error)
		assert.Equal(t, []collect.Prediction{p}, got.Readings[0].Predictions)
		assert.Equal(t, got, reread(t, got))
	}
}

// Too few and too many predictions, and an error after some of them, fail the
// question that they answer and no other.
func TestPartialPredictions(t *testing.T) {
	r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
		out := predict(1, q)
		switch name(q) {
		case "1 [0, 2)":
			out.At = out.At[:1]
		case "1 [2, 4)":
			out.At = append(out.At, out.At[0])
		case "2 [0, 2)":
			out.At = out.At[:1]
			return out, errors.New("connection reset\xff")
		case "2 [2, 4)":
			return collect.Predictions{}, nil
		}
		return out, nil
	}}
	task := readTask(3)
	task.Reference = false
	got := run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{Concurrency: 4})
	var errs []string
	for _, e := range got.Readings {
		errs = append(errs, e.Error)
		assert.Equal(t, e.Error == "", e.Status == collect.Complete)
		assert.Equal(t, e.Error == "", e.Predictions != nil)
	}
	assert.Equal(t, []string{"", "",
		"collect: answer has 1 predictions, want 2, for positions [0, 2)",
		"collect: answer has 3 predictions, want 2, for positions [2, 4)",
		"connection reset\uFFFD",
		"collect: answer has 0 predictions, want 2, for positions [2, 4)", ""}, errs)
	assert.Equal(t, got, reread(t, got))
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

// A reference that cannot be reached costs no second question to the suspect,
// now or in the next run.
func TestReferenceFails(t *testing.T) {
	s, r, ref := reading()
	ref.f = func(q collect.Reading, ids [][]int32, k int) ([][]float64, error) {
		out := rescore(2, q, ids)
		switch name(q) {
		case "0 [0, 2)":
			if k <= 2 {
				return nil, &collect.TransportError{Err: errors.New("busy"), RetryAfter: 5 * time.Second}
			}
		case "0 [2, 3)":
			return nil, errors.New("HTTP 400\xff")
		case "1 [0, 2)":
			return nil, &collect.TransportError{Err: errors.New("down")}
		case "1 [2, 4)":
			out[1] = out[1][:3]
		case "2 [0, 2)":
			out = out[:1]
		case "2 [2, 4)":
			out[0][2] = math.Inf(-1)
		case "2 [4, 5)":
			out[0][3] = .5
		}
		return out, nil
	}
	c, path := newClock(), journal(t)
	got := run(t, readTask(3), s, path, collect.Options{Clock: c, Retries: 2})
	var errs []string
	for _, e := range got.Readings {
		errs = append(errs, e.Error)
	}
	assert.Equal(t, []string{"", "reference: HTTP 400\uFFFD", "",
		"collect: reference: position 3: 3 figures of the reference for 4 tokens",
		"collect: reference: answer has 1 positions, want 2",
		"collect: reference: position 2: ln p of token 29 to the reference is -Inf, want a finite number of at most 0",
		"collect: reference: position 4: ln p of token 49 to the reference is 0.5, want a finite number of at most 0",
	}, errs)
	assert.Equal(t, collect.Counts{Complete: 1, Failed: 5, Missing: 1, Unreached: 1}, got.ReadingCounts())
	assert.Equal(t, []string{"the reference did not answer"}, got.Readings[2].Unreached)
	assert.Empty(t, got.Readings[2].Model)
	assert.Equal(t, []time.Duration{5e9, 5e9, 1e9, 2e9}, c.slept)
	assert.Equal(t, got, reread(t, got))

	r.f, ref.f = nobody(t), nil
	last := run(t, readTask(3), s, path, collect.Options{})
	assert.Equal(t, collect.Counts{Complete: 2, Failed: 5}, last.ReadingCounts())
	assert.Equal(t, 1, last.Readings[2].Asked)
	assert.Equal(t, "bigram-1", last.Readings[2].Model)
	assert.Equal(t, 4, ref.n["1 [0, 2)"])
	for _, n := range r.n {
		assert.Equal(t, 1, n)
	}
}

func TestReadGivesUpOnAnUnreachableReference(t *testing.T) {
	s, _, ref := reading()
	ref.f = func(collect.Reading, [][]int32, int) ([][]float64, error) {
		return nil, &collect.TransportError{Err: errors.New("no route")}
	}
	_, err := collect.Run(context.Background(), readTask(9), s, journal(t), collect.Options{Clock: newClock(), Retries: -1, Unreachable: 3})
	assert.EqualError(t, err, "collect: 3 questions in a row got no answer; the last: reference: no byte of an answer: no route")
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

// A journal is of one task: other passages, or another thing asked of them, is
// another task. Tasks without passages have the digests they always had.
func TestJournalNamesWhatIsRead(t *testing.T) {
	s, _, _ := reading()
	s.Text = echo()
	path := journal(t)
	run(t, readTask(2), s, path, collect.Options{})
	for what, change := range map[string]func(*collect.Task){
		"key":       func(t *collect.Task) { t.Passages[0].Key = "k" },
		"prompt":    func(t *collect.Task) { t.Passages[0].Prompt[1]++ },
		"token":     func(t *collect.Task) { t.Passages[0].Tokens[2]++ },
		"bytes":     func(t *collect.Task) { t.Passages[1].PromptText += "!" },
		"piece":     func(t *collect.Task) { t.Passages[1].Pieces[0] += "!" },
		"order":     func(t *collect.Task) { slices.Reverse(t.Passages) },
		"more":      func(t *collect.Task) { t.Passages = passages(3) },
		"argmax":    func(t *collect.Task) { t.Want.Argmax = false },
		"sample":    func(t *collect.Task) { t.Want.Sample = true },
		"top":       func(t *collect.Task) { t.Want.Top++ },
		"reference": func(t *collect.Task) { t.Reference = false },
		"span":      func(t *collect.Task) { t.Span = 5 },
		"prompts":   func(t *collect.Task) { t.Prompts = prompts(1) },
	} {
		task := readTask(2)
		change(&task)
		_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
		assert.EqualError(t, err, "collect: journal is of other prompts, probes or passages, or of another order", what)
	}
	path = journal(t)
	run(t, task(1), s, path, collect.Options{})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	// Frozen: computed before tasks had passages.
	assert.Equal(t, `{"schema":"dyetrace/journal/1","plan":"`+digest(1).String()+`","suspect":"s","questions":"da2b8e287ce298c6290238aee09e2a18b22b25e6af42884382883aa3878d1e7f"}`,
		strings.SplitN(string(data), "\n", 2)[0])
}

func TestRunRefusesAForeignReading(t *testing.T) {
	path := journal(t)
	s, _, _ := reading()
	task := readTask(1)
	run(t, task, s, path, collect.Options{Clock: newClock()})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	l := strings.SplitAfter(string(data), "\n") // header, ask, read, answer, ask, …
	require.Len(t, l, 8)
	failed := `{"at":0,"kind":"answer","stage":"reading","n":0,"passage":0,"begin":0,"end":2,"status":"failed","error":"e"}` + "\n"
	edit := func(line, old, new string) string {
		require.Contains(t, line, old)
		return strings.Replace(line, old, new, 1)
	}
	for want, content := range map[string]string{
		"answer to question reading 0 is of passage 1 [0, 2), want 0 [0, 2)": l[0] + l[1] + edit(l[2], `"passage":0`, `"passage":1`),
		"answer to question reading 0 is of passage 0 [1, 2), want 0 [0, 2)": l[0] + l[1] + edit(l[2], `"begin":0`, `"begin":1`),
		"answer to question reading 0 is of passage 0 [0, 3), want 0 [0, 2)": l[0] + l[1] + l[2] + edit(l[3], `"end":2`, `"end":3`),
		"answer to question reading 0 does not say to which positions":       l[0] + l[1] + edit(l[2], `"passage":0,"begin":0,"end":2,`, ``),
		"question reading 0 is answered already":                             l[0] + l[1] + l[2] + l[1],
		"line 4 of the journal: question reading 0 is answered already":      l[0] + l[1] + l[2] + l[2],
		"line 2 of the journal: question reading 0 was not asked":            l[0] + l[2],
		"line 5 of the journal: question reading 0 is answered already":      l[0] + l[1] + l[2] + l[3] + l[3],
		"question reading 0 has predictions already":                         l[0] + l[1] + l[2] + edit(failed, `"failed"`, `"failed","model":"m"`),
		"question reading 0 is answered by an event of kind \"ask\"":         l[0] + edit(l[1], `}`, `,"model":"m"}`),
		"question reading 0 has figures of a reference for no predictions":   l[0] + l[1] + l[3],
		"reference has 1 positions, want 2":                                  l[0] + l[1] + l[2] + l[3][:strings.Index(l[3], "],[")] + "]]}\n",
		"has 3 figures of a reference, want none":                            l[0] + l[1] + edit(l[2], `}]}`, `,"r":[-1,-1,-1]}]}`),
		"status is \"refused\", want complete, failed or missing":            l[0] + l[1] + edit(failed, "failed", "refused"),
		"answer has 0 predictions, want 2, for positions [0, 2)":             l[0] + l[1] + edit(failed, `"failed","error":"e"`, `"complete"`),
		"question reading 0 is answered with a text":                         l[0] + l[1] + edit(failed, `"failed"`, `"failed","text":"x"`),
		"there is no question reading 2":                                     l[0] + edit(l[1], `"n":0`, `"n":2`),
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
		assert.ErrorContains(t, err, want)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(after), "a refused journal is left as it is")
	}
	// A prompt is not answered like a passage, nor without the reference.
	s.Text = echo()
	task.Prompts = prompts(1)
	path = journal(t)
	run(t, task, s, path, collect.Options{})
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	head := strings.SplitAfter(string(data), "\n")[:2]
	for want, line := range map[string]string{
		"question prompt 0 is answered like a reading": `{"at":0,"kind":"answer","stage":"prompt","n":0,"passage":0,"status":"complete","text":"x"}`,
		"question prompt 0 is not for the reference":   `{"at":0,"kind":"read","stage":"prompt","n":0}`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(head[0]+head[1]+line+"\n"), 0o600))
		_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
		assert.ErrorContains(t, err, want)
	}
}

// A file that is no journal is not overwritten.
func TestRunLeavesOtherFiles(t *testing.T) {
	path := journal(t)
	require.NoError(t, os.WriteFile(path, []byte("my notes"), 0o600))
	_, err := collect.Run(context.Background(), task(1), collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{})
	assert.EqualError(t, err, `collect: journal: file begins with "my notes", want a journal or nothing`)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "my notes", string(data))
}
