package watermark_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// A toyModel is a language model whose next-token logits are a fixed function of
// the last two tokens: 32 candidates of a vocabulary of 4,096, about 3 nats of
// entropy. The salt makes another model of the same kind.
type toyModel struct {
	salt    uint64
	history []watermark.Token
	ids     []watermark.Token
	logits  []float32
}

func newToyModel(salt uint64) *toyModel {
	return &toyModel{salt: salt, ids: make([]watermark.Token, 32), logits: make([]float32, 32)}
}

func (m *toyModel) next() ([]watermark.Token, []float32) {
	h := uint64(17)
	for _, t := range m.history[max(0, len(m.history)-2):] {
		h = (h ^ uint64(t)) * 0x9E3779B97F4A7C15
	}
	r := rand.New(rand.NewPCG(h, m.salt))
	for i := range m.ids {
		m.ids[i], m.logits[i] = r.Int32N(128)+128*int32(i), float32(r.NormFloat64())
	}
	return m.ids, m.logits
}

// read advances by a token.
func (m *toyModel) read(t watermark.Token) { m.history = append(m.history, t) }

// write lets a session and a model write n tokens together.
func write(t testing.TB, s *watermark.Session, m *toyModel, n int) []watermark.Token {
	t.Helper()
	begin := len(m.history)
	for range n {
		ids, logits := m.next()
		token, err := s.Sample(ids, logits)
		require.NoError(t, err)
		require.NoError(t, s.Accept(token))
		m.read(token)
	}
	return m.history[begin:]
}

// schemes are one of each.
var schemes = []watermark.Scheme{
	watermark.Gumbel{},
	watermark.DualGumbel{Alpha: 0.25},
	watermark.GreenList{Gamma: 0.25, Delta: 2},
	watermark.Tournament{Depth: 30},
}

// toyModelAfter returns the model where it has read tokens.
func toyModelAfter(salt uint64, tokens []watermark.Token) *toyModel {
	m := newToyModel(salt)
	m.history = slices.Clone(tokens)
	return m
}
