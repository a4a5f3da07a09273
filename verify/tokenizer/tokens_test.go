package tokenizer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// broken are texts that are not UTF-8.
var broken = []string{
	"\xff", "\xc3", "a\xc3", "\xe4\xb8", "中\xe4", " \xe4\xb8 ", "a\x80b", "\xf0\x9f\x98", "\xed\xa0\x80", "\xc0\x80", "x\xff\xff\xff y", "1\xff2", "\r\n\xe3\x80", "  \xe3\x80", "é\xcc\xcc\x81",
}

func checkTokens(t *testing.T, tok *tokenizer.Tokenizer, text string) {
	tokens := tok.Tokens(text)
	ids := tok.Encode(text)
	last := 0
	for i, token := range tokens {
		if i >= len(ids) || token.ID != ids[i] {
			t.Fatalf("%+q: tokens %v, ids %v", text, tokens, ids)
		}
		if token.End < 0 {
			require.Equal(t, -1, token.End)
			continue
		}
		if token.End < last || token.End > len(text) {
			t.Fatalf("%+q: tokens %v", text, tokens)
		}
		last = token.End
	}
	require.Equal(t, len(ids), len(tokens), "%+q", text)
}

// checkStable compares with encoding every prefix.
func checkStable(t *testing.T, tok *tokenizer.Tokenizer, text string) {
	tokens, stable, ids := tok.Tokens(text), tok.Stable(text), tok.Encode(text)
	require.Len(t, stable, len(tokens)+1)
	require.True(t, stable[0])
	for k := 1; k <= len(tokens); k++ {
		end := tokens[k-1].End
		want := end >= 0 && slices.Equal(ids[:k], tok.Encode(text[:max(end, 0)]))
		if stable[k] != want {
			t.Fatalf("%+q: after %d tokens, %d bytes, %t, want %t", text, k, end, stable[k], want)
		}
	}
}

func TestTokensAndStable(t *testing.T) {
	n := 700
	if testing.Short() {
		n = 150
	}
	texts := append(hardTexts(t)[:n:n], broken...)
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok := parse(t, "testdata/"+name+"/tokenizer.json")
			for _, text := range texts {
				if len(text) > 300 {
					text = text[:300]
				}
				checkTokens(t, tok, text)
				checkStable(t, tok, text)
			}
		})
	}
}

// TestEnds compares where tokens end with the lengths of their pieces, which is the
// same where nothing is dropped, stripped or normalised.
func TestEnds(t *testing.T) {
	for _, name := range []string{"gpt2", "llama3", "o200k", "tekken", "runs", "qwen"} {
		tok := parse(t, "testdata/"+name+"/tokenizer.json")
		require.True(t, tok.Lossless())
		for _, text := range append(hardTexts(t)[:1500:1500], broken...) {
			ids := tok.Encode(text)
			back, err := tok.Decode(ids)
			require.NoError(t, err)
			ends, err := tok.Ends(ids)
			require.NoError(t, err)
			if name == "qwen" && back != text {
				continue
			}
			require.Equal(t, text, back, name)
			for i, token := range tok.Tokens(text) {
				require.Equal(t, ends[i], token.End, "%s %+q", name, text)
			}
		}
	}
}

// TestEndsOfNormalised has places in the text as given: none inside of what changed.
func TestEndsOfNormalised(t *testing.T) {
	tok := parse(t, "testdata/qwen/tokenizer.json")
	text := "cafe\u0301 <|im_start|>x\u1100\u1161\u11a8 y\u2126"
	var got []string
	from := 0
	for _, token := range tok.Tokens(text) {
		if token.End >= 0 {
			got = append(got, text[from:token.End])
			from = token.End
		}
	}
	assert.Equal(t, text, strings.Join(got, ""))
	assert.Contains(t, got, "cafe\u0301")
	assert.Contains(t, got, "<|im_start|>")
	assert.Contains(t, got, "\u1100\u1161\u11a8")
	assert.Contains(t, got, "\u2126")

	syllable := tok.Tokens("\u1112\u1175\u11c0.")
	require.Len(t, syllable, 4, "a syllable of three bytes, none of which are merged")
	assert.Equal(t, []int{-1, -1, 9, 10}, []int{syllable[0].End, syllable[1].End, syllable[2].End, syllable[3].End})
}

// TestStableAcrossChanges has a letter that normalisation takes apart, so that a
// word does not end after it: its sign goes with the punctuation.
func TestStableAcrossChanges(t *testing.T) {
	file := strings.NewReplacer(
		`"normalizer": null`, `"normalizer": {"type": "NFC"}`,
		`{"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4}`, `{"à": 0, "¤": 1, "ķ": 2, "¼": 3, "!": 4, "¼!": 5}`, `"id": 5`, `"id": 6`,
		`[["a", "b"]]`, `[["¼", "!"]]`,
	).Replace(little)
	tok, err := tokenizer.Parse([]byte(file))
	require.NoError(t, err)
	const text = "\u0958!!"
	assert.Equal(t, []tokenizer.Token{{0, -1}, {1, -1}, {2, -1}, {0, -1}, {1, -1}, {5, 4}, {4, 5}}, tok.Tokens(text))
	assert.Equal(t, []bool{true, false, false, false, false, false, true, true}, tok.Stable(text))
	checkStable(t, tok, text)
	_, ok := tok.Following("\u0958", "!")
	assert.False(t, ok)
	id, ok := tok.Following("\u0958!", "!")
	assert.True(t, ok)
	assert.EqualValues(t, 4, id)
}
