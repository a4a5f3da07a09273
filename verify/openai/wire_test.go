package openai_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// canned answers every request with the same bytes and keeps what it was sent.
type canned struct {
	url    string
	path   string
	sent   string
	header http.Header
}

func serve(t testing.TB, status int, kind, body string) *canned {
	c := &canned{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		c.path, c.sent, c.header = r.URL.Path, string(data), r.Header
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have seen enough
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func client(t testing.TB, cfg openai.Config) *openai.Client {
	t.Helper()
	if cfg.Model == "" {
		cfg.Model = "m"
	}
	c, err := openai.New(cfg)
	require.NoError(t, err)
	return c
}

func ptr[T any](v T) *T { return &v }

// A request has what the Config says and nothing else.
func TestRequests(t *testing.T) {
	s := serve(t, 200, "application/json", `{"model":"m","choices":[{"index":0,"message":{"content":"x"}}]}`)
	c := client(t, openai.Config{URL: s.url, Key: "sk-0123456789abcdef"})
	_, err := c.Suspect().Text.Answer(context.Background(), "2+2?")
	require.NoError(t, err)
	assert.Equal(t, "/v1/chat/completions", s.path)
	assert.Equal(t, `{"messages":[{"role":"user","content":"2+2?"}],"model":"m"}`, s.sent)
	assert.Equal(t, "Bearer sk-0123456789abcdef", s.header.Get("Authorization"))
	assert.Equal(t, "application/json", s.header.Get("Content-Type"))

	extra := map[string]any{"chat_template_kwargs": map[string]any{"enable_thinking": false}}
	c = client(t, openai.Config{URL: s.url, Answers: openai.Answers{System: "Be terse.", Temperature: ptr(0.0), TopP: ptr(0.9),
		MaxCompletionTokens: 7, Seed: ptr(int64(0)), Stop: []string{"\n"}, Extra: extra}})
	_, err = c.Suspect().Text.Answer(context.Background(), "2+2?")
	require.NoError(t, err)
	assert.Equal(t, `{"chat_template_kwargs":{"enable_thinking":false},"max_completion_tokens":7,"messages":[{"role":"system","content":"Be terse."},{"role":"user","content":"2+2?"}],"model":"m","seed":0,"stop":["\n"],"temperature":0,"top_p":0.9}`, s.sent)
	assert.Empty(t, s.header.Get("Authorization"))
	assert.Len(t, extra, 1, "the caller's map is his")
}

// What each server is asked at a position, byte for byte.
func TestReadingRequests(t *testing.T) {
	a := &collect.Passage{Prompt: []int32{5, 6}, PromptText: "pq", Tokens: []int32{7, 8}, Pieces: []string{"r", "s"}}
	v := vocabulary{}
	for name, c := range map[string]struct {
		server  openai.Server
		reading openai.Reading
		want    collect.Want
		path    string
		sent    string
	}{
		"OpenAI": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 5}, collect.Want{Top: 5}, "/v1/completions",
			`{"logprobs":5,"max_tokens":1,"model":"m","prompt":"pqr","temperature":0,"top_p":1}`},
		"OpenAI, ids": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 5, SameTokenizer: true}, collect.Want{Top: 3}, "/v1/completions",
			`{"logprobs":3,"max_tokens":1,"model":"m","prompt":[5,6,7],"temperature":0,"top_p":1}`},
		"OpenAI, echo": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 5, SameTokenizer: true, Whole: openai.Echo}, collect.Want{Top: 3}, "/v1/completions",
			`{"echo":true,"logprobs":5,"max_tokens":1,"model":"m","prompt":[5,6,7,8],"temperature":0,"top_p":1}`},
		"a sample": {openai.OpenAI, openai.Reading{Vocabulary: v}, collect.Want{Sample: true}, "/v1/completions",
			`{"max_tokens":1,"model":"m","prompt":"pqr","temperature":1,"top_p":1}`},
		"vLLM": {openai.VLLM, openai.Reading{Top: 5, SameTokenizer: true}, collect.Want{Top: 5}, "/v1/completions",
			`{"logprobs":5,"max_tokens":1,"min_p":0,"model":"m","prompt":[5,6,7],"repetition_penalty":1,"return_token_ids":true,"return_tokens_as_token_ids":true,"temperature":0,"top_k":-1,"top_p":1}`},
		"vLLM, another tokenizer": {openai.VLLM, openai.Reading{Top: 5, Vocabulary: v}, collect.Want{Top: 2}, "/v1/completions",
			`{"logprobs":5,"max_tokens":1,"min_p":0,"model":"m","prompt":"pqr","repetition_penalty":1,"temperature":0,"top_k":-1,"top_p":1}`},
		"vLLM, prompt_logprobs": {openai.VLLM, openai.Reading{Top: 8, SameTokenizer: true, Whole: openai.PromptLogProbs}, collect.Want{Top: 6}, "/v1/completions",
			`{"max_tokens":1,"min_p":0,"model":"m","prompt":[5,6,7,8],"prompt_logprobs":6,"repetition_penalty":1,"return_token_ids":true,"return_tokens_as_token_ids":true,"temperature":0,"top_k":-1,"top_p":1}`},
		"vLLM, chat": {openai.VLLM, openai.Reading{API: openai.Chat, Top: 5, Vocabulary: v, System: "S"}, collect.Want{Top: 5}, "/v1/chat/completions",
			`{"add_generation_prompt":false,"continue_final_message":true,"logprobs":true,"max_tokens":1,"messages":[{"role":"system","content":"S"},{"role":"user","content":"pq"},{"role":"assistant","content":"r"}],"min_p":0,"model":"m","repetition_penalty":1,"temperature":0,"top_k":-1,"top_logprobs":5,"top_p":1}`},
		"SGLang": {openai.SGLang, openai.Reading{Top: 5, SameTokenizer: true, Vocabulary: v}, collect.Want{Top: 5}, "/v1/completions",
			`{"logprobs":5,"max_tokens":1,"min_p":0,"model":"m","prompt":[5,6,7],"repetition_penalty":1,"return_token_ids":true,"temperature":0,"top_k":-1,"top_p":1}`},
		"llama.cpp": {openai.LlamaCPP, openai.Reading{Top: 5, SameTokenizer: true}, collect.Want{Top: 5}, "/v1/completions",
			`{"logprobs":5,"max_tokens":1,"min_p":0,"model":"m","prompt":[5,6,7],"repeat_penalty":1,"temperature":0,"top_k":0,"top_p":1}`},
		"llama.cpp, chat": {openai.LlamaCPP, openai.Reading{API: openai.Chat, Top: 5, Vocabulary: v}, collect.Want{Top: 5}, "/v1/chat/completions",
			`{"logprobs":true,"max_tokens":1,"messages":[{"role":"user","content":"pq"},{"role":"assistant","content":"r"}],"min_p":0,"model":"m","repeat_penalty":1,"temperature":0,"top_k":0,"top_logprobs":5,"top_p":1}`},
		"Mistral": {openai.OpenAI, openai.Reading{API: openai.Chat, Continue: openai.PrefixField, Vocabulary: v, Extra: map[string]any{"safe_prompt": false}}, collect.Want{Argmax: true}, "/v1/chat/completions",
			`{"max_tokens":1,"messages":[{"role":"user","content":"pq"},{"role":"assistant","content":"r","prefix":true}],"model":"m","safe_prompt":false,"temperature":0,"top_p":1}`},
		"TGI": {openai.TGI, openai.Reading{Vocabulary: v}, collect.Want{Sample: true}, "/v1/completions",
			`{"max_tokens":1,"model":"m","prompt":"pqr","temperature":1}`},
	} {
		s := serve(t, 400, "application/json", `{"error":{"message":"enough"}}`)
		p := client(t, openai.Config{URL: s.url, Server: c.server, Reading: &c.reading}).Suspect().Prefix
		_, err := p.Predict(context.Background(), collect.Reading{Passage: a, Begin: 1, End: 2, Want: c.want})
		assert.ErrorContains(t, err, "enough", name)
		assert.Equal(t, c.path, s.path, name)
		assert.Equal(t, c.sent, s.sent, name)
	}
}

// What the servers send for a position, byte for byte but for numbers and names.
func TestPositions(t *testing.T) {
	a := &collect.Passage{Prompt: []int32{5, 6}, PromptText: "pq", Tokens: []int32{7, 8}, Pieces: []string{"r", "s"}}
	none := collect.NoToken
	v := vocabulary{}
	for name, c := range map[string]struct {
		server  openai.Server
		reading openai.Reading
		want    collect.Want
		body    string
		at      collect.Prediction
	}{
		"OpenAI, the sampled token added": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 2}, collect.Want{Top: 2, Argmax: true},
			`{"model":"m","choices":[{"text":"c","index":0,"logprobs":{"tokens":["c"],"token_logprobs":[-3.5],"top_logprobs":[{"b":-1.5,"c":-3.5,"a":-1.5}],"text_offset":[3]},"finish_reason":"length"}]}`,
			collect.Prediction{Argmax: 1, Sample: none, IDs: []int32{1, 2}, LogProbs: []float64{-1.5, -1.5}}},
		"OpenAI, bytes": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 3}, collect.Want{Top: 3, Argmax: true},
			`{"model":"m","choices":[{"text":"","index":0,"logprobs":{"tokens":["bytes:\\xe2\\x82"],"token_logprobs":[-0.5],"top_logprobs":[{"bytes:\\xe2\\x82":-0.5,"bytes:\\xff":-1.5," a":-2.5}],"text_offset":[3]},"finish_reason":"length"}]}`,
			collect.Prediction{Argmax: 16, Sample: none, IDs: []int32{16, 8}, LogProbs: []float64{-0.5, -2.5}}},
		"OpenAI, the end of the text": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 3}, collect.Want{Top: 3, Argmax: true},
			`{"model":"m","choices":[{"text":"","index":0,"logprobs":{"tokens":[],"token_logprobs":[],"top_logprobs":[],"text_offset":[]},"finish_reason":"stop"}]}`,
			collect.Prediction{Argmax: none, Sample: none}},
		"vLLM": {openai.VLLM, openai.Reading{SameTokenizer: true, Top: 2}, collect.Want{Top: 2, Argmax: true},
			`{"id":"cmpl-8","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":" the","logprobs":{"text_offset":[0],"token_logprobs":[-0.25],"tokens":["token_id:900"],"top_logprobs":[{"token_id:900":-0.25,"token_id:7":-9999.0}]},"finish_reason":"length","stop_reason":null,"token_ids":[900],"prompt_logprobs":null,"prompt_token_ids":[5,6,7]}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":3,"total_tokens":4,"completion_tokens":1,"prompt_tokens_details":null},"kv_transfer_params":null}`,
			collect.Prediction{Argmax: 900, Sample: none, IDs: []int32{900, 7}, LogProbs: []float64{-0.25, -9999}}},
		"vLLM, chat": {openai.VLLM, openai.Reading{API: openai.Chat, Vocabulary: v, Top: 3}, collect.Want{Top: 3, Argmax: true},
			`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ab"},"logprobs":{"content":[{"token":"ab","logprob":-0.5,"bytes":[97,98],"top_logprobs":[{"token":"ab","logprob":-0.5,"bytes":[97,98]},{"token":"\ufffd","logprob":-1.5,"bytes":[239,191,189]},{"token":"a","logprob":-2.5,"bytes":[97]}]}]},"finish_reason":"length"}]}`,
			collect.Prediction{Argmax: 3, Sample: none, IDs: []int32{3, 1}, LogProbs: []float64{-0.5, -2.5}}},
		"SGLang": {openai.SGLang, openai.Reading{Vocabulary: v, Top: 2}, collect.Want{Top: 2, Argmax: true},
			`{"id":"9f","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"ab","logprobs":{"text_offset":[-1],"token_logprobs":[-0.5],"tokens":["ab"],"top_logprobs":[{"ab":-0.5,"a":-2.5}]},"finish_reason":"length","matched_stop":null,"hidden_states":null}],"usage":{"prompt_tokens":3,"total_tokens":4,"completion_tokens":1},"metadata":{"weight_version":"default"}}`,
			collect.Prediction{Argmax: 3, Sample: none, IDs: []int32{3, 1}, LogProbs: []float64{-0.5, -2.5}}},
		"llama.cpp": {openai.LlamaCPP, openai.Reading{SameTokenizer: true, Top: 2}, collect.Want{Top: 2, Argmax: true},
			`{"choices":[{"text":" Paris","index":0,"logprobs":{"content":[{"id":7042,"token":" Paris","bytes":[32,80,97,114,105,115],"logprob":-0.2705480754375458,"top_logprobs":[{"id":7042,"token":" Paris","bytes":[32,80,97,114,105,115],"logprob":-0.2705480754375458},{"id":2,"token":"","bytes":[],"logprob":-3.4028234663852886e+38}]}]},"finish_reason":"length"}],"created":1795574026,"model":"x","system_fingerprint":"b1-4227c9b","object":"text_completion","usage":{"completion_tokens":1,"prompt_tokens":5,"total_tokens":6},"id":"chatcmpl-u"}`,
			collect.Prediction{Argmax: 7042, Sample: none, IDs: []int32{7042, 2}, LogProbs: []float64{-0.2705480754375458, -9999}}},
		"llama.cpp, part of a character": {openai.LlamaCPP, openai.Reading{SameTokenizer: true, Top: 2}, collect.Want{Top: 2, Argmax: true},
			`{"choices":[{"text":"�","index":0,"logprobs":null,"finish_reason":"length"}],"created":1795574026,"model":"x","system_fingerprint":"b1-4227c9b","object":"text_completion","usage":{"completion_tokens":1,"prompt_tokens":12,"total_tokens":13},"id":"chatcmpl-2"}`,
			collect.Prediction{Argmax: none, Sample: none}},
		"llama.cpp, ids of another tokenizer": {openai.LlamaCPP, openai.Reading{Vocabulary: v, Top: 2}, collect.Want{Top: 2, Argmax: true},
			`{"choices":[{"text":"a","index":0,"logprobs":{"content":[{"id":9,"token":"a","bytes":[97],"logprob":-0.5,"top_logprobs":[{"id":9,"token":"a","bytes":[97],"logprob":-0.5},{"id":3,"token":"","bytes":[226],"logprob":-1.5}]}]},"finish_reason":"length"}],"model":"x"}`,
			collect.Prediction{Argmax: 1, Sample: none, IDs: []int32{1, 18}, LogProbs: []float64{-0.5, -1.5}}},
		"TGI": {openai.TGI, openai.Reading{Vocabulary: v}, collect.Want{Sample: true},
			`{"object":"text_completion","id":"","created":1,"model":"m","system_fingerprint":"3.0","choices":[{"index":0,"text":"there","logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`,
			collect.Prediction{Argmax: none, Sample: 12}},
		"a token written in two ways": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 3}, collect.Want{Top: 3},
			`{"model":"m","choices":[{"text":"a","index":0,"logprobs":{"tokens":["a"],"token_logprobs":[-0.5],"top_logprobs":[{"bytes:\\x61":-1.5,"a":-0.5,"b":-2.5}]}}]}`,
			collect.Prediction{Argmax: none, Sample: none, IDs: []int32{1, 2}, LogProbs: []float64{-0.5, -2.5}}},
		"a list of lists": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 2}, collect.Want{Top: 2},
			`{"model":"m","choices":[{"text":"a","index":0,"logprobs":{"tokens":["a"],"token_logprobs":[-0.5],"top_logprobs":[[{"token":"a","logprob":-0.5},{"token":"b","logprob":-1.5,"token_id":77}]]}}]}`,
			collect.Prediction{Argmax: none, Sample: none, IDs: []int32{1, 2}, LogProbs: []float64{-0.5, -1.5}}},
		"a list of lists, with ids": {openai.OpenAI, openai.Reading{Vocabulary: v, Top: 2, SameTokenizer: true}, collect.Want{Top: 2},
			`{"model":"m","choices":[{"text":"a","index":0,"logprobs":{"tokens":["a"],"token_logprobs":[-0.5],"top_logprobs":[[{"token":"a","logprob":1e-7},{"token":"b","logprob":-30,"token_id":77}]]}}]}`,
			collect.Prediction{Argmax: none, Sample: none, IDs: []int32{1, 77}, LogProbs: []float64{0, -30}}},
	} {
		s := serve(t, 200, "application/json", c.body)
		p := client(t, openai.Config{URL: s.url, Server: c.server, Reading: &c.reading}).Suspect().Prefix
		got, err := p.Predict(context.Background(), collect.Reading{Passage: a, Begin: 1, End: 2, Want: c.want})
		require.NoError(t, err, name)
		assert.Equal(t, []collect.Prediction{c.at}, got.At, name)
	}
}

// Lists that are not what was asked for are errors that name what is wrong.
func TestListsAreChecked(t *testing.T) {
	list := func(s string) string {
		return `{"model":"m","choices":[{"text":"a","index":0,"logprobs":` + s + `}]}`
	}
	for body, want := range map[string]string{
		list(`null`): "the server gives no log-probabilities",
		list(`{"tokens":["a"],"token_logprobs":[-1]}`):                                                "the server gives no log-probabilities",
		list(`{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[null]}`):                          "the server gives no log-probabilities",
		list(`{"tokens":["a"],"token_logprobs":[],"top_logprobs":[{}]}`):                              "logprobs have 1 tokens, 0 token_logprobs and 1 top_logprobs",
		list(`{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":0.5,"b":-1}]}`):              `ln p of token "a" is 0.5, want at most 0`,
		list(`{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":-0.1,"b":-0.1}]}`):           "add up to 1.8",
		list(`{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":null,"b":-0.1}]}`):           `token "a" has no ln p`,
		list(`{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":-1,"b":-2,"c":-3}]}`):        "3 tokens are listed, want 2: the one beyond them is not the token at the position",
		list(`{"tokens":["d"],"token_logprobs":[-9],"top_logprobs":[{"a":-1,"b":-2,"c":-3}]}`):        "3 tokens are listed, want 2: the one beyond them is not",
		list(`{"tokens":["d"],"token_logprobs":[-9],"top_logprobs":[{"a":-1,"b":-2,"c":-3,"d":-9}]}`): "4 tokens are listed, want 2",
		list(`{"content":[{"token":"a","logprob":-1,"bytes":[256],"top_logprobs":[]}]}`):              "byte 0 of a token is 256, want at most 255",
		list(`{"content":[{"token":"a","logprob":-1}]}`):                                              "the server gives no log-probabilities",
		`{"model":"m","choices":[]}`:                                                        "answer has 0 choices, want 1",
		`{"model":"m","choices":[{"index":1,"text":"a"}]}`:                                  "no choice with index 0 of 1",
		`{"model":"m","choices":[{"index":0,"text":"a","finish_reason":"abort"}]}`:          `the server gave up within the answer (finish_reason "abort")`,
		`{"model":"m","choices":[{"index":0,"text":"a","finish_reason":"content_filter"}]}`: "the content filter refuses a prefix",
		`{"model":"m","choices":[{"index":0}]}`:                                             "neither a text nor a message",
		`{"error":{"message":"the model fell over","code":500}}`:                            "the server reports an error in place of an answer: the model fell over",
		`[]`: "answer has 0 choices, want 1",
		`7`:  "cannot unmarshal number",
	} {
		s := serve(t, 200, "application/json", body)
		p := client(t, openai.Config{URL: s.url, Reading: &openai.Reading{Vocabulary: vocabulary{}, Top: 2}}).Suspect().TopLogProbs
		a := &collect.Passage{PromptText: "pq", Tokens: []int32{7}, Pieces: []string{"r"}}
		_, err := p.Predict(context.Background(), collect.Reading{Passage: a, End: 1, Want: collect.Want{Top: 2}})
		assert.ErrorContains(t, err, want, body)
		assert.NotErrorAs(t, err, new(*collect.TransportError), body)
	}
}

// A server that did not read what it was sent is found out.
func TestEchoesAreChecked(t *testing.T) {
	echo := func(tokens, own, top string) string {
		return `{"model":"m","choices":[{"text":"","index":0,"logprobs":{"tokens":` + tokens + `,"token_logprobs":` + own + `,"top_logprobs":` + top + `}}]}`
	}
	prompt := func(s string) string {
		return `{"model":"m","choices":[{"text":"","index":0,"prompt_logprobs":` + s + `}]}`
	}
	for _, c := range []struct {
		whole      openai.Whole
		body, want string
	}{
		{openai.Echo, echo(`["c"]`, `[null]`, `[null]`), "1 tokens are echoed, want 2: the server read something else"},
		{openai.Echo, echo(`["c","ab","a","b"]`, `[null,-1,-1,-1]`, `[null,{},{},{}]`), "4 tokens are echoed, want 2"},
		{openai.Echo, echo(`["c","abc"]`, `[null,-1]`, `[null,{}]`), `token 1 is echoed as "abc", want 3`},
		{openai.Echo, echo(`["c","abcd"]`, `[null,-1]`, `[null,{}]`), `token 1 is echoed as "abcd", want 3`},
		{openai.Echo, echo(`["b","ab"]`, `[null,-1]`, `[null,{}]`), `token 0 is echoed as "b", want 5`},
		{openai.Echo, echo(`["c","ab"]`, `[null,null]`, `[null,null]`), "token 1: the server gives no log-probabilities"},
		{openai.Echo, `{"model":"m","choices":[{"text":"","index":0,"prompt_token_ids":[5,4]}]}`, "it read other tokens than it was sent"},
		{openai.Echo, `{"model":"m","choices":[{"text":"","index":0}]}`, "the server gives no log-probabilities"},
		{openai.PromptLogProbs, prompt(`null`), "prompt_logprobs have 0 entries, want 2"},
		{openai.PromptLogProbs, prompt(`[null]`), "prompt_logprobs have 1 entries, want 2"},
		{openai.PromptLogProbs, prompt(`[null,{"4":{"logprob":-1,"rank":1}}]`), "do not hold the token itself, 3"},
		{openai.PromptLogProbs, prompt(`[null,null]`), "do not hold the token itself, 3"},
		{openai.PromptLogProbs, prompt(`[null,{"3":{"logprob":-1,"rank":1},"x":{"logprob":-1,"rank":2}}]`), `the key "x", want an id`},
		{openai.PromptLogProbs, prompt(`[null,{"3":{"logprob":-1,"rank":1},"-4":{"logprob":-1,"rank":2}}]`), `the key "-4", want an id`},
		{openai.PromptLogProbs, prompt(`[null,{"3":{"logprob":-1,"rank":0}}]`), "rank of 3 is 0, want at least 1"},
		{openai.PromptLogProbs, prompt(`[null,{"3":{"rank":1}}]`), "has no ln p"},
	} {
		s := serve(t, 200, "application/json", c.body)
		p := client(t, openai.Config{URL: s.url, Server: openai.VLLM, Reading: &openai.Reading{Vocabulary: vocabulary{}, SameTokenizer: true, Top: 2, Whole: c.whole}}).Suspect().TopLogProbs
		a := &collect.Passage{Prompt: []int32{5}, Tokens: []int32{3}}
		_, err := p.Predict(context.Background(), collect.Reading{Passage: a, End: 1, Want: collect.Want{Top: 2}})
		assert.ErrorContains(t, err, c.want, c.body)
	}
}

// A server that says which ids it read need not spell them so that they are known.
func TestEchoWithPromptTokenIDs(t *testing.T) {
	const said = `"logprobs":{"tokens":["c","<|end|>","?"],"token_logprobs":[null,-1,-1],"top_logprobs":[null,{"a":-1,"b":-2},{"c":-1}]}`
	for ids, want := range map[string]string{`[5,3]`: "", `[5,4]`: "it read other tokens than it was sent", `[5]`: "it read other tokens", `null`: `token 1 is echoed as "<|end|>", want 3`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			data, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			if strings.Contains(string(data), `"echo":true`) {
				_, _ = io.WriteString(w, `{"model":"m","choices":[{"index":0,"text":"","prompt_token_ids":`+ids+`,`+said+`}]}`)
				return
			}
			_, _ = io.WriteString(w, `{"model":"m","choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-1.2],"top_logprobs":[{"a":-1.2,"b":-2.1}]}}]}`)
		}))
		p := client(t, openai.Config{URL: s.URL, Server: openai.SGLang, Reading: &openai.Reading{Vocabulary: vocabulary{}, SameTokenizer: true, Top: 2, Whole: openai.Echo}}).Suspect().TopLogProbs
		got, err := p.Predict(context.Background(), collect.Reading{Passage: &collect.Passage{Prompt: []int32{5}, Tokens: []int32{3}}, End: 1, Want: collect.Want{Top: 2}})
		s.Close()
		if want != "" {
			assert.ErrorContains(t, err, want)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []int32{1, 2}, got.At[0].IDs)
		assert.Equal(t, []float64{-1.2, -2.1}, got.At[0].LogProbs, "of the request for this position alone")
	}
}

func TestBatchesComeInAnyOrder(t *testing.T) {
	a := &collect.Passage{PromptText: "pq", Tokens: []int32{7, 7}, Pieces: []string{"r", "s"}}
	for body, want := range map[string]string{
		`{"model":"m","choices":[{"index":1,"text":"b"},{"index":0,"text":"a"}]}`:                             "",
		`[{"model":"m","choices":[{"index":0,"text":"a"}]},{"model":"m","choices":[{"index":0,"text":"b"}]}]`: "",
		`{"model":"m","choices":[{"index":0,"text":"b"},{"index":0,"text":"a"}]}`:                             "no choice with index 1 of 2",
		`{"model":"m","choices":[{"index":0,"text":"b"}]}`:                                                    "answer has 1 choices, want 2",
	} {
		s := serve(t, 200, "application/json", body)
		p := client(t, openai.Config{URL: s.url, Reading: &openai.Reading{Vocabulary: vocabulary{}, Batch: 2}}).Suspect().Prefix
		got, err := p.Predict(context.Background(), collect.Reading{Passage: a, End: 2, Want: collect.Want{Argmax: true}})
		assert.Equal(t, `{"max_tokens":1,"model":"m","prompt":["pq","pqr"],"temperature":0,"top_p":1}`, s.sent)
		if want != "" {
			assert.ErrorContains(t, err, want)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []int32{1, 2}, []int32{got.At[0].Argmax, got.At[1].Argmax})
	}
}
