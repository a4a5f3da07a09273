package main

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDiluteKeepsItsShare(t *testing.T) {
	other := []string{strings.Repeat("o", 9000)}
	answers := make([]string, 100)
	for i := range answers {
		answers[i] = strings.Repeat("a", 100)
	}
	mixed := dilute(other, answers, 0.1)
	assert.Len(t, mixed, 11, "1,000 bytes of answers in 10,000")
	assert.Len(t, other, 1, "the other texts are as they were")
	assert.Equal(t, other, dilute(other, answers, 0))
}

func TestDrawFollowsTheTemperature(t *testing.T) {
	ids, logits := []int32{7, 3, 9}, []float32{-1, -2, -4}
	var want [3]float64
	sum := 0.0
	for i, l := range logits {
		want[i] = math.Exp(float64(l) / suspectTemperature)
		sum += want[i]
	}
	rng := rand.New(rand.NewPCG(1, 0))
	counts := map[int32]float64{}
	const n = 20_000
	for range n {
		counts[draw(ids, logits, rng)]++
	}
	for i, id := range ids {
		p := want[i] / sum
		// Six standard deviations: a false alarm once in 10^8.
		assert.InDelta(t, n*p, counts[id], 6*math.Sqrt(n*p*(1-p)), "token %d", id)
	}
}

func TestSuspectRepeatsItselfForOnePrompt(t *testing.T) {
	tok, err := newTokenizer([]string{"a b c d e f g"})
	require.NoError(t, err)
	s := trainSuspects(tok, newLuck(1), quiet(), diet{texts: []string{"a b c d", "a b e f", "a c g b d"}})[0]
	first, err := s.Answer(context.Background(), "a")
	require.NoError(t, err)
	again, err := s.Answer(context.Background(), "a")
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.NotEmpty(t, first.Text)

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Answer(cancelled, "a")
	assert.ErrorIs(t, err, context.Canceled)
}
