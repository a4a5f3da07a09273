package tokenizer_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNormalForms encodes with the tokenizer of Qwen's kind, which normalises and
// loses nothing, and compares what comes back with the library's normaliser: every
// code point that is changed, every composition, marks of every class in disorder.
func TestNormalForms(t *testing.T) {
	tok := parse(t, "testdata/qwen/tokenizer.json")
	back := func(text string) string {
		out, err := tok.Decode(tok.Encode(text))
		require.NoError(t, err)
		return out
	}
	changed := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(read(t, "testdata/normal.jsonl")))
	for lines.Scan() {
		var pair [2]string
		require.NoError(t, json.Unmarshal(lines.Bytes(), &pair))
		assert.Equal(t, pair[1], back(pair[0]), "%+q", pair[0])
		changed[pair[0]] = true
	}
	require.NoError(t, lines.Err())
	require.Greater(t, len(changed), 20000)
	for r := rune(0); r < 0x110000; r++ {
		if c := string(r); !changed[c] {
			if got := back(c); got != c {
				t.Errorf("U+%04X became %+q", r, got)
			}
		}
	}
	for text, want := range map[string]string{
		// A full syllable takes no more, and only modern letters make one.
		"\uac01\u11a8": "\uac01\u11a8", "\u1100\u1161\u11a8\u11a8": "\uac01\u11a8",
		"\uac00\u11a7": "\uac00\u11a7", "\uac00\u11c3": "\uac00\u11c3", "\u1113\u1161": "\u1113\u1161", "\u1100\u1176": "\u1100\u1176",
		// Nothing composes with a byte that is not UTF-8, and nothing gets lost.
		"\xcc\u0301": "\xcc\u0301", "e\xcc\u0301": "e\xcc\u0301", "\u0301\xff\u0323": "\u0301\xff\u0323",
		"e\u0301\xcc": "\u00e9\xcc", "\u1100\xe1\u1161": "\u1100\xe1\u1161",
	} {
		assert.Equal(t, want, back(text), "%+q", text)
	}
}
