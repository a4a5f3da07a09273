package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	o, err := parse([]string{"-seed", "7", "-json", "-o", "out"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, options{seed: 7, json: true, dir: "out"}, o)
	o, err = parse(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, options{seed: 1}, o)
}

func TestOptionsRefuse(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-seed", "x"}, `invalid value "x" for flag -seed`},
		{[]string{"-seed", "-1"}, `invalid value "-1" for flag -seed`},
		{[]string{"-jsn"}, "flag provided but not defined: -jsn"},
		{[]string{"-o"}, "flag needs an argument: -o"},
		{[]string{"out"}, `argument "out", want flags only`},
	} {
		_, err := parse(c.args, io.Discard)
		assert.ErrorContains(t, err, "quickstart: ")
		assert.ErrorContains(t, err, c.want)
		assert.ErrorAs(t, err, new(usageError))
	}
	var help bytes.Buffer
	_, err := parse([]string{"-h"}, &help)
	assert.ErrorIs(t, err, flag.ErrHelp)
	for _, name := range []string{"-seed number", "-json", "-o directory"} {
		assert.Contains(t, help.String(), name)
	}
}

func TestUnusableDirectoryIsRefusedAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := run(t.Context(), []string{"-o", file}, io.Discard, os.Stderr)
	assert.ErrorContains(t, err, "quickstart: no directory for the files")
	assert.ErrorContains(t, err, file)
}

func TestSeedsDiffer(t *testing.T) {
	assert.Equal(t, newLuck(1).bytes(), newLuck(1).bytes())
	assert.NotEqual(t, newLuck(1).bytes(), newLuck(2).bytes())
	assert.NotEqual(t, newLuck(0).bytes(), newLuck(1<<63).bytes())
}
