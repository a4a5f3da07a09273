package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	all := []string{"-upstream", "http://host:1/v", "-ledger", "l", "-key", "k", "-epoch", "e"}
	o, err := parse(all, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "host:1", o.upstream.Host)
	assert.False(t, o.header, "it tells a suspect what is planted")
	assert.Equal(t, 2*time.Second, o.patience)
	o, err = parse(append(all, "-header", "-book", "b", "-listen", ":1", "-admin", ""), io.Discard)
	require.NoError(t, err)
	assert.True(t, o.header)
	assert.Empty(t, o.admin)
	_, err = parse([]string{"-demo"}, io.Discard)
	require.NoError(t, err)
	_, err = parse([]string{"-make-key", "-key", "k"}, io.Discard)
	require.NoError(t, err)

	for _, c := range []struct {
		args string
		want string
	}{
		{"-ledger l -key k -epoch e", "-upstream is required"},
		{"-upstream http://h -key k -epoch e", "-ledger is required"},
		{"-upstream http://h -ledger l -epoch e", "-key is required"},
		{"-upstream http://h -ledger l -key k", "-epoch is required"},
		{"-make-key", "-key is required"},
		{"-upstream host:8000 -ledger l -key k -epoch e", `-upstream is "host:8000", want http://`},
		{"-upstream ftp://h -ledger l -key k -epoch e", `-upstream is "ftp://h"`},
		{"-upstream http://u:p@h -ledger l -key k -epoch e", "-upstream has a user"},
		{"-upstream http://h -ledger l -key k -epoch e extra", `argument "extra"`},
		{"-upstream http://h -ledger l -key k -epoch e -max-answer 0", "-max-request is 16777216 and -max-answer 0"},
		{"-upstream http://h -ledger l -key k -epoch e -patience 0s", "-patience is 0s"},
		{"-nonsense", "-nonsense"},
		{"-upstream foo", `-upstream is "foo", want http://`},
		{"-upstream ftp://u:p@h -ledger l -key k -epoch e", "-upstream has a user"},
		{"-upstream http://h -ledger l -key k -epoch a/../b", `-epoch is "a/../b", want 1 to 64 bytes`},
	} {
		_, err := parse(strings.Fields(c.args), io.Discard)
		require.Error(t, err, c.args)
		assert.ErrorAs(t, err, new(usageError))
		assert.Contains(t, err.Error(), c.want)
		assert.NotContains(t, err.Error(), "u:p@", "a password is not printed")
	}
	var help strings.Builder
	_, err = parse([]string{"-h"}, &help)
	require.ErrorIs(t, err, flag.ErrHelp)
	for _, name := range strings.Fields("-upstream -listen -admin -book -ledger -key -epoch -cohorts -origin -header -max-request -max-answer -patience -again -drain -make-key -demo") {
		assert.Contains(t, help.String(), "  "+name)
	}
}

// An epoch is part of a file's name.
func TestEpochOfCommandLine(t *testing.T) {
	all := []string{"-upstream", "http://host:1", "-ledger", "l", "-key", "k", "-epoch"}
	for _, epoch := range []string{"a/b", "/", `a\b`, ".", "..", ".a", "a\nb", "a\x00", "a\u202eb", "\xff", strings.Repeat("x", 65)} {
		_, err := parse(append(all, epoch), io.Discard)
		require.Error(t, err, "%q", epoch)
		assert.ErrorAs(t, err, new(usageError))
		assert.Contains(t, err.Error(), fmt.Sprintf("-epoch is %q, want 1 to 64 bytes of printable characters", epoch))
	}
	for _, epoch := range []string{"2026-11", "a.b..c", "Frühling 1", strings.Repeat("x", 64)} {
		_, err := parse(append(all, epoch), io.Discard)
		assert.NoError(t, err, "%q", epoch)
	}
}

// A key that exists stays, and the error names it once.
func TestMakeKeyTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	args := []string{"-make-key", "-key", path}
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.EqualError(t, run(t.Context(), args, io.Discard, io.Discard), "proxy: key file "+path+" exists, want a new path")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
