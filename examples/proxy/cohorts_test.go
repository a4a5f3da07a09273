package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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
