package collect_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// mixed is a collection in which everything happens that may.
func mixed(t *testing.T) (collect.Task, *collect.Transcript) {
	s, r, ref := reading()
	s.Text = &model{f: func(p string, k int) (collect.Answer, error) {
		switch p {
		case "question 1":
			return collect.Answer{Text: "no", Refused: true}, nil
		case "question 2":
			return collect.Answer{}, nil
		case "question 3":
			return collect.Answer{Text: "half", Model: "m-7"}, errors.New("connection reset")
		case "question 4":
			return collect.Answer{Refused: true}, nil
		case "question 0", "question 5":
			return collect.Answer{Text: p + "\xff", Model: "m-7"}, nil
		}
		return collect.Answer{Text: p, Model: []string{"", "m-7", "m-8", "m-9", "m-10", "m-11"}[k]}, nil
	}}
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		out := predict(1, q)
		switch name(q) {
		case "1 [0, 2)":
			return out, errors.New("HTTP 400")
		case "2 [2, 4)":
			out.At = out.At[:1]
		}
		return out, nil
	}
	ref.f = func(q collect.Reading, ids [][]int32, _ int) ([][]float64, error) {
		if name(q) == "2 [0, 2)" {
			return nil, errors.New("HTTP 500")
		}
		return rescore(2, q, ids), nil
	}
	task := readTask(4)
	task.Prompts = append(append([]string{"who?"}, prompts(6)...), "who?") // a probe, in either half
	task.Probes = []string{"who?", "2+2?"}
	got := run(t, task, s, journal(t), collect.Options{Clock: newClock()})
	assert.Equal(t, collect.Counts{Complete: 4, Refused: 2, Empty: 1, Failed: 1}, got.Counts())
	assert.Equal(t, []string{"bigram-1", "m-10", "m-11", "m-7", "m-8", "m-9"}, got.Models())
	assert.Equal(t, 3, got.ReadingCounts().Failed)
	return task, got
}

// A replayed collection is the recorded one, in the file too.
func TestReplay(t *testing.T) {
	task, recorded := mixed(t)
	read := reread(t, recorded)
	got := run(t, task, collect.Replay(read), journal(t), collect.Options{Clock: newClock()})
	assert.Equal(t, recorded, got)
	a, err := recorded.Digest()
	require.NoError(t, err)
	b, err := got.Digest()
	require.NoError(t, err)
	assert.Equal(t, a, b)
	assert.Equal(t, recorded, read, "a replay changes nothing in what it replays")

	// With several open questions only the times differ: "who?" stands twice,
	// but never twice in a stage.
	many := run(t, task, collect.Replay(read), journal(t), collect.Options{Clock: newClock(), Concurrency: 8})
	assert.Equal(t, recorded, many)
}

// The same passage twice, answered otherwise the second time.
func TestReplayRepeats(t *testing.T) {
	r := &reader{f: func(q collect.Reading, k int) (collect.Predictions, error) {
		return collect.Predictions{At: []collect.Prediction{{Sample: int32(k)}}}, nil
	}}
	p := collect.Passage{Tokens: []int32{1}}
	task := collect.Task{Plan: digest(1), Passages: []collect.Passage{p, p, p}, Want: collect.Want{Sample: true}}
	recorded := run(t, task, collect.Suspect{Name: "s", Prefix: r}, journal(t), collect.Options{Clock: newClock()})
	assert.Equal(t, int32(3), recorded.Readings[2].Predictions[0].Sample)
	assert.Equal(t, recorded, run(t, task, collect.Replay(recorded), journal(t), collect.Options{Clock: newClock()}))
}

func TestReplayFailsWhereNothingIsRecorded(t *testing.T) {
	task, recorded := mixed(t)
	recorded.Prompts[1].Status = collect.Missing
	recorded.Readings[0].Status = collect.Missing
	s := collect.Replay(recorded)
	ctx := t.Context()
	fails := func(err error, want string) {
		t.Helper()
		assert.ErrorIs(t, err, collect.ErrNoAccess)
		assert.EqualError(t, err, "collect: no such access to the suspect s: "+want)
	}
	_, err := s.Text.Answer(ctx, "question 9")
	fails(err, `no answer to "question 9" is recorded`)
	_, err = s.Text.Answer(ctx, "question 0")
	fails(err, `"question 0" had no answer`)
	_, err = s.Text.Answer(ctx, "question 5")
	require.NoError(t, err)
	_, err = s.Text.Answer(ctx, "question 5")
	fails(err, `no further answer to "question 5" is recorded`)

	q := collect.Reading{Passage: &task.Passages[0], Begin: 0, End: 2, Want: task.Want}
	d, err := q.Passage.Digest()
	require.NoError(t, err)
	_, err = s.TopLogProbs.Predict(ctx, q)
	fails(err, "passage "+d.String()+" [0, 2) was not predicted")
	_, err = s.TopLogProbs.Predict(ctx, q)
	fails(err, "no further predictions of passage "+d.String()+" [0, 2) are recorded")
	q.End = 1
	_, err = s.TopLogProbs.Predict(ctx, q)
	fails(err, "no predictions of passage "+d.String()+" [0, 1) are recorded")
	q.Begin, q.End = 2, 3
	got, err := s.TopLogProbs.Predict(ctx, q)
	require.NoError(t, err)
	ids := [][]int32{got.At[0].IDs}
	r, err := s.Reference.Rescore(ctx, q, ids)
	require.NoError(t, err)
	assert.Equal(t, rescore(2, q, ids), r)
	_, err = s.Reference.Rescore(ctx, q, [][]int32{{1, 2, 3, 4}})
	fails(err, "no figures of the reference for these tokens of passage "+d.String()+" [2, 3) are recorded")
	q.Want.Top = 5
	_, err = s.TopLogProbs.Predict(ctx, q)
	fails(err, "predictions of {Argmax:true Sample:false Top:4 Own:false Vocabulary:0} are recorded, want {Argmax:true Sample:false Top:5 Own:false Vocabulary:0}")
	_, err = s.TopLogProbs.Predict(ctx, collect.Reading{Want: task.Want})
	fails(err, "the question names no passage")
	_, err = s.TopLogProbs.Predict(ctx, collect.Reading{Passage: &collect.Passage{}, Want: task.Want})
	assert.ErrorContains(t, err, "passage has 0 tokens")

	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Text.Answer(over, "question 5")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.TopLogProbs.Predict(over, q)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.Reference.Rescore(over, q, ids)
	assert.ErrorIs(t, err, context.Canceled)
}

// A transcript gives the access that it used and no other.
func TestReplayAccess(t *testing.T) {
	prefix := collect.Task{Plan: digest(1), Passages: passages(1), Want: collect.Want{Sample: true}}
	top := collect.Task{Plan: digest(1), Passages: passages(1), Want: collect.Want{Top: 3}}
	for _, c := range []struct {
		task collect.Task
		want [4]bool // Text, Prefix, TopLogProbs, Reference
	}{
		{task(2), [4]bool{true}},
		{prefix, [4]bool{1: true}},
		{top, [4]bool{2: true}},
		{readTask(1), [4]bool{2: true, 3: true}},
	} {
		full, _, _ := reading()
		full.Text = echo()
		s := collect.Replay(run(t, c.task, full, journal(t), collect.Options{}))
		assert.Equal(t, c.want, [4]bool{s.Text != nil, s.Prefix != nil, s.TopLogProbs != nil, s.Reference != nil})
		assert.Equal(t, "s", s.Name)
	}
	none := collect.Replay(&collect.Transcript{})
	assert.Nil(t, none.Text)
}
