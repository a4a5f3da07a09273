package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
)

// Reasons why an answer is left as it is, besides those of package planting. They
// are labels in the metrics and in the response header.
const (
	reasonOptOut      = "opt-out"      // a trusted caller asked for it
	reasonStructured  = "structured"   // response_format, a grammar, guided decoding
	reasonLogprobs    = "logprobs"     // the probabilities would be of other tokens
	reasonTokens      = "tokens"       // token ids are asked for, or the prompt is of them
	reasonEcho        = "echo"         // the answer holds the prompt, or stands in the middle of it
	reasonAnnotations = "annotations"  // citations count characters of the text
	reasonAudio       = "audio"        // the text says what is heard
	reasonRequest     = "request"      // it is not understood, or its body is compressed
	reasonSize        = "size"         // request or answer is larger than what may be held
	reasonCompressed  = "compressed"   // upstream compresses although it was asked not to
	reasonContentType = "content-type" // neither JSON nor server-sent events
	reasonStatus      = "status"       // an error of the upstream
	reasonBody        = "body"         // the answer is not understood
)

// untouchable says which fields of a request make its answer one that is left
// alone, if they are set at all.
var untouchable = map[string]string{
	"grammar": reasonStructured, "json_schema": reasonStructured, // llama.cpp
	"structured_outputs": reasonStructured,                                                               // vLLM
	"regex":              reasonStructured, "ebnf": reasonStructured, "structural_tag": reasonStructured, // SGLang
	"format": reasonStructured, // Ollama

	"logprobs": reasonLogprobs, "top_logprobs": reasonLogprobs, "n_probs": reasonLogprobs,
	"return_token_ids": reasonTokens, "return_tokens_as_token_ids": reasonTokens, "return_tokens": reasonTokens,
	"echo": reasonEcho, "suffix": reasonEcho,
	"web_search_options": reasonAnnotations,
	"audio":              reasonAudio,
}

// An ask is what the proxy understands of a request for an answer.
type ask struct {
	chat   bool
	reason string // why its answer is left as it is; empty if it is not

	prompts []string // more than one only for completions
	n       int      // answers to each
	tools   bool     // some are offered
	order   bool     // calls may be parallel
}

// endpoint returns whether a path is one whose answers are looked at, and whether
// it is that of chats.
func endpoint(path string) (chat, ok bool) {
	path = strings.TrimRight(path, "/")
	chat = strings.HasSuffix(path, "/chat/completions")
	return chat, chat || strings.HasSuffix(path, "/completions")
}

// parseAsk reads the body of a request.
func parseAsk(chat bool, body []byte) ask {
	a := ask{chat: chat, n: 1}
	if !json.Valid(body) {
		a.reason = reasonRequest
		return a
	}
	fields := map[string][]byte{}
	members(body, whole(body), func(key []byte, value span) {
		name := string(unquote(nil, key))
		if _, twice := fields[name]; twice {
			a.reason = reasonRequest
		}
		fields[name] = value.of(body)
	})
	if a.reason == "" {
		a.reason = a.read(fields)
	}
	return a
}

func (a *ask) read(fields map[string][]byte) (reason string) {
	for name, value := range fields {
		why := untouchable[name]
		if strings.HasPrefix(name, "guided_") {
			why = reasonStructured
		}
		zeroCounts := name == "logprobs" && !a.chat && string(value) == "0" // those of the tokens themselves
		if why != "" && (isSet(value) || zeroCounts) {
			reason = max(reason, why) // the same one every time
		}
	}
	if reason != "" {
		return reason
	}
	if f, ok := fields["response_format"]; ok && isSet(f) {
		if kind, ok := member(f, whole(f), "type"); !ok || string(kind.of(f)) != `"text"` {
			return reasonStructured
		}
	}
	if m, ok := fields["modalities"]; ok && strings.Contains(string(m), `"audio"`) {
		return reasonAudio
	}
	if n, ok := fields["n"]; ok && isSet(n) {
		count, err := strconv.Atoi(string(n))
		if err != nil || count < 1 {
			return reasonRequest
		}
		a.n = count
	}
	a.tools = isSet(orNull(fields["tools"])) || isSet(orNull(fields["functions"]))
	offered := 0
	elements(fields["tools"], whole(fields["tools"]), func(span) { offered++ })
	a.order = offered > 1 && string(fields["parallel_tool_calls"]) != "false"
	if !a.chat {
		return a.readPrompt(orNull(fields["prompt"]))
	}
	a.prompts = []string{chatPrompt(orNull(fields["messages"]), orNull(fields["prediction"]))}
	return ""
}

func orNull(value []byte) []byte {
	if value == nil {
		return []byte("null")
	}
	return value
}

// readPrompt reads the prompt of a completion: a string or a list of them.
func (a *ask) readPrompt(value []byte) (reason string) {
	one := func(value []byte) {
		if value[0] != '"' {
			reason = reasonTokens
			return
		}
		a.prompts = append(a.prompts, string(unquote(nil, value)))
	}
	if value[0] == '[' {
		elements(value, whole(value), func(s span) { one(s.of(value)) })
		if len(a.prompts) == 0 && reason == "" {
			reason = reasonRequest
		}
		return reason
	}
	one(value)
	return reason
}

// chatPrompt returns the text that an answer may repeat: what everybody but the
// model itself said, and the text that an answer is predicted to be.
func chatPrompt(messages, prediction []byte) string {
	var parts []string
	elements(messages, whole(messages), func(m span) {
		if role, ok := member(messages, m, "role"); ok && string(role.of(messages)) == `"assistant"` {
			return
		}
		parts = contentParts(parts, messages, m)
	})
	parts = contentParts(parts, prediction, whole(prediction))
	return strings.Join(parts, "\n")
}

// contentParts appends the texts of a message's content, a string or a list.
func contentParts(parts []string, text []byte, message span) []string {
	content, ok := member(text, message, "content")
	if !ok {
		return parts
	}
	if text[content.begin] == '"' {
		return append(parts, string(unquote(nil, content.of(text))))
	}
	elements(text, content, func(part span) {
		if t, ok := member(text, part, "text"); ok && text[t.begin] == '"' {
			parts = append(parts, string(unquote(nil, t.of(text))))
		}
	})
	return parts
}

// request returns what a planter needs to know of the answer with an index.
func (a *ask) request(index int) canary.Request {
	r := canary.Request{Tools: a.tools}
	if i := index / a.n; i >= 0 && i < len(a.prompts) {
		r.Prompt = a.prompts[i]
	}
	return r
}
