package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// Suspect returns the model with the access that the Config gives to it. Its
// Reference is another client's: [Client.Reference].
func (c *Client) Suspect() collect.Suspect {
	s := collect.Suspect{Name: c.cfg.Name}
	if c.cfg.Answers.API != None {
		s.Text = answerer{c}
	}
	if c.cfg.Reading != nil {
		s.Prefix = reader{c}
		if c.cfg.Reading.Top > 0 {
			s.TopLogProbs = reader{c}
		}
	}
	return s
}

// An answerer is a [collect.TextModel].
type answerer struct{ c *Client }

// Answer implements [collect.TextModel].
func (a answerer) Answer(ctx context.Context, prompt string) (collect.Answer, error) {
	c := a.c
	path, fields := c.prompted(prompt)
	data, err := c.ask(ctx, http.MethodPost, path, fields)
	var refused refusedError
	if errors.As(err, &refused) {
		return collect.Answer{Refused: true}, nil
	}
	if err != nil {
		return collect.Answer{}, err
	}
	reply, err := c.parse(path, data, 1)
	if err != nil {
		return collect.Answer{}, err
	}
	choice := reply.choices[0]
	out := collect.Answer{Model: reply.model, Refused: choice.Reason == "content_filter"}
	if out.Text, err = choice.answered(); err != nil {
		return collect.Answer{}, fmt.Errorf("openai: %s: %w", path, err)
	}
	if m := choice.Message; m != nil && m.Refusal != "" {
		out.Refused = true
		if out.Text == "" {
			out.Text = m.Refusal
		}
	}
	if c.leaks(out.Text) || c.leaks(out.Model) {
		return collect.Answer{}, errors.New("openai: the answer repeats the API key and is not kept")
	}
	return out, nil
}

// prompted is the request for an answer.
func (c *Client) prompted(prompt string) (path string, fields map[string]any) {
	a := &c.cfg.Answers
	fields = maps.Clone(a.Extra)
	if fields == nil {
		fields = map[string]any{}
	}
	fields["model"] = c.cfg.Model
	set(fields, "temperature", a.Temperature)
	set(fields, "top_p", a.TopP)
	set(fields, "seed", a.Seed)
	if a.MaxTokens > 0 {
		fields["max_tokens"] = a.MaxTokens
	}
	if a.MaxCompletionTokens > 0 {
		fields["max_completion_tokens"] = a.MaxCompletionTokens
	}
	if len(a.Stop) > 0 {
		fields["stop"] = a.Stop
	}
	if a.API == Completions {
		fields["prompt"] = prompt
		return "/completions", fields
	}
	fields["messages"] = messages(a.System, prompt)
	return "/chat/completions", fields
}

func set[T any](fields map[string]any, name string, v *T) {
	if v != nil {
		fields[name] = *v
	}
}

// A message is one of a chat.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
	Prefix  bool   `json:"prefix,omitempty"`
}

func messages(system, user string) []message {
	var out []message
	if system != "" {
		out = append(out, message{Role: "system", Content: system})
	}
	return append(out, message{Role: "user", Content: user})
}

// A reply is what a server answered, of either API.
type reply struct {
	model   string
	choices []choice
}

// A choice is one answer of a reply.
type choice struct {
	Index   int     `json:"index"`
	Reason  string  `json:"finish_reason"`
	Text    *string `json:"text"` // completions
	Message *struct {
		Content   json.RawMessage `json:"content"`
		Refusal   string          `json:"refusal"`
		ToolCalls calls           `json:"tool_calls"`
	} `json:"message"` // chat
	LogProbs       *logProbs                    `json:"logprobs"`
	TokenIDs       []int64                      `json:"token_ids"`        // vLLM, SGLang
	PromptTokenIDs []int64                      `json:"prompt_token_ids"` // vLLM, SGLang
	PromptLogProbs []map[string]promptCandidate `json:"prompt_logprobs"`  // vLLM
}

// calls are those of tools; what is no list of objects calls none.
type calls []map[string]any

func (c *calls) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var all []map[string]any
	if d.Decode(&all) == nil {
		*c = all
	}
	return nil
}

// said is the text of a choice.
func (ch *choice) said() (string, error) {
	switch {
	case ch.Message == nil && ch.Text == nil:
		return "", errors.New("answer has neither a text nor a message")
	case ch.Message == nil:
		return *ch.Text, nil
	}
	return content(ch.Message.Content)
}

// answered is what said returns, and of a message that calls tools the message as
// JSON, which tests of the order of calls read.
func (ch *choice) answered() (string, error) {
	text, err := ch.said()
	if err != nil || ch.Message == nil || len(ch.Message.ToolCalls) == 0 {
		return text, err
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(struct {
		Role      string `json:"role"`
		Content   string `json:"content"`
		ToolCalls calls  `json:"tool_calls"`
	}{"assistant", text, ch.Message.ToolCalls})
	return strings.TrimSuffix(b.String(), "\n"), err
}

// content is the text in the content of a message: a string, nothing, or parts of
// which the texts are joined.
func content(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", errors.New("content of the message is neither text nor a list of parts")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type == "text" {
			b.WriteString(p.Text)
		}
	}
	return b.String(), nil
}

// A response is a reply on the wire.
type response struct {
	Model       string          `json:"model"`
	Fingerprint string          `json:"system_fingerprint"`
	Choices     []choice        `json:"choices"`
	Error       json.RawMessage `json:"error"`
}

// parse reads a reply that must have n choices, in the order of the prompts.
// llama.cpp answers several prompts with a list of replies.
func (c *Client) parse(path string, data []byte, n int) (reply, error) {
	var all []response
	list := bytes.HasPrefix(bytes.TrimSpace(data), []byte("["))
	var err error
	if list {
		err = json.Unmarshal(data, &all)
	} else {
		all = make([]response, 1)
		err = json.Unmarshal(data, &all[0])
	}
	if err != nil {
		return reply{}, c.hidden(fmt.Errorf("openai: %s: answer: %w", path, err))
	}
	var out reply
	var models []string
	for _, r := range all {
		if len(r.Choices) == 0 && len(r.Error) > 0 && string(r.Error) != "null" {
			said, _ := c.message(data)
			return reply{}, fmt.Errorf("openai: %s: the server reports an error in place of an answer%s", path, said)
		}
		name := strings.TrimSpace(r.Model + " " + r.Fingerprint)
		if !slices.Contains(models, name) {
			models = append(models, name)
		}
		out.choices = append(out.choices, r.Choices...)
	}
	out.model = strings.Join(models, ", ")
	if len(out.choices) != n {
		return reply{}, fmt.Errorf("openai: %s: answer has %d choices, want %d", path, len(out.choices), n)
	}
	if !list {
		slices.SortStableFunc(out.choices, func(a, b choice) int { return a.Index - b.Index })
	}
	for i, ch := range out.choices {
		if !list && ch.Index != i {
			return reply{}, fmt.Errorf("openai: %s: answer has no choice with index %d of %d", path, i, n)
		}
		if ch.Reason == "abort" || ch.Reason == "error" {
			return reply{}, fmt.Errorf("openai: %s: the server gave up within the answer (finish_reason %q)", path, ch.Reason)
		}
	}
	return out, nil
}
