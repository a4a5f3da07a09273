package verify_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

type token = watermark.Token

// A character is a token: U+4E00 and the 8,191 after it.
const firstChar = 0x4E00

func text(tokens ...token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteRune(rune(firstChar + t))
	}
	return b.String()
}

func encode(s string) []token {
	var out []token
	for _, r := range s {
		out = append(out, max(0, token(r)-firstChar))
	}
	return out
}

var tokenizer = verify.Tokenizer{
	TokenizerID: verify.TokenizerID{Name: "characters", Digest: collect.Digest{1}},
	Encode:      encode,
}

// newKey returns key i of a stream that is fixed.
func newKey(t testing.TB, i uint64) keys.Key {
	var seed [32]byte
	for b := range 8 {
		seed[b] = byte(i >> (8 * b))
	}
	k, err := keys.New(rand.NewChaCha8(seed))
	require.NoError(t, err)
	return k
}

func newMark(t testing.TB, key keys.Key, scheme watermark.Scheme, width int) *watermark.Watermark {
	m, err := watermark.New(key, scheme, watermark.Options{Width: width})
	require.NoError(t, err)
	return m
}

// row returns 32 candidates after a token and their logits: a language model
// whose entropy is about 2.9 nats.
func row(after token) ([]token, []float32) {
	r := rand.New(rand.NewPCG(uint64(after)*0x9E3779B97F4A7C15, 5))
	ids, logits := make([]token, 32), make([]float32, 32)
	for i := range ids {
		ids[i], logits[i] = r.Int32N(64)+64*int32(i), float32(r.NormFloat64())
	}
	return ids, logits
}

// A sampler is a way of choosing among candidates.
type sampler func(ids []token, logits []float32) token

func plainly(rng *rand.Rand) sampler {
	return func(ids []token, logits []float32) token {
		best, win := math.Inf(-1), 0
		for i, l := range logits {
			if x := float64(l) - math.Log(rng.ExpFloat64()); x > best {
				best, win = x, i
			}
		}
		return ids[win]
	}
}

// speak writes n tokens of the model by a sampler, told of each token.
func speak(n int, first token, choose sampler, accept func(token)) []token {
	out := make([]token, 0, n)
	for at := first; len(out) < n; {
		at = choose(row(at))
		accept(at)
		out = append(out, at)
	}
	return out
}

// serve writes an answer of n tokens through a session of a mark or of layers.
func serve(t testing.TB, session *watermark.Session, n int, first token) []token {
	return speak(n, first, func(ids []token, logits []float32) token {
		got, err := session.Sample(ids, logits)
		require.NoError(t, err)
		return got
	}, func(x token) { require.NoError(t, session.Accept(x)) })
}

type opener interface {
	NewSession(watermark.SessionOptions) (*watermark.Session, error)
}

func session(t testing.TB, m opener, seed ...uint64) *watermark.Session {
	s, err := m.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(seed...), Tokens: 64})
	require.NoError(t, err)
	return s
}

// student writes like the model, and at a share of positions draws as the mark
// prefers: what training on marked answers leaves.
func student(t testing.TB, m opener, share float64, n int, first token, rng *rand.Rand) []token {
	s, free := session(t, m, rng.Uint64()), plainly(rng)
	return speak(n, first, func(ids []token, logits []float32) token {
		if rng.Float64() >= share {
			return free(ids, logits)
		}
		got, err := s.Sample(ids, logits)
		require.NoError(t, err)
		return got
	}, func(x token) { require.NoError(t, s.Accept(x)) })
}

// A trialCase is a case in the making.
type trialCase struct{ verify.Case }

// newCase returns a case of one suspect's answers, one prompt each, with a plan
// that has no keys and tests yet. If prompts is nil they are made up.
func newCase(t testing.TB, answers []string, prompts []string) *trialCase {
	if prompts == nil {
		for i := range answers {
			prompts = append(prompts, fmt.Sprintf("prompt %d", i))
		}
	}
	frame, err := collect.NewFrame(prompts)
	require.NoError(t, err)
	c := &trialCase{}
	c.Frames.Prompts, c.Tokenizer = frame, tokenizer
	c.Plan = &verify.Plan{
		Suspect: "s", Sequence: 1, Alpha: 1e-3,
		Frame:     verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: frame.Len(), Logged: "a log"},
		Nonce:     verify.Nonce{Value: collect.Digest{9}, Source: "a beacon"},
		Tokenizer: tokenizer.TokenizerID,
	}
	c.Transcript = &collect.Transcript{Suspect: "s"}
	order, err := frame.Sample(c.Plan.Nonce.Value, frame.Len())
	require.NoError(t, err)
	answer := map[string]string{}
	for i, p := range prompts {
		answer[p] = answers[i]
	}
	for i, p := range order {
		e := collect.Exchange{Stage: collect.Prompts, N: i, Question: p, Status: collect.Complete, Text: answer[p], Asked: 1, First: 1, Last: 2}
		if e.Text == "" {
			e.Status = collect.Empty
		}
		c.Transcript.Prompts = append(c.Transcript.Prompts, e)
	}
	return c
}

// key adds a key to plan and case.
func (c *trialCase) key(t testing.TB, name string, mark *watermark.Watermark, key keys.Key) {
	nonce := [32]byte{byte(len(c.Keys) + 1)}
	k, err := verify.Commit(name, mark, key, nonce)
	require.NoError(t, err)
	c.Plan.Keys = append(c.Plan.Keys, k)
	c.Keys = append(c.Keys, verify.Opened{Name: name, Mark: mark, Key: key, Nonce: nonce})
}

// serve adds served answers to plan and case.
func (c *trialCase) serve(texts ...[]token) {
	for _, x := range texts {
		c.Served = append(c.Served, watermark.Text{Tokens: x})
	}
	c.Plan.Served = verify.ServedPlan{Digest: verify.ServedDigest(c.Served), Texts: len(c.Served), Logged: "the same log"}
}

// seal makes the transcript one of the plan, as it is now.
func (c *trialCase) seal(t testing.TB) {
	digest, err := c.Plan.Digest()
	require.NoError(t, err)
	c.Transcript.Plan = digest
	c.Seal, err = c.Transcript.Seal()
	require.NoError(t, err)
}

func (c *trialCase) judge(t testing.TB) *verify.Report {
	c.seal(t)
	r, err := verify.Judge(context.Background(), c.Case)
	require.NoError(t, err)
	return r
}

// superUniform checks ln p-values of true null hypotheses: at each of six levels
// the number at or below it is no more than chance explains. The six together
// raise a false alarm with probability 1e-6.
func superUniform(t testing.TB, name string, logP []float64) {
	for _, level := range []float64{0.5, 0.2, 0.05, 0.02, 0.005, 0.001} {
		k := 0
		for _, x := range logP {
			if x <= math.Log(level) {
				k++
			}
		}
		assert.Greater(t, tail.Binomial(int64(k), int64(len(logP)), level), math.Log(1e-6/6),
			"%s: %d of %d p-values are at most %v", name, k, len(logP), level)
	}
}

// notIdle checks that the p-values of an exact test of a true null are not all
// large: of n, fewer than the 1e-6 quantile are at or below 1/2 otherwise.
func notIdle(t testing.TB, name string, logP []float64) {
	k := 0
	for _, x := range logP {
		if x > math.Log(0.5) {
			k++
		}
	}
	assert.Greater(t, tail.Binomial(int64(k), int64(len(logP)), 0.5), math.Log(1e-6), "%s: %d of %d p-values are above 1/2", name, k, len(logP))
}
