package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const text = "It's an essential part of the plan. For example, it is important to ensure that you start by reading.\n\n" +
	"```\nFor example, it is code.\n```\n\nIn addition, don't forget to rest. As a result, it seems that all of the cats help to keep warm.\n"

func plant(t *testing.T, in string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(args, strings.NewReader(in), &out, &out))
	return out.String()
}

// TestFilter finds in the planted text what -json says of it.
func TestFilter(t *testing.T) {
	seen := map[string]bool{}
	for seed := range 8 {
		args := []string{"-seed", fmt.Sprint(seed), "-prompt", "How do I keep cats?"}
		planted := plant(t, text, args...)
		assert.Contains(t, planted, "```\nFor example, it is code.\n```")
		assert.Equal(t, planted, plant(t, text, args...))
		seen[planted] = true
		lines := strings.Split(strings.TrimSpace(plant(t, text, append(args, "-json")...)), "\n")
		assert.Greater(t, len(lines), 5)
		for _, l := range lines {
			var got line
			require.NoError(t, json.Unmarshal([]byte(l), &got))
			assert.True(t, strings.EqualFold(got.Form, planted[got.NewBegin:got.NewEnd]), "%s: %q", l, planted[got.NewBegin:got.NewEnd])
			assert.Less(t, got.Begin, got.End)
			assert.LessOrEqual(t, got.End, int64(len(text)))
		}
	}
	assert.Greater(t, len(seen), 4, "other seeds, other choices")
	assert.Equal(t, "no forms here\n", plant(t, "no forms here\n"))
	assert.Empty(t, plant(t, "no forms here\n", "-json"))
}

func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.txt")
	require.NoError(t, os.WriteFile(path, []byte("dyetrace canary book/1\nname own\nparser prose/1\nmode sampled\nclassifier none\nbucket none\ntree vendor 1\n"+
		"carrier x\nform these cats\nform those dogs\nlaw 1 4294967295\n"), 0o600))
	assert.Equal(t, "I like those dogs.", plant(t, "I like these cats.", "-book", path))
}

func TestErrors(t *testing.T) {
	var out bytes.Buffer
	for _, args := range [][]string{{"-seed", "x"}, {"-moon"}, {"file.txt"}} {
		err := run(args, strings.NewReader(""), &out, &out)
		assert.ErrorAs(t, err, new(usageError), "%v", args)
	}
	assert.ErrorIs(t, run([]string{"-h"}, strings.NewReader(""), &out, &out), flag.ErrHelp)
	assert.Contains(t, out.String(), "Usage: plant")
	assert.ErrorIs(t, run([]string{"-book", filepath.Join(t.TempDir(), "none")}, strings.NewReader(""), &out, &out), os.ErrNotExist)
	broken := errors.New("broken")
	assert.ErrorIs(t, run(nil, iotest.ErrReader(broken), &out, &out), broken)
}
