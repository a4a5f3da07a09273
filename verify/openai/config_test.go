package openai_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

func TestURLs(t *testing.T) {
	for in, want := range map[string]string{
		"":                "/v1/chat/completions",
		"/":               "/v1/chat/completions",
		"/v1":             "/v1/chat/completions",
		"/v1/":            "/v1/chat/completions",
		"/api/v1":         "/api/v1/chat/completions",
		"/proxy":          "/proxy/v1/chat/completions",
		"/v1beta/openai/": "/v1beta/openai/chat/completions",
		"/api/paas/v4":    "/api/paas/v4/chat/completions",
		"/vanilla":        "/vanilla/v1/chat/completions",
	} {
		s := serve(t, 200, "application/json", body)
		_, err := answer(t, s.url+in)
		require.NoError(t, err, in)
		assert.Equal(t, want, s.path, in)
	}
	for in, want := range map[string]string{
		"":                              `scheme of the URL is "", want http or https`,
		"localhost:8000":                `scheme of the URL is "localhost"`,
		"ftp://h":                       `scheme of the URL is "ftp"`,
		"http://":                       "URL has no host",
		"http://h:x":                    "URL cannot be parsed",
		"http://user:" + secret + "@h":  "URL has a user in it, want the API key as Key",
		"http://h/v1?key=" + secret:     "URL has a query or a fragment",
		"http://h/v1#" + secret:         "URL has a query or a fragment",
		"http://h/v1?":                  "URL has a query or a fragment",
		"http://h/v1/chat/completions":  "path of the URL ends in /chat/completions, want what comes before it",
		"http://h/v1/completions/":      "path of the URL ends in /completions",
		"http://" + secret + "%zz@h/v1": "URL cannot be parsed",
	} {
		_, err := openai.New(openai.Config{URL: in, Model: "m"})
		assert.ErrorContains(t, err, want, in)
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestConfigIsChecked(t *testing.T) {
	type C = openai.Config
	type A = openai.Answers
	type R = openai.Reading
	v := vocabulary{}
	for want, cfg := range map[string]C{
		"no model":                                                            {},
		"name of the model is not valid UTF-8":                                {Model: "\xff"},
		"name of the suspect is not valid UTF-8":                              {Model: "m", Name: "\xff"},
		`server is "ollama", want one of`:                                     {Model: "m", Server: "ollama"},
		"limit of an answer is -1 bytes":                                      {Model: "m", MaxBytes: -1},
		"byte 2 of the API key is no printable ASCII character":               {Model: "m", Key: "sk\n"},
		"byte 0 of the API key":                                               {Model: "m", Key: "é"},
		`API for answers is "chats"`:                                          {Model: "m", Answers: A{API: "chats"}},
		"max_tokens is -1":                                                    {Model: "m", Answers: A{MaxTokens: -1}},
		"max_completion_tokens is -1":                                         {Model: "m", Answers: A{MaxCompletionTokens: -1}},
		"max_tokens is 2 and max_completion_tokens 3":                         {Model: "m", Answers: A{MaxTokens: 2, MaxCompletionTokens: 3}},
		`a system message goes with API "chat" only, and it is "completions"`: {Model: "m", Answers: A{API: openai.Completions, System: "x"}},
		"temperature is NaN":                                                  {Model: "m", Answers: A{Temperature: ptr(math.NaN())}},
		"temperature is -1":                                                   {Model: "m", Answers: A{Temperature: ptr(-1.0)}},
		"top_p is 0":                                                          {Model: "m", Answers: A{TopP: ptr(0.0)}},
		"top_p is 1.5":                                                        {Model: "m", Answers: A{TopP: ptr(1.5)}},
		`extra field "stream" is not for the caller to set`:                   {Model: "m", Answers: A{Extra: map[string]any{"stream": true}}},
		`extra field "temperature" is not`:                                    {Model: "m", Answers: A{Extra: map[string]any{"temperature": 1}}},
		"extra fields: json: unsupported type":                                {Model: "m", Answers: A{Extra: map[string]any{"f": func() {}}}},
		`API for reading is "none"`:                                           {Model: "m", Reading: &R{API: openai.None, Vocabulary: v}},
		"-1 log-probabilities a position":                                     {Model: "m", Reading: &R{Top: -1, Vocabulary: v}},
		"batch is -1":                                                         {Model: "m", Reading: &R{Batch: -1, Vocabulary: v}},
		`batch is 2, and API "chat" takes one prefix a request`:               {Model: "m", Server: openai.VLLM, Reading: &R{API: openai.Chat, Batch: 2, Vocabulary: v}},
		`whole is "half"`:                                                     {Model: "m", Reading: &R{Whole: "half", Vocabulary: v}},
		"echo is for the same tokenizer":                                      {Model: "m", Reading: &R{Whole: openai.Echo, Top: 1, Vocabulary: v}},
		"prompt_logprobs is for the same tokenizer":                           {Model: "m", Server: openai.VLLM, Reading: &R{API: openai.Chat, SameTokenizer: true, Whole: openai.PromptLogProbs, Top: 1}},
		"echo without log-probabilities":                                      {Model: "m", Reading: &R{SameTokenizer: true, Whole: openai.Echo, Vocabulary: v}},
		`prompt_logprobs is what server "vllm" offers, and it is "sglang"`:    {Model: "m", Server: openai.SGLang, Reading: &R{SameTokenizer: true, Whole: openai.PromptLogProbs, Top: 1, Vocabulary: v}},
		`server "llama.cpp" does not echo`:                                    {Model: "m", Server: openai.LlamaCPP, Reading: &R{SameTokenizer: true, Whole: openai.Echo, Top: 1}},
		`server "tgi" does not continue a message`:                            {Model: "m", Server: openai.TGI, Reading: &R{API: openai.Chat, Vocabulary: v}},
		`server "tgi" neither takes ids nor gives`:                            {Model: "m", Server: openai.TGI, Reading: &R{Top: 1, Vocabulary: v}},
		`no vocabulary, and server "openai" names no ids`:                     {Model: "m", Reading: &R{SameTokenizer: true}},
		`no vocabulary, and server "vllm" names no ids`:                       {Model: "m", Server: openai.VLLM, Reading: &R{}},
		"a way to continue and a system message go with":                      {Model: "m", Reading: &R{System: "x", Vocabulary: v}},
		`server "openai" has no known way to continue a message`:              {Model: "m", Reading: &R{API: openai.Chat, Vocabulary: v}},
		`a way to continue is "on"`:                                           {Model: "m", Reading: &R{API: openai.Chat, Continue: "on", Vocabulary: v}},
		`extra field "top_k" is not for the caller to set`:                    {Model: "m", Reading: &R{Vocabulary: v, Extra: map[string]any{"top_k": 1}}},
	} {
		cfg.URL = "http://h"
		_, err := openai.New(cfg)
		assert.ErrorContains(t, err, "openai: "+want)
	}
}

// A Config says what access there is.
func TestAccess(t *testing.T) {
	v := vocabulary{}
	s := client(t, openai.Config{URL: "http://h", Model: "m", Name: "the suspect"}).Suspect()
	assert.Equal(t, "the suspect", s.Name)
	assert.NotNil(t, s.Text)
	assert.True(t, s.Prefix == nil && s.TopLogProbs == nil && s.Reference == nil)

	s = client(t, openai.Config{URL: "http://h", Model: "m", Answers: openai.Answers{API: openai.None}, Reading: &openai.Reading{Vocabulary: v}}).Suspect()
	assert.Equal(t, "m", s.Name)
	assert.True(t, s.Text == nil && s.Prefix != nil && s.TopLogProbs == nil)

	r := &openai.Reading{Vocabulary: v, Top: 2}
	c := client(t, openai.Config{URL: "http://h", Model: "m", Reading: r})
	r.Top = 0 // the caller's, and no longer the client's
	s = c.Suspect()
	assert.True(t, s.Text != nil && s.Prefix != nil && s.TopLogProbs != nil && s.Reference == nil)
	assert.NotNil(t, c.Reference())
}

func TestCheck(t *testing.T) {
	const list = `{"object":"list","data":[{"id":"m","object":"model"},{"id":"n"}]}`
	for _, c := range []struct {
		status int
		body   string
		model  string
		server openai.Server
		want   string
	}{
		{200, list, "m", "", ""},
		{200, list, "n", openai.VLLM, ""},
		{200, list, "o", "", `the server has no model "o", it has ["m" "n"]`},
		{200, list, "o", openai.LlamaCPP, ""},
		{200, `{}`, "m", "", `the server has no model "m", it has []`},
		{401, `{"error":{"message":"who are you?"}}`, "m", "", "status 401, the API key is missing or wrong: who are you?"},
		{200, `[]`, "m", "", "cannot unmarshal array"},
	} {
		s := serve(t, c.status, "application/json", c.body)
		err := client(t, openai.Config{URL: s.url, Model: c.model, Server: c.server}).Check(context.Background())
		assert.Equal(t, "/v1/models", s.path)
		assert.Empty(t, s.sent)
		if c.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, c.want)
		var te *collect.TransportError
		assert.Equal(t, c.status == 401, errors.As(err, &te))
	}
}
