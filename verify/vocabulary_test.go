package verify_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// A plan that names the size of the vocabulary asks with it, and refuses passages and
// lists beyond it.
func TestPlansKnowTheVocabulary(t *testing.T) {
	c := newReadingCase(t, []collect.Passage{{Prompt: []token{3}, Tokens: []token{1, 7}}})
	c.key(t, "vendor", newMark(t, newKey(t, 1), watermark.Gumbel{}, 2), newKey(t, 1))
	c.Plan.Tests = []verify.Test{{Name: verify.R3}}
	c.Plan.Reading.Top, c.Plan.Reading.Vocabulary = 4, 8
	task, err := c.Plan.Task(c.Frames)
	assert.NoError(t, err)
	assert.Equal(t, collect.Want{Top: 4, Vocabulary: 8}, task.Want)
	c.Plan.Reading.Vocabulary = 7
	_, err = c.Plan.Task(c.Frames)
	assert.EqualError(t, err, "verify: passage 0 holds token 7, want less than 7, the size of the vocabulary")
	for _, v := range []int{-1, 3} {
		c.Plan.Reading.Vocabulary = v
		assert.ErrorContains(t, c.Plan.Check(), "want at least the 4 that are asked for")
	}
}
