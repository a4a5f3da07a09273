package tokenizer_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// FuzzEncode checks what holds for any bytes: nothing gets lost, ends and stability
// are what encoding every prefix gives, parts between added tokens are encoded by
// themselves, dst does not matter.
func FuzzEncode(f *testing.F) {
	var toks []*tokenizer.Tokenizer
	for _, name := range families {
		toks = append(toks, parse(f, "testdata/"+name+"/tokenizer.json"))
	}
	for i, text := range append(hardTexts(f)[:60], broken...) {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		if len(text) > 300 {
			return
		}
		name, tok := families[int(which)%len(families)], toks[int(which)%len(families)]
		ids := tok.Encode(text)
		for _, id := range ids {
			if _, ok := tok.Piece(id); !ok {
				t.Fatalf("%s: %+q has id %d", name, text, id)
			}
		}
		if tok.Lossless() && name != "qwen" {
			require.Equal(t, text, decode(t, tok, ids), name)
		}
		if got := tok.AppendEncode([]int32{7}, text); got[0] != 7 || !slices.Equal(got[1:], ids) {
			t.Fatalf("%s: %+q became %v and %v", name, text, ids, got)
		}
		checkTokens(t, tok, text)
		checkStable(t, tok, text)
		if name == "added" {
			return
		}
		const between = "<|im_start|>"
		if mark, ok := tok.ID(between); ok {
			want := append(append(slices.Clone(ids), mark), ids...)
			if crossing := text + between + text; strings.Count(crossing, between) == 1+2*strings.Count(text, between) && !strings.HasSuffix(text, "<") {
				require.Equal(t, want, tok.Encode(crossing), name)
			}
		}
	})
}

// FuzzParse feeds files that are nearly right.
func FuzzParse(f *testing.F) {
	f.Add([]byte(little))
	f.Add([]byte(strings.Replace(little, `"byte_fallback": false`, `"byte_fallback": true`, 1)))
	f.Add([]byte(strings.Replace(little, `"normalizer": null`, `"normalizer": {"type": "NFC"}`, 1)))
	f.Add([]byte(strings.Replace(little, `"rstrip": false, "normalized": false`, `"rstrip": true, "normalized": true`, 1)))
	f.Add([]byte(`{"version": "1.0", "model": {"vocab": {}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := tokenizer.Parse(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "tokenizer: ") {
				t.Fatal(err)
			}
			return
		}
		for _, text := range []string{"", "abc ab<s>", "cab  \r\n12 'S e\u0301", string(data[:min(len(data), 100)])} {
			checkTokens(t, tok, text)
			checkStable(t, tok, text)
			_, err := tok.Decode(tok.Encode(text))
			require.NoError(t, err)
			tok.Following(text, "b")
		}
	})
}

func TestPieces(t *testing.T) {
	for _, name := range families {
		tok := parse(t, "testdata/"+name+"/tokenizer.json")
		for id := range int32(tok.Size()) {
			piece, ok := tok.Piece(id)
			if !ok {
				continue
			}
			if got, ok := tok.ID(string(piece)); ok && got != id {
				// Two tokens of the same bytes: one is added, or of byte fallback.
				_, added := tok.Added(got)
				assert.True(t, added || name == "fallback", "%s %q: %d and %d", name, piece, id, got)
			}
			if len(piece) > 0 {
				piece[0]++ // a copy
			}
		}
	}
}

func TestRandomBytes(t *testing.T) {
	for _, name := range []string{"gpt2", "llama3", "o200k", "tekken", "runs"} {
		tok := parse(t, "testdata/"+name+"/tokenizer.json")
		require.NoError(t, quick.Check(func(b []byte) bool { return decode(t, tok, tok.Encode(string(b))) == string(b) }, &quick.Config{MaxCount: 2000}))
	}
}

func TestConcurrent(t *testing.T) {
	tok := parse(t, "testdata/qwen/tokenizer.json")
	texts := hardTexts(t)[:400]
	var want [][]int32
	for _, text := range texts {
		want = append(want, tok.Encode(text))
	}
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range texts {
				k := (i*7 + g*100) % len(texts)
				assert.Equal(t, want[k], tok.Encode(texts[k]))
			}
		})
	}
	group.Wait()
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	if poolForgets {
		t.Skip("under the race detector")
	}
	tok := parse(t, "testdata/qwen/tokenizer.json")
	text := strings.Repeat("Words, 123 words; "+strings.Repeat("unbroken", 40)+"\n日本語 café <|im_start|>user\n", 20)
	ids := tok.Encode(text)
	allocs := testing.AllocsPerRun(100, func() { ids = tok.AppendEncode(ids[:0], text) })
	assert.Less(t, allocs, 0.5) // a collection may empty the pool
}

// TestLongWords takes time n log n, not n².
func TestLongWords(t *testing.T) {
	tok := parse(t, "testdata/smollm2/tokenizer.json")
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	for _, unit := range []string{"a", "ha", " ", "=", "漢", "0", "😀", "\n"} {
		text := strings.Repeat(unit, n/len(unit))
		assert.Equal(t, text, decode(t, tok, tok.Encode(text)))
	}
}
