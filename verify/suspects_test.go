package verify_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// The small language has 40 words and 5 candidates after each: texts of it repeat
// windows and phrases all the time.
const (
	smallWords  = 40
	smallChoice = 5
)

// A smallRow is what may follow a word.
type smallRow struct {
	ids    []token
	logits []float32
	logP   []float64
}

// A tongue is a model of the small language.
type tongue [smallWords]smallRow

// newTongue returns model number salt. All have the same candidates; how likely each
// is differs by a normal step of size apart from model 0.
func newTongue(salt uint64, apart float64) *tongue {
	var m tongue
	r, own := rand.New(rand.NewPCG(11, 0)), rand.New(rand.NewPCG(12, salt))
	for w := range m {
		x := &m[w]
		for _, id := range r.Perm(smallWords)[:smallChoice] {
			x.ids = append(x.ids, token(id))
			x.logits = append(x.logits, float32(r.NormFloat64()+apart*own.NormFloat64()))
		}
		x.logP = softmax(x.logits)
	}
	return &m
}

// softmax returns the logarithms of probabilities.
func softmax(logits []float32) []float64 {
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l))
	}
	out := make([]float64, len(logits))
	for i, l := range logits {
		out[i] = min(0, float64(l)-math.Log(sum))
	}
	return out
}

var (
	teacher   = newTongue(0, 0)
	earlier   = newTongue(1, 0.4) // a reference
	plainSelf = newTongue(2, 0.4) // a suspect as it was before
)

// talk writes n tokens after first by a sampler, told of each token.
func (m *tongue) talk(n int, first token, choose sampler, accept func(token)) []token {
	out := make([]token, 0, n)
	for at := first; len(out) < n; {
		at = choose(m[at].ids, m[at].logits)
		accept(at)
		out = append(out, at)
	}
	return out
}

// plain writes n tokens without a mark.
func (m *tongue) plain(n int, rng *rand.Rand) []token {
	return m.talk(n, token(rng.IntN(smallWords)), plainly(rng), func(token) {})
}

// marked writes an answer of n tokens to a prompt through a session of a mark.
func (m *tongue) marked(t testing.TB, mark opener, prompt []token, n int, seed uint64) []token {
	s, err := mark.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(seed), Prompt: prompt, Tokens: n})
	require.NoError(t, err)
	first := token(seed % smallWords)
	if len(prompt) > 0 {
		first = prompt[len(prompt)-1]
	}
	return m.talk(n, first, func(ids []token, logits []float32) token {
		x, err := s.Sample(ids, logits)
		require.NoError(t, err)
		return x
	}, func(x token) { require.NoError(t, s.Accept(x)) })
}

// A habit is what a suspect expects after a context, of which the first so many
// tokens are the prompt: a word that it has reason to bet on, or none, and its own
// view of the others.
type habit func(context []token, prompt int) (bet token, ok bool)

// A mind reads: it remembers nothing that it did not see before.
type mind struct {
	own       *tongue
	reference *tongue
	habit     habit
	certain   float64 // probability of the bet
	rng       *rand.Rand
}

// predict returns what it expects after a context.
func (m *mind) predict(context []token, prompt int) collect.Prediction {
	at := context[len(context)-1]
	ids := slices.Clone(m.own[at].ids)
	weight := make([]float64, len(ids), len(ids)+1)
	for i, l := range m.own[at].logP {
		weight[i] = math.Exp(l)
	}
	if bet, ok := m.habit(context, prompt); ok {
		for i := range weight {
			weight[i] *= 1 - m.certain
		}
		if i := slices.Index(ids, bet); i >= 0 {
			weight[i] += m.certain
		} else {
			ids, weight = append(ids, bet), append(weight, m.certain)
		}
	}
	return m.list(at, ids, weight)
}

// list makes a prediction of weights, most likely first.
func (m *mind) list(at token, ids []token, weight []float64) collect.Prediction {
	order := make([]int, len(ids))
	sum := 0.0
	for i := range order {
		order[i] = i
		sum += weight[i]
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case weight[a] > weight[b]:
			return -1
		case weight[a] < weight[b]:
			return 1
		}
		return int(ids[a] - ids[b])
	})
	p := collect.Prediction{Argmax: ids[order[0]], Sample: ids[order[0]]}
	u := m.rng.Float64() * sum
	for _, i := range order {
		if u -= weight[i]; u < 0 {
			p.Sample = ids[i]
			break
		}
	}
	for _, i := range order[:min(len(order), smallChoice)] {
		p.IDs = append(p.IDs, ids[i])
		p.LogProbs = append(p.LogProbs, min(0, math.Log(weight[i]/sum)))
		p.Reference = append(p.Reference, m.reference.logPOf(at, ids[i]))
	}
	return p
}

// logPOf returns ln p of a word after another, −9 where it is no candidate.
func (m *tongue) logPOf(at, id token) float64 {
	if i := slices.Index(m[at].ids, id); i >= 0 {
		return m[at].logP[i]
	}
	return -9
}

// read returns what the mind predicts at every position of passages, in order.
func (m *mind) read(passages []collect.Passage) [][]collect.Prediction {
	out := make([][]collect.Prediction, len(passages))
	for i, p := range passages {
		context := append(slices.Clone(p.Prompt), p.Tokens...)
		for j := range p.Tokens {
			out[i] = append(out[i], m.predict(context[:len(p.Prompt)+j:len(p.Prompt)+j], len(p.Prompt)))
		}
	}
	return out
}

// habits of suspects that know no key, made to mislead. Those that remember keep
// the texts that they read.
var habits = []struct {
	name string
	make func() habit
}{
	{"as it was taught", func() habit { return func([]token, int) (token, bool) { return 0, false } }},
	{"what followed the last word before", func() habit { return func(c []token, _ int) (token, bool) { return follower(c, 1) } }},
	{"what followed the last words before, as many as fit", func() habit {
		return func(c []token, _ int) (token, bool) {
			for n := 4; n > 0; n-- {
				if t, ok := follower(c, n); ok {
					return t, true
				}
			}
			return 0, false
		}
	}},
	{"a copy of the prompt", func() habit {
		return func(c []token, prompt int) (token, bool) {
			if t, ok := follower(append(c[:prompt:prompt], c[len(c)-1]), 1); ok {
				return t, true
			}
			return c[(len(c)-prompt)%prompt], true
		}
	}},
	{"always the same word", func() habit { return func([]token, int) (token, bool) { return 7, true } }},
	{"what followed the last word in all it has read", func() habit {
		var memory []token
		last := 0
		return func(c []token, _ int) (token, bool) {
			if len(c) <= last { // another text
				memory = append(memory, c...)
			} else {
				memory = append(memory, c[len(c)-1])
			}
			last = len(c)
			for n := 3; n > 0; n-- {
				if t, ok := follower(memory, n); ok {
					return t, true
				}
			}
			return 0, false
		}
	}},
}

// follower returns what followed the last n tokens where they occurred before.
func follower(c []token, n int) (token, bool) {
	if len(c) < n {
		return 0, false
	}
	tail := c[len(c)-n:]
	for end := len(c) - 1; end >= n; end-- {
		if slices.Equal(c[end-n:end], tail) {
			return c[end], true
		}
	}
	return 0, false
}

// passages are texts that a mark wrote, each after a prompt of its own.
func (m *tongue) passages(t testing.TB, mark opener, texts, tokens int, rng *rand.Rand) []collect.Passage {
	out := make([]collect.Passage, texts)
	for i := range out {
		prompt := m.plain(6, rng)
		out[i] = collect.Passage{Prompt: prompt, Tokens: m.marked(t, mark, prompt, tokens, rng.Uint64())}
	}
	return out
}

// learnt is a suspect that has learnt a mark: at a share of the windows that are
// among known it knows what the mark prefers and gives that token more.
type learnt struct {
	mind
	mark  *watermark.Watermark
	share float64 // of windows
	much  float64 // how much of the others' probability goes to the preferred token
	width int
	knows func(window []token) bool // nil: all
}

// predict returns what it expects after a context.
func (l *learnt) predict(t testing.TB, context []token, prompt int) collect.Prediction {
	at := context[len(context)-1]
	x := teacher[at]
	weight := make([]float64, len(x.ids))
	for i, p := range l.own[at].logP {
		weight[i] = math.Exp(p)
	}
	if len(context)-prompt >= l.width {
		window := context[len(context)-l.width:]
		h := uint64(17)
		for _, w := range window {
			h = (h ^ uint64(w)) * 0x9E3779B97F4A7C15
		}
		known := l.knows == nil || l.knows(window)
		if known && rand.New(rand.NewPCG(h, 3)).Float64() < l.share {
			scores := make([]float64, len(x.ids))
			require.True(t, l.mark.Scores(window, x.ids, scores))
			best, win := math.Inf(-1), 0
			for i, s := range scores { // what the teacher draws
				if g := x.logP[i] - math.Log(-math.Log1p(-math.Exp(-s))); g > best {
					best, win = g, i
				}
			}
			for i := range weight {
				weight[i] *= 1 - l.much
			}
			weight[win] += l.much
		}
	}
	return l.list(at, slices.Clone(x.ids), weight)
}

// read returns what it predicts at every position of passages.
func (l *learnt) read(t testing.TB, passages []collect.Passage) [][]collect.Prediction {
	out := make([][]collect.Prediction, len(passages))
	for i, p := range passages {
		context := append(slices.Clone(p.Prompt), p.Tokens...)
		for j := range p.Tokens {
			out[i] = append(out[i], l.predict(t, context[:len(p.Prompt)+j], len(p.Prompt)))
		}
	}
	return out
}

// newLearnt returns a student of a mark.
func newLearnt(mark *watermark.Watermark, share, much float64, rng *rand.Rand) *learnt {
	return &learnt{mind: mind{own: plainSelf, reference: plainSelf, rng: rng}, mark: mark, share: share, much: much, width: mark.Rules().Width}
}

// Predict implements [collect.Predictor].
func (m *mind) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	return predictions(q, func(c []token, prompt int) collect.Prediction { return m.predict(c, prompt) }), nil
}

// predictions asks for each position of q, and gives what is wanted.
func predictions(q collect.Reading, predict func(context []token, prompt int) collect.Prediction) (out collect.Predictions) {
	all := slices.Concat(q.Passage.Prompt, q.Passage.Tokens)
	for i := q.Begin; i < q.End; i++ {
		n := len(q.Passage.Prompt) + i
		p := predict(all[:n:n], len(q.Passage.Prompt))
		top := min(q.Want.Top, len(p.IDs))
		p.IDs, p.LogProbs, p.Reference = p.IDs[:top], p.LogProbs[:top], nil
		out.At = append(out.At, p)
	}
	return out
}

// A tongueReference is a reference model.
type tongueReference struct{ *tongue }

// Rescore implements [collect.Rescorer].
func (r tongueReference) Rescore(_ context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	all := slices.Concat(q.Passage.Prompt, q.Passage.Tokens)
	out := make([][]float64, len(ids))
	for i := range ids {
		for _, id := range ids[i] {
			out[i] = append(out[i], r.logPOf(all[len(q.Passage.Prompt)+q.Begin+i-1], id))
		}
	}
	return out, nil
}

// A pupil has learnt several marks, each from the passages of its key.
type pupil struct {
	t     testing.TB
	marks map[string]*learnt // by the passage's key; "" for all
}

// Predict implements [collect.Predictor].
func (p pupil) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	l := p.marks[q.Passage.Key]
	if l == nil {
		l = p.marks[""]
	}
	return predictions(q, func(c []token, prompt int) collect.Prediction { return l.predict(p.t, c, prompt) }), nil
}

// newReadingCase returns a case of passages, all of them asked, that has no keys and
// tests yet.
func newReadingCase(t testing.TB, passages []collect.Passage) *trialCase {
	frame, err := collect.PassageFrame(passages)
	require.NoError(t, err)
	c := &trialCase{}
	c.Frames.Passages = frame
	c.Plan = &verify.Plan{
		Suspect: "s", Sequence: 1, Alpha: 1e-3,
		Nonce: verify.Nonce{Value: collect.Digest{9}, Source: "a beacon"},
		Reading: verify.ReadingPlan{
			Frame: verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: frame.Len(), Logged: "a log"},
		},
	}
	return c
}

// judgeReader lets the suspect read, then judges.
func (c *trialCase) judgeReader(t testing.TB, suspect collect.Predictor) *verify.Report {
	c.Transcript, c.Seal = c.collect(t, readerOf("s", suspect))
	r, err := verify.Judge(context.Background(), c.Case)
	require.NoError(t, err)
	return r
}

func readerOf(name string, p collect.Predictor) collect.Suspect {
	return collect.Suspect{Name: name, Prefix: p, TopLogProbs: p, Reference: tongueReference{plainSelf}}
}
