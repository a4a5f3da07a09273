package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A dialect is how the models of a family write calls of tools.
type dialect struct {
	open, close string // around a call, or around a list of them
	arguments   string // what the member with the arguments is called
	// bare says that an answer that begins as a call is one, since the mark before
	// it is a token that has no text.
	bare bool
	// taught says that the template says nothing of tools, and the system message
	// has to.
	taught bool
}

// dialectOf tells the dialect from the model's chat template.
func dialectOf(template string) dialect {
	switch {
	case strings.Contains(template, "<tool_call>"): // Qwen, Hermes, SmolLM3
		return dialect{open: "<tool_call>", close: "</tool_call>", arguments: "arguments"}
	case strings.Contains(template, "[TOOL_CALLS]"): // Mistral
		return dialect{open: "[TOOL_CALLS]", arguments: "arguments", bare: true}
	case strings.Contains(template, "<|python_tag|>"), strings.Contains(template, "ipython"): // Llama 3
		return dialect{open: "<|python_tag|>", arguments: "parameters", bare: true}
	}
	return dialect{open: "<tool_call>", close: "</tool_call>", arguments: "arguments", taught: !strings.Contains(template, "tools")}
}

// A toolbox is what tools a request offers.
type toolbox struct {
	dialect dialect
	tools   []wireTool
	one     bool // at most one call
	forced  bool // an answer is calls and nothing else
}

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// readTools reads which tools are offered, nil if none are, and the grammar that
// makes the model call one.
func readTools(w *wireRequest, d dialect) (box *toolbox, grammar string, err error) {
	var choice string
	var named struct {
		Type     string
		Function struct{ Name string }
	}
	switch raw := w.ToolChoice; {
	case len(raw) == 0 || string(raw) == "null":
		choice = "auto"
	case json.Unmarshal(raw, &choice) == nil:
		if !slices.Contains([]string{"none", "auto", "required"}, choice) {
			return nil, "", invalid("tool_choice", "'tool_choice' is '%s', want 'none', 'auto', 'required' or a function.", brief(choice))
		}
	case json.Unmarshal(raw, &named) == nil && named.Type == "function" && named.Function.Name != "":
		choice = "named"
	default:
		return nil, "", invalid("tool_choice", "'tool_choice' is neither a word nor a function.")
	}
	for i, t := range w.Tools {
		param := fmt.Sprintf("tools[%d]", i)
		if t.Type != "function" {
			return nil, "", invalid(param+".type", "'%s.type' is '%s', want 'function'.", param, brief(t.Type))
		}
		if !toolName.MatchString(t.Function.Name) {
			return nil, "", invalid(param+".function.name", "'%s.function.name' is '%s', want 1 to 64 of the letters a to z, digits, '_', '.' and '-'.", param, brief(t.Function.Name))
		}
	}
	if len(w.Tools) == 0 {
		if choice == "required" || choice == "named" {
			return nil, "", invalid("tool_choice", "'tool_choice' is set and there are no 'tools'.")
		}
		return nil, "", nil
	}
	if choice == "none" {
		return nil, "", nil
	}
	box = &toolbox{dialect: d, tools: w.Tools, one: w.ParallelToolCalls != nil && !*w.ParallelToolCalls, forced: choice != "auto"}
	if !box.forced {
		return box, "", nil
	}
	callable := w.Tools
	if choice == "named" {
		i := slices.IndexFunc(w.Tools, func(t wireTool) bool { return t.Function.Name == named.Function.Name })
		if i < 0 {
			return nil, "", invalid("tool_choice", "'tool_choice' names '%s', which is not in 'tools'.", brief(named.Function.Name))
		}
		callable, box.one = w.Tools[i:i+1], true
	}
	grammar, err = box.grammar(callable)
	return box, grammar, err
}

// introduce returns what the template is given: the tools, or where it says nothing
// of tools a system message that does.
func (b *toolbox) introduce(messages []map[string]any) ([]map[string]any, []any) {
	var all []any
	var lines strings.Builder
	for _, t := range b.tools {
		line, _ := json.Marshal(t) // of strings and valid JSON
		var one any
		_ = json.Unmarshal(line, &one)
		all = append(all, one)
		lines.Write(append(line, '\n'))
	}
	if !b.dialect.taught {
		return messages, all
	}
	text := "You may call one or more functions to assist with the user query. Their signatures are within <tools></tools>:\n<tools>\n" + lines.String() +
		"</tools>\n\nFor each function call, return a JSON object with its name and arguments within <tool_call></tool_call>:\n" +
		"<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>"
	out := []map[string]any{{"role": "system", "content": text}}
	for i, m := range messages {
		switch calls, _ := m["tool_calls"].([]any); {
		case i == 0 && m["role"] == "system":
			out[0]["content"] = fmt.Sprint(m["content"], "\n\n", text)
		case m["role"] == "tool":
			out = append(out, map[string]any{"role": "user", "content": fmt.Sprintf("<tool_response>\n%v\n</tool_response>", m["content"])})
		case len(calls) > 0:
			content := fmt.Sprint(m["content"])
			for _, c := range calls {
				line, _ := json.Marshal(c.(map[string]any)["function"])
				content += "\n<tool_call>\n" + string(line) + "\n</tool_call>"
			}
			out = append(out, map[string]any{"role": "assistant", "content": strings.TrimSpace(content)})
		default:
			out = append(out, m)
		}
	}
	return out, nil
}

// A call is one call of a tool.
type call struct {
	name      string
	arguments []byte // a JSON object, in the model's own bytes
}

// A caller takes calls of tools out of an answer's text. What it gives away is text
// that is in no call; the rest waits until the end.
type caller struct {
	box  *toolbox
	held []byte
	from int // how much of held is behind the first mark of a call, −1: there was none
	said bool
}

func newCaller(b *toolbox) *caller { return &caller{box: b, from: -1} }

// write takes text and returns what can be given away.
func (c *caller) write(text []byte) []byte {
	c.held = append(c.held, text...)
	if c.from >= 0 || c.waits() {
		return nil
	}
	d := c.box.dialect
	if i := strings.Index(string(c.held), d.open); i >= 0 {
		c.from = i
		return c.give(i)
	}
	return c.give(len(c.held) - begun(c.held, d.open))
}

// waits reports whether the answer began as a call does.
func (c *caller) waits() bool {
	if c.said || !c.box.dialect.bare && !c.box.forced {
		return false
	}
	text := strings.TrimLeft(string(c.held), " \n")
	return text == "" || text[0] == '{' || text[0] == '['
}

func (c *caller) give(n int) []byte {
	out := c.held[:n:n]
	c.held = c.held[n:]
	if c.from >= 0 {
		c.from = 0
	}
	c.said = c.said || strings.TrimSpace(string(out)) != ""
	return out
}

// end returns the calls, or if what was held is none, that as text.
func (c *caller) end() (calls []call, text []byte) {
	if len(c.held) == 0 {
		return nil, nil
	}
	if calls, ok := c.box.parse(string(c.held)); ok {
		return calls, nil
	}
	return nil, c.held
}

// parse reads calls: marks around each or around a list of them, with white space
// between.
func (b *toolbox) parse(text string) (calls []call, ok bool) {
	d := b.dialect
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		opened := false
		if rest, opened = strings.CutPrefix(rest, d.open); !opened && !d.bare && !b.forced {
			return nil, false
		}
		body := rest
		if d.close != "" && opened {
			var closed bool
			if body, rest, closed = strings.Cut(rest, d.close); !closed {
				return nil, false
			}
		} else {
			rest = ""
		}
		in := json.NewDecoder(strings.NewReader(body))
		for more := false; in.More(); more = true {
			var raw json.RawMessage
			if in.Decode(&raw) != nil {
				return nil, false
			}
			some, good := b.read(raw)
			if !good || more && d.close != "" {
				return nil, false
			}
			calls = append(calls, some...)
			// Llama 3 writes a semicolon between calls.
			if left := strings.TrimSpace(body[in.InputOffset():]); strings.HasPrefix(left, ";") {
				body = left[1:]
				in = json.NewDecoder(strings.NewReader(body))
			}
		}
	}
	if b.one && len(calls) > 1 {
		calls = calls[:1]
	}
	return calls, len(calls) > 0
}

// read reads one call or a list of them.
func (b *toolbox) read(raw json.RawMessage) (calls []call, ok bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	for _, one := range list {
		var members map[string]json.RawMessage
		var name string
		if json.Unmarshal(one, &members) != nil || json.Unmarshal(members["name"], &name) != nil {
			return nil, false
		}
		arguments := members[b.dialect.arguments]
		if arguments == nil {
			arguments = []byte("{}")
		}
		known := slices.ContainsFunc(b.tools, func(t wireTool) bool { return t.Function.Name == name })
		if !known || arguments[0] != '{' {
			return nil, false
		}
		calls = append(calls, call{name, arguments})
	}
	return calls, true
}

// callBodies are calls as the API has them, in streams with an index.
func callBodies(calls []call, stream bool) []wireCall {
	var out []wireCall
	for i, k := range calls {
		b := wireCall{ID: newCallID(), Type: "function"}
		b.Function.Name, b.Function.Arguments = k.name, string(k.arguments)
		if stream {
			b.Index = ptr(i)
		}
		out = append(out, b)
	}
	return out
}

func newCallID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return "call_" + hex.EncodeToString(b[:])
}
