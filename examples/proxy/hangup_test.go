package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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
}

// sawOutput waits for the hash of an output in the ledger.
func (s *stack) sawOutput(t *testing.T, text string) {
	t.Helper()
	want, err := s.proxy.vendor.names.Output([]byte(text))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		o, err := s.keeper.current()
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
	require.Eventually(t, func() bool { return s.metric(`dyetrace_answers_total{decision="planted"}`) == "1" }, 10*time.Second, time.Millisecond)
	o, err := s.keeper.current()
	require.NoError(t, err)
	_, outputs := recorded(t, o.Reader(), ledger.Pseudonym{})
	require.NotEmpty(t, outputs)
	sent := false
	for n := len(planted) - 63; n <= len(planted); n++ {
		d, err := s.proxy.vendor.names.Output([]byte(planted[:n]))
		require.NoError(t, err)
		sent = sent || d == outputs[0]
	}
	assert.True(t, sent, "the output's hash is of what was sent")
}
