package engine

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testChat(t testing.TB, template string) *chat {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "chat", template+".jinja"))
	require.NoError(t, err)
	c, err := newChat(string(source), "<s>", "</s>")
	require.NoError(t, err)
	return c
}

func TestChatIsRenderedAsByTransformers(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "chat", "vectors.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	n := 0
	for in := bufio.NewScanner(f); in.Scan(); n++ {
		var v struct {
			Template, Name, Want string
			Messages             []map[string]any
			Tools                []json.RawMessage
		}
		require.NoError(t, json.Unmarshal(in.Bytes(), &v))
		tools := make([]any, len(v.Tools))
		for i := range tools {
			tools[i] = v.Tools[i]
		}
		got, err := testChat(t, v.Template).render(v.Messages, tools)
		if assert.NoError(t, err, "%s, %s", v.Template, v.Name) {
			assert.Equal(t, v.Want, got, "%s, %s, %d tools", v.Template, v.Name, len(tools))
		}
	}
	assert.Equal(t, 22, n)
}

func TestBadChats(t *testing.T) {
	user := []map[string]any{{"role": "user", "content": "Hello"}}
	tool := []any{map[string]any{"type": "function", "function": map[string]any{"name": "f"}}}
	call := map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{}, map[string]any{}}}
	for _, c := range []struct {
		template string
		messages []map[string]any
		tools    []any
		want     string
	}{
		{"smollm2", nil, nil, "no messages"},
		{"smollm2", user, tool, "1 tools, but the chat template of this model knows none"},
		{"smollm2", []map[string]any{{"content": "x"}}, nil, "message 0: role is <nil>, want a text"},
		{"smollm2", []map[string]any{{"role": "user", "content": 7.0}}, nil, "content is a float64"},
		{"smollm2", []map[string]any{{"role": "user", "content": []any{map[string]any{"type": "image_url"}}}}, nil, `part 0 of the content is of type image_url, want "text"`},
		{"smollm2", []map[string]any{{"role": "user", "name": struct{}{}}}, nil, "name: a value is a struct {}"},
		{"qwen2.5", user, []any{json.RawMessage("{")}, "tool 0: EOF"},
		{"qwen2.5", user, []any{make(chan int)}, "tool 0: a value is a chan int"},
		{"llama3.1", append(user[:1:1], call), nil, "This model only supports single tool-calls at once!"},
	} {
		_, err := testChat(t, c.template).render(c.messages, c.tools)
		assert.ErrorIs(t, err, ErrRequest)
		assert.ErrorContains(t, err, c.want)
	}
	parts, err := testChat(t, "smollm2").render([]map[string]any{{"role": "system", "content": []any{
		map[string]any{"type": "text", "text": "a"}, map[string]any{"type": "text", "text": "b"},
	}}}, nil)
	require.NoError(t, err)
	assert.Equal(t, "<|im_start|>system\nab<|im_end|>\n<|im_start|>assistant\n", parts)

	_, err = newChat("{% if %}", "", "")
	assert.ErrorContains(t, err, "chat template: ")
	for _, source := range []string{"{{ messages[9].content.x.y }}", "{{ 1 // 0 }}", "{{ messages | nosuch }}", "{{ range(1, 2, 0) }}"} {
		c, err := newChat(source, "", "")
		if err == nil {
			_, err = c.render(user, nil)
			if err != nil {
				assert.ErrorIs(t, err, ErrRequest, source)
			}
		}
	}
}

func FuzzChat(f *testing.F) {
	f.Add(`[{"role": "user", "content": "x"}]`, `[{"a": [1, 2.5, {"b": null}]}]`)
	f.Add(`[{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\": 1}"}}]}]`, `[]`)
	f.Add(`[{"role": "tool", "content": [{"type": "text", "text": "y"}]}]`, `[1]`)
	chats := []*chat{testChat(f, "smollm2"), testChat(f, "qwen2.5"), testChat(f, "llama3.1")}
	f.Fuzz(func(t *testing.T, messages, tools string) {
		var m []map[string]any
		var raw []json.RawMessage
		if json.Unmarshal([]byte(messages), &m) != nil || json.Unmarshal([]byte(tools), &raw) != nil {
			return
		}
		offered := make([]any, len(raw))
		for i := range raw {
			offered[i] = raw[i]
		}
		for _, c := range chats {
			if _, err := c.render(m, offered); err != nil {
				assert.ErrorIs(t, err, ErrRequest)
			}
		}
	})
}
