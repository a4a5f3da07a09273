package watermark_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// A model gives candidates and logits after a history.
type model func(history []watermark.Token) ([]watermark.Token, []float32)

func toy(salt uint64) model {
	return func(history []watermark.Token) ([]watermark.Token, []float32) {
		m := newToyModel(salt)
		m.history = history
		return m.next()
	}
}

// small is a cheap model near another: the same candidates, other logits.
func small(large model, noise float64) model {
	return func(history []watermark.Token) ([]watermark.Token, []float32) {
		ids, logits := large(history)
		r := rand.New(rand.NewPCG(hashTokens(history[max(0, len(history)-2):]), 77))
		for i := range logits {
			logits[i] += float32(noise * r.NormFloat64())
		}
		return ids, logits
	}
}

// turning is a model of a few tokens, for tests that count: given probabilities of
// the tokens after the last one.
func turning(p ...float64) model {
	return func(history []watermark.Token) ([]watermark.Token, []float32) {
		last := 0
		if len(history) > 0 {
			last = int(history[len(history)-1])
		}
		return nil, fill(len(p), func(i int) float32 { return float32(math.Log(p[(i+last)%len(p)])) })
	}
}

// Matched races: the small model's drafts and the large one's draws share their
// words, so that comparing tokens is all there is to verify. The text is, token
// for token, that of the large model alone, with drafts in a session of their own
// (CopyFrom) or in the same one (Rewind), and most drafts are kept.
func TestMatchedRaceIsTheTargetsText(t *testing.T) {
	const n, ahead = 200, 4
	large := toy(1)
	draft := small(large, 0.4)
	for _, scheme := range schemes {
		for _, apart := range []bool{true, false} {
			w := testMark(t, 1, scheme)
			alone := testSession(t, w, 5)
			var want []watermark.Token
			for range n {
				want = append(want, step(t, alone, large, want))
			}
			s, d := testSession(t, w, 5), testSession(t, w, 6)
			var got []watermark.Token
			drafted, kept := 0, 0
			for len(got) < n {
				begin := s.Len()
				drafts := append([]watermark.Token(nil), got...)
				if apart {
					require.NoError(t, d.CopyFrom(s))
				} else {
					d = s
				}
				for range ahead {
					drafts = append(drafts, step(t, d, draft, drafts))
				}
				require.NoError(t, d.Rewind(begin))
				for i := begin; i < begin+ahead && len(got) < n; i++ {
					drafted++
					x := step(t, s, large, got)
					got = append(got, x)
					if x != drafts[i] {
						break
					}
					kept++
				}
			}
			assert.Equal(t, want, got, "%s, sessions apart: %v", scheme, apart)
			assert.Greater(t, 10*kept, 6*drafted, "%s: of %d drafts %d were kept", scheme, drafted, kept)
		}
	}
}

// step samples a token of the model and accepts it.
func step(t testing.TB, s *watermark.Session, m model, history []watermark.Token) watermark.Token {
	t.Helper()
	ids, logits := m(history)
	x, err := s.Sample(ids, logits)
	require.NoError(t, err)
	require.NoError(t, s.Accept(x))
	return x
}

// speculate writes n tokens by speculative decoding with rejection (Leviathan et
// al. 2023; Chen et al. 2023): a draft x is kept with probability min(1, p/q),
// by a coin of the server's; after a rejection the token comes from (p − q)₊,
// after no rejection a further one from p. It counts the drafts that were
// rejected.
func speculate(t testing.TB, w *watermark.Watermark, large, draft model, n int, seed uint64) (text []watermark.Token, rejected int) {
	t.Helper()
	const ahead = 3
	coin := rand.New(rand.NewPCG(seed, 8))
	room := watermark.SessionOptions{Seed: watermark.SeedOf(seed), Tokens: n + ahead + 1}
	target, err := w.NewSession(room)
	require.NoError(t, err)
	drafter, err := w.NewSession(room)
	require.NoError(t, err)
	for len(text) < n {
		require.NoError(t, drafter.CopyFrom(target))
		require.NoError(t, drafter.SetRole(watermark.Draft))
		drafts := append([]watermark.Token(nil), text...)
		for range ahead {
			drafts = append(drafts, step(t, drafter, draft, drafts))
		}
		all := true
		for _, x := range drafts[len(text):] {
			ids, p, q, i := compare(large, draft, text, x)
			if coin.Float64()*q[i] < p[i] {
				require.NoError(t, target.Accept(x))
				text = append(text, x)
				continue
			}
			rejected++
			require.NoError(t, target.SetRole(watermark.Recovery))
			for j := range p {
				p[j] = math.Max(0, p[j]-q[j])
			}
			text = append(text, step(t, target, func([]watermark.Token) ([]watermark.Token, []float32) { return ids, logarithms(p) }, text))
			all = false
			break
		}
		if all {
			require.NoError(t, target.SetRole(watermark.Bonus))
			text = append(text, step(t, target, large, text))
		}
	}
	return text[:n], rejected
}

// compare returns the probabilities of both models and the index of x.
func compare(large, draft model, history []watermark.Token, x watermark.Token) (ids []watermark.Token, p, q []float64, index int) {
	ids, logits := large(history)
	_, others := draft(history)
	for i := range logits {
		if ids == nil && int32(i) == x || ids != nil && ids[i] == x {
			index = i
		}
	}
	return ids, softmax(logits), softmax(others), index
}

func logarithms(p []float64) []float32 {
	return fill(len(p), func(i int) float32 { return float32(math.Log(p[i])) })
}

// transitions writes texts under as many keys and counts each pair of tokens in
// a row: given the first, the second is to have the large model's distribution.
func transitions(t testing.TB, scheme watermark.Scheme, runs int) (x float64, df int) {
	t.Helper()
	const vocabulary, n = 4, 20
	large := turning(0.05, 0.45, 0.45, 0.05)
	draft := turning(0.65, 0.3, 0.01, 0.04) // its rejection says much of the runner-up
	counts := make([][]int, vocabulary)
	for i := range counts {
		counts[i] = make([]int, vocabulary)
	}
	for run := range runs {
		w, err := watermark.New(worldKey(t, uint64(run)), scheme, watermark.Options{})
		require.NoError(t, err)
		text, _ := speculate(t, w, large, draft, n, uint64(run))
		for i := 1; i < n; i++ {
			counts[text[i-1]][text[i]]++
		}
	}
	for first, row := range counts {
		_, logits := large([]watermark.Token{int32(first)})
		x1, df1 := chiSquare(row, softmax(logits))
		x, df = x+x1, df+df1
	}
	return x, df
}

// With two keys, drafts by one and recoveries and bonus tokens by the other, the
// text has the large model's distribution over keys. The same test sees what a
// single key would do: its recovery is correlated with the rejected draft.
func TestSpeculativeDualKeepsTheDistribution(t *testing.T) {
	t.Parallel()
	runs := 900
	if testing.Short() {
		runs = 400
	}
	x, df := transitions(t, watermark.DualGumbel{Alpha: 0.2}, runs)
	assert.Greater(t, logChiSquareTail(x, df), falseAlarm, "dual key: chi-square %.1f at %d degrees of freedom", x, df)
	x, df = transitions(t, watermark.Gumbel{}, runs)
	assert.Less(t, logChiSquareTail(x, df), falseAlarm, "single key: chi-square %.1f at %d degrees of freedom", x, df)
}

// The mark of a speculative answer is found.
func TestSpeculativeDualIsFound(t *testing.T) {
	w := testMark(t, 1, watermark.DualGumbel{Alpha: 0.25})
	large := toy(1)
	for seed := range uint64(5) {
		text, rejected := speculate(t, w, large, small(large, 0.7), 200, seed)
		assert.Greater(t, rejected, 20)
		r, err := w.Detect(watermark.Text{Tokens: text})
		require.NoError(t, err)
		assert.Less(t, r.LogP, falseAlarm)
	}
}
