package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// Whatever is not an answer passes byte for byte, both ways: methods, paths,
// queries, headers, status, bodies of any kind, also those that are compressed.
func TestPasses(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	binary := make([]byte, 300<<10)
	for i := range binary {
		binary[i] = byte(rng.Uint32())
	}
	type seen struct {
		line   string
		header http.Header
		body   []byte
	}
	var saw seen
	status := 200
	upstream := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		saw = seen{r.Method + " " + r.RequestURI, r.Header.Clone(), body}
		w.Header().Set("Content-Type", r.Header.Get("X-Answer-As"))
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("ETag", `"big often"`)
		w.Header()["X-Two"] = []string{"a", "b"}
		w.WriteHeader(status)
		in(w, uint64(len(saw.line)), 50000, binary)
	}
	s := start(t, upstream, nil)
	direct := s.upstream.URL
	client := http.DefaultTransport.(*http.Transport).Clone()
	client.DisableCompression = true
	for _, c := range []struct {
		method, path, kind string
		body               []byte
		status             int
	}{
		{"GET", "/v1/models", "application/json", nil, 200},
		{"GET", "/metrics?x=a;b&%zz=%2F", "text/plain", nil, 200},
		{"GET", "/healthz", "text/plain", nil, 503},
		{"POST", "/v1/embeddings", "application/json", []byte(`{"input":"often"}`), 200},
		{"POST", "/v1/responses", "text/event-stream", binary, 200},
		{"PUT", "/v1/files/a%2Fb//c", "application/octet-stream", binary, 201},
		{"DELETE", "/v1/chat/completions/id", "application/json", nil, 404},
		{"GET", "/v1/chat/completions", "application/json", nil, 405},
		{"OPTIONS", "/v1/chat/completions", "application/json", nil, 204},
		{"POST", "/v1/chat/completions", "application/json", binary, 200},
	} {
		status = c.status
		do := func(base string) (seen, *http.Response, []byte) {
			r, err := http.NewRequest(c.method, base+c.path, bytes.NewReader(c.body))
			require.NoError(t, err)
			for name, value := range map[string]string{"Authorization": "Bearer k", "X-Answer-As": c.kind, "X-Forwarded-For": "10.0.0.1", "Accept-Encoding": "br, gzip", "Content-Type": "application/x-thing", "User-Agent": ""} {
				r.Header.Set(name, value)
			}
			if c.method == "GET" { // the transport may not ask for what the client did not
				r.Header.Del("Accept-Encoding")
			}
			resp, err := client.RoundTrip(r)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			return saw, resp, body
		}
		there, response, body := do(direct)
		got, throughResponse, throughBody := do(s.url)
		what := c.method + " " + c.path
		assert.Equal(t, there.line, got.line, what)
		assert.True(t, bytes.Equal(there.body, got.body), what)
		assert.True(t, bytes.Equal(body, throughBody), what)
		assert.Equal(t, response.StatusCode, throughResponse.StatusCode, what)
		if c.method == "POST" && strings.HasSuffix(c.path, "chat/completions") {
			assert.Equal(t, "identity", got.header.Get("Accept-Encoding"), "an answer is asked for as it is")
			got.header.Set("Accept-Encoding", "br, gzip")
			assert.Equal(t, "plain;reason=request", throughResponse.Header.Get(headerName))
			throughResponse.Header.Del(headerName)
		}
		assert.Equal(t, there.header, got.header, what)
		response.Header.Del("Date")
		throughResponse.Header.Del("Date")
		assert.Equal(t, response.Header, throughResponse.Header, what)
	}
	assert.Equal(t, "9", s.metric("dyetrace_passed_total"))
}

// The upstream's path and query stand before those of requests.
func TestUpstreamPath(t *testing.T) {
	var saw string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { saw = r.RequestURI }))
	defer server.Close()
	u, err := url.Parse(server.URL + "/openai/?version=1")
	require.NoError(t, err)
	front := httptest.NewServer(newProxy(u, &planting.Garden{Metrics: new(planting.Metrics)}, nil, true, limits{1, 1}, nil))
	defer front.Close()
	for path, want := range map[string]string{"/v1/models?a=b": "/openai/v1/models?version=1&a=b", "/v1/models": "/openai/v1/models?version=1"} {
		resp, err := http.Get(front.URL + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, saw)
	}
}

// A request in pieces, with an Expect header, reaches the upstream whole, and one
// that is too large to be understood too.
func TestLongRequests(t *testing.T) {
	var got int
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = len(body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[]}`)
	}, nil)
	for _, size := range []int{30, 1 << 20, 1<<20 + 1, 5 << 20} {
		body := `{"messages":[],"x":"` + strings.Repeat("y", size-23) + `"}`
		for _, whole := range []bool{true, false} {
			var reader io.Reader = strings.NewReader(body)
			if !whole {
				reader = io.MultiReader(reader) // of unknown length: chunked
			}
			r, err := http.NewRequest("POST", s.url+answersPath, reader)
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
			r.Header.Set("Expect", "100-continue")
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, 200, resp.StatusCode)
			assert.Equal(t, len(body), got)
			want := "nothing"
			if len(body) > 1<<20 {
				want = "plain;reason=size"
			}
			assert.Equal(t, want, resp.Header.Get(headerName))
		}
	}
}

// Without an upstream the client is told so.
func TestNoUpstream(t *testing.T) {
	s := start(t, nil, nil)
	s.upstream.Close()
	for _, path := range []string{answersPath, "/v1/other"} {
		resp, raw := s.post(t, path, chatBody)
		assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
		assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		var said struct {
			Error struct{ Message, Type string }
		}
		require.NoError(t, json.Unmarshal(raw, &said))
		assert.Equal(t, "The server behind this proxy did not answer.", said.Error.Message)
		assert.Equal(t, "server_error", said.Error.Type)
	}
	assert.Equal(t, "0", s.metric("dyetrace_clients_gone_total"))
	assert.Equal(t, "2", s.metric("dyetrace_upstream_errors_total"))
}

// Connections that change their protocol pass.
func TestUpgrade(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	}, nil)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer c.Close()
	fmt.Fprintf(c, "GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	fmt.Fprintln(c, "often big")
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "often big\n", line)
}

// An event of more than the limit, or none that ends, passes untouched from there.
func TestEndlessEvent(t *testing.T) {
	stream := dialects[2].stream([][]string{{"They often buy ", "a lot of things, for example."}})
	stream = stream[:strings.Index(stream, `data: {"choices":[{"finish_reason":"stop"`)]
	long := "data: " + strings.Repeat("often ", maxEvent/5)
	s := start(t, reply("text/event-stream", func() string { return stream + long }), nil)
	body, request := bodyFor(answersPath)
	_, raw := s.post(t, answersPath, body)
	require.True(t, bytes.HasSuffix(raw, []byte(long)))
	got := receive(t, bytes.NewReader(raw[:len(raw)-len(long)]))
	assert.Equal(t, s.planted(t, "", request, "They often buy a lot of things, for example."), got.text[0])
	assert.Equal(t, "1", s.metric("dyetrace_endless_events_total"))
	assert.Equal(t, "1", s.metric(`dyetrace_answers_total{decision="planted"}`))
}

// Events of errors and unknown events come at their place, behind the text
// before them.
func TestErrorInStream(t *testing.T) {
	stream := "event: x\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"They often buy\"}}]}\n\ndata: {\"unknown\":1}\n\ndata: {\"error\":{\"message\":\"out of memory\"}}\n\n"
	s := start(t, reply("text/event-stream", func() string { return stream }), nil)
	body, request := bodyFor(answersPath)
	resp, raw := s.post(t, answersPath, body)
	assert.Empty(t, resp.Header.Get("ETag"), "of other bytes")
	planted := s.planted(t, "", request, "They often buy")
	assert.True(t, strings.HasSuffix(string(raw), "data: {\"error\":{\"message\":\"out of memory\"}}\n\n"))
	assert.Contains(t, string(raw), "data: {\"unknown\":1}\n\n")
	before, _, _ := strings.Cut(string(raw), "data: {\"error\"")
	assert.Equal(t, planted, receive(t, strings.NewReader(before)).text[0])

	// Calls that wait for others come before it too.
	stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"a\"}}]}}]}\n\ndata: {\"error\":{}}\n\n"
	_, raw = s.post(t, answersPath, fmt.Sprintf(toolBody, true))
	assert.Equal(t, stream, string(raw))
}

// What a bare ReverseProxy makes of an answer is what the proxy makes of one that
// is left alone, its own header apart.
func TestLikeReverseProxy(t *testing.T) {
	s := start(t, reply("application/json", func() string { return `{"choices":[{"index":0,"message":{"content":"Often."}}]}` }), nil)
	u, err := url.Parse(s.upstream.URL)
	require.NoError(t, err)
	bare := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }})
	defer bare.Close()
	resp, raw := s.post(t, answersPath, `{"messages":[],"logprobs":true}`)
	other := &stack{url: bare.URL}
	want, wantRaw := other.post(t, answersPath, `{"messages":[],"logprobs":true}`)
	resp.Header.Del(headerName)
	resp.Header.Del("Date")
	want.Header.Del("Date")
	assert.Equal(t, want.Header, resp.Header)
	assert.Equal(t, string(wantRaw), string(raw))
}
