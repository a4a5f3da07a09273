package canary

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// eachCalls calls f for the parallel calls of every message in text.
func eachCalls(text []byte, f func([]call)) error {
	if !json.Valid(text) {
		return errors.New("canary: message is no JSON")
	}
	top, err := members(text, 0)
	if err != nil {
		return err
	}
	messages := []map[string]span{top}
	if choices, ok := top["choices"]; ok {
		list, err := elements(text, choices)
		if err != nil {
			return err
		}
		for _, e := range list {
			choice, err := members(text[:e.end], e.begin)
			if err != nil {
				return err
			}
			if m, ok := choice["message"]; ok {
				message, err := members(text[:m.end], m.begin)
				if err != nil {
					return err
				}
				messages = append(messages, message)
			}
		}
	}
	for _, m := range messages {
		for _, key := range []string{"tool_calls", "content"} {
			at, ok := m[key]
			if !ok || text[at.begin] != '[' {
				continue
			}
			list, err := elements(text, at)
			if err != nil {
				return err
			}
			calls, err := callsAmong(text, list)
			if err != nil {
				return err
			}
			f(calls)
		}
	}
	return nil
}

// callsAmong returns the calls among the elements of a list. It returns none if
// one of them has an index, or if something else stands between two of them: it
// may speak of the next call.
func callsAmong(text []byte, list []span) ([]call, error) {
	var calls []call
	last := 0
	for i, e := range list {
		var c struct {
			Type     string          `json:"type"`
			Name     string          `json:"name"`
			Index    json.RawMessage `json:"index"`
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		}
		if text[e.begin] != '{' {
			continue
		}
		if err := json.Unmarshal(text[e.begin:e.end], &c); err != nil {
			return nil, fmt.Errorf("canary: tool call: %w", err)
		}
		if c.Index != nil {
			return nil, nil
		}
		switch c.Type {
		case "function":
			calls = append(calls, call{c.Function.Name, e.begin, e.end})
		case "tool_use":
			calls = append(calls, call{c.Name, e.begin, e.end})
		default:
			continue
		}
		if len(calls) > 1 && i > last+1 {
			return nil, nil
		}
		last = i
	}
	return calls, nil
}

// A span is the bytes [begin, end) of a text that hold one value of JSON.
type span struct{ begin, end int }

// members returns where the values of an object's members are. Text is valid
// JSON from begin on.
func members(text []byte, begin int) (map[string]span, error) {
	d := json.NewDecoder(bytes.NewReader(text[begin:]))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("canary: message is no object of JSON")
	}
	out := map[string]span{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("canary: message: %w", err)
		}
		at, err := value(d, begin)
		if err != nil {
			return nil, err
		}
		if _, twice := out[key.(string)]; twice {
			return nil, fmt.Errorf("canary: message has %q twice", key)
		}
		out[key.(string)] = at
	}
	return out, nil
}

func elements(text []byte, at span) (out []span, err error) {
	d := json.NewDecoder(bytes.NewReader(text[at.begin:at.end]))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("canary: message has no list of JSON where one is wanted")
	}
	for d.More() {
		e, err := value(d, at.begin)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func value(d *json.Decoder, base int) (span, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return span{}, fmt.Errorf("canary: message: %w", err)
	}
	end := base + int(d.InputOffset())
	return span{end - len(raw), end}, nil
}
