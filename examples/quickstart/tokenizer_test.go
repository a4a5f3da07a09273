package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hard is text that tempts a tokenizer to lose something.
var hard = []string{
	"",
	" ",
	"   three spaces, then two  and a tab\tand\r\nnewlines\n\n\n",
	"\"Don't!\"--he cried--\"it's 3.14, isn't it?\" ",
	"Pfuël à l’été; Ελληνικά, 漢字, 👩‍🚀 and e\u0301",
	"\xff\xfe not UTF-8 \xc3",
	" \xff \u00a0\u2028 odd spaces",
	"\x00\x01",
	"'''",
	"word" + strings.Repeat(" ", 100) + "word",
}

func TestTokenizerLosesNothing(t *testing.T) {
	small, err := newTokenizer([]string{"the cat sat on the mat, \"the end\"--"})
	require.NoError(t, err)
	for _, text := range hard {
		ids := small.encode(text)
		assert.Equal(t, text, small.decode(ids), "%q", text)
		assert.NotContains(t, ids, int32(endOfText))
	}
}

func FuzzTokenizer(f *testing.F) {
	small, err := newTokenizer(hard)
	require.NoError(f, err)
	for _, text := range hard {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := small.decode(small.encode(text)); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
	})
}

func TestWordsCarryTheSpaceBeforeThem(t *testing.T) {
	for text, want := range map[string][]string{
		"I saw a cat--it's here.": {"I", " saw", " a", " cat", "--", "it's", " here", "."},
		"a  b":                    {"a", " ", " b"},
		"a \n b\n\n":              {"a", " ", "\n", " b", "\n", "\n"},
		" \"Oh!\" 42":             {" \"", "Oh", "!\"", " 42"},
	} {
		assert.Equal(t, want, slices.Collect(words(text)), "%q", text)
	}
}

func TestTokenizerKnowsWords(t *testing.T) {
	tok, err := newTokenizer([]string{" the cat and the dog and the a"})
	require.NoError(t, err)
	assert.Equal(t, firstWord+5, tok.size())
	assert.Equal(t, []int32{firstWord, firstWord + 1}, tok.encode(" the and")[:2], "most frequent first, ties by spelling")
	assert.Len(t, tok.encode(" a"), 1)
	assert.Len(t, tok.encode(" the cow"), 1+len(" cow"), "unknown words are spelt")
	assert.Equal(t, " the", tok.decode([]int32{-1, endOfText, firstWord, 1 << 20}), "ids without text have none")
}

func TestTokenizerRefusesHugeVocabulary(t *testing.T) {
	var text strings.Builder
	for i := range maxVocab {
		fmt.Fprintln(&text, i)
	}
	_, err := newTokenizer([]string{text.String()})
	assert.ErrorContains(t, err, "want at most 65536")
}
