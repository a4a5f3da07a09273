package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ardanlabs/jinja"
)

// A chat renders conversations by a model's template.
type chat struct {
	template   *jinja.Template
	begin, end string // texts of the tokens that begin and end a text
}

func newChat(source, begin, end string) (*chat, error) {
	t, err := jinja.Compile(withDumps(source))
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	return &chat{template: t, begin: begin, end: end}, nil
}

// render renders messages, in the form of OpenAI's API, as the template's
// variables are in Hugging Face's transformers. Tools that leave no trace in the
// text are refused: the model would not know of them.
func (c *chat) render(messages []map[string]any, tools []any) (string, error) {
	if len(messages) == 0 {
		return "", fmt.Errorf("%w: no messages, want at least one", ErrRequest)
	}
	list := make([]jinja.Value, len(messages))
	for i, m := range messages {
		v, err := message(m)
		if err != nil {
			return "", fmt.Errorf("%w: message %d: %w", ErrRequest, i, err)
		}
		list[i] = v
	}
	data := map[string]jinja.Value{
		"messages":              jinja.NewList(list),
		"add_generation_prompt": jinja.NewBool(true),
		"bos_token":             jinja.NewString(c.begin),
		"eos_token":             jinja.NewString(c.end),
		dumpsName:               jinja.NewCallable(dumpsName, dumps),
	}
	text, err := c.execute(data)
	if err != nil || len(tools) == 0 {
		return text, err
	}
	offered := make([]jinja.Value, len(tools))
	for i, t := range tools {
		v, err := value(t)
		if err != nil {
			return "", fmt.Errorf("%w: tool %d: %w", ErrRequest, i, err)
		}
		offered[i] = v
	}
	data["tools"] = jinja.NewList(offered)
	with, err := c.execute(data)
	if err == nil && with == text {
		return "", fmt.Errorf("%w: %d tools, but the chat template of this model knows none", ErrRequest, len(tools))
	}
	return with, err
}

func (c *chat) execute(data map[string]jinja.Value) (text string, err error) {
	defer func() {
		if r := recover(); r != nil { // templates come with models: none of them may end the server
			text, err = "", fmt.Errorf("%w: the chat template failed: %v", ErrRequest, r)
		}
	}()
	if text, err = c.template.RenderValues(data); err != nil {
		return "", fmt.Errorf("%w: the chat template refuses the messages: %w", ErrRequest, err)
	}
	return text, nil
}

// message returns a message as templates expect it: content is a text, and the
// arguments of calls are objects rather than texts that hold objects.
func message(m map[string]any) (jinja.Value, error) {
	role, _ := m["role"].(string)
	if role == "" {
		return jinja.None(), fmt.Errorf("role is %v, want a text", m["role"])
	}
	out := jinja.NewDict()
	dict := out.AsDict()
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		switch key {
		case "content":
			continue
		case "tool_calls":
			v = calls(v)
		}
		w, err := value(v)
		if err != nil {
			return jinja.None(), fmt.Errorf("%s: %w", key, err)
		}
		dict.Set(key, w)
	}
	text, err := content(m["content"])
	if err != nil {
		return jinja.None(), err
	}
	dict.Set("content", jinja.NewString(text))
	return out, nil
}

// content joins the parts of a content. None is an empty text.
func content(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []any:
		var b strings.Builder
		for i, p := range v {
			part, _ := p.(map[string]any)
			text, ok := part["text"].(string)
			if kind, _ := part["type"].(string); !ok || kind != "text" {
				return "", fmt.Errorf("part %d of the content is of type %v, want \"text\": this server reads nothing else", i, part["type"])
			}
			b.WriteString(text)
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("content is a %T, want a text or parts", v)
}

// calls parses the arguments of tool calls, which the API has as text.
func calls(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	out := make([]any, len(list))
	for i, c := range list {
		out[i] = c
		call, ok := c.(map[string]any)
		if !ok {
			continue
		}
		function, ok := call["function"].(map[string]any)
		if !ok {
			continue
		}
		text, ok := function["arguments"].(string)
		if !ok || !json.Valid([]byte(text)) || !strings.HasPrefix(strings.TrimSpace(text), "{") {
			continue
		}
		out[i] = with(call, "function", with(function, "arguments", json.RawMessage(text)))
	}
	return out
}

// with returns a copy of an object with one value replaced.
func with(m map[string]any, key string, v any) map[string]any {
	out := maps.Clone(m)
	out[key] = v
	return out
}

// value converts what package json makes, and json.RawMessage, whose keys keep
// their order; whole numbers stay whole, as in Python.
func value(v any) (jinja.Value, error) {
	switch v := v.(type) {
	case json.RawMessage:
		in := json.NewDecoder(bytes.NewReader(v))
		in.UseNumber()
		return parse(in)
	case json.Number:
		return number(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return jinja.NewInt(int64(v)), nil
		}
		return jinja.NewFloat(v), nil
	case nil, bool, string, int, int64:
		return jinja.FromGoValue(v), nil
	case []any:
		items := make([]jinja.Value, len(v))
		for i := range v {
			var err error
			if items[i], err = value(v[i]); err != nil {
				return jinja.None(), err
			}
		}
		return jinja.NewList(items), nil
	case map[string]any:
		out := jinja.NewDict()
		dict := out.AsDict()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			w, err := value(v[k])
			if err != nil {
				return jinja.None(), err
			}
			dict.Set(k, w)
		}
		return out, nil
	}
	return jinja.None(), fmt.Errorf("a value is a %T, want what JSON has", v)
}

func number(n json.Number) jinja.Value {
	if i, err := n.Int64(); err == nil {
		return jinja.NewInt(i)
	}
	f, _ := n.Float64()
	return jinja.NewFloat(f)
}

// parse reads one JSON value with the keys of objects in their order.
func parse(in *json.Decoder) (jinja.Value, error) {
	token, err := in.Token()
	if err != nil {
		return jinja.None(), err
	}
	switch token := token.(type) {
	case json.Number:
		return number(token), nil
	case json.Delim:
		if token == '[' {
			var items []jinja.Value
			for in.More() {
				v, err := parse(in)
				if err != nil {
					return jinja.None(), err
				}
				items = append(items, v)
			}
			_, err := in.Token()
			return jinja.NewList(items), err
		}
		out := jinja.NewDict()
		dict := out.AsDict()
		for in.More() {
			key, err := in.Token()
			if err != nil {
				return jinja.None(), err
			}
			v, err := parse(in)
			if err != nil {
				return jinja.None(), err
			}
			dict.Set(key.(string), v)
		}
		_, err := in.Token()
		return out, err
	}
	return jinja.FromGoValue(token), nil
}
