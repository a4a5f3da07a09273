package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgressIsQuietInAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer f.Close()
	p := newProgress(f)
	p.begin("serve")
	for i := range 1000 {
		p.at(i, 1000)
	}
	p.end("%s answers", grouped(1234))
	log, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	assert.Regexp(t, `^serve +\d+\.\ds  1,234 answers\n$`, string(log))
}

func TestProgressMovesOnATerminal(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b, live: true}
	p.begin("judge")
	p.at(1, 2) // too soon after the first to be shown
	p.end("done")
	assert.Regexp(t, "^\r\x1b\\[Kjudge +0\\.0s +0 %\r\x1b\\[Kjudge +0\\.0s  done\n$", b.String())
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100000: "100,000"} {
		assert.Equal(t, want, grouped(n))
	}
}
