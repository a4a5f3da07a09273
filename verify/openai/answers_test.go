package openai_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// answers are what the servers send, byte for byte but for numbers and names.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want collect.Answer
	}{
		"OpenAI": {
			`{"id":"chatcmpl-B9","object":"chat.completion","created":1741570283,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \u2014 <you> & \ud83d\ude00","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0}},"service_tier":"default","system_fingerprint":"fp_fc9f1d7035"}`,
			collect.Answer{Text: "Hi — <you> & 😀", Model: "gpt-4o-2024-08-06 fp_fc9f1d7035"},
		},
		"a refusal in the message": {
			`{"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I'm sorry, I cannot."},"finish_reason":"stop"}]}`,
			collect.Answer{Text: "I'm sorry, I cannot.", Refused: true, Model: "gpt-4o"},
		},
		"a content filter in the middle": {
			`{"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"It begins"},"finish_reason":"content_filter"}]}`,
			collect.Answer{Text: "It begins", Refused: true, Model: "gpt-4o"},
		},
		"cut by max_tokens": {
			`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"one two"},"finish_reason":"length"}]}`,
			collect.Answer{Text: "one two", Model: "m"},
		},
		"vLLM": {
			`{"id":"chatcmpl-5","object":"chat.completion","created":1,"model":"Qwen/Qwen3","choices":[{"index":0,"message":{"role":"assistant","content":"4","refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":"2+2"},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1,"prompt_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}`,
			collect.Answer{Text: "4", Model: "Qwen/Qwen3"},
		},
		"SGLang": {
			`{"id":"ab","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"4","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":2}],"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1,"prompt_tokens_details":null},"metadata":{"weight_version":"default"}}`,
			collect.Answer{Text: "4", Model: "m"},
		},
		"llama.cpp": {
			`{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"4"}}],"created":1795574026,"model":"x","system_fingerprint":"b1-4227c9b","object":"chat.completion","usage":{"completion_tokens":1,"prompt_tokens":12,"total_tokens":13},"id":"chatcmpl-q","timings":{"prompt_n":12,"prompt_ms":32.665}}`,
			collect.Answer{Text: "4", Model: "x b1-4227c9b"},
		},
		"TGI": {
			`{"object":"chat.completion","id":"","created":1,"model":"tgi/m","system_fingerprint":"3.0.1-sha-bb9095a","choices":[{"index":0,"message":{"role":"assistant","content":"4"},"logprobs":null,"finish_reason":"eos_token"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`,
			collect.Answer{Text: "4", Model: "tgi/m 3.0.1-sha-bb9095a"},
		},
		"content in parts": {
			`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}`,
			collect.Answer{Text: "ab", Model: "m"},
		},
		"nothing said": {
			`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[]},"finish_reason":"tool_calls"}]}`,
			collect.Answer{Model: "m"},
		},
		"tools that are called": {
			`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"weather","arguments":"{\"a\": \"\u003cx>\"}"}},{"id":"2","type":"function","function":{"name":"news","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`,
			collect.Answer{Text: `{"role":"assistant","content":"","tool_calls":[{"function":{"arguments":"{\"a\": \"<x>\"}","name":"weather"},"id":"1","type":"function"},{"function":{"arguments":"{}","name":"news"},"id":"2","type":"function"}]}`, Model: "m"},
		},
		"calls that are none": {
			`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"4","tool_calls":"no"}}]}`,
			collect.Answer{Text: "4", Model: "m"},
		},
		"white space before": {
			strings.Repeat("\n", 100) + `{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"4"}}]}`,
			collect.Answer{Text: "4", Model: "m"},
		},
	} {
		s := serve(t, 200, "application/json", c.body)
		got, err := client(t, openai.Config{URL: s.url}).Suspect().Text.Answer(context.Background(), "2+2?")
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
}

func TestCompletionAnswers(t *testing.T) {
	s := serve(t, 200, "application/json", `{"id":"cmpl-1","object":"text_completion","created":1,"model":"davinci-002","choices":[{"text":" is red","index":0,"logprobs":null,"finish_reason":"content_filter"}],"usage":{}}`)
	c := client(t, openai.Config{URL: s.url, Answers: openai.Answers{API: openai.Completions, Temperature: ptr(0.5), MaxTokens: 4}})
	got, err := c.Suspect().Text.Answer(context.Background(), "The <rose> & \"all\"")
	require.NoError(t, err)
	assert.Equal(t, collect.Answer{Text: " is red", Model: "davinci-002", Refused: true}, got)
	assert.Equal(t, "/v1/completions", s.path)
	assert.Equal(t, `{"max_tokens":4,"model":"m","prompt":"The <rose> & \"all\"","temperature":0.5}`, s.sent)
}
