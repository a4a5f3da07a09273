package engine_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadConfigs(t *testing.T) {
	real(t)
	missing := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		change func(*engine.Config)
		want   string
	}{
		{func(c *engine.Config) { c.Library = "" }, "no folder of llama.cpp's libraries, want the one that has lib"},
		{func(c *engine.Config) { c.Library = t.TempDir() }, "are loaded, those of"},
		{func(c *engine.Config) { c.Model = "" }, "no model, want a GGUF file"},
		{func(c *engine.Config) { c.Model = missing }, "none: no such file"},
		{func(c *engine.Config) { c.Model = t.TempDir() }, "is no file"},
		{func(c *engine.Config) { c.Draft = missing }, "none: no such file"},
		{func(c *engine.Config) { c.Sequences = 65 }, "sequences are 65, want 1 to 64"},
		{func(c *engine.Config) { c.Sequences = -1 }, "sequences are -1, want 1 to 64"},
		{func(c *engine.Config) { c.Drafts = 33 }, "drafts are 33, want 1 to 32"},
		{func(c *engine.Config) { c.Threads = -2 }, "threads are -2, want 1 to 512"},
		{func(c *engine.Config) { c.Queue = -2 }, "queue are -2"},
		{func(c *engine.Config) { c.Context = 8193 }, "context is 8193 tokens, want 8 to the 8192 that it was trained with"},
		{func(c *engine.Config) { c.Context = -1 }, "context is -1 tokens"},
	} {
		config := engine.Config{Library: library, Model: model}
		c.change(&config)
		_, err := engine.Open(config)
		assert.ErrorContains(t, err, c.want)
	}
}

// TestBadModels opens files that are not what they should be. Any of them would
// be an end of this process if llama.cpp gave up on it with abort.
func TestBadModels(t *testing.T) {
	real(t)
	whole, err := os.ReadFile(model)
	require.NoError(t, err)
	folder := t.TempDir()
	changed := func(from, to string) []byte {
		require.Len(t, to, len(from))
		require.Equal(t, 1, bytes.Count(whole[:1<<12], []byte(from)))
		return append(bytes.Replace(whole[:1<<12:1<<12], []byte(from), []byte(to), 1), whole[1<<12:]...)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "ends beyond the file's 0 bytes: it is truncated or damaged"},
		{"text", []byte("This is no model at all.\n"), `it begins with "This", want "GGUF"`},
		{"truncated in the header", whole[:100_000], "truncated or damaged"},
		{"truncated in the tensors", whole[:len(whole)-1], "ends beyond the file's 98362431 bytes: it is truncated or damaged"},
		{"half", whole[:len(whole)/2], "truncated or damaged"},
		{"another version", append([]byte("GGUF\x09\x00\x00\x00"), whole[8:1000]...), "GGUF version is 9, want 2 or 3"},
		{"another byte order", append([]byte("GGUF\x00\x00\x00\x03"), whole[8:1000]...), "GGUF version is 50331648, want 2 or 3"},
		{"unknown architecture", changed("general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00llama", "general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00lamma"), "unknown model architecture: 'lamma'"},
		{"another architecture", changed("general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00llama", "general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00bloom"), "bloom.context_length"},
		{"no block count", changed("llama.block_count", "llama.blokk_count"), "llama.block_count"},
	} {
		path := filepath.Join(folder, strings.ReplaceAll(c.name, " ", "-")+".gguf")
		require.NoError(t, os.WriteFile(path, c.data, 0o600))
		_, err := engine.Open(engine.Config{Library: library, Model: path})
		if assert.Error(t, err, c.name) {
			assert.Contains(t, err.Error(), path, c.name)
			assert.Contains(t, err.Error(), c.want, c.name)
		}
		require.NoError(t, os.Remove(path))
	}
}

// TestOtherModels opens the model with a change that leaves it whole: as a draft
// model of another vocabulary, without its chat template, and with one that is no
// Jinja.
func TestOtherModels(t *testing.T) {
	real(t)
	whole, err := os.ReadFile(model)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "other.gguf")
	for _, c := range []struct{ from, to string }{
		{"<|endoftext|>", "<|endofteXt|>"},
		{"tokenizer.chat_template", "tokenizer.chat_tempIate"},
		{"{% for message in messages %}", "{% far message in messages %}"},
	} {
		data := slices.Clone(whole)
		at := bytes.Index(data, []byte(c.from))
		require.Positive(t, at, c.from)
		copy(data[at:], c.to)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		if c.from == "<|endoftext|>" {
			_, err := engine.Open(engine.Config{Library: library, Model: model, Draft: path, Sequences: 1, Context: 64})
			assert.ErrorContains(t, err, "other.gguf: its vocabulary of 49152 tokens is another than the model's of 49152")
			continue
		}
		e, err := engine.Open(engine.Config{Library: library, Model: path, Sequences: 1, Context: 64})
		require.NoError(t, err)
		_, err = e.Chat([]map[string]any{{"role": "user", "content": "x"}}, nil)
		assert.ErrorIs(t, err, engine.ErrRequest)
		assert.ErrorContains(t, err, "messages, but no chat template of the model: ")
		assert.Len(t, mustGenerate(t, e, engine.Request{Prompt: []int32{1}, Max: 1, LogProbs: -1}).tokens[0], 1, "prompts are answered all the same")
		require.NoError(t, e.Close())
	}
}

func TestBadRequests(t *testing.T) {
	e := real(t)
	nan := math.NaN()
	for _, c := range []struct {
		change func(*engine.Request)
		want   string
	}{
		{func(r *engine.Request) { r.Prompt = nil }, "prompt has no tokens"},
		{func(r *engine.Request) { r.Prompt = []int32{1, -1} }, "token 1 of the prompt is -1, want 0 to 49151"},
		{func(r *engine.Request) { r.Prompt = []int32{49152} }, "token 0 of the prompt is 49152"},
		{func(r *engine.Request) { r.Prompt = make([]int32, 2048) }, "prompt has 2048 tokens, want at most 2047: the context has 2048"},
		{func(r *engine.Request) { r.Prompt, r.Max = make([]int32, 2049), 0 }, "prompt has 2049 tokens, want at most 2048"},
		{func(r *engine.Request) { r.Max = -1 }, "most tokens are -1"},
		{func(r *engine.Request) { r.N = 9 }, "choices are 9, want 1 to 8"},
		{func(r *engine.Request) { r.N = -1 }, "choices are -1"},
		{func(r *engine.Request) { r.LogProbs = 21 }, "alternatives are 21, want 0 to 20, or -1"},
		{func(r *engine.Request) { r.LogProbs = -2 }, "alternatives are -2"},
		{func(r *engine.Request) { r.Sampling.Temperature = -1 }, "temperature is -1, want 0 or 0.001 to 100"},
		{func(r *engine.Request) { r.Sampling.Temperature = nan }, "temperature is NaN"},
		{func(r *engine.Request) { r.Sampling.Temperature = 1e-9 }, "temperature is 1e-09"},
		{func(r *engine.Request) { r.Sampling.TopK = -1 }, "top_k is -1"},
		{func(r *engine.Request) { r.Sampling.TopP = 1.1 }, "top_p is 1.1, want 0 to 1"},
		{func(r *engine.Request) { r.Sampling.TopP = nan }, "top_p is NaN"},
		{func(r *engine.Request) { r.Sampling.MinP = 1 }, "min_p is 1, want at least 0 and less than 1"},
		{func(r *engine.Request) { r.Sampling.RepeatPenalty = -1 }, "repeat penalty is -1"},
		{func(r *engine.Request) { r.Sampling.PenaltyLast = -2 }, "penalties look back at -2"},
		{func(r *engine.Request) { r.Sampling.FrequencyPenalty = 3 }, "frequency penalty is 3, want -2 to 2"},
		{func(r *engine.Request) { r.Sampling.PresencePenalty = math.Inf(1) }, "presence penalty is +Inf"},
		{func(r *engine.Request) { r.Sampling.Bias = map[watermark.Token]float32{-1: 0} }, "bias of token -1"},
		{func(r *engine.Request) { r.Sampling.Bias = map[watermark.Token]float32{49152: 0} }, "bias of token 49152, want 0 to 49151"},
		{func(r *engine.Request) { r.Sampling.Bias = map[watermark.Token]float32{3: 101} }, "bias of token 3 is 101, want -100 to 100"},
		{func(r *engine.Request) { r.Mark = new(watermark.Watermark) }, "zero"},
	} {
		r := engine.Request{Prompt: []int32{1}, Max: 1, LogProbs: -1}
		c.change(&r)
		_, err := generate(e, r)
		assert.ErrorIs(t, err, engine.ErrRequest)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestTextsThatAreHardToRead(t *testing.T) {
	e := real(t)
	for _, c := range []struct{ text, want string }{
		{"a\x00b", "zero byte at 1"},
		{"\xff", "no UTF-8"},
		{strings.Repeat("a", 1<<20), "has 1048576 bytes, which are more than 2048 tokens"},
	} {
		_, err := e.Tokenize(c.text, true)
		assert.ErrorIs(t, err, engine.ErrRequest)
		assert.ErrorContains(t, err, c.want)
	}
	large := opened(t, engine.Config{Sequences: 1, Context: 8192})
	for _, text := range []string{
		strings.Repeat("a", 100_000), strings.Repeat(" ", 100_000), strings.Repeat("7", 100_000), strings.Repeat("\n", 100_000),
		strings.Repeat("é", 50_000), strings.Repeat("a b\t", 25_000), strings.Repeat("<|im_end|>", 10_000), strings.Repeat("'", 100_000), "",
	} {
		ids, err := large.Tokenize(text, false)
		require.NoError(t, err)
		var b strings.Builder
		for _, x := range ids {
			b.Write(e.Piece(x))
		}
		assert.True(t, b.String() == text, "%.10q", text)
	}
	ids, err := e.Tokenize("<|im_end|>", true)
	require.NoError(t, err)
	require.Len(t, ids, 1)
	assert.Empty(t, e.Piece(ids[0]))
	assert.Empty(t, e.Piece(-1))
	assert.Empty(t, e.Piece(1<<30))
}
