package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A received answer is what a client puts together, choice by choice.
type received struct {
	text    map[int]string
	finish  map[int]string
	calls   map[int][]receivedCall
	usage   json.RawMessage
	done    bool
	comment int
	events  int
}

type receivedCall struct{ ID, Name, Arguments string }

// receive reads a stream as OpenAI's clients do: line by line, and tool calls by
// their index, which must be the next one or a known one.
func receive(t testing.TB, body io.Reader) received {
	t.Helper()
	got := received{text: map[int]string{}, finish: map[int]string{}, calls: map[int][]receivedCall{}}
	lines := bufio.NewReader(body)
	data := ""
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, ":"):
			got.comment++
		case strings.HasPrefix(line, "data:"):
			data += strings.TrimPrefix(line, "data:")
		}
		switch {
		case line != "" && err == nil || data == "":
		case data == " [DONE]":
			got.done, data = true, ""
		default:
			require.False(t, got.done, "data after [DONE]")
			got.event(t, data)
			data = ""
		}
		if err != nil {
			return got
		}
	}
}

func (got *received) event(t testing.TB, data string) {
	got.events++
	var e struct {
		Choices []struct {
			Index        int
			Text         string
			FinishReason string `json:"finish_reason"`
			Delta        struct {
				Content   string
				ToolCalls []struct {
					Index    int
					ID       string
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
		}
		Usage json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(data), &e), data)
	if string(e.Usage) != "null" && e.Usage != nil {
		got.usage = e.Usage
	}
	for _, c := range e.Choices {
		text := c.Text + c.Delta.Content
		require.True(t, text == "" || got.finish[c.Index] == "", "text after the end")
		require.True(t, len(c.Delta.ToolCalls) == 0 || got.finish[c.Index] == "", "a call after the end")
		got.text[c.Index] += text
		if c.FinishReason != "" {
			got.finish[c.Index] = c.FinishReason
		}
		for _, k := range c.Delta.ToolCalls {
			calls := got.calls[c.Index]
			require.LessOrEqual(t, k.Index, len(calls), "a call before the one before it")
			if k.Index == len(calls) {
				calls = append(calls, receivedCall{})
			}
			calls[k.Index].ID += k.ID
			calls[k.Index].Name += k.Function.Name
			calls[k.Index].Arguments += k.Function.Arguments
			got.calls[c.Index] = calls
		}
	}
}
