package collect_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// ownTask wants ln p of the passages' own tokens, and nothing else.
func ownTask(n int) collect.Task {
	return collect.Task{Plan: digest(1), Passages: passages(n), Want: collect.Want{Own: true}, Span: 2}
}

// ln p of the own tokens is asked of the access that has log-probabilities, kept,
// written and read back, and replayed.
func TestOwnIsKept(t *testing.T) {
	task := ownTask(3)
	prefix, top := &reader{f: nobody(t)}, &reader{seed: 4}
	got := run(t, task, collect.Suspect{Name: "s", Prefix: prefix, TopLogProbs: top}, journal(t), collect.Options{Concurrency: 3})
	assert.Empty(t, prefix.order)
	for _, e := range got.Readings {
		require.Equal(t, collect.Complete, e.Status, e.Error)
		p := task.Passages[e.Passage]
		for i, at := range e.Predictions {
			require.NotNil(t, at.Own)
			l := logProbs(4, append(append([]int32{}, p.Prompt...), p.Tokens[:e.Begin+i]...))
			assert.Equal(t, l[p.Tokens[e.Begin+i]], *at.Own)
			assert.Equal(t, []any{collect.NoToken, collect.NoToken, []int32(nil)}, []any{at.Argmax, at.Sample, at.IDs})
		}
	}
	assert.Equal(t, got, reread(t, got))
	again := run(t, task, collect.Replay(got), journal(t), collect.Options{})
	for i := range got.Readings {
		assert.Equal(t, got.Readings[i].Predictions, again.Readings[i].Predictions)
	}
	var file bytes.Buffer
	_, err := got.WriteTo(&file)
	require.NoError(t, err)
	assert.Contains(t, file.String(), `"want":{"own":true}`)
	assert.Contains(t, file.String(), `{"a":-1,"s":-1,"o":-`)
}

// What a predictor says of own tokens though nobody asked is not kept: no test can
// look at it.
func TestOwnThatNobodyAskedForIsDropped(t *testing.T) {
	r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
		q.Want.Own = true
		return predict(1, q), nil
	}}
	task := ownTask(3)
	task.Want = collect.Want{Top: 2}
	got := run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
	n := 0
	for _, e := range got.Readings {
		require.Equal(t, collect.Complete, e.Status, e.Error)
		for _, p := range e.Predictions {
			assert.Nil(t, p.Own)
			n++
		}
	}
	assert.Positive(t, n)
	// A file that holds it all the same is refused.
	var file bytes.Buffer
	_, err := got.WriteTo(&file)
	require.NoError(t, err)
	text := strings.Replace(file.String(), `]}`, `],"o":-1}`, 1)
	require.NotEqual(t, file.String(), text)
	_, err = collect.ReadTranscript(strings.NewReader(text))
	assert.ErrorContains(t, err, "ln p of the passage's own token is -1, want none: it was not asked for")
}

func TestBadOwn(t *testing.T) {
	for want, x := range map[string]float64{
		"ln p of the passage's own token is NaN, want a finite number of at most 0":   math.NaN(),
		"ln p of the passage's own token is 1e-09, want a finite number of at most 0": 1e-9,
		"ln p of the passage's own token is -Inf, want a finite number of at most 0":  math.Inf(-1),
	} {
		r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
			out := predict(1, q)
			if name(q) == "1 [2, 4)" {
				out.At[1].Own = &x
			}
			return out, nil
		}}
		got := run(t, ownTask(2), collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
		assert.Equal(t, collect.Counts{Complete: 3, Failed: 1}, got.ReadingCounts())
		assert.Equal(t, "collect: prediction at position 3: "+want, got.Readings[3].Error)
	}
	// None is no fault: no model has a prediction before the first token; 0 is one.
	zero := 0.0
	r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
		return collect.Predictions{At: []collect.Prediction{{Own: nil}, {Own: &zero}}[:q.End-q.Begin]}, nil
	}}
	got := run(t, ownTask(2), collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
	assert.Equal(t, collect.Counts{Complete: 4}, got.ReadingCounts())
	assert.Nil(t, got.Readings[0].Predictions[0].Own)
	assert.Equal(t, &zero, got.Readings[0].Predictions[1].Own)
	assert.Equal(t, got, reread(t, got))
}

// A journal of a task with and of one without are different ones; that of a task
// without is what it was before there was an Own.
func TestOwnIsPartOfTheQuestions(t *testing.T) {
	task, path := readTask(2), journal(t)
	s, _, _ := reading()
	run(t, task, s, path, collect.Options{})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"questions":"3e4ec7aa4e83eff579b33ecf2de75d51ab99ca5ee2ee1351c0a080c2afd44d3d"`)
	task.Want.Own = true
	_, err = collect.Run(context.Background(), task, s, path, collect.Options{})
	assert.ErrorContains(t, err, "journal is of other prompts, probes or passages")
	_, err = collect.Run(context.Background(), ownTask(1), collect.Suspect{Name: "s", Prefix: &reader{}}, journal(t), collect.Options{})
	assert.ErrorContains(t, err, "it gives no log-probabilities")
}
