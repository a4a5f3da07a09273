package main

import (
	"flag"
	"io"
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
