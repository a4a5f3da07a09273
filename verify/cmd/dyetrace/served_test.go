package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
)

// A service's log of texts with their prompts is a file of served answers: what its
// chat template made of a prompt is not known, and a prompt of ids is.
func TestServedTexts(t *testing.T) {
	dir, _ := newStudy(t, 5)
	tok, err := smollm2()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "served.jsonl"), []byte(`{"prompt":"Who came?","text":"A stranger came."}
{"prompt":[5,6],"prompt_known":true,"text":"Nobody."}
{"tokens":[1,2,3]}
`), 0o644))
	done(t, dir, "plan", "study", "--served", "served.jsonl", "--test", "G2")
	data, err := os.ReadFile(filepath.Join(dir, "study/plan.json"))
	require.NoError(t, err)
	plan, err := verify.ParsePlan(data)
	require.NoError(t, err)
	assert.Equal(t, verify.ServedDigest([]watermark.Text{
		{Tokens: tok.Encode("A stranger came.")}, {Prompt: []int32{5, 6}, PromptKnown: true, Tokens: tok.Encode("Nobody.")}, {Tokens: []int32{1, 2, 3}},
	}), plan.Served.Digest)
	for _, line := range []string{`{"prompt":7,"text":"x"}`, `{"prompt":"x"}`, `{"prompt":["x"],"tokens":[1]}`} {
		assert.True(t, json.Valid([]byte(line)))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "served.jsonl"), []byte(line+"\n"), 0o644))
		o := dyetrace(t, dir, "plan", "study", "--served", "served.jsonl", "--test", "G2")
		assert.Equal(t, 2, o.code, line)
		assert.Contains(t, o.err, "served.jsonl:1: ")
	}
}
