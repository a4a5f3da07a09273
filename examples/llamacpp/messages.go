package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// mostMessages is how long a conversation may be.
const mostMessages = 4096

// readMessages renders a conversation by the model's template. Where the last
// message is the model's own, the answer goes on from it, as llama.cpp's server has
// it.
func (s *server) readMessages(a *ask, w *wireRequest) error {
	if len(w.Messages) == 0 || len(w.Messages) > mostMessages {
		return invalid("messages", "'messages' has %d messages, want 1 to %d.", len(w.Messages), mostMessages)
	}
	var said []string // by everybody but the model
	var messages []map[string]any
	var begun string
	for i := range w.Messages {
		m := &w.Messages[i]
		param := fmt.Sprintf("messages[%d]", i)
		text, err := m.text(param + ".content")
		if err != nil {
			return err
		}
		switch m.Role {
		case "developer":
			m.Role = "system"
		case "system", "user", "assistant", "tool":
		default:
			return invalid(param+".role", "Invalid value for '%s.role': '%s'. Supported values are 'system', 'developer', 'user', 'assistant' and 'tool'.", param, brief(m.Role))
		}
		if m.Role != "assistant" {
			said = append(said, text)
		} else if text != "" {
			turn, err := s.engine.Tokenize(text, false)
			if err != nil {
				return fmt.Errorf("tokenizer: %w", err)
			}
			if i < len(w.Messages)-1 {
				a.request.Turns = append(a.request.Turns, turn)
			}
		}
		if m.Role == "assistant" && i == len(w.Messages)-1 && len(m.ToolCalls) == 0 && i > 0 {
			begun = text
			continue
		}
		rendered, err := rendering(m, text)
		if err != nil {
			return err.(*failure).of(param)
		}
		messages = append(messages, rendered)
	}
	var tools []any
	if a.tools != nil {
		messages, tools = a.tools.introduce(messages)
	}
	text, err := s.engine.Chat(messages, tools)
	if err != nil {
		return invalid("messages", "The model's chat template refuses these messages: %v", err)
	}
	tokens, err := s.tokenize(text+begun, "messages")
	if err != nil {
		return err
	}
	a.prompts = []prompt{{tokens, strings.Join(said, "\n")}}
	return nil
}

// of says which message a failure is about.
func (f *failure) of(param string) *failure {
	f.Param = ptr(param + "." + *f.Param)
	return f
}

// rendering is a message as templates want it: texts are strings, and arguments of
// calls are objects.
func rendering(m *wireMessage, text string) (map[string]any, error) {
	out := map[string]any{"role": m.Role, "content": text}
	if m.Name != "" {
		out["name"] = m.Name
	}
	if m.ToolCallID != "" {
		out["tool_call_id"] = m.ToolCallID
	}
	var calls []any
	for _, c := range m.ToolCalls {
		var arguments any
		if err := json.Unmarshal([]byte(c.Function.Arguments), &arguments); err != nil {
			return nil, invalid("tool_calls", "The arguments of the call of '%s' are no JSON: %v", brief(c.Function.Name), err)
		}
		calls = append(calls, map[string]any{"id": c.ID, "type": "function", "function": map[string]any{"name": c.Function.Name, "arguments": arguments}})
	}
	if calls != nil {
		out["tool_calls"] = calls
	}
	return out, nil
}

// seeds of the answers to each prompt.
func seedOf(seed uint64, prompt int) uint64 {
	return seed + uint64(prompt)*0x9e3779b97f4a7c15 // 2^64/φ
}

// tokensOf is how many tokens all prompts have.
func tokensOf(prompts []prompt) (n int) {
	for _, p := range prompts {
		n += len(p.tokens)
	}
	return n
}
