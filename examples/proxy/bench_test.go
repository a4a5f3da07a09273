package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkProxy compares the proxy with a bare httputil.ReverseProxy before the
// same server: an answer of some 500 tokens in one piece and streamed, one token
// an event, and 1 MiB of text. The bytes of MB/s are those on the wire. "plain"
// is an answer that is left as it is, "nothing" one without a carrier, for which
// no leaf is written; a leaf costs an fsync of this disk.
func BenchmarkProxy(b *testing.B) {
	rng := rand.New(rand.NewPCG(43, 1))
	tokens := func(text string) []string { return strings.SplitAfter(text, " ") }
	with, without := prose(rng, 30), strings.Repeat("No carrier at all in naïve prose, and none here. ", 45)
	whole := func(text string) string {
		return fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%s},"finish_reason":"stop"}],"usage":{"completion_tokens":500}}`, quoted(text))
	}
	for _, c := range []struct {
		name, kind, planted, nothing string
	}{
		{"answer", "application/json", whole(with), whole(without)},
		{"stream", "text/event-stream", dialects[0].stream([][]string{tokens(with)}), dialects[0].stream([][]string{tokens(without)})},
		{"MiB", "application/json", whole(strings.Repeat(with, 1<<20/len(with))), whole(strings.Repeat(without, 1<<20/len(without)))},
	} {
		body := c.nothing
		s := start(b, reply(c.kind, func() string { return body }), func(o *options) { o.limits.answer = 16 << 20 })
		u, err := url.Parse(s.upstream.URL)
		require.NoError(b, err)
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableCompression, transport.MaxIdleConnsPerHost = true, 256
		reverse := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, FlushInterval: -1, Transport: transport}
		bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = bodyOf(io.LimitReader(r.Body, r.ContentLength), r.Body) // as the proxy does, see ServeHTTP
			reverse.ServeHTTP(w, r)
		}))
		for _, way := range []struct {
			name, url, request, body string
		}{
			{"bare", bare.URL, chatBody, c.nothing},
			{"plain", s.url, `{"messages":[],"logprobs":true}`, c.nothing},
			{"nothing", s.url, chatBody, c.nothing},
			{"planted", s.url, chatBody, c.planted},
		} {
			b.Run(c.name+"/"+way.name, func(b *testing.B) {
				body = way.body
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					resp, err := http.Post(way.url+answersPath, "application/json", strings.NewReader(way.request))
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil {
						b.Fatal(err)
					}
					_ = resp.Body.Close()
				}
			})
		}
		bare.Close()
	}
}
