package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkDetect is the whole way from a file of JSON lines to p-values, process
// start and tokenizer.json included; BenchmarkTokenize is the tokenizer alone on one
// core, the larger part of it.
func BenchmarkDetect(b *testing.B) {
	text, err := books()
	require.NoError(b, err)
	dir := b.TempDir()
	var file bytes.Buffer
	for range 20 {
		for part := range strings.SplitSeq(text, "\n\n") {
			line, err := json.Marshal(map[string]string{"text": part})
			require.NoError(b, err)
			file.Write(append(line, '\n'))
		}
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "t.jsonl"), file.Bytes(), 0o644))
	tok, err := filepath.Abs(tokenizerPath)
	require.NoError(b, err)
	for _, name := range []string{"one", "two"} {
		cmd := exec.Command(binary, "key", "mark", "marks/"+name)
		cmd.Dir = dir
		require.NoError(b, cmd.Run())
	}
	b.SetBytes(int64(file.Len()))
	var tokens int64
	for b.Loop() {
		cmd := exec.Command(binary, "detect", "--json", "--mark", "marks", "--tokenizer", tok, "t.jsonl")
		cmd.Dir = dir
		out, err := cmd.Output()
		require.NoError(b, err)
		var r detectResult
		require.NoError(b, json.Unmarshal(out, &r))
		tokens += r.Tokens
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkTokenize(b *testing.B) {
	text, err := books()
	require.NoError(b, err)
	tok, err := smollm2()
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	var ids []int32
	for b.Loop() {
		ids = tok.AppendEncode(ids[:0], text)
	}
	b.ReportMetric(float64(len(ids)*b.N)/b.Elapsed().Seconds(), "tokens/s")
}
