package collect_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// An answer that names a token beyond the vocabulary is a failed one, kept with its
// reason; the last token of the vocabulary is as good as any.
//
// Mutants killed: > for ≥, a check of the list alone, a vocabulary that is no part of
// the questions.
func TestTokensBeyondTheVocabulary(t *testing.T) {
	task := collect.Task{Plan: digest(1), Passages: passages(1), Want: collect.Want{Argmax: true, Sample: true, Top: 1, Vocabulary: 50}}
	for name, c := range map[string]struct {
		argmax, sample, listed int32
		want                   string
	}{
		"within":        {49, 0, 49, ""},
		"most likely":   {50, 0, 50, "most likely token is 50, want less than 50, the size of the vocabulary"},
		"sampled":       {1, math.MaxInt32, 1, "sampled token is 2147483647, want less than 50"},
		"in the list":   {collect.NoToken, 0, 50, "token 0 of the list is 50, want less than 50"},
		"none is right": {collect.NoToken, collect.NoToken, 0, ""},
	} {
		r := &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
			out := collect.Predictions{}
			for range q.End - q.Begin {
				out.At = append(out.At, collect.Prediction{Argmax: c.argmax, Sample: c.sample, IDs: []int32{c.listed}, LogProbs: []float64{-1}})
			}
			return out, nil
		}}
		got := run(t, task, collect.Suspect{Name: "s", TopLogProbs: r}, journal(t), collect.Options{})
		e := got.Readings[0]
		if c.want == "" {
			assert.Equal(t, collect.Complete, e.Status, "%s: %s", name, e.Error)
		} else {
			assert.Equal(t, collect.Failed, e.Status, name)
			assert.Contains(t, e.Error, c.want, name)
		}
		assert.Equal(t, got, reread(t, got))
	}
	path := journal(t)
	s := collect.Suspect{Name: "s", TopLogProbs: &reader{seed: 4}}
	task.Want.Vocabulary = 0
	run(t, task, s, path, collect.Options{})
	task.Want.Vocabulary = 1 << 20
	_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
	assert.ErrorContains(t, err, "journal is of other prompts, probes or passages")
	task.Want = collect.Want{Vocabulary: 5}
	_, err = collect.Run(context.Background(), task, s, journal(t), collect.Options{})
	require.ErrorContains(t, err, "wants nothing of its passages")
	task.Want = collect.Want{Top: 1, Vocabulary: -1}
	_, err = collect.Run(context.Background(), task, s, journal(t), collect.Options{})
	assert.ErrorContains(t, err, "has a vocabulary of -1 tokens")
}
