package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	chatPath = "/v1/chat/completions"
	textPath = "/v1/completions"
)

// Whatever is wrong with a request is said in the form of OpenAI's API.
func TestErrors(t *testing.T) {
	p := theServer(t)
	chat := func(more string) string {
		return `{"model":"smollm2","messages":[{"role":"user","content":"Hi"}],"max_tokens":1` + more + `}`
	}
	long := strings.Repeat("one two three ", 1000)
	for _, c := range []struct {
		key, path, body string
		status          int
		code, param     string
		want            string
	}{
		{"", chatPath, chat(""), 401, "invalid_api_key", "", "didn't provide an API key"},
		{"mallory-key", chatPath, chat(""), 401, "invalid_api_key", "", "Incorrect API key"},
		{alice, chatPath, `{"model":`, 400, "", "", "could not parse the JSON body"},
		{alice, chatPath, `[]`, 400, "", "", "could not parse the JSON body"},
		{alice, chatPath, `{"model":"gpt-7","messages":[{"role":"user","content":"Hi"}]}`, 404, "model_not_found", "model", "The model 'gpt-7' does not exist"},
		{alice, chatPath, `{"messages":[{"role":"user","content":"Hi"}]}`, 400, "", "model", "must provide a model"},
		{alice, chatPath, `{"model":"smollm2"}`, 400, "", "messages", "'messages' has 0 messages"},
		{alice, chatPath, `{"model":"smollm2","messages":"Hi"}`, 400, "", "messages", "Invalid type for 'messages': want a list, got string"},
		{alice, chatPath, `{"model":"smollm2","messages":[{"role":"robot","content":"Hi"}]}`, 400, "", "messages[0].role", "Invalid value for 'messages[0].role': 'robot'"},
		{alice, chatPath, `{"model":"smollm2","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400, "", "messages[0].content[0]", "'image_url'"},
		{alice, chatPath, chat(`,"temperature":"hot"`), 400, "", "temperature", "Invalid type for 'temperature': want a number, got string"},
		{alice, chatPath, chat(`,"temperature":-1`), 400, "", "temperature", "'temperature' is -1, want 0 to 100"},
		{alice, chatPath, chat(`,"temperature":0.0001`), 400, "", "temperature", "want 0 or 0.001 to 100"},
		{alice, chatPath, chat(`,"top_p":1.5`), 400, "", "top_p", "'top_p' is 1.5"},
		{alice, chatPath, chat(`,"n":0`), 400, "", "n", "'n' is 0, want 1 to 8"},
		{alice, chatPath, chat(`,"n":9`), 400, "", "n", "'n' is 9, want 1 to 8"},
		{alice, chatPath, chat(`,"max_completion_tokens":0`), 400, "", "max_completion_tokens", "'max_completion_tokens' is 0"},
		{alice, chatPath, chat(`,"stop":[""]`), 400, "", "stop", "has 0 bytes"},
		{alice, chatPath, chat(`,"stop":3`), 400, "", "stop", "want a string or a list of strings"},
		{alice, chatPath, chat(`,"logit_bias":{"x":1}`), 400, "", "logit_bias", "want ids of tokens"},
		{alice, chatPath, chat(`,"logit_bias":{"99999999":1}`), 400, "", "logit_bias", "want 0 to 49151"},
		{alice, chatPath, chat(`,"top_logprobs":3`), 400, "", "top_logprobs", "'logprobs' is not"},
		{alice, chatPath, chat(`,"logprobs":true,"top_logprobs":21`), 400, "", "top_logprobs", "want 0 to 20"},
		{alice, chatPath, chat(`,"grammar":"root ::= ("`), 400, "", "", "grammar"},
		{alice, chatPath, chat(`,"response_format":{"type":"xml"}`), 400, "", "response_format.type", "'xml'"},
		{alice, chatPath, chat(`,"tools":[{"type":"function","function":{"name":"a b"}}]`), 400, "", "tools[0].function.name", "'a b'"},
		{alice, chatPath, chat(`,"functions":[{}]`), 400, "", "functions", "use 'tools'"},
		{alice, chatPath, `{"model":"smollm2","messages":[{"role":"user","content":"` + long + `"}]}`, 400, "context_length_exceeded", "messages", "maximum context length is 1024 tokens"},
		{alice, chatPath, strings.Replace(chat(""), `"max_tokens":1`, `"max_tokens":1024`, 1), 400, "context_length_exceeded", "messages", "You requested"},
		{alice, textPath, `{"model":"smollm2"}`, 400, "", "prompt", "must provide a prompt"},
		{alice, textPath, `{"model":"smollm2","prompt":""}`, 400, "", "prompt", "has no tokens"},
		{alice, textPath, `{"model":"smollm2","prompt":{}}`, 400, "", "prompt", "Invalid type for 'prompt'"},
		{alice, textPath, `{"model":"smollm2","prompt":[1,-1]}`, 400, "", "prompt", "token -1, want 0 to 49151"},
		{alice, textPath, `{"model":"smollm2","prompt":[]}`, 400, "", "prompt", "0 prompts"},
		{alice, textPath, `{"model":"smollm2","prompt":"a","suffix":"b"}`, 400, "", "suffix", "not supported"},
		{alice, textPath, `{"model":"smollm2","prompt":"a","best_of":3}`, 400, "", "best_of", "'best_of' is 3"},
		{alice, textPath, `{"model":"smollm2","prompt":"` + long + `"}`, 400, "context_length_exceeded", "prompt", "maximum context length is 1024 tokens"},
		{alice, textPath, `{"model":"smollm2","prompt":"` + strings.Repeat("x", 17<<20) + `"}`, 413, "request_too_large", "", "larger than 16777216 bytes"},
		{alice, "/v1/embeddings", `{}`, 404, "unknown_url", "", "Unknown request URL"},
	} {
		resp, raw := p.post(t, c.key, c.path, c.body)
		what := c.want
		assert.Equal(t, c.status, resp.StatusCode, what)
		assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		var e struct{ Error failure }
		require.NoError(t, json.Unmarshal(raw, &e), string(raw))
		assert.Contains(t, e.Error.Message, c.want)
		assert.Equal(t, "invalid_request_error", e.Error.Type, what)
		assert.Equal(t, c.code, value(e.Error.Code, ""), what)
		assert.Equal(t, c.param, value(e.Error.Param, ""), what)
	}
	status, body := p.get(t, alice, chatPath)
	assert.Equal(t, http.StatusMethodNotAllowed, status)
	assert.Contains(t, body, "method_not_allowed")
	for _, key := range []string{alice, "mallory-key", admin} {
		assert.NotContains(t, p.log.String(), key)
	}
}

func TestModels(t *testing.T) {
	p := theServer(t)
	status, body := p.get(t, alice, "/v1/models")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `"id":"smollm2"`)
	status, body = p.get(t, alice, "/v1/models/smollm2")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `"object":"model"`)
	status, body = p.get(t, alice, "/v1/models/a/b")
	assert.Equal(t, 404, status)
	assert.Contains(t, body, "model_not_found")
	status, _ = p.get(t, "", "/v1/models")
	assert.Equal(t, 401, status)

	// What is planted how often is not for everybody.
	_, body = p.get(t, "", "/healthz")
	assert.Equal(t, "ok\n", body)
	_, body = p.get(t, admin, "/healthz")
	assert.Equal(t, "ok, planting\n", body)
	status, _ = p.get(t, alice, "/metrics")
	assert.Equal(t, 401, status)
	_, body = p.get(t, admin, "/metrics")
	for _, name := range []string{"dyetrace_ledger_usable 1", "dyetrace_book_usable 1", "dyetrace_engine_tokens_total ", "dyetrace_in_flight 1", `dyetrace_ledger_append_seconds_bucket{le="+Inf"} `} {
		assert.Contains(t, body, "\n"+name)
	}
}

// An answer is the same streamed or not, under one seed, and its usage counts.
func TestStreamed(t *testing.T) {
	p := theServer(t)
	for _, c := range []struct {
		path string
		body M
	}{
		{chatPath, M{"messages": user("How do I keep a lawn green?")}},
		{chatPath, M{"messages": user("Name three rivers."), "n": 3, "temperature": 0.8, "top_p": 0.9, "top_k": 40, "min_p": 0.02, "frequency_penalty": 0.3}},
		{textPath, M{"prompt": "The most important rule of gardening is"}},
		{textPath, M{"prompt": []string{"One, two,", "Red, green,"}, "n": 2, "repeat_penalty": 1.1}},
		{textPath, M{"prompt": []int{504, 1070}, "echo": true}},
	} {
		c.body["model"], c.body["seed"], c.body["max_tokens"] = testName, 7, 24
		whole := p.ask(t, alice, c.path, c.body)
		c.body["stream"], c.body["stream_options"] = true, M{"include_usage": true}
		streamed := p.ask(t, bob, c.path, c.body)
		require.True(t, streamed.done)
		require.Equal(t, len(whole.Choices), len(streamed.Choices))
		texts := map[string]bool{}
		for i := range whole.Choices {
			assert.Equal(t, whole.Choices[i].said(), streamed.Choices[i].said(), "%v", c.body)
			assert.Equal(t, whole.Choices[i].FinishReason, streamed.Choices[i].FinishReason)
			assert.Contains(t, []string{"stop", "length"}, whole.Choices[i].FinishReason)
			texts[whole.Choices[i].said()] = true
		}
		assert.Equal(t, len(whole.Choices), len(texts), "answers differ: %v", texts)
		require.NotNil(t, whole.Usage)
		assert.Equal(t, whole.Usage, streamed.Usage)
		assert.Equal(t, whole.Usage.Total, whole.Usage.Prompt+whole.Usage.Completion)
		assert.Greater(t, whole.Usage.Completion, len(whole.Choices))
		assert.Equal(t, testName, whole.Model)
		assert.Greater(t, streamed.events, 5)
		if c.path == chatPath {
			assert.Equal(t, "chat.completion", whole.Object)
			assert.Equal(t, "chat.completion.chunk", streamed.Object)
			assert.Equal(t, "assistant", streamed.Choices[0].Message.Role)
			assert.True(t, strings.HasPrefix(whole.ID, "chatcmpl-"))
		} else {
			assert.Equal(t, "text_completion", streamed.Object)
		}
	}
}

// Parameters do what they say.
func TestParameters(t *testing.T) {
	p := theServer(t)
	ask := func(more M) answeredChoice {
		body := M{"model": testName, "messages": user("Count from one to twenty in words."), "max_tokens": 20, "seed": 11}
		for k, v := range more {
			body[k] = v
		}
		return p.ask(t, carol, chatPath, body).Choices[0]
	}
	greedy := ask(M{"temperature": 0}).said()
	assert.Equal(t, greedy, ask(M{"temperature": 0, "seed": 12}).said(), "temperature 0 has no draw")
	assert.Equal(t, greedy, ask(M{"top_k": 1}).said())
	assert.Equal(t, greedy, ask(M{"top_p": 0}).said())
	assert.Equal(t, greedy, ask(M{"min_p": 0.999999}).said())
	assert.Equal(t, ask(nil).said(), ask(nil).said(), "a seed repeats")
	assert.NotEqual(t, ask(M{"temperature": 1.5}).said(), ask(M{"temperature": 1.5, "seed": 12}).said())
	assert.Equal(t, greedy, ask(M{"temperature": 0, "speculate": true}).said(), "drafts change nothing")
	assert.Equal(t, ask(nil).said(), ask(M{"speculate": true}).said(), "drafts change nothing, mark and all")

	long := ask(M{"temperature": 0, "max_tokens": 40}).said()
	stop := long[len(long)/2 : len(long)/2+5]
	cut := ask(M{"temperature": 0, "max_tokens": 40, "stop": stop})
	head, _, _ := strings.Cut(long, stop)
	assert.Equal(t, head, cut.said())
	assert.Equal(t, "stop", cut.FinishReason)
	two := ask(M{"temperature": 0, "max_tokens": 40, "stop": []string{"never this", stop}, "stream": true})
	assert.Equal(t, head, two.said())

	banned := M{}
	for id := range 17 { // control tokens too
		banned[fmt.Sprint(id)] = -100
	}
	assert.Equal(t, "length", ask(M{"temperature": 0, "max_tokens": 200, "logit_bias": banned}).FinishReason, "it cannot end")
	one := ask(M{"temperature": 0, "max_tokens": 3, "logit_bias": M{"504": 100}}).said()
	assert.Equal(t, "TheTheThe", strings.ReplaceAll(one, " ", ""))
}

// An answer of a form is of that form.
func TestFormsOfAnswers(t *testing.T) {
	p := theServer(t)
	body := M{"model": testName, "messages": user("Describe a cat as a JSON object."), "max_tokens": 120, "response_format": M{"type": "json_object"}, "seed": 5}
	var object map[string]any
	for seed := range 3 { // it may be cut
		body["seed"] = seed
		if a := p.ask(t, alice, chatPath, body).Choices[0]; a.FinishReason == "stop" {
			require.NoError(t, json.Unmarshal([]byte(a.said()), &object), a.said())
		} else {
			assert.True(t, strings.HasPrefix(a.said(), "{"), a.said())
		}
	}
	body["response_format"] = M{"type": "json_schema", "json_schema": M{"name": "cat", "schema": M{
		"type": "object", "properties": M{"legs": M{"type": "integer"}, "colour": M{"enum": []string{"black", "white"}}, "fast": M{"type": "boolean"}}, "required": []string{"legs", "colour", "fast"}, "additionalProperties": false,
	}}}
	a := p.ask(t, alice, chatPath, body).Choices[0]
	var cat struct {
		Legs   *int
		Colour string
		Fast   *bool
	}
	require.NoError(t, json.Unmarshal([]byte(a.said()), &cat), a.said())
	assert.Contains(t, []string{"black", "white"}, cat.Colour)
	require.NotNil(t, cat.Legs)
	require.NotNil(t, cat.Fast)
	assert.Equal(t, "stop", a.FinishReason)
	delete(body, "response_format")
	body["grammar"] = `root ::= "yes" | "no"`
	assert.Contains(t, []string{"yes", "no"}, p.ask(t, alice, chatPath, body).Choices[0].said())
}

// A tool that must be called is called, with arguments of its schema, streamed or
// not.
func TestToolCalls(t *testing.T) {
	p := theServer(t)
	tool := func(name string) M {
		return M{"type": "function", "function": M{"name": name, "description": "Says the " + name + " of a city", "parameters": M{"type": "object", "properties": M{"city": M{"enum": []string{"Oslo", "Rome"}}}, "required": []string{"city"}}}}
	}
	body := M{"model": testName, "messages": user("How is the weather in Rome, and what time is it?"), "max_tokens": 200, "seed": 3, "tools": []M{tool("weather"), tool("time")}, "tool_choice": "required"}
	for _, choice := range []any{"required", M{"type": "function", "function": M{"name": "time"}}} {
		body["tool_choice"] = choice
		delete(body, "stream")
		whole := p.ask(t, alice, chatPath, body).Choices[0]
		body["stream"] = true
		streamed := p.ask(t, alice, chatPath, body).Choices[0]
		require.NotEmpty(t, whole.Message.ToolCalls, whole.said())
		require.Len(t, streamed.Message.ToolCalls, len(whole.Message.ToolCalls))
		assert.Empty(t, whole.said())
		assert.Equal(t, "tool_calls", whole.FinishReason)
		assert.Equal(t, "tool_calls", streamed.FinishReason)
		for i, c := range whole.Message.ToolCalls {
			var arguments struct{ City string }
			require.NoError(t, json.Unmarshal([]byte(c.Function.Arguments), &arguments))
			assert.Contains(t, []string{"Oslo", "Rome"}, arguments.City)
			assert.Contains(t, []string{"weather", "time"}, c.Function.Name)
			assert.Equal(t, "function", c.Type)
			assert.True(t, strings.HasPrefix(c.ID, "call_"))
			assert.Equal(t, c.Function, streamed.Message.ToolCalls[i].Function)
			assert.Equal(t, i, *streamed.Message.ToolCalls[i].Index)
		}
		if choice != "required" {
			assert.Len(t, whole.Message.ToolCalls, 1)
			assert.Equal(t, "time", whole.Message.ToolCalls[0].Function.Name)
		}
	}
	// Its result goes back through the template.
	calls := M{"role": "assistant", "tool_calls": []M{{"id": "call_1", "type": "function", "function": M{"name": "time", "arguments": `{"city":"Rome"}`}}}}
	a := p.ask(t, alice, chatPath, M{"model": testName, "max_tokens": 20, "tools": []M{tool("time")},
		"messages": []M{{"role": "user", "content": "What time is it in Rome?"}, calls, {"role": "tool", "tool_call_id": "call_1", "content": "12:00"}}})
	assert.NotEmpty(t, a.Choices[0].said())
}
