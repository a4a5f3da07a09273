package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

const toolBody = `{"model":"m","stream":%v,"messages":[{"role":"user","content":"Compare."}],"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}]}`

var toolRequest = canary.Request{Prompt: "Compare.", Tools: true}

// A toolset is calls with arguments that decoding and encoding would change.
func toolset(names ...string) (calls []receivedCall) {
	for i, n := range names {
		calls = append(calls, receivedCall{fmt.Sprintf("call_%d", i), n, fmt.Sprintf(`{"b": %d.50,  "a":"for example \u00e9\/ 🦄","n":1e400}`, i)})
	}
	return calls
}

// toolStream writes calls as OpenAI streams them, in one chunk each as vLLM does,
// or all in the chunk that ends.
func toolStream(form string, before string, calls []receivedCall) string {
	var b strings.Builder
	event := func(delta, finish string) {
		fmt.Fprintf(&b, "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":null,\"finish_reason\":%s}],\"usage\":null}\n\n", delta, finish)
	}
	if before != "" {
		event(fmt.Sprintf(`{"role":"assistant","content":%s}`, quoted(before)), "null")
	}
	entry := func(i int, c receivedCall, arguments string) string {
		return fmt.Sprintf(`{"index":%d,"id":%q,"type":"function","function":{"name":%q,"arguments":%s}}`, i, c.ID, c.Name, quoted(arguments))
	}
	var all []string
	for i, c := range calls {
		switch form {
		case "OpenAI":
			event(`{"tool_calls":[`+entry(i, c, "")+`]}`, "null")
			for _, p := range pieces(rand.New(rand.NewPCG(uint64(i), 1)), 9, c.Arguments) {
				event(fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, i, quoted(p)), "null")
			}
		case "vLLM":
			event(`{"tool_calls":[`+entry(i, c, c.Arguments)+`]}`, "null")
		default:
			all = append(all, entry(i, c, c.Arguments))
		}
	}
	if form == "all at once" {
		event(`{"role":"assistant","content":null,"tool_calls":[`+strings.Join(all, ", ")+`]}`, `"tool_calls"`)
	} else {
		event(`{}`, `"tool_calls"`)
	}
	b.WriteString("data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\ndata: [DONE]\n\n")
	return b.String()
}

func (s *stack) ordered(t *testing.T, r canary.Request, calls []receivedCall) []receivedCall {
	of, err := s.proxy.garden.Vendor.Plot("")
	require.NoError(t, err)
	var names []string
	for _, c := range calls {
		names = append(names, c.Name)
	}
	perm, _ := of.Choices.Order(r, names)
	out := make([]receivedCall, len(calls))
	for i, k := range perm {
		out[i] = calls[k]
	}
	return out
}

// Streamed calls come in the order of Choices.Order, whole and with every byte of
// their arguments, whatever the form.
func TestStreamedCalls(t *testing.T) {
	var stream string
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		in(w, uint64(len(stream)), 50, []byte(stream))
	}, nil)
	moved := 0
	for i, names := range [][]string{{"search", "lookup"}, {"lookup", "search"}, {"d", "c", "b", "a"}, {"a", "b", "a", "c"}, {"one"}, {"same", "same"}, {"z", "write_file", "a"}, {"weather", "calendar", "mail"}} {
		for _, form := range []string{"OpenAI", "vLLM", "all at once"} {
			calls := toolset(names...)
			before := []string{"", "Maybe I look that up."}[i%2]
			stream = toolStream(form, before, calls)
			_, raw := s.post(t, "/v1/chat/completions", fmt.Sprintf(toolBody, true))
			got := receive(t, bytes.NewReader(raw))
			want := s.ordered(t, toolRequest, calls)
			require.Equal(t, want, got.calls[0], "%s %v", form, names)
			assert.Equal(t, s.planted(t, "", toolRequest, before), got.text[0])
			assert.Equal(t, "tool_calls", got.finish[0])
			assert.JSONEq(t, `{"total_tokens":3}`, string(got.usage))
			assert.True(t, got.done)
			if fmt.Sprint(want) == fmt.Sprint(calls) {
				if before == "" {
					assert.Equal(t, stream, string(raw), "an order that stays")
				}
				continue
			}
			moved++
			text := s.planted(t, "", toolRequest, before)
			for _, c := range want {
				text += "\x00" + c.Name + "\x00" + c.Arguments
			}
			s.sawOutput(t, text)
		}
	}
	assert.GreaterOrEqual(t, moved, 6)
}

// Two choices with calls at once, each ordered by itself, between texts.
func TestStreamedCallsOfTwoChoices(t *testing.T) {
	one, two := toolset("d", "c", "b", "a"), toolset("m", "z", "k")
	var b strings.Builder
	for i := range 4 {
		fmt.Fprintf(&b, "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":%q,\"function\":{\"name\":%q,\"arguments\":%s}}]}}", i, one[i].ID, one[i].Name, quoted(one[i].Arguments))
		if i < 3 {
			fmt.Fprintf(&b, ",{\"index\":1,\"delta\":{\"content\":\"Maybe. \",\"tool_calls\":[{\"function\":{\"arguments\":%s,\"name\":%q},\"id\":%q,\"index\":%d}]}}", quoted(two[i].Arguments), two[i].Name, two[i].ID, i)
		}
		b.WriteString("]}\n\n: ping\n\n")
	}
	b.WriteString("data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n")
	s := start(t, reply("text/event-stream", b.String), nil)
	_, raw := s.post(t, "/v1/chat/completions", fmt.Sprintf(toolBody, true))
	got := receive(t, bytes.NewReader(raw))
	assert.Equal(t, s.ordered(t, toolRequest, one), got.calls[0])
	assert.Equal(t, s.ordered(t, toolRequest, two), got.calls[1])
	assert.NotEqual(t, one, got.calls[0])
	assert.Equal(t, s.planted(t, "", toolRequest, "Maybe. Maybe. Maybe. "), got.text[1])
	assert.Equal(t, 4, got.comment)
}

// Calls of a form that clients put together in other ways stay as they are.
func TestOddCalls(t *testing.T) {
	var stream string
	s := start(t, reply("text/event-stream", func() string { return stream }), nil)
	call := func(fields string) string {
		return `data: {"choices":[{"index":0,"delta":{"tool_calls":[{` + fields + `}]}}]}` + "\n\n"
	}
	end := "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"
	for name, odd := range map[string]string{
		"no index":    call(`"id":"1","function":{"name":"d","arguments":"{}"}`) + call(`"id":"2","function":{"name":"c","arguments":"{}"}`) + end,
		"one index":   call(`"index":0,"id":"1","function":{"name":"d","arguments":"{}"}`) + call(`"index":0,"id":"2","function":{"name":"c","arguments":"{}"}`) + end,
		"two ids":     call(`"index":0,"id":"1","function":{"name":"d","arguments":"{}"}`) + call(`"index":1,"id":"2","function":{"name":"c","arguments":"{}"}`) + call(`"index":1,"id":"3","function":{"name":"c","arguments":"{}"}`) + end,
		"from 1":      call(`"index":1,"id":"1","function":{"name":"d","arguments":"{}"}`) + call(`"index":2,"id":"2","function":{"name":"c","arguments":"{}"}`) + end,
		"no name":     call(`"index":0,"id":"1","function":{"name":"d","arguments":"{}"}`) + call(`"index":1,"id":"2","function":{"arguments":"{}"}`) + end,
		"two names":   call(`"index":0,"id":"1","function":{"name":"d"}`) + call(`"index":0,"function":{"name":"e"}`) + call(`"index":1,"id":"2","function":{"name":"c"}`) + end,
		"broken off":  call(`"index":0,"id":"1","function":{"name":"c","arguments":"{}"}`),
		"very long":   call(`"index":0,"id":"1","function":{"name":"d","arguments":"`+strings.Repeat("x", maxEvent/2)+`"}`) + call(`"index":1,"id":"2","function":{"name":"c","arguments":"`+strings.Repeat("x", maxEvent/2)+`"}`) + end,
		"not ordered": call(`"index":0,"id":"1","function":{"name":"write_file","arguments":"{}"}`) + call(`"index":1,"id":"2","function":{"name":"c","arguments":"{}"}`) + end,
	} {
		stream = odd
		_, raw := s.post(t, "/v1/chat/completions", fmt.Sprintf(toolBody, true))
		require.Equal(t, stream, string(raw), name)
	}
}

// Calls that are not streamed move with all their bytes, and an index stays.
func TestWholeCalls(t *testing.T) {
	var chat string
	s := start(t, reply("application/json", func() string { return chat }), nil)
	for _, indexed := range []bool{false, true} {
		moved := 0
		for _, names := range [][]string{{"d", "c", "b", "a"}, {"weather", "calendar", "mail"}, {"a", "b", "a", "c"}, {"same", "same"}, {"z", "write_file", "a"}} {
			calls := toolset(names...)
			write := func(calls []receivedCall) string {
				var list []string
				for i, c := range calls {
					index := ""
					if indexed {
						index = fmt.Sprintf(`"index": %d, `, i)
					}
					list = append(list, fmt.Sprintf(`{ %s"id":%q, "type":"function","function":{"arguments":%s,  "name":%q} }`, index, c.ID, quoted(c.Arguments), c.Name))
				}
				return `{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[ ` + strings.Join(list, " ,\n ") + `]},"finish_reason":"tool_calls"}]}`
			}
			chat = write(calls)
			resp, raw := s.post(t, "/v1/chat/completions", fmt.Sprintf(toolBody, false))
			require.Equal(t, write(s.ordered(t, toolRequest, calls)), string(raw))
			require.True(t, json.Valid(raw))
			if write(calls) != string(raw) {
				moved++
				assert.Contains(t, resp.Header.Get(headerName), "planted;units=")
			}
			if !indexed { // the library's own way with a whole message
				of, err := s.proxy.garden.Vendor.Plot("")
				require.NoError(t, err)
				want, _, err := of.Choices.OrderTools(toolRequest, []byte(write(calls)))
				require.NoError(t, err)
				assert.Equal(t, string(want), string(raw))
			}
		}
		assert.GreaterOrEqual(t, moved, 2)
	}
}
