package main

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// header writes a GGUF header with a vocabulary.
func ggufHeader(pre string, tokens, merges []string) []byte {
	var b bytes.Buffer
	number := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	text := func(s string) { number(uint64(len(s))); b.WriteString(s) }
	list := func(key string, all []string) {
		text(key)
		number(uint32(ggufArray))
		number(uint32(ggufString))
		number(uint64(len(all)))
		for _, s := range all {
			text(s)
		}
	}
	b.WriteString("GGUF")
	number(uint32(3))
	number(uint64(0))
	number(uint64(6))
	text("general.alignment")
	number(uint32(4))
	number(uint32(32))
	text("tokenizer.ggml.model")
	number(uint32(ggufString))
	text("gpt2")
	text("tokenizer.ggml.pre")
	number(uint32(ggufString))
	text(pre)
	list("tokenizer.ggml.tokens", tokens)
	list("tokenizer.ggml.merges", merges)
	text("tokenizer.ggml.token_type")
	number(uint32(ggufArray))
	number(uint32(5))
	number(uint64(len(tokens)))
	for _, t := range tokens {
		kind := int32(1)
		if strings.HasPrefix(t, "<|") {
			kind = typeControl
		}
		number(kind)
	}
	return b.Bytes()
}

func TestTokenizerJSON(t *testing.T) {
	tokens := []string{"<|end|>", "a", "b", "1", "Ġ", "ab", "11"}
	merges := []string{"a b", "1 1"}
	for pre, want := range map[string][]int32{"gpt-2": {5, 6, 0}, "smollm": {5, 3, 3, 0}, "llama-bpe": {5, 6, 0}, "qwen2": {5, 3, 3, 0}} {
		h := ggufHeader(pre, tokens, merges)
		v, err := readVocabulary(bytes.NewReader(h), int64(len(h)))
		require.NoError(t, err)
		data, err := v.json()
		require.NoError(t, err)
		tok, err := tokenizer.Parse(data)
		require.NoError(t, err, pre)
		assert.Equal(t, want, tok.Encode("ab11<|end|>"), pre)
		for n := range h {
			_, err := readVocabulary(bytes.NewReader(h[:n]), int64(n))
			require.Error(t, err, "cut to %d bytes", n)
		}
	}
	_, err := (&vocabulary{kind: "llama"}).json()
	require.ErrorContains(t, err, `tokenizer is "llama", want gpt2`)
	_, err = (&vocabulary{kind: "gpt2", pre: "new"}).json()
	require.ErrorContains(t, err, `split as "new"`)
	_, err = (&vocabulary{kind: "gpt2", merges: []string{"ab"}}).json()
	require.ErrorContains(t, err, `merge 0 is "ab"`)
}

func FuzzVocabulary(f *testing.F) {
	f.Add(ggufHeader("smollm", []string{"a", "b"}, []string{"a b"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := readVocabulary(bytes.NewReader(data), int64(len(data))); err == nil {
			_, _ = v.json()
		}
	})
}
