package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// reply is an upstream that gives one answer whatever it is asked.
func reply(kind string, body func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, body())
	}
}

// Only the texts change in an answer that is not streamed; white space, order,
// numbers and unknown fields stay.
func TestWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	one, two := prose(rng, 30), prose(rng, 30)
	form := func(one, two string) string {
		return "{ \"id\": \"x\",\n\t\"big\": [1.50e+3, {\"often\": \"maybe\"}],\"choices\" : [{\"message\":{\"content\":" + one +
			", \"role\":\"assistant\", \"reasoning_content\": \"maybe often\", \"tool_calls\": []},\"index\":1,\"finish_reason\":\"stop\"},{\"index\":0,\"message\":{\"content\": " + two +
			"}}],\n\"usage\":{\"completion_tokens\":3}}\n"
	}
	s := start(t, reply("application/json", func() string { return form(quoted(one), quoted(two)) }), nil)
	body, request := bodyFor("/v1/chat/completions")
	resp, raw := s.post(t, "/v1/chat/completions", strings.Replace(body, `"stream":true`, `"n":2`, 1))

	a, b := s.planted(t, "", request, one), s.planted(t, "", request, two)
	require.NotEqual(t, one, a)
	assert.Equal(t, form(string(quote(nil, []byte(a))), string(quote(nil, []byte(b)))), string(raw))
	assert.Contains(t, resp.Header.Get(headerName), "planted;units=")
	assert.Empty(t, resp.Header.Get("ETag"), "of another body")

	// Where nothing is to be planted, no byte changes, not even an escape.
	one, two = "caf\u00e9 \u2028/", ""
	escaped := `"caf\u00E9 \u2028\/"`
	s2 := start(t, reply("application/json", func() string { return form(escaped, "null") }), nil)
	resp, raw = s2.post(t, "/v1/chat/completions", strings.Replace(body, `"stream":true`, `"n":2`, 1))
	assert.Equal(t, form(escaped, "null"), string(raw))
	assert.Equal(t, "nothing", resp.Header.Get(headerName))
	assert.Equal(t, `"1"`, resp.Header.Get("ETag"))
}

// Each of several prompts is that of its own answers.
func TestWholeCompletions(t *testing.T) {
	text := "People often buy a lot of things, for example."
	s := start(t, reply("application/json", func() string {
		var list []string
		for i := range 4 {
			list = append(list, fmt.Sprintf(`{"index":%d,"text":%s,"logprobs":null}`, i, quoted(text)))
		}
		return `{"choices":[` + strings.Join(list, ",") + `]}`
	}), nil)
	_, raw := s.post(t, "/v1/completions", `{"n":2,"prompt":["Lawns","Often they buy frequently, for instance"]}`)
	var got struct{ Choices []struct{ Text string } }
	require.NoError(t, json.Unmarshal(raw, &got))
	for i, c := range got.Choices {
		_, request := bodyFor("")
		request.Prompt = []string{"Lawns", "Often they buy frequently, for instance"}[i/2]
		assert.Equal(t, s.planted(t, "", request, text), c.Text)
	}
	assert.NotEqual(t, got.Choices[0].Text, got.Choices[2].Text, "what the second prompt has is not planted")
}

// Everything that must be left alone is the same, byte for byte, with the reason
// in header and metrics.
func TestUntouched(t *testing.T) {
	const text = "People often buy a lot of big things, for example."
	whole := fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%s}}]}`, quoted(text))
	streamed := fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\ndata: [DONE]\n\n", quoted(text))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, whole)
	require.NoError(t, z.Close())

	var answer http.HandlerFunc
	s := start(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) }, nil)
	asJSON, asEvents := []string{"Content-Type", "application/json", "ETag", `"1"`}, []string{"Content-Type", "text/event-stream"}
	long := strings.Repeat(" ", 1<<20)
	for _, c := range []struct {
		name, request, reason string
		status                int
		body                  string
		header                []string
	}{
		{"schema", `{"messages":[],"response_format":{"type":"json_schema","json_schema":{}}}`, reasonStructured, 200, whole, asJSON},
		{"schema, streamed", `{"messages":[],"stream":true,"response_format":{"type":"json_object"}}`, reasonStructured, 200, streamed, asEvents},
		{"grammar", `{"messages":[],"grammar":"root ::= \"x\""}`, reasonStructured, 200, whole, asJSON},
		{"guided", `{"messages":[],"guided_regex":"x*"}`, reasonStructured, 200, whole, asJSON},
		{"guided choice", `{"messages":[],"guided_choice":["a"]}`, reasonStructured, 200, whole, asJSON},
		{"structured outputs", `{"messages":[],"structured_outputs":{"choice":["a"]}}`, reasonStructured, 200, whole, asJSON},
		{"logprobs", `{"messages":[],"logprobs":true}`, reasonLogprobs, 200, whole, asJSON},
		{"logprobs, streamed", `{"messages":[],"logprobs":true,"stream":true}`, reasonLogprobs, 200, streamed, asEvents},
		{"token ids", `{"messages":[],"return_token_ids":true}`, reasonTokens, 200, whole, asJSON},
		{"citations", `{"messages":[],"web_search_options":{"x":1}}`, reasonAnnotations, 200, whole, asJSON},
		{"audio", `{"messages":[],"modalities":["text","audio"]}`, reasonAudio, 200, whole, asJSON},
		{"no JSON", `{"messages":[}`, reasonRequest, 200, whole, asJSON},
		{"a field twice", `{"messages":[],"logprobs":false,"logprobs":true}`, reasonRequest, 200, whole, asJSON},
		{"a large request", `{"messages":[],"x":"` + long + `"}`, reasonSize, 200, whole, asJSON},
		{"a large answer", `{"messages":[]}`, reasonSize, 200, whole + long, asJSON},
		{"compressed", `{"messages":[]}`, reasonCompressed, 200, zipped.String(), append([]string{"Content-Encoding", "gzip"}, asJSON...)},
		{"error", `{"messages":[]}`, reasonStatus, 429, whole, asJSON},
		{"text", `{"messages":[]}`, reasonContentType, 200, text, []string{"Content-Type", "text/plain"}},
		{"no choices", `{"messages":[]}`, reasonBody, 200, `{"error": "` + text + `"}`, asJSON},
		{"half of JSON", `{"messages":[]}`, reasonBody, 200, whole[:40], asJSON},
		{"choices of one index", `{"messages":[]}`, reasonBody, 200, `{"choices":[{"index":0,"text":"often"},{"index":0,"text":"often"}]}`, asJSON},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer = func(w http.ResponseWriter, r *http.Request) {
				for i := 0; i < len(c.header); i += 2 {
					w.Header().Set(c.header[i], c.header[i+1])
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}
			metric := fmt.Sprintf("dyetrace_answers_total{decision=%q}", c.reason)
			before, _ := strconv.Atoi(s.metric(metric))
			resp, raw := s.post(t, "/v1/chat/completions", c.request, "Accept-Encoding", "gzip")
			require.Equal(t, c.status, resp.StatusCode)
			require.Equal(t, c.body, string(raw))
			assert.Equal(t, "plain;reason="+c.reason, resp.Header.Get(headerName))
			assert.Equal(t, strconv.Itoa(before+1), s.metric(metric))
			for i := 0; i < len(c.header); i += 2 {
				assert.Equal(t, c.header[i+1], resp.Header.Get(c.header[i]))
			}
			assert.Zero(t, s.proxy.garden.Metrics.Leaves.Load()-int64(s.bound(t)))
		})
	}
}

// bound is the number of leaves that bind the keys that were used.
func (s *stack) bound(t testing.TB) (n int) {
	o, err := s.keeper.Current()
	if err != nil {
		return 0
	}
	for e, err := range o.Reader().Scan(ledger.Filter{}) {
		require.NoError(t, err)
		if e.Leaf.Kind <= ledger.KindPolicy {
			n++
		}
	}
	return n
}

// An answer that carries log-probabilities or citations nobody asked for is left
// alone too, from the event on that has them.
func TestUnaskedLogprobs(t *testing.T) {
	const text = "People often buy a lot of big things, for example. "
	whole := fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%s,"annotations":[{"url":"x"}]}},{"index":1,"message":{"content":%s},"logprobs":{"content":[]}}]}`, quoted(text), quoted(text))
	s := start(t, reply("application/json", func() string { return whole }), nil)
	resp, raw := s.post(t, "/v1/chat/completions", `{"messages":[],"n":2}`)
	assert.Equal(t, whole, string(raw))
	assert.Equal(t, "nothing", resp.Header.Get(headerName))

	event := func(text, more string) string {
		return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}%s}]}\n\n", quoted(text), more)
	}
	const more = "We read of that in a paper, and we talked of it all day long. " // more than a planter holds back
	stream := event(text, "") + event(more+"Maybe they", "") + event(" often buy", `,"logprobs":{"content":[{}]}`) + event(" big things.", "")
	s = start(t, reply("text/event-stream", func() string { return stream }), nil)
	_, raw = s.post(t, "/v1/chat/completions", `{"messages":[],"stream":true}`)
	got := receive(t, bytes.NewReader(raw)).text[0]
	assert.True(t, strings.HasSuffix(got, "aybe they often buy big things.") || strings.HasSuffix(got, "erhaps they often buy big things."), got)
	_, request := bodyFor("")
	request.Prompt = ""
	assert.True(t, strings.HasPrefix(got, strings.TrimSuffix(s.planted(t, "", request, text), " ")), got)
}
