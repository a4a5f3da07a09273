package tokenizer_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// read returns a file, or what is in name.gz.
func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		packed, err := os.Open(name + ".gz")
		require.NoError(t, err)
		defer packed.Close()
		unpacked, err := gzip.NewReader(packed)
		require.NoError(t, err)
		data, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		return data
	}
	require.NoError(t, err)
	return data
}

// parsed are the tokenizers that tests have asked for: they share them.
var parsed sync.Map

func parse(t testing.TB, name string) *tokenizer.Tokenizer {
	t.Helper()
	if tok, ok := parsed.Load(name); ok {
		return tok.(*tokenizer.Tokenizer)
	}
	tok, err := tokenizer.Parse(read(t, name))
	require.NoError(t, err, name)
	parsed.Store(name, tok)
	return tok
}

// An encoding is a line of encodings.jsonl: what the tokenizers library makes of
// a text with add_special_tokens false.
type encoding struct {
	Text string
	IDs  []int32
}

func encodings(t testing.TB, name string) []encoding {
	t.Helper()
	var out []encoding
	lines := bufio.NewScanner(bytes.NewReader(read(t, name)))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e encoding
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e), "line %d of %s", len(out)+1, name)
		out = append(out, e)
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, out, name)
	return out
}

// TestVectors reads encodings.jsonl, and tokenizer.json where there is one, of the
// folder in DYETRACE_VECTORS if that is set.
func TestVectors(t *testing.T) {
	const own = "testdata/smollm2"
	folder := own
	if other := os.Getenv("DYETRACE_VECTORS"); other != "" {
		folder = other
		if _, err := os.Stat(filepath.Join(folder, "encodings.jsonl")); errors.Is(err, fs.ErrNotExist) {
			t.Skip("DYETRACE_VECTORS holds no encodings.jsonl")
		}
	}
	file := filepath.Join(folder, "tokenizer.json")
	if _, err := os.Stat(file); folder != own && errors.Is(err, fs.ErrNotExist) {
		file = filepath.Join(own, "tokenizer.json")
	}
	tok := parse(t, file)
	wrong := 0
	list := encodings(t, filepath.Join(folder, "encodings.jsonl"))
	for i, e := range list {
		got := tok.Encode(e.Text)
		if !assert.ObjectsAreEqual(append([]int32{}, e.IDs...), append([]int32{}, got...)) {
			if wrong++; wrong <= 10 {
				t.Errorf("line %d, %q:\ngot  %v\nwant %v", i+1, shorten(e.Text), got, e.IDs)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d texts are wrong", wrong, len(list))
	}
	t.Logf("%d texts of %s", len(list), folder)
}

func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + strings.Repeat(".", 3)
	}
	return s
}
