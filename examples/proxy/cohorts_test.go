package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Accounts of one cohort get the same bytes and two cohorts do not.
func TestCohorts(t *testing.T) {
	text := prose(rand.New(rand.NewPCG(17, 1)), 200)
	s := start(t, reply("application/json", func() string {
		return fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%s}}]}`, quoted(text))
	}), func(o *options) { o.cohorts = cohortFile(t) })
	body := strings.Replace(chatBody, "true", "false", 1)
	ask := func(header ...string) string {
		_, raw := s.post(t, answersPath, body, header...)
		return string(raw)
	}
	assert.Equal(t, ask(bearer("alice")...), ask(bearer("bob")...))
	assert.NotEqual(t, ask(bearer("alice")...), ask(bearer("carol")...))
	assert.NotEqual(t, ask(bearer("alice")...), ask())
	assert.Equal(t, ask(bearer("alice")...), ask("api-key", "bob"))
	assert.Equal(t, ask(bearer("alice")...), ask("Authorization", "bearer  bob "))
	assert.Equal(t, ask(), ask(bearer("nobody knows")...))
	for _, key := range []string{"alice", "bob", "carol", "nobody knows"} {
		assert.NotContains(t, s.log.String(), key)
	}
}

// A trusted caller turns planting off; nobody else does, and upstream never sees it.
func TestOptOut(t *testing.T) {
	chat := `{"choices":[{"index":0,"message":{"content":"They often buy a lot of things, for example. Maybe they begin to help."}}]}`
	var saw http.Header
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		saw = r.Header
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, chat)
	}, func(o *options) { o.cohorts = cohortFile(t) })
	body := strings.Replace(chatBody, "true", "false", 1)
	off := []string{headerName, "off"}
	resp, raw := s.post(t, answersPath, body, append(bearer("admin"), off...)...)
	assert.Equal(t, chat, string(raw))
	assert.Equal(t, "plain;reason=opt-out", resp.Header.Get(headerName))
	assert.NotContains(t, saw, headerName)
	assert.Equal(t, "Bearer admin", saw.Get("Authorization"))
	for _, header := range [][]string{append(bearer("alice"), off...), off, bearer("admin"), append(bearer("admin"), headerName, "on")} {
		resp, raw = s.post(t, answersPath, body, header...)
		assert.NotEqual(t, chat, string(raw))
		assert.Contains(t, resp.Header.Get(headerName), "planted")
	}
	assert.Equal(t, "3", s.metric("dyetrace_opt_outs_refused_total"))

	s = start(t, s.upstream.Config.Handler.ServeHTTP, func(o *options) { o.header = false })
	resp, raw = s.post(t, answersPath, body)
	assert.NotEqual(t, chat, string(raw))
	assert.NotContains(t, resp.Header, headerName, "-header=false")
	resp, _ = s.post(t, answersPath, `{"messages":[],"logprobs":true}`)
	assert.NotContains(t, resp.Header, headerName)
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
