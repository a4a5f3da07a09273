package main_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// completions continues prompts of token ids by one token, with log-probabilities.
func (s *suspect) completions(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Prompt      json.RawMessage
		LogProbs    int
		Temperature float64
	}
	err := json.NewDecoder(r.Body).Decode(&q)
	var prompts [][]int32
	if json.Unmarshal(q.Prompt, &prompts) != nil {
		var one []int32
		err = json.Unmarshal(q.Prompt, &one)
		prompts = [][]int32{one}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.asked.Add(1)
	var choices []any
	for i, prompt := range prompts {
		ids, logits := s.model.candidates(prompt)
		sum := 0.0
		for _, l := range logits {
			sum += math.Exp(float64(l))
		}
		top := map[string]float64{}
		piece := func(i int) string {
			b, _ := s.model.tok.Piece(ids[i])
			return string(b)
		}
		for j := range ids[:min(len(ids), q.LogProbs)] {
			top[piece(j)] = float64(logits[j]) - math.Log(sum)
		}
		at := 0
		if q.Temperature > 0 {
			u := float64(number(string(q.Prompt)+fmt.Sprint(i), 1<<30)) / (1 << 30) * sum
			for at < len(ids)-1 && u >= math.Exp(float64(logits[at])) {
				u -= math.Exp(float64(logits[at]))
				at++
			}
		}
		choices = append(choices, map[string]any{"index": i, "text": piece(at), "finish_reason": "length",
			"logprobs": map[string]any{"tokens": []string{piece(at)}, "token_logprobs": []float64{float64(logits[at]) - math.Log(sum)}, "top_logprobs": []any{top}}})
	}
	json.NewEncoder(w).Encode(map[string]any{"object": "text_completion", "model": "student", "choices": choices})
}

// A suspect that shows what it predicts reads marked texts: with a reference, a
// control, and a bundle that holds.
func TestStudyOfReading(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fixedMark(t, dir, "study/keys/lab", 7)
	mark := openMark(t, filepath.Join(dir, "study/keys/lab"))
	teacher, err := novels()
	require.NoError(t, err)
	var lines, texts []string
	for i, p := range prompts(t, 25, 5) {
		text := decode(t, teacher, teacher.write(t, session(t, mark, uint64(i)), p, 60))
		line, err := json.Marshal(map[string]string{"prompt": p, "text": text})
		require.NoError(t, err)
		lines, texts = append(lines, string(line)), append(texts, text)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passages.jsonl"), []byte(strings.Join(lines, "\n")), 0o644))
	plan := done(t, dir, "plan", "study", "--suspect", "student", "--passages", "passages.jsonl", "--tokenizer", absolute(t, tokenizerPath),
		"--reference", "base", "--age", "made in this test before the key", "--top", "20", "--control", "other", "--decoys", "1000", "--read", "20")
	assert.Contains(t, plan, "Test R1: ")
	assert.Contains(t, plan, "Test R4: ")
	assert.Contains(t, plan, "It reads 20 of 25 passages")

	s := serve(t, learn(teacher.tok, texts...), 1)
	base := serve(t, teacher, 1)
	collect := []string{"collect", "study", "--model", "student", "--same-tokenizer", "--batch", "30", "--reference-url", base.URL, "--reference-model", "student"}
	o := dyetrace(t, dir, slices.Concat(collect[:len(collect)-4], []string{"--url", s.URL})...)
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "--reference-url")
	ask := func() { done(t, dir, slices.Concat(collect, []string{"--url", s.URL})...) }
	ask()
	o = dyetrace(t, dir, "seal", "study")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "--control other")
	askOther := func() { done(t, dir, slices.Concat(collect, []string{"--url", base.URL, "--control", "other"})...) }
	askOther()
	assert.Contains(t, dyetrace(t, dir, slices.Concat(collect, []string{"--url", base.URL, "--control", "nobody"})...).err, "no control of the plan")
	done(t, dir, "seal", "study")
	o = judge(t, dir, func() { ask(); askOther() }, "--json")
	require.Equal(t, 1, o.code, o.err)
	var r verify.Report
	decodeJSON(t, o.out, &r)
	for _, test := range []string{"R1", "R4"} {
		f := r.Finding("lab", test)
		require.NotNil(t, f, test)
		assert.True(t, f.Rejected, "%s: %v", test, f.Void)
		assert.Len(t, f.Controls, 1)
	}
	done(t, dir, "bundle", "make", "study")
	done(t, dir, "bundle", "verify", "study/bundle.dyetrace")
}

// Canaries that a key planted are found in what a suspect writes.
func TestStudyOfCanaries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	book, err := canary.ReadFile("../../../examples/quickstart/corpus/canaries.txt")
	require.NoError(t, err)
	tree := book.Trees()[0].Name
	fixedKey(t, filepath.Join(dir, "root.key"), 8)
	done(t, dir, "key", "derive", "root.key", "epoch=2026-11/vendor/canaries", "-o", "study/keys/canaries.key")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 150, 8), "\n")), 0o644))
	out := done(t, dir, "plan", "study", "--suspect", "student", "--prompts", "prompts.txt", "--book", absolute(t, "../../../examples/quickstart/corpus/canaries.txt"),
		"--tree", "canaries="+tree, "--decoys", "1000")
	assert.Contains(t, out, "Test cells: ")

	root, err := keys.ReadFile(filepath.Join(dir, "root.key"))
	require.NoError(t, err)
	choices, err := book.Choose(canary.Holder(tree, root.Epoch("2026-11").Vendor()))
	require.NoError(t, err)
	text, err := books()
	require.NoError(t, err)
	s := serve(t, nil, 0)
	s.answer = func(prompt string) string {
		at := (len(prompt) * 7919 * int(prompt[0]) * int(prompt[len(prompt)-1])) % (len(text) - 6000)
		var planted strings.Builder
		p, err := choices.NewPlanter(&planted, canary.Request{Prompt: prompt})
		require.NoError(t, err)
		_, err = fmt.Fprint(p, strings.ToValidUTF8(text[at:at+5000], ""))
		require.NoError(t, err)
		require.NoError(t, p.Close())
		return planted.String()
	}
	done(t, dir, "collect", "study", "--url", s.URL, "--model", "student")
	done(t, dir, "seal", "study")
	o := judge(t, dir, nil, "--json")
	require.Equal(t, 1, o.code, o.out+o.err)
	var r verify.Report
	decodeJSON(t, o.out, &r)
	assert.True(t, r.Finding("canaries", "cells").Rejected)
	done(t, dir, "bundle", "make", "study")
	done(t, dir, "bundle", "verify", "study/bundle.dyetrace")
}
