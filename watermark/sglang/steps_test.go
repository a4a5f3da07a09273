package sglang

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

type stepRow struct {
	Group             string            `json:"group"`
	Pos               int               `json:"pos"`
	Key               string            `json:"key"`
	KeyB              *string           `json:"key_b"`
	ContextWindow     int               `json:"context_window"`
	MixingProbability float64           `json:"mixing_probability"`
	MaxProbability    float64           `json:"max_probability"`
	Context           []watermark.Token `json:"context"`
	ContextHash       uint64            `json:"context_hash"`
	Candidates        []watermark.Token `json:"candidates"`
	Logits            []string          `json:"logits_f32"`
	Probs             []string          `json:"probs_f32"`
	Forced            bool              `json:"forced"`
	Route             string            `json:"route"`
	Choice            *watermark.Token  `json:"choice"`
}

func (r stepRow) config(t *testing.T) Config {
	c := Config{Key: parseKey(t, r.Key), ContextWindow: r.ContextWindow, MaxProbability: r.MaxProbability}
	if r.KeyB != nil {
		c.KeyB, c.MixingProbability = parseKey(t, *r.KeyB), r.MixingProbability
	}
	return c
}

func TestVectorsSteps(t *testing.T) {
	for i, r := range conformance.Rows[stepRow](t, "sglang_steps.jsonl") {
		logits := conformance.Float32s(t, r.Logits)
		checkProbabilities(t, r, logits)
		c := r.config(t)
		reader := newSource(c.resolved()).open()
		place, ok := reader.Seek(r.Context)
		require.True(t, ok)
		assert.Equal(t, r.ContextHash, place.Seed)
		switch r.Route {
		case "A", "B":
			require.True(t, r.Forced)
			require.NotNil(t, r.Choice)
			assert.Equal(t, int(r.Route[0]-'A'), place.Stream, "row %d", i)
			assert.Equal(t, *r.Choice, choose(t, r, c, logits), "row %d", i)
		case "-":
			require.False(t, r.Forced)
			require.Nil(t, r.Choice)
			checkPlain(t, r, c, logits)
		default:
			t.Fatalf("row %d: unknown route %q", i, r.Route)
		}
	}
}

func checkProbabilities(t *testing.T, r stepRow, logits []float32) {
	t.Helper()
	top, total := slices.Max(logits), 0.0
	for _, l := range logits {
		total += math.Exp(float64(l - top))
	}
	for j, want := range conformance.Float32s(t, r.Probs) {
		conformance.Near(t, float64(want), float64(probability(logits[j], top, total)), probabilityTolerance, "probability")
	}
}

func (r stepRow) session(t *testing.T, c Config, seed uint64) *watermark.Session {
	t.Helper()
	// Half of the context is the prompt's: windows reach into it.
	half := len(r.Context) / 2
	s := newSession(t, c, watermark.SessionOptions{Seed: watermark.SeedOf(seed), Prompt: r.Context[:half]})
	conformance.Accept(t, s, r.Context[half:]...)
	require.True(t, s.Marked())
	return s
}

// choose lets a session in the row's context choose: among the candidates as they
// are, in another order, in a dense row, and by what an engine would add.
func choose(t *testing.T, r stepRow, c Config, logits []float32) watermark.Token {
	t.Helper()
	s := r.session(t, c, 1)
	got := conformance.Choose(t, s, r.Candidates, logits)

	added := make([]float32, len(logits))
	then, err := s.Perturb(r.Candidates, added)
	if r.MaxProbability < 1 {
		assert.ErrorContains(t, err, "the gate needs the logits")
		return got
	}
	require.NoError(t, err)
	require.Equal(t, watermark.TakeLargest, then)
	for i, l := range logits {
		added[i] += l
	}
	largest, err := watermark.Argmax(r.Candidates, added)
	require.NoError(t, err)
	assert.Equal(t, got, largest)
	return got
}

// checkPlain: the gate is closed, and a session draws what the request's seed draws.
func checkPlain(t *testing.T, r stepRow, c Config, logits []float32) {
	t.Helper()
	require.Greater(t, float64(slices.Max(conformance.Float32s(t, r.Probs))), r.MaxProbability, "unmarked by the gate")
	for seed := range uint64(5) {
		got, err := r.session(t, c, seed+1).Sample(r.Candidates, logits)
		require.NoError(t, err)
		half := len(r.Context) / 2
		off := newSession(t, c, watermark.SessionOptions{Seed: watermark.SeedOf(seed + 1), Prompt: r.Context[:half], Off: true})
		conformance.Accept(t, off, r.Context[half:]...)
		want, err := off.Sample(r.Candidates, logits)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// TestVectorsStepsInTheirTexts finds the text that each row was taken from, and lets a
// session that has seen it up to there choose its next token. Positions before are drawn
// as the trace says, so that the session remembers the same contexts.
func TestVectorsStepsInTheirTexts(t *testing.T) {
	steps, texts := conformance.Rows[stepRow](t, "sglang_steps.jsonl"), conformance.Rows[textRow](t, "sglang_texts.jsonl")
	found := 0
	for _, r := range steps {
		for _, x := range texts {
			if x.Kind != "marked" || !strings.HasPrefix(x.ID, r.Group+"/") || !r.cameFrom(x) {
				continue
			}
			found++
			s := newSession(t, r.config(t), watermark.SessionOptions{Prompt: x.Prompt})
			for i, token := range x.Completion[:r.Pos] {
				even := []float32{0, 0}
				if x.Trace[i] == '-' {
					even[1] = minusInfinity
				}
				_, err := s.Sample([]watermark.Token{1, 2}, even)
				require.NoError(t, err)
				conformance.Accept(t, s, token)
			}
			got, err := s.Sample(r.Candidates, conformance.Float32s(t, r.Logits))
			require.NoError(t, err)
			if r.Forced {
				assert.Equal(t, x.Completion[r.Pos], got, "%s position %d", x.ID, r.Pos)
			}
		}
	}
	t.Logf("%d of %d rows found in texts", found, len(steps))
	require.Positive(t, found)
}

// cameFrom reports whether a text may be the one that the row was taken from: it has
// the row's context at its position, and there did what the row says.
func (r stepRow) cameFrom(x textRow) bool {
	if r.Pos >= len(x.Completion) {
		return false
	}
	before := slices.Concat(x.Prompt, x.Completion[:r.Pos])
	return len(before) >= len(r.Context) && slices.Equal(r.Context, before[len(before)-len(r.Context):]) && x.Trace[r.Pos] == r.Route[0] &&
		(!r.Forced || x.Completion[r.Pos] == *r.Choice)
}
