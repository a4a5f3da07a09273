package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// When the upstream hangs up, the client gets all text there was and then sees
// that the stream broke off; the ledger has the hash of it.
func TestUpstreamHangsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	text := prose(rng, 20)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces(rng, 10, text) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
		}
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, nil)
	body, request := bodyFor(answersPath)
	r, err := http.NewRequest("POST", s.url+answersPath, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	got := receive(t, bytes.NewReader(raw)).text[0]
	assert.Equal(t, s.planted(t, "", request, text), got)
	s.sawOutput(t, got)
	require.Eventually(t, func() bool { return s.metric("dyetrace_upstream_hangups_total") == "1" }, 10*time.Second, time.Millisecond)
	assert.Equal(t, "0", s.metric("dyetrace_clients_gone_total"))
}

// waiting holds a handler in the flush of a body until the client hung up.
type waiting struct {
	http.ResponseWriter
	until context.Context
	wrote bool
}

func (w *waiting) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

func (w *waiting) Flush() {
	w.ResponseWriter.(http.Flusher).Flush()
	if w.wrote { // ReverseProxy flushes the header by itself
		<-w.until.Done()
	}
}

// A client that hangs up with the whole answer did not go away, even if the
// handler had not ended.
func TestClientHasAll(t *testing.T) {
	const chat = `{"choices":[{"index":0,"message":{"content":"They often buy a lot of things."}}]}`
	s := start(t, reply("application/json", func() string { return chat }), nil)
	ended := make(chan error, 2)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.proxy.ServeHTTP(&waiting{ResponseWriter: w, until: r.Context()}, r)
		ended <- r.Context().Err()
	}))
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	for _, path := range []string{answersPath, "/v1/other"} {
		resp, err := client.Post(front.URL+path, "application/json", strings.NewReader(chatBody))
		require.NoError(t, err)
		require.Positive(t, resp.ContentLength)
		_, err = io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Error(t, <-ended, "the client hung up while the handler ran")
	}
	assert.Equal(t, "0", s.metric("dyetrace_clients_gone_total"))
	assert.Equal(t, "0", s.metric("dyetrace_upstream_hangups_total"))
}

// sawOutput waits for the hash of an output in the ledger.
func (s *stack) sawOutput(t *testing.T, text string) {
	t.Helper()
	want, err := s.proxy.garden.Vendor.Names.Output([]byte(text))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		o, err := s.keeper.Current()
		if err != nil {
			return false
		}
		_, outputs := recorded(t, o.Reader(), ledger.Pseudonym{})
		return slices.Contains(outputs, want)
	}, 10*time.Second, 5*time.Millisecond)
}

// When the client hangs up, the upstream is told, and the ledger has the hash of
// what was sent.
func TestClientHangsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 1))
	text := prose(rng, 20)
	told := make(chan bool)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces(rng, 10, text) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(told)
	}, nil)
	body, request := bodyFor(answersPath)
	ctx, hangUp := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "POST", s.url+answersPath, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	planted := s.planted(t, "", request, text)
	lines := bufio.NewReader(resp.Body)
	got := ""
	for len(got) < len(planted)-63 { // what is left is held back
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		got += receive(t, strings.NewReader(strings.TrimSpace(line)+"\n\n")).text[0]
	}
	hangUp()
	<-told
	require.True(t, strings.HasPrefix(planted, got))
	require.Eventually(t, func() bool { return s.metric("dyetrace_clients_gone_total") == "1" }, 10*time.Second, time.Millisecond)
	assert.Equal(t, "0", s.metric("dyetrace_upstream_hangups_total"))
	require.Eventually(t, func() bool { return s.metric(`dyetrace_answers_total{decision="planted"}`) == "1" }, 10*time.Second, time.Millisecond)
	o, err := s.keeper.Current()
	require.NoError(t, err)
	_, outputs := recorded(t, o.Reader(), ledger.Pseudonym{})
	require.NotEmpty(t, outputs)
	sent := false
	for n := len(planted) - 63; n <= len(planted); n++ {
		d, err := s.proxy.garden.Vendor.Names.Output([]byte(planted[:n]))
		require.NoError(t, err)
		sent = sent || d == outputs[0]
	}
	assert.True(t, sent, "the output's hash is of what was sent")
}
