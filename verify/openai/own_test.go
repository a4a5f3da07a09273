package openai_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// A server that reads a passage whole says ln p of each of its tokens; with every
// other one the question fails, and nothing is sent.
func TestOwnIsWhatTheModelSays(t *testing.T) {
	whole := 0
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			s := m.suspect(t)
			rng := rand.New(rand.NewPCG(8, 8))
			for i := range 12 {
				a := passage(rng, i%3, 9)
				if m.reading.Whole != openai.Separate {
					a.Pieces = nil // as candidates of twins come
				}
				q := collect.Reading{Passage: a, Begin: i % 2, End: 9 - i%4, Want: collect.Want{Own: true}}
				got, err := s.Predict(context.Background(), q)
				if m.reading.Whole == openai.Separate {
					require.ErrorContains(t, err, "ln p of the passage's own tokens is asked for")
					assert.Zero(t, m.toy.requests.Load())
					return
				}
				require.NoError(t, err)
				require.Len(t, got.At, q.End-q.Begin)
				for p := q.Begin; p < q.End; p++ {
					at := got.At[p-q.Begin]
					assert.Equal(t, []any{collect.NoToken, collect.NoToken, 0}, []any{at.Argmax, at.Sample, len(at.IDs)})
					ids, ok := m.before(a, p)
					if !ok {
						assert.Nil(t, at.Own, "before the first token")
						continue
					}
					require.NotNil(t, at.Own)
					assert.InDelta(t, logProbs(ids)[a.Tokens[p]], *at.Own, 1e-12)
				}
				assert.EqualValues(t, 2*(i+1), m.toy.requests.Load(), "the passage, and its last position again")
			}
			whole++
		})
	}
	assert.Equal(t, 7, whole)
}

// What else is predicted does not change when own tokens are asked for, too.
func TestOwnChangesNothingElse(t *testing.T) {
	for _, m := range modes() {
		if m.reading.Whole == openai.Separate {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			s := m.suspect(t)
			rng := rand.New(rand.NewPCG(9, 9))
			for _, w := range []collect.Want{{Argmax: true}, {Top: 2}, {Top: 5, Argmax: true}} {
				q := collect.Reading{Passage: passage(rng, 2, 8), End: 8, Want: w}
				plain, err := s.Predict(context.Background(), q)
				require.NoError(t, err)
				q.Want.Own = true
				own, err := s.Predict(context.Background(), q)
				require.NoError(t, err)
				for i := range own.At {
					assert.NotNil(t, own.At[i].Own)
					own.At[i].Own = nil
				}
				assert.Equal(t, plain, own)
			}
		})
	}
}

// A server that says of each token what it says of the next one is found out by
// its lists, when only own tokens are asked for.
func TestOwnOfTheNextPositionIsRefused(t *testing.T) {
	m := mode{"", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 5, Whole: openai.Echo}, &toy{off: 1}}
	s := m.suspect(t)
	found := 0
	a := passage(rand.New(rand.NewPCG(1, 2)), 3, 9)
	for end := 2; end <= 9; end++ {
		if _, err := s.Predict(context.Background(), collect.Reading{Passage: a, End: end, Want: collect.Want{Own: true}}); err != nil {
			found++
		}
	}
	assert.GreaterOrEqual(t, found, 7, "of 8 questions; with 32 tokens some lists are alike")
}
