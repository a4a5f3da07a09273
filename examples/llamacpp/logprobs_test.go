package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// written are the marks and the tokenizer.json of the shared server, as it writes
// them for detectors.
func written(t testing.TB) (dir string, tok *tokenizer.Tokenizer) {
	t.Helper()
	p := theServer(t)
	dir = filepath.Join(p.dir, "marks")
	if _, err := os.Stat(dir); err != nil {
		cmd := program(t, p.dir, "-accounts", filepath.Join(p.dir, "accounts"), "-write-marks", dir)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Contains(t, string(out), "cohort-2026-11-blue.mark.json")
		assert.Contains(t, string(out), "ledger.pub")
		assert.NotContains(t, string(out), "dyetrace_secret1_")
	}
	tok, err := tokenizer.ReadFile(filepath.Join(dir, "tokenizer.json"))
	require.NoError(t, err)
	return dir, tok
}

func mass(top map[string]float64) (sum float64) {
	for _, p := range top {
		sum += math.Exp(p)
	}
	return sum
}

// Log-probabilities come in OpenAI's two forms, streamed or not, and nothing is
// planted where they are asked for.
func TestLogProbs(t *testing.T) {
	p := theServer(t)
	body := M{"model": testName, "messages": user("Say something kind."), "max_tokens": 12, "seed": 4, "logprobs": true, "top_logprobs": 3}
	resp, _ := p.post(t, alice, chatPath, body)
	assert.Equal(t, "plain;reason=logprobs", resp.Header.Get(headerName))
	whole := p.ask(t, alice, chatPath, body)
	var chat chatLogProbs
	require.NoError(t, json.Unmarshal(whole.Choices[0].LogProbs, &chat))
	text := ""
	for _, c := range chat.Content {
		require.Len(t, c.Top, 3)
		assert.GreaterOrEqual(t, c.Top[0].LogProb, c.Top[1].LogProb)
		assert.LessOrEqual(t, c.LogProb, 0.0)
		text += c.Token
		assert.Len(t, c.Bytes, len(c.Token))
	}
	assert.Equal(t, whole.Choices[0].said(), text)
	body["stream"] = true
	streamed := p.ask(t, alice, chatPath, body)
	var again []tokenBody
	for line := range strings.Lines(string(streamed.Choices[0].LogProbs)) {
		var piece chatLogProbs
		require.NoError(t, json.Unmarshal([]byte(line), &piece))
		again = append(again, piece.Content...)
	}
	require.Len(t, again, len(chat.Content))
	for i := range again {
		assert.Equal(t, chat.Content[i].Token, again[i].Token)
		assert.InDelta(t, chat.Content[i].LogProb, again[i].LogProb, 0.05) // a batch of another size rounds otherwise
	}

	a := p.ask(t, alice, textPath, M{"model": testName, "prompt": "The naïve 🦄 eats", "max_tokens": 4, "seed": 4, "logprobs": 2, "echo": true, "return_token_ids": true})
	var lists textLogProbs
	require.NoError(t, json.Unmarshal(a.Choices[0].LogProbs, &lists))
	n := len(lists.Tokens)
	require.Equal(t, n, a.Usage.Total)
	require.Len(t, lists.LogProb, n)
	require.Len(t, lists.Top, n)
	require.Len(t, lists.Offset, n)
	assert.Nil(t, lists.LogProb[0], "nothing is before the first token")
	assert.Nil(t, lists.Top[0])
	for i := 1; i < n; i++ {
		assert.LessOrEqual(t, *lists.LogProb[i], 0.0)
		assert.LessOrEqual(t, mass(lists.Top[i]), 1.001)
		assert.Contains(t, lists.Top[i], lists.Tokens[i], "the token that is there is listed")
		assert.LessOrEqual(t, len(lists.Top[i]), 3)
	}
	assert.True(t, strings.HasPrefix(a.Choices[0].Text, "The naïve 🦄 eats"))
	assert.Len(t, a.Choices[0].TokenIDs, a.Usage.Completion)
	// Asked for no tokens, the prompt alone is read.
	a = p.ask(t, alice, textPath, M{"model": testName, "prompt": "The naïve 🦄 eats", "max_tokens": 0, "logprobs": 2, "echo": true})
	assert.Equal(t, "The naïve 🦄 eats", a.Choices[0].Text)
	assert.Zero(t, a.Usage.Completion)

	// A stop string's tokens are not told of.
	body = M{"model": testName, "messages": user("Count: one, two, three, four."), "max_tokens": 30, "temperature": 0, "logprobs": true, "stop": []string{","}}
	a = p.ask(t, alice, chatPath, body)
	chat = chatLogProbs{}
	require.NoError(t, json.Unmarshal(a.Choices[0].LogProbs, &chat))
	text = ""
	for _, c := range chat.Content {
		text += c.Token
	}
	assert.Equal(t, "stop", a.Choices[0].FinishReason)
	assert.Equal(t, a.Choices[0].said(), text, "the comma is a token of its own")
}

// Verify's own client reads passages from the server, whole or position by position,
// and both agree.
func TestVerifyReads(t *testing.T) {
	p := theServer(t)
	_, tok := written(t)
	const text = "Rivers carry naïve soil — 12 tons."
	passage := collect.Passage{Prompt: tok.Encode("Geography is slow. "), PromptText: "Geography is slow. ", Tokens: tok.Encode(text)}
	for _, id := range passage.Tokens {
		piece, ok := tok.Piece(id)
		require.True(t, ok)
		passage.Pieces = append(passage.Pieces, string(piece))
	}
	read := func(server openai.Server, r openai.Reading, w collect.Want) []collect.Prediction {
		c, err := openai.New(openai.Config{URL: p.url, Model: testName, Key: alice, Server: server, Reading: &r})
		require.NoError(t, err)
		require.NoError(t, c.Check(context.Background()))
		got, err := c.Suspect().Prefix.Predict(context.Background(), collect.Reading{Passage: &passage, End: len(passage.Tokens), Want: w})
		require.NoError(t, err)
		assert.Contains(t, got.Model, testName+" fp_")
		return got.At
	}
	want := collect.Want{Top: 3, Argmax: true}
	own := want
	own.Own = true
	whole := read(openai.OpenAI, openai.Reading{SameTokenizer: true, Vocabulary: tok, Top: 5, Whole: openai.Echo}, own)
	each := read(openai.OpenAI, openai.Reading{SameTokenizer: true, Vocabulary: tok, Top: 5, Batch: 8}, want)
	vllm := read(openai.VLLM, openai.Reading{SameTokenizer: true, Vocabulary: tok, Top: 5, Batch: 8}, want)
	read(openai.LlamaCPP, openai.Reading{API: openai.Chat, Vocabulary: tok, Top: 5}, want) // another prompt: the chat's
	known := 0
	for i := range whole {
		require.NotNil(t, whole[i].Own)
		for _, other := range [][]collect.Prediction{each, vllm} {
			if other[i].Argmax == collect.NoToken || whole[i].Argmax == collect.NoToken {
				continue
			}
			known++
			require.NotEmpty(t, other[i].LogProbs)
			require.NotEmpty(t, whole[i].LogProbs)
			assert.InDelta(t, whole[i].LogProbs[0], other[i].LogProbs[0], 0.1)
			if gap := whole[i].LogProbs[0] - whole[i].LogProbs[1]; gap > 0.2 {
				assert.Equal(t, whole[i].Argmax, other[i].Argmax)
			}
		}
	}
	assert.Greater(t, known, len(whole))
}

// The tokenizer.json that is written gives the ids that llama.cpp gives.
func TestWrittenTokenizer(t *testing.T) {
	p := theServer(t)
	_, tok := written(t)
	for _, text := range []string{"The naïve 🦄 eats 1234 apples.", "  spaces\n\n\tand tabs  ", "func main() { fmt.Println(\"x\\n\") }", "日本語とÅngström, ½ of 3e10", "<|im_start|>user\nHi<|im_end|>"} {
		a := p.ask(t, alice, textPath, M{"model": testName, "prompt": text, "max_tokens": 1, "return_token_ids": true})
		var body struct {
			Choices []struct {
				IDs []int32 `json:"prompt_token_ids"`
			}
		}
		_, raw := p.post(t, alice, textPath, M{"model": testName, "prompt": text, "max_tokens": 1, "return_token_ids": true})
		require.NoError(t, json.Unmarshal(raw, &body))
		assert.Equal(t, tok.Encode(text), body.Choices[0].IDs, text)
		assert.Len(t, body.Choices[0].IDs, a.Usage.Prompt)
	}
}
