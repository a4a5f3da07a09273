package openai_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// Every dialect gives what the model predicts, whatever the server adds, merges,
// cuts and reorders.
func TestPredictionsAreTheModels(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			s := m.suspect(t)
			rng := rand.New(rand.NewPCG(3, 3))
			for i, w := range []collect.Want{
				{Argmax: true}, {Sample: true}, {Argmax: true, Sample: true}, {Top: 1}, {Top: 2, Argmax: true}, {Top: 4, Sample: true},
				{Top: m.reading.Top, Argmax: true, Sample: true},
			} {
				if w.Top > m.reading.Top {
					continue
				}
				a := passage(rng, i%4, 12)
				q := collect.Reading{Passage: a, Begin: i % 3, End: 12 - i%2, Want: w}
				got, err := s.Predict(context.Background(), q)
				require.NoError(t, err, "%+v", w)
				require.Len(t, got.At, q.End-q.Begin)
				if slices.ContainsFunc(got.At, func(x collect.Prediction) bool { return x.Argmax >= 0 || x.Sample >= 0 || len(x.IDs) > 0 }) {
					assert.Equal(t, "toy", got.Model)
				}
				for p := q.Begin; p < q.End; p++ {
					want := m.expected(a, p, w)
					have := got.At[p-q.Begin]
					assert.Equal(t, want.Argmax, have.Argmax, "%+v, position %d", w, p)
					assert.Equal(t, want.Sample, have.Sample, "%+v, position %d", w, p)
					sameList(t, want, have, fmt.Sprintf("%+v, position %d", w, p))
				}
			}
		})
	}
}

// sameList compares lists; where several strings look alike the last ln p of
// them is all that is there, and ties there may be others.
func sameList(t *testing.T, want, have collect.Prediction, msg string) {
	t.Helper()
	assert.Equal(t, want.IDs, have.IDs, msg)
	assert.InDeltaSlice(t, want.LogProbs, have.LogProbs, 1e-12, msg)
}

// What is predicted at a position does not change with the token there and what
// follows (verify: a list that shows the passage's own token convicts the
// innocent).
func TestPredictionsDoNotSeeTheToken(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			s := m.suspect(t)
			rng := rand.New(rand.NewPCG(5, 5))
			w := collect.Want{Argmax: true, Sample: true, Top: min(3, m.reading.Top)}
			for range 30 {
				a := passage(rng, rng.IntN(3), 6)
				p := rng.IntN(6)
				ask := func(end int) collect.Prediction {
					got, err := s.Predict(context.Background(), collect.Reading{Passage: a, Begin: rng.IntN(p + 1), End: end, Want: w})
					require.NoError(t, err)
					return got.At[len(got.At)-1-(end-1-p)]
				}
				first := ask(6)
				for range 6 {
					a.Tokens = a.Tokens[:p]
					for len(a.Tokens) < 6 {
						a.Tokens = append(a.Tokens, anyTokens(rng)...)
					}
					a.Tokens = a.Tokens[:6]
					a.Pieces = spell(a.Tokens)
					assert.Equal(t, first, ask(p+1+rng.IntN(6-p)))
				}
			}
		})
	}
}

// A text is cut without sight of what follows: "the" before "re" is not "there".
func TestTextIsCutWithoutLookAhead(t *testing.T) {
	m := mode{"", openai.OpenAI, openai.Reading{Vocabulary: vocabulary{}, Top: 3}, &toy{}}
	a := &collect.Passage{Tokens: []int32{9, 11, 1}, Pieces: []string{"the", "re", "a"}}
	got, err := m.suspect(t).Predict(context.Background(), collect.Reading{Passage: a, Begin: 1, End: 3, Want: collect.Want{Top: 3}})
	require.NoError(t, err)
	assert.Equal(t, best(logProbs([]int32{9}), 3), got.At[0].IDs)
	assert.Equal(t, best(logProbs([]int32{12}), 3), got.At[1].IDs, "there")
}

func TestReferenceScoresWhatTheSuspectListed(t *testing.T) {
	for _, m := range modes() {
		if m.reading.Top == 0 {
			assert.Nil(t, m.client(t).Reference(), m.name)
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			c := m.client(t)
			rng := rand.New(rand.NewPCG(7, 7))
			a := passage(rng, 2, 8)
			q := collect.Reading{Passage: a, Begin: 1, End: 8, Want: collect.Want{Top: 2}}
			ids := make([][]int32, 7)
			for i := range ids {
				ids[i] = []int32{rng.Int32N(32), rng.Int32N(32), 1 + rng.Int32N(8)}
			}
			got, err := c.Reference().Rescore(context.Background(), q, ids)
			require.NoError(t, err)
			require.Len(t, got, 7)
			for i := range got {
				prefix, ok := m.before(a, 1+i)
				lp := logProbs(append([]int32{}, prefix...))
				want := m.expected(a, 1+i, collect.Want{Top: m.reading.Top})
				require.Len(t, got[i], 3)
				for j, id := range ids[i] {
					switch k := slices.Index(want.IDs, id); {
					case !ok || m.server == openai.LlamaCPP && len(want.IDs) == 0:
						assert.Zero(t, got[i][j])
					case k >= 0:
						assert.InDelta(t, want.LogProbs[k], got[i][j], 1e-12)
					default:
						most := m.reading.Top
						if m.toy.most > 0 {
							most = m.toy.most
						}
						list := best(lp, most)
						assert.InDelta(t, lp[list[most-1]], got[i][j], 1e-12, "the last of the list")
					}
				}
			}
		})
	}
}

// A server that echoes the list of the next position shows what follows the
// passage's own token. It is found out.
func TestEchoOfTheNextPositionIsRefused(t *testing.T) {
	for _, server := range []openai.Server{openai.OpenAI, openai.VLLM, openai.SGLang} {
		m := mode{"", server, openai.Reading{Vocabulary: vocabulary{}, SameTokenizer: true, Top: 5, Whole: openai.Echo}, &toy{off: 1}}
		s := m.suspect(t)
		a := passage(rand.New(rand.NewPCG(1, 2)), 3, 9)
		found := 0
		for end := 2; end <= 9; end++ {
			// The last token has no next one in the toy: ask for one that has.
			_, err := s.Predict(context.Background(), collect.Reading{Passage: a, Begin: 0, End: end, Want: collect.Want{Top: 5}})
			if err != nil {
				assert.NotErrorAs(t, err, new(*collect.TransportError))
				found++
			}
		}
		assert.GreaterOrEqual(t, found, 7, "%s: of 8 questions; with 32 tokens some lists are alike", server)
	}
}

func TestWholePassageIsOneRequestAndAFew(t *testing.T) {
	m := mode{"", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 6, Whole: openai.PromptLogProbs}, &toy{}}
	s := m.suspect(t)
	_, err := s.Predict(context.Background(), collect.Reading{Passage: passage(rand.New(rand.NewPCG(1, 2)), 3, 40), End: 40, Want: collect.Want{Top: 6, Argmax: true}})
	require.NoError(t, err)
	assert.EqualValues(t, 2, m.toy.requests.Load(), "the passage, and its last position again")
}

func TestReadingRefusesWhatItCannotAsk(t *testing.T) {
	text := mode{"", openai.OpenAI, openai.Reading{Vocabulary: vocabulary{}, Top: 3}, &toy{}}
	s := text.suspect(t)
	a := &collect.Passage{Prompt: []int32{1}, Tokens: []int32{2, 3}}
	for want, q := range map[string]collect.Reading{
		"no passage": {End: 1},
		"positions [0, 3) of a passage of 2 tokens":                                                 {Passage: a, End: 3},
		"positions [1, 1) of a passage of 2 tokens":                                                 {Passage: a, Begin: 1, End: 1},
		"positions [-1, 1) of a passage of 2 tokens":                                                {Passage: a, Begin: -1, End: 1},
		"passage of 2 tokens has 0 pieces":                                                          {Passage: a, End: 1},
		"passage has a prompt of 1 tokens without its text":                                         {Passage: &collect.Passage{Prompt: []int32{1}, Tokens: []int32{2}, Pieces: []string{"b"}}, End: 1},
		"nothing is asked of the positions, want argmax, sample, top or own":                        {Passage: &collect.Passage{Tokens: []int32{2}, Pieces: []string{"b"}}, End: 1},
		"4 log-probabilities a position are asked for, want 0 to 3":                                 {Passage: &collect.Passage{Tokens: []int32{2}, Pieces: []string{"b"}}, End: 1, Want: collect.Want{Top: 4}},
		"only a passage that is read whole shows it: want \"echo\" or \"prompt_logprobs\" as Whole": {Passage: &collect.Passage{Tokens: []int32{2}, Pieces: []string{"b"}}, End: 1, Want: collect.Want{Own: true}},
		"-1 log-probabilities a position are asked for, want 0 to 3":                                {Passage: &collect.Passage{Tokens: []int32{2}, Pieces: []string{"b"}}, End: 1, Want: collect.Want{Top: -1, Argmax: true}},
	} {
		_, err := s.Predict(context.Background(), q)
		assert.ErrorContains(t, err, want)
	}
	_, err := text.client(t).Reference().Rescore(context.Background(),
		collect.Reading{Passage: &collect.Passage{Tokens: []int32{2}, Pieces: []string{"b"}}, End: 1}, nil)
	assert.ErrorContains(t, err, "ids of 0 positions are to be scored, want 1")
	assert.Zero(t, text.toy.requests.Load())
}
