package vllm

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

type stepRow struct {
	Group        string            `json:"group"`
	Pos          int               `json:"pos"`
	Algorithm    Algorithm         `json:"algorithm"`
	Key          string            `json:"key"`
	ContextWidth int               `json:"context_width"`
	Context      []watermark.Token `json:"context"`
	Repeated     bool              `json:"repeated"`
	Candidates   []watermark.Token `json:"candidates"`
	Logits       []string          `json:"logits_f32"`
	UA           []string          `json:"u_a_f32"`
	UB           []string          `json:"u_b_f32"`
	ChoiceA      watermark.Token   `json:"choice_a"`
	ChoiceB      *watermark.Token  `json:"choice_b"`
}

// config marks every position, whatever the generator's scope: which positions it
// skips is for TestVectorsTraces and for the text that the row was taken from.
func (r stepRow) config(t *testing.T) Config {
	return Config{Key: NewKey(conformance.Uint64(t, r.Key)), Algorithm: r.Algorithm, ContextWidth: r.ContextWidth, DeduplicateContexts: None}
}

// completion returns the context without what stands before the start.
func (r stepRow) completion() []watermark.Token {
	return slices.DeleteFunc(slices.Clone(r.Context), func(x watermark.Token) bool { return x < 0 })
}

func TestVectorsSteps(t *testing.T) {
	for i, r := range conformance.Rows[stepRow](t, "vllm_steps.jsonl") {
		require.Len(t, r.Context, r.ContextWidth)
		checkUniforms(t, r)
		switch r.Algorithm {
		case Gumbel:
			require.Nil(t, r.ChoiceB)
			for _, c := range []Config{r.config(t), withTargetOnly(r.config(t))} {
				assert.Equal(t, r.ChoiceA, choose(t, r, c, watermark.Target), "row %d", i)
			}
			for _, role := range []watermark.Role{watermark.Recovery, watermark.Bonus} {
				assert.Equal(t, r.ChoiceA, choose(t, r, withTargetOnly(r.config(t)), role), "row %d", i)
			}
		case DualKeyGumbel:
			require.NotNil(t, r.ChoiceB)
			for role, want := range map[watermark.Role]watermark.Token{
				watermark.Draft: r.ChoiceA, watermark.Recovery: *r.ChoiceB, watermark.Bonus: *r.ChoiceB,
			} {
				assert.Equal(t, want, choose(t, r, r.config(t), role), "row %d, role %d", i, role)
			}
			assert.Equal(t, r.ChoiceA, choose(t, r, withAlpha(r.config(t), 0), watermark.Target), "row %d", i)
			assert.Equal(t, *r.ChoiceB, choose(t, r, withAlpha(r.config(t), 1), watermark.Target), "row %d", i)
			assert.Contains(t, []watermark.Token{r.ChoiceA, *r.ChoiceB}, choose(t, r, r.config(t), watermark.Target))
		default:
			t.Fatalf("row %d: unknown algorithm %q", i, r.Algorithm)
		}
	}
}

func withAlpha(c Config, alpha float64) Config {
	c.Alpha = &alpha
	return c
}

func withTargetOnly(c Config) Config {
	c.AllowTargetOnlyWatermarking = true
	return c
}

func checkUniforms(t *testing.T, r stepRow) {
	t.Helper()
	reader := newSource(r.config(t).resolved()).Open()
	_, ok := reader.Seek(r.Context)
	require.True(t, ok)
	for stream, bits := range [][]string{r.UA, r.UB} {
		if bits == nil {
			continue
		}
		require.Len(t, bits, len(r.Candidates))
		for j, u := range conformance.Float32s(t, bits) {
			require.Equal(t, u, uniform(uint32(reader.Word(stream, r.Candidates[j])>>32)))
		}
	}
}

// choose lets a session in the row's context choose: among the candidates as they
// are, in another order, in a dense row, and by what an engine would add.
func choose(t *testing.T, r stepRow, c Config, role watermark.Role) watermark.Token {
	t.Helper()
	s := newSession(t, c, watermark.SessionOptions{Role: role, Prompt: []watermark.Token{7, 8, 9}})
	conformance.Accept(t, s, r.completion()...)
	require.True(t, s.Marked())
	logits := conformance.Float32s(t, r.Logits)
	got := conformance.Choose(t, s, r.Candidates, logits)

	added := make([]float32, len(logits))
	then, err := s.Perturb(r.Candidates, added)
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

// TestVectorsStepsInTheirTexts finds the text that each row was taken from, and
// lets a session under the generator's own configuration, which has seen the text
// up to there, choose its next token.
func TestVectorsStepsInTheirTexts(t *testing.T) {
	steps, texts := conformance.Rows[stepRow](t, "vllm_steps.jsonl"), conformance.Rows[textRow](t, "vllm_texts.jsonl")
	found := 0
	for _, r := range steps {
		for _, x := range texts {
			if x.Kind != "marked" || !strings.HasPrefix(x.ID, r.Group+"/") || !r.cameFrom(x) {
				continue
			}
			found++
			s := newSession(t, configOf(t, x.Config), watermark.SessionOptions{Prompt: x.Prompt})
			conformance.Accept(t, s, x.Completion[:r.Pos]...)
			require.Equal(t, !r.Repeated, s.Marked(), "%s position %d", x.ID, r.Pos)
			if r.Repeated {
				continue
			}
			require.NoError(t, s.SetRole(roleOf(x.Trace[r.Pos], r.Algorithm)))
			got, err := s.Sample(r.Candidates, conformance.Float32s(t, r.Logits))
			require.NoError(t, err)
			assert.Equal(t, x.Completion[r.Pos], got, "%s position %d", x.ID, r.Pos)
		}
	}
	t.Logf("%d of %d rows found in texts", found, len(steps))
	require.Positive(t, found)
}

// roleOf returns a role that draws with the key of a letter.
func roleOf(letter byte, a Algorithm) watermark.Role {
	switch {
	case a == Gumbel:
		return watermark.Target
	case letter == 'B':
		return watermark.Recovery
	}
	return watermark.Draft
}

// cameFrom reports whether a text may be the one that the row was taken from: it has
// the row's context at its position, and there did what the row says.
func (r stepRow) cameFrom(x textRow) bool {
	own := r.completion()
	if r.Pos >= len(x.Completion) || r.Pos < len(own) || len(own) < min(r.ContextWidth, r.Pos) || !slices.Equal(own, x.Completion[r.Pos-len(own):r.Pos]) {
		return false
	}
	switch x.Trace[r.Pos] {
	case 'A':
		return !r.Repeated && x.Completion[r.Pos] == r.ChoiceA
	case 'B':
		return !r.Repeated && r.ChoiceB != nil && x.Completion[r.Pos] == *r.ChoiceB
	}
	return r.Repeated
}
