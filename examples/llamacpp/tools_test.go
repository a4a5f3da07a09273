package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var dialects = map[string]dialect{
	"hermes":  dialectOf("{% if tools %}<tool_call>{% endif %}"),
	"mistral": dialectOf("{{ tools }}[TOOL_CALLS]"),
	"llama":   dialectOf("{{ tools }}<|python_tag|>"),
	"none":    dialectOf("{{ messages }}"),
}

func offered(t testing.TB, d dialect, choice string, names ...string) (*toolbox, string) {
	t.Helper()
	w := &wireRequest{ToolChoice: json.RawMessage(choice)}
	for _, n := range names {
		one := wireTool{Type: "function"}
		one.Function.Name = n
		one.Function.Parameters = json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}`)
		w.Tools = append(w.Tools, one)
	}
	box, grammar, err := readTools(w, d)
	require.NoError(t, err)
	return box, grammar
}

func TestDialects(t *testing.T) {
	assert.Equal(t, "parameters", dialects["llama"].arguments)
	assert.True(t, dialects["none"].taught)
	assert.False(t, dialects["hermes"].taught)
	assert.True(t, dialects["mistral"].bare)
}

// Calls are read back, whatever their family writes around them, however the text
// comes; text in which there is none stays as it is.
func TestCalls(t *testing.T) {
	for _, c := range []struct {
		dialect, text, content string
		want                   []call
	}{
		{"hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Åb\"}}\n</tool_call>", "", []call{{"weather", []byte(`{"city": "Åb"}`)}}},
		{"hermes", "I look.\n<tool_call>{\"name\":\"weather\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"time\"}</tool_call>\n", "I look.\n", []call{{"weather", []byte("{}")}, {"time", []byte("{}")}}},
		{"hermes", `<tool_call>[{"name":"weather","arguments":{"a":1}},{"name":"time","arguments":{}}]</tool_call>`, "", []call{{"weather", []byte(`{"a":1}`)}, {"time", []byte("{}")}}},
		{"hermes", "No <tool> here.", "No <tool> here.", nil},
		{"hermes", `<tool_call>{"name":"unknown","arguments":{}}</tool_call>`, `<tool_call>{"name":"unknown","arguments":{}}</tool_call>`, nil},
		{"hermes", `<tool_call>{"name":"weather","arguments":{}`, `<tool_call>{"name":"weather","arguments":{}`, nil},
		{"hermes", `<tool_call>{"name":"weather","arguments":"city"}</tool_call>`, `<tool_call>{"name":"weather","arguments":"city"}</tool_call>`, nil},
		{"hermes", `<tool_call></tool_call>`, `<tool_call></tool_call>`, nil},
		{"hermes", `{"name":"weather"}`, `{"name":"weather"}`, nil},
		{"mistral", `[{"name":"weather","arguments":{"city":"x"}},{"name":"time","arguments":{}}]`, "", []call{{"weather", []byte(`{"city":"x"}`)}, {"time", []byte("{}")}}},
		{"mistral", `[TOOL_CALLS] [{"name":"weather","arguments":{}}]`, "", []call{{"weather", []byte("{}")}}},
		{"mistral", `[1] is a citation`, `[1] is a citation`, nil},
		{"llama", `{"name": "weather", "parameters": {"city": "x"}}`, "", []call{{"weather", []byte(`{"city": "x"}`)}}},
		{"llama", `{"name": "weather", "parameters": {}}; {"name": "time", "parameters": {}}`, "", []call{{"weather", []byte("{}")}, {"time", []byte("{}")}}},
		{"llama", `{"a": 1} is JSON`, `{"a": 1} is JSON`, nil},
		{"none", `<tool_call>{"name":"time","arguments":{}}</tool_call>`, "", []call{{"time", []byte("{}")}}},
	} {
		box, grammar := offered(t, dialects[c.dialect], "", "weather", "time")
		assert.Empty(t, grammar)
		for cut := range len(c.text) + 1 {
			k := newCaller(box)
			content := string(k.write([]byte(c.text[:cut]))) + string(k.write([]byte(c.text[cut:])))
			calls, rest := k.end()
			require.Equal(t, c.content, content+string(rest), "%s cut at %d", c.text, cut)
			require.Equal(t, c.want, calls, "%s cut at %d", c.text, cut)
		}
	}
}

// Text before a call is not held back.
func TestCallerHolds(t *testing.T) {
	box, _ := offered(t, dialects["hermes"], "", "weather")
	k := newCaller(box)
	assert.Equal(t, "I look", string(k.write([]byte("I look"))))
	assert.Equal(t, " ", string(k.write([]byte(" <tool_"))))
	assert.Equal(t, "<tool_x", string(k.write([]byte("x"))))
	assert.Empty(t, k.write([]byte("<tool_call>{")))
	assert.Empty(t, k.write([]byte("more")))
}

func TestToolChoice(t *testing.T) {
	box, _ := offered(t, dialects["hermes"], `"none"`, "weather")
	assert.Nil(t, box)
	box, grammar := offered(t, dialects["hermes"], `"required"`, "weather", "time")
	assert.True(t, box.forced)
	for _, want := range []string{`"<tool_call>\n"`, `"{\"name\": \"weather\", \"arguments\": "`, `\"time\"`, "{0,7}", "root ::= "} {
		assert.Contains(t, grammar, want)
	}
	box, grammar = offered(t, dialects["hermes"], `{"type":"function","function":{"name":"time"}}`, "weather", "time")
	assert.True(t, box.one)
	assert.NotContains(t, grammar, "weather")
	for choice, want := range map[string]string{
		`"always"`: "want 'none', 'auto', 'required' or a function", `{"type":"function","function":{"name":"other"}}`: "which is not in 'tools'", `3`: "neither a word nor a function",
	} {
		w := &wireRequest{ToolChoice: json.RawMessage(choice), Tools: []wireTool{{Type: "function"}}}
		w.Tools[0].Function.Name = "time"
		_, _, err := readTools(w, dialects["hermes"])
		require.Error(t, err)
		assert.Contains(t, err.Error(), want)
	}
	_, _, err := readTools(&wireRequest{ToolChoice: json.RawMessage(`"required"`)}, dialects["hermes"])
	require.ErrorContains(t, err, "there are no 'tools'")
	for _, name := range []string{"", "a b", `a"b`, strings.Repeat("x", 65)} {
		w := &wireRequest{Tools: []wireTool{{Type: "function"}}}
		w.Tools[0].Function.Name = name
		_, _, err := readTools(w, dialects["hermes"])
		require.ErrorContains(t, err, "want 1 to 64 of the letters")
	}
}

// A template that knows no tools gets them in words.
func TestIntroduce(t *testing.T) {
	box, _ := offered(t, dialects["none"], "", "weather")
	messages, tools := box.introduce([]map[string]any{
		{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How is it?"},
		{"role": "assistant", "content": "", "tool_calls": []any{map[string]any{"function": map[string]any{"name": "weather", "arguments": map[string]any{"city": "x"}}}}},
		{"role": "tool", "content": "rain"},
	})
	assert.Nil(t, tools)
	require.Len(t, messages, 4)
	assert.Contains(t, messages[0]["content"], "Be brief.\n\nYou may call")
	assert.Contains(t, messages[0]["content"], `"name":"weather"`)
	assert.Equal(t, "<tool_call>\n{\"arguments\":{\"city\":\"x\"},\"name\":\"weather\"}\n</tool_call>", messages[2]["content"])
	assert.Equal(t, map[string]any{"role": "user", "content": "<tool_response>\nrain\n</tool_response>"}, messages[3])

	box, _ = offered(t, dialects["hermes"], "", "weather")
	messages, tools = box.introduce([]map[string]any{{"role": "user", "content": "x"}})
	assert.Len(t, messages, 1)
	assert.Len(t, tools, 1)
}

// Whatever a model writes, nothing of it is lost: it is text or calls.
func FuzzCalls(f *testing.F) {
	for _, s := range []string{`<tool_call>{"name":"weather","arguments":{}}</tool_call>`, `[TOOL_CALLS][{"name":"time"}]`, `{"name":"time","parameters":{}};{`, "<tool_call><tool_call>", "a<tool_c"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		for _, d := range dialects {
			box, _ := offered(t, d, "", "weather", "time")
			k := newCaller(box)
			n := min(int(cut), len(text))
			content := string(k.write(text[:n])) + string(k.write(text[n:]))
			calls, rest := k.end()
			if len(calls) == 0 {
				require.Equal(t, string(text), content+string(rest))
			}
			for _, c := range calls {
				require.Contains(t, []string{"weather", "time"}, c.name)
				require.True(t, json.Valid(c.arguments))
			}
		}
	})
}
