package verify_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// A finding says how many positions stayed without a prediction, and what that could
// mean; one without such positions does not.
func TestMissingPredictionsAreNoted(t *testing.T) {
	mark := newMark(t, newKey(t, 1), watermark.Gumbel{}, 1)
	rec := &verify.Record{Passages: []collect.Passage{{Tokens: []token{1, 2, 3, 4}}, {Tokens: []token{5, 6, 7}}}, Predictions: make([][]collect.Prediction, 2)}
	for range 4 {
		rec.Predictions[0] = append(rec.Predictions[0], collect.Prediction{Argmax: 9, Sample: collect.NoToken})
	}
	notes := func() string {
		found, err := verify.Examination{Name: "x", Mark: mark, Tests: []verify.Test{{Name: verify.R1}}, Alpha: 0.5}.Run(context.Background(), rec)
		require.NoError(t, err)
		require.Positive(t, found[0].Scored)
		return fmt.Sprint(found[0].Dropped.NoWord, found[0].Notes)
	}
	assert.Contains(t, notes(), "2 [", "the first position has no window")
	assert.Contains(t, notes(), "2 positions have no prediction")
	for range 3 {
		rec.Predictions[1] = append(rec.Predictions[1], collect.Prediction{Argmax: 9, Sample: collect.NoToken})
	}
	assert.NotContains(t, notes(), "no prediction")
}
