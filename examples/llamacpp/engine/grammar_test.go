package engine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/stretchr/testify/assert"
)

func TestGrammarGivesJSON(t *testing.T) {
	e := real(t)
	w := testMark(t, 12)
	var requests []engine.Request
	for i, q := range []string{
		"What is the capital of France? Answer in JSON.",
		"Write a poem.", // the grammar holds whatever is asked
	} {
		for _, temperature := range []float64{0, 1} {
			requests = append(requests, engine.Request{
				Prompt: asked(t, e, q), Max: 40, LogProbs: -1, Mark: w,
				Sampling: engine.Sampling{Temperature: temperature, Seed: uint64(i), TopP: 0.95, Grammar: engine.JSON},
			})
		}
	}
	whole := 0
	for i, a := range together(t, e, requests) {
		text := a.text(0)
		if a.finishes[0].Reason == "stop" {
			whole++
			var object map[string]any
			assert.NoError(t, json.Unmarshal([]byte(text), &object), "request %d: %s", i, text)
			continue
		}
		// What is cut off is the beginning of an object.
		assert.True(t, strings.HasPrefix(text, "{"), text)
		in := json.NewDecoder(strings.NewReader(text))
		for {
			if _, err := in.Token(); err != nil {
				assert.Contains(t, err.Error(), "EOF", text)
				break
			}
		}
	}
	assert.Positive(t, whole)
}

func TestGrammarOfOneAnswer(t *testing.T) {
	e := real(t)
	for _, s := range []engine.Sampling{{}, {Temperature: 1, Seed: 1}, {Temperature: 1, TopK: 3, Seed: 2}} {
		s.Grammar = `root ::= "yes indeed" | "no way"`
		a := mustGenerate(t, e, engine.Request{Prompt: asked(t, e, questions[0]), Max: 20, Sampling: s, LogProbs: -1, N: 2})
		for i := range 2 {
			assert.Contains(t, []string{"yes indeed", "no way"}, a.text(i))
			assert.Equal(t, "stop", a.finishes[i].Reason)
		}
	}
}

func TestBadGrammars(t *testing.T) {
	e := real(t)
	for _, g := range []string{
		"root", "other ::= \"a\"", "root ::= missing", "root ::= root \"a\" | \"b\"", "root ::= \"a", "root ::= [", "\x00",
		"root ::= \"a\x00\"", strings.Repeat("(", 100000), "root ::= " + strings.Repeat("(", 70) + "\"a\"" + strings.Repeat(")", 70),
		"root ::= \"a\"{100000}", strings.Repeat("a", 1<<17), "root ::= \"\\xZZ\"",
	} {
		_, err := generate(e, engine.Request{Prompt: []int32{1}, Max: 1, LogProbs: -1, Sampling: engine.Sampling{Grammar: g}})
		assert.ErrorIs(t, err, engine.ErrRequest, "%.40q", g)
	}
}
