package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/canary"
)

func TestParseAsk(t *testing.T) {
	for body, want := range map[string]string{
		`{"messages":[]}`: "",
		`{"messages":[],"logprobs":false,"top_logprobs":0,"n_probs":0,"response_format":null,"guided_json":null,"tools":[],"echo":false,"suffix":"","n":null}`: "",
		`{"messages":[],"response_format":{"type":"text"}}`:                  "",
		`{"messages":[],"response_format":{"type":"json_object"}}`:           reasonStructured,
		`{"messages":[],"response_format":{"x":"text"}}`:                     reasonStructured,
		`{"messages":[],"response_format":"json"}`:                           reasonStructured,
		`{"messages":[],"guided_anything":1}`:                                reasonStructured,
		`{"messages":[],"json_schema":{"type":"object"}}`:                    reasonStructured,
		`{"messages":[],"regex":"x"}`:                                        reasonStructured,
		`{"messages":[],"ebnf":"x"}`:                                         reasonStructured,
		`{"messages":[],"structural_tag":{"x":1}}`:                           reasonStructured,
		`{"messages":[],"format":"json"}`:                                    reasonStructured,
		`{"messages":[],"logprobs":true}`:                                    reasonLogprobs,
		`{"messages":[],"top_logprobs":2}`:                                   reasonLogprobs,
		`{"messages":[],"n_probs":1}`:                                        reasonLogprobs,
		`{"messages":[],"\u006cogprobs":true}`:                               reasonLogprobs,
		`{"messages":[],"return_tokens_as_token_ids":true}`:                  reasonTokens,
		`{"messages":[],"audio":{"voice":"x"}}`:                              reasonAudio,
		`{"messages":[],"n":-1}`:                                             reasonRequest,
		`{"messages":[],"n":"two"}`:                                          reasonRequest,
		`{"messages":[],"n":1,"n":1}`:                                        reasonRequest,
		``:                                                                   reasonRequest,
		`{"messages":`:                                                       reasonRequest,
		`{"messages":[],"modalities":["text"],"web_search_options":{"a":1}}`: reasonAnnotations,
	} {
		assert.Equal(t, want, parseAsk(true, []byte(body)).reason, body)
	}
	for body, want := range map[string]string{
		`{"prompt":"x"}`:                         "",
		`{"prompt":["x","y"]}`:                   "",
		`{"prompt":[1,2]}`:                       reasonTokens,
		`{"prompt":[[1],[2]]}`:                   reasonTokens,
		`{"prompt":["x",[1]]}`:                   reasonTokens,
		`{"prompt":[]}`:                          reasonRequest,
		`{}`:                                     reasonTokens,
		`{"prompt":"x","logprobs":0}`:            reasonLogprobs,
		`{"prompt":"x","logprobs":null}`:         "",
		`{"prompt":"x","echo":true}`:             reasonEcho,
		`{"prompt":"x","suffix":"y"}`:            reasonEcho,
		`{"prompt":"x","echo":true,"ebnf":"x"}`:  reasonStructured,
		`{"prompt":"x","stream":true,"top_k":5}`: "",
	} {
		assert.Equal(t, want, parseAsk(false, []byte(body)).reason, body)
	}
}

// The prompt is what everybody but the model said.
func TestPrompt(t *testing.T) {
	a := parseAsk(true, []byte(`{"messages":[{"role":"system","content":"S \u00e9"},{"content":[{"type":"text","text":"U1"},{"type":"image_url","image_url":{}},{"type":"text","text":"U2"}],"role":"user"},
		{"role":"assistant","content":"A"},{"role":"tool","content":"T","tool_call_id":"1"},{"role":"developer","content":"D"},{"role":"user","content":null}],"prediction":{"type":"content","content":"P"}}`))
	assert.Equal(t, canary.Request{Prompt: "S é\nU1\nU2\nT\nD\nP"}, a.request(0))
	assert.Equal(t, canary.Request{}, a.request(7), "there is no such prompt")

	a = parseAsk(true, []byte(`{"messages":[],"tools":[{},{}]}`))
	assert.True(t, a.tools && a.order)
	assert.True(t, a.request(0).Tools)
	a = parseAsk(true, []byte(`{"messages":[],"tools":[{},{}],"parallel_tool_calls":false}`))
	assert.True(t, a.tools && !a.order)
	a = parseAsk(true, []byte(`{"messages":[],"tools":[{}]}`))
	assert.True(t, a.tools && !a.order)
	a = parseAsk(true, []byte(`{"messages":[],"functions":[{}]}`))
	assert.True(t, a.tools && !a.order)

	a = parseAsk(false, []byte(`{"prompt":["x","y"],"n":2}`))
	for i, want := range []string{"x", "x", "y", "y", ""} {
		assert.Equal(t, want, a.request(i).Prompt)
	}
}

func TestEndpoint(t *testing.T) {
	for path, want := range map[string][2]bool{
		"/v1/chat/completions": {true, true}, "/v1/completions": {false, true}, "/v1/chat/completions/": {true, true}, "/openai/deployments/x/chat/completions": {true, true},
		"/v1/embeddings": {false, false}, "/v1/chat/completions/1": {false, false}, "/v1/completion": {false, false},
	} {
		chat, ok := endpoint(path)
		assert.Equal(t, want, [2]bool{chat, ok}, path)
	}
}

// No body makes parsing panic, and none that is understood loses its prompt.
func FuzzParseAsk(f *testing.F) {
	f.Add([]byte(chatBody), true)
	f.Add([]byte(completionBody), false)
	f.Add([]byte(`{"messages":{"role":1},"prompt":{},"tools":3,"n":-1,"response_format":[],"prediction":[]}`), true)
	f.Add([]byte(`[]`), false)
	f.Add([]byte(`{"n":"0"}`), true)
	f.Add([]byte(`{"messages":[[],1,null,{"content":[[],{"text":3}]}],"prediction":"x"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, chat bool) {
		a := parseAsk(chat, body)
		if a.reason == "" {
			assert.NotEmpty(t, a.prompts)
			assert.Positive(t, a.n)
		}
		for _, i := range []int{0, 1, 1 << 30} {
			_ = a.request(i)
		}
	})
}
