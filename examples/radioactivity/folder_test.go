package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// zipped returns what a file of records holds.
func zipped(t *testing.T, lines string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, lines)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

const (
	metaOfOne = `{"mark":{"engine":"vLLM","algorithm":"gumbel","context_width":2,"deduplicate_contexts":"single_turn","vocab":100},"models":{"m":{}}}`
	oneText   = `{"id":0,"prompt_ids":[1],"completion_ids":[1,2,3]}`
	position0 = `{"t":0,"p":0,"a":1,"s":2,"i":[3,4],"l":[-1,-2],"r":[-1,-2]}`
)

// Folders that are not of the format, or hold what no model can say, are refused with
// the file and line.
func TestBadFolders(t *testing.T) {
	files := func() map[string][]byte {
		return map[string][]byte{
			"meta.json":                []byte(metaOfOne),
			"keys.json":                []byte(`{"name":"K","key":"7"}`),
			"train_marked.jsonl.gz":    zipped(t, oneText+"\n"),
			"fresh_marked.jsonl.gz":    zipped(t, oneText+"\n"),
			"read_sup_m.jsonl.gz":      zipped(t, position0+"\n"),
			"not_of_the_format.txt.gz": nil,
		}
	}
	const name = "read_sup_m.jsonl.gz"
	at := func(old, new string) func(map[string][]byte) {
		return func(f map[string][]byte) { f[name] = zipped(t, strings.Replace(position0, old, new, 1)) }
	}
	long := zipped(t, strings.Repeat(position0+"\n", 2000))
	for want, spoil := range map[string]func(f map[string][]byte){
		"no such file":                                  func(f map[string][]byte) { delete(f, "meta.json") },
		"there are no models, want at least 1":          func(f map[string][]byte) { f["meta.json"] = []byte(`{}`) },
		"the folder has no file of m, want":             func(f map[string][]byte) { delete(f, name) },
		name + ": the file has no records":              func(f map[string][]byte) { f[name] = zipped(t, "\n \n") },
		name + ": the file is cut off in or after line": func(f map[string][]byte) { f[name] = zipped(t, position0+"\n")[:60] },
		name + ": gzip: invalid header":                 func(f map[string][]byte) { f[name] = []byte(position0 + "\n") },
		"line 2: position 0 of text 0, want 1 of 3":     func(f map[string][]byte) { f[name] = long },
		"line 1: a position has t, p, a and s":          func(f map[string][]byte) { f[name] = zipped(t, `{"hello":1}`) },
		"line 1: token is -1, want 0 to 99":             at(`"a":1`, `"a":-1`),
		"line 1: token is 100, want 0 to 99":            at(`"s":2`, `"s":100`),
		"line 1: token is 4000, want 0 to 99":           at(`[3,4]`, `[3,4000]`),
		"there is no text 8":                            at(`"t":0`, `"t":8`),
		"invalid character 'N'":                         at(`-1,-2`, `NaN,-2`),
		"probabilities of 2 tokens sum to 1.1":          at(`-1,-2`, `0,-2`),
		"log-probability of token 3 is 0.5":             at(`-1,-2`, `0.5,-2`),
		"token 3 under the reference is 0.5":            at(`"r":[-1`, `"r":[0.5`),
		"2 tokens have 1 log-probabilities":             at(`"l":[-1,-2]`, `"l":[-1]`),
		"token 3 is listed twice":                       at(`[3,4]`, `[3,3]`),
		"train_marked.jsonl.gz: line 1: token is -2, want": func(f map[string][]byte) {
			f["train_marked.jsonl.gz"] = zipped(t, strings.Replace(oneText, "[1,2", "[-2,2", 1))
		},
	} {
		dir, held := t.TempDir(), files()
		spoil(held)
		for file, data := range held {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
		}
		err := run(context.Background(), []string{"-dir", dir}, io.Discard, io.Discard)
		assert.ErrorContains(t, err, want)
	}
}
