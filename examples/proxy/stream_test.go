package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// A dialect writes streams in the form of one server.
type dialect struct {
	name string
	path string
	// stream writes an answer of one choice or several, given in pieces.
	stream func(choices [][]string) string
}

// round calls f for the pieces of all choices in turn, as servers interleave them.
func round(choices [][]string, f func(index int, piece string, last bool)) {
	for i, more := 0, true; more; i++ {
		more = false
		for n, c := range choices {
			if i < len(c) {
				f(n, c[i], i == len(c)-1)
				more = true
			}
		}
	}
}

var dialects = []dialect{
	{"OpenAI", "/v1/chat/completions", func(choices [][]string) string {
		var b strings.Builder
		head := `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_1","choices":[`
		for n := range choices {
			fmt.Fprintf(&b, "data: %s{\"index\":%d,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n", head, n)
		}
		round(choices, func(n int, piece string, last bool) {
			fmt.Fprintf(&b, "data: %s{\"index\":%d,\"delta\":{\"content\":%s},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n", head, n, quoted(piece))
			if last {
				fmt.Fprintf(&b, "data: %s{\"index\":%d,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n", head, n)
			}
		})
		fmt.Fprintf(&b, "data: %s],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\ndata: [DONE]\n\n", head)
		return b.String()
	}},
	{"vLLM", "/v1/chat/completions", func(choices [][]string) string {
		var b strings.Builder
		for n := range choices {
			fmt.Fprintf(&b, `data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1764000000,"model":"m","choices":[{"index":%d,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}`+"\n\n", n)
		}
		b.WriteString(": keep-alive\n\n")
		round(choices, func(n int, piece string, last bool) {
			finish := "null"
			if last {
				finish = `"length"`
			}
			fmt.Fprintf(&b, `data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1764000000,"model":"m","choices":[{"index":%d,"delta":{"content":%s},"logprobs":null,"finish_reason":%s,"stop_reason":null,"token_ids":null}],"usage":{"prompt_tokens":5,"total_tokens":6,"completion_tokens":1}}`+"\n\n", n, quoted(piece), finish)
		})
		return b.String() + "data: [DONE]\n\n"
	}},
	{"llama.cpp", "/v1/chat/completions", func(choices [][]string) string {
		var b strings.Builder
		round(choices, func(n int, piece string, last bool) {
			fmt.Fprintf(&b, `data: {"choices":[{"finish_reason":null,"index":%d,"delta":{"content":%s}}],"created":1764000000,"id":"chatcmpl-3","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk"}`+"\r\n\r\n", n, quoted(piece))
			if last {
				fmt.Fprintf(&b, `data: {"choices":[{"finish_reason":"stop","index":%d,"delta":{}}],"created":1764000000,"id":"chatcmpl-3","model":"m","object":"chat.completion.chunk","usage":{"completion_tokens":3},"timings":{"prompt_n":1}}`+"\r\n\r\n", n)
			}
		})
		return b.String() + "data: [DONE]\r\n\r\n"
	}},
	{"completions", "/v1/completions", func(choices [][]string) string {
		var b strings.Builder
		round(choices, func(n int, piece string, last bool) {
			finish := "null"
			if last {
				finish = `"stop"`
			}
			fmt.Fprintf(&b, "event: message\nid: 7\ndata:{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"choices\":[{\"text\":%s,\"index\":%d,\"logprobs\":null,\"finish_reason\":%s}]}\n\n", quoted(piece), n, finish)
		})
		return b.String() + "data: [DONE]\n\n"
	}},
	{"no end said", "/v1/chat/completions", func(choices [][]string) string {
		var b strings.Builder
		round(choices, func(n int, piece string, _ bool) {
			fmt.Fprintf(&b, "\n: ping\ndata: {\"choices\":[{\"index\":%d,\ndata: \"delta\":{\"content\":%s}}]}\n\n", n, quoted(piece))
		})
		return strings.TrimSuffix(b.String(), "\n")
	}},
	{"cut characters", "/v1/chat/completions", func(choices [][]string) string { // bytes that are no text by themselves
		var b strings.Builder
		round(choices, func(n int, piece string, last bool) {
			for i := 0; i < len(piece); i += 2 {
				fmt.Fprintf(&b, "data: {\"choices\":[{\"index\":%d,\"delta\":{\"content\":%s}}]}\n\n", n, quote(nil, []byte(piece[i:min(i+2, len(piece))])))
			}
		})
		return b.String() + "data: [DONE]\n\n"
	}},
	{"escapes", "/v1/chat/completions", func(choices [][]string) string { // as Python's json.dumps, halves of pairs apart
		var b strings.Builder
		round(choices, func(n int, piece string, last bool) {
			for _, unit := range utf16Of(piece) {
				fmt.Fprintf(&b, "data: {\"choices\":[{\"index\":%d,\"delta\":{\"content\":\"\\u%04x\"}}]}\n\n", n, unit)
			}
		})
		return b.String() + "data: [DONE]\n\n"
	}},
}

const (
	chatBody       = `{"model":"m","stream":true,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"How do lawns grow?"}]}]}`
	completionBody = `{"model":"m","stream":true,"prompt":"Lawns grow"}`
)

func bodyFor(path string) (string, canary.Request) {
	if path == "/v1/completions" {
		return completionBody, canary.Request{Prompt: "Lawns grow"}
	}
	return chatBody, canary.Request{Prompt: "Be brief.\nHow do lawns grow?"}
}

// What a client puts together is what the planter makes of the whole text,
// whatever the dialect, the pieces, and how the bytes are cut on their way.
func TestStreams(t *testing.T) {
	var stream string
	var most int
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		in(w, uint64(len(stream)), most, []byte(stream))
	}, nil)
	changed := 0
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			for seed := range uint64(6) {
				rng := rand.New(rand.NewPCG(seed, 1))
				most = []int{1, 3, 17, 300, 5000, 40000}[seed]
				length := 25
				if most == 1 || d.name == "escapes" || d.name == "cut characters" {
					length = 4
				}
				texts := make([]string, 1+rng.IntN(3))
				var choices [][]string
				for i := range texts {
					texts[i] = prose(rng, length) + []string{"", "They do so for", "Maybe", "An 🦄"}[rng.IntN(4)]
					cut := pieces(rng, 12, texts[i])
					choices = append(choices, cut)
				}
				stream = d.stream(choices)
				body, request := bodyFor(d.path)
				resp, raw := s.post(t, d.path, body)
				require.Equal(t, "stream", resp.Header.Get(headerName))
				got, was := receive(t, bytes.NewReader(raw)), receive(t, strings.NewReader(stream))
				units := 0
				for i, text := range texts {
					want := s.planted(t, "", request, text)
					if want != text {
						changed++
					}
					require.Equal(t, want, got.text[i])
					if d.name != "escapes" && d.name != "cut characters" { // Go reads halves as errors
						require.Equal(t, text, was.text[i], "the upstream's own stream")
					}
					o, err := s.proxy.garden.Vendor.Book.Occurrences(request, want)
					require.NoError(t, err)
					for _, u := range o {
						if u.Unit.Tree != "cohort" {
							units++
						}
					}
				}
				assert.Equal(t, was.finish, got.finish)
				assert.Equal(t, was.usage, got.usage)
				assert.Equal(t, was.done, got.done)
				assert.Equal(t, was.comment, got.comment)
				assert.GreaterOrEqual(t, got.events, was.events)
				assert.LessOrEqual(t, got.events, was.events+len(texts))
				assert.Contains(t, resp.Trailer.Get(trailerName), fmt.Sprintf("planted;units=%d;leaves=", units))
			}
		})
	}
	assert.Greater(t, changed, 30)
}

// With nothing to plant a stream is the same, byte for byte.
func TestStreamUnchanged(t *testing.T) {
	for _, d := range dialects {
		text := strings.Repeat("No carrier at all in plain prose. ", 20)
		stream := d.stream([][]string{pieces(rand.New(rand.NewPCG(1, 2)), 200, text)})
		s := start(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			in(w, 1, 100, []byte(stream))
		}, nil)
		body, _ := bodyFor(d.path)
		resp, raw := s.post(t, d.path, body)
		got, was := receive(t, bytes.NewReader(raw)), receive(t, strings.NewReader(stream))
		got.events, was.events = 0, 0
		assert.Equal(t, was, got, d.name)
		assert.Equal(t, "nothing", resp.Trailer.Get(trailerName))
		assert.Equal(t, "1", s.metric(`dyetrace_answers_total{decision="nothing"}`))
	}
}
