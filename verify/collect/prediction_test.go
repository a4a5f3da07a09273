package collect_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

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
		"most likely token is 2, but the list says 1":                 {Argmax: 2, IDs: []int32{1, 2, 3}, LogProbs: []float64{-1, -2, -3}},
		"most likely token is 4, but the list says 1":                 {Argmax: 4, IDs: []int32{1, 2, 3}, LogProbs: []float64{-1, -1, -3}},
		"has 3 figures of a reference, want none":                     {Argmax: 1, IDs: []int32{1, 2, 3}, LogProbs: []float64{-1, -2, -3}, Reference: []float64{-1, -2, -3}},
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
	// A long list is searched in another way, and kept as it came.
	r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
		return collect.Predictions{At: []collect.Prediction{{IDs: slices.Clone(many), LogProbs: slices.Clone(flat)}}}, nil
	}}
	task := collect.Task{Plan: digest(1), Passages: []collect.Passage{{Tokens: []int32{1}}}, Want: collect.Want{Top: 40}}
	got := run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
	assert.Equal(t, "collect: prediction at position 0: token 38 is listed twice", got.Readings[0].Error)
	slices.Reverse(many)
	many[0] = 39
	for i := range flat {
		flat[i] -= float64(i)
	}
	got = run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
	require.Equal(t, collect.Complete, got.Readings[0].Status, got.Readings[0].Error)
	assert.Equal(t, many, got.Readings[0].Predictions[0].IDs)
}

// What is rounded, and what is not a token of the marked model, is good.
func TestGoodPredictions(t *testing.T) {
	third := math.Log(1. / 3)
	for _, p := range []collect.Prediction{
		{Argmax: collect.NoToken, Sample: collect.NoToken, IDs: []int32{1, 2, 3}, LogProbs: []float64{third + .00099, third + .00099, third + .00099}},
		{IDs: []int32{0, math.MaxInt32, 5}, LogProbs: []float64{0, -9999, -math.MaxFloat64}},
		{Argmax: 4, IDs: []int32{4, 5, 6}, LogProbs: []float64{math.Copysign(0, -1), -20, -20}},
		{Argmax: 5, IDs: []int32{4, 5, 6}, LogProbs: []float64{-2, -2, -20}},
		{Argmax: 9, IDs: []int32{4, 5, 6}, LogProbs: []float64{-2, -2, -2}},
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

// What a predictor hands out may be its own: Run does not write to it.
func TestPredictionsAreNotWrittenTo(t *testing.T) {
	at := []collect.Prediction{{Argmax: 1, Sample: 2, IDs: []int32{1}, LogProbs: []float64{-1}}}
	want := slices.Clone(at)
	s, r, _ := reading()
	r.f = func(collect.Reading, int) (collect.Predictions, error) { return collect.Predictions{At: at}, nil }
	task := collect.Task{Plan: digest(1), Passages: passages(2), Want: collect.Want{Top: 1}, Reference: true, Span: 1}
	got := run(t, task, s, journal(t), collect.Options{Concurrency: 4})
	assert.Equal(t, 7, got.ReadingCounts().Complete)
	assert.NotEmpty(t, got.Readings[0].Predictions[0].Reference)
	assert.Equal(t, collect.NoToken, got.Readings[0].Predictions[0].Argmax)
	assert.Equal(t, want, at)
}
