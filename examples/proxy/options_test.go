package main

import (
	"flag"
	"io"
	"net/http"
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
	assert.True(t, o.header)
	assert.Equal(t, 2*time.Second, o.patience)
	o, err = parse(append(all, "-header=false", "-book", "b", "-listen", ":1", "-admin", ""), io.Discard)
	require.NoError(t, err)
	assert.False(t, o.header)
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

func TestParseCohorts(t *testing.T) {
	a, b := hashOf("a"), hashOf("b")
	c, err := parseCohorts(strings.NewReader("# keys\n\n "+a+" blue\n"+b+"\t- trusted \n"), "f")
	require.NoError(t, err)
	assert.Equal(t, cohorts{a: {a, "blue", false}, b: {b, "", true}}, c)
	secret := "sk-0123456789abcdef"
	for text, want := range map[string]string{
		secret + " blue":                "f:1: first column has 19 characters",
		strings.ToUpper(a) + " blue":    "f:1: first column has 64 characters, want 64 of lower-case hexadecimal",
		a:                               "f:1: line has 1 columns",
		a + " blue trusted 1":           "f:1: line has 4 columns",
		a + " blue yes":                 `f:1: third column is "yes", want trusted or nothing`,
		a + " blue\n" + a + " green":    "f:2: hash " + a + " is there twice",
		strings.Repeat("x", 1<<20) + "": "token too long",
	} {
		_, err := parseCohorts(strings.NewReader(text), "f")
		require.Error(t, err)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), secret)
	}
	_, err = readCohorts(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAccounts(t *testing.T) {
	c := cohorts{hashOf("k"): {hashOf("k"), "blue", true}}
	for name, header := range map[string]http.Header{
		"bearer": {"Authorization": {"Bearer k"}}, "Azure": {"Api-Key": {"k"}}, "gateway": {"X-Api-Key": {"k"}}, "bare": {"Authorization": {"k"}},
	} {
		assert.Equal(t, account{hashOf("k"), "blue", true}, c.of(header), name)
	}
	assert.Equal(t, account{hash: hashOf("other")}, c.of(http.Header{"Authorization": {"Bearer other"}}))
	assert.Equal(t, account{}, c.of(http.Header{}))
	assert.Equal(t, account{hash: hashOf("k")}, cohorts(nil).of(http.Header{"Authorization": {"Bearer k"}}))
}
