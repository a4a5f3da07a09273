package tokenizer_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// families are the folders of testdata.
var families = []string{"smollm2", "gpt2", "llama3", "qwen", "smollm", "o200k", "tekken", "deepseek", "runs", "added", "strip", "fallback", "unknown", "fused"}

func hardTexts(t testing.TB) []string {
	t.Helper()
	var out []string
	lines := bufio.NewScanner(bytes.NewReader(read(t, "testdata/texts.jsonl")))
	for lines.Scan() {
		var text string
		require.NoError(t, json.Unmarshal(lines.Bytes(), &text))
		out = append(out, text)
	}
	require.NoError(t, lines.Err())
	return out
}

// TestFamilies compares the ids of 10,000 hard texts with the library's, of most
// by a sum of 4 bytes.
func TestFamilies(t *testing.T) {
	texts := hardTexts(t)
	require.Len(t, texts, 10000)
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok := parse(t, "testdata/"+name+"/tokenizer.json")
			for i, e := range encodings(t, "testdata/"+name+"/encodings.jsonl") {
				require.Equal(t, texts[i], e.Text)
				assert.Equal(t, e.IDs, append([]int32{}, tok.Encode(e.Text)...), "text %d, %q", i, shorten(e.Text))
			}
			sums, err := os.ReadFile("testdata/" + name + "/sums")
			require.NoError(t, err)
			require.Len(t, sums, 4*len(texts))
			var buf []byte
			for i, text := range texts {
				if testing.Short() && i%5 != 0 {
					continue
				}
				buf = buf[:0]
				for _, id := range tok.Encode(text) {
					buf = binary.LittleEndian.AppendUint32(buf, uint32(id))
				}
				sum := sha256.Sum256(buf)
				if !bytes.Equal(sum[:4], sums[4*i:4*i+4]) {
					t.Errorf("text %d, %q", i, shorten(text))
				}
			}
		})
	}
}
