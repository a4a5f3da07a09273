package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blocks returns what take returns of a text that comes in pieces.
func blocks(text string, sizes []byte) (out []string) {
	var e events
	take := func(eof bool) {
		for {
			b, ok := e.take(eof)
			if !ok {
				return
			}
			out = append(out, string(b))
		}
	}
	for i := 0; len(text) > 0; i++ {
		n := len(text)
		if len(sizes) > 0 {
			n = min(n, 1+int(sizes[i%len(sizes)]))
		}
		e.add([]byte(text[:n]))
		text = text[n:]
		take(false)
	}
	take(true)
	return out
}

func TestEvents(t *testing.T) {
	for text, want := range map[string][]string{
		"data: a\n\ndata: b\n\n":             {"data: a\n\n", "data: b\n\n"},
		"data: a\r\n\r\ndata: b\r\n\r\n":     {"data: a\r\n\r\n", "data: b\r\n\r\n"},
		"data: a\r\rdata: b\r\r":             {"data: a\r\r", "data: b\r\r"},
		": ping\n\ndata: a\n: x\ndata: b\n":  {": ping\n", "\n", "data: a\n: x\ndata: b\n"},
		"id: 1\nevent: e\ndata: a\n\n\nrest": {"id: 1\nevent: e\ndata: a\n\n", "\n", "rest"},
		"data: a\r\n\ndata":                  {"data: a\r\n\n", "data"},
		"":                                   nil,
		"\r":                                 {"\r"},
	} {
		assert.Equal(t, want, blocks(text, nil), "%q", text)
	}
}

// However a stream is cut, its events are the same, and nothing is lost.
func FuzzEvents(f *testing.F) {
	f.Add("data: a\r\n\r\n: c\rdata:b\n\nx", []byte{0})
	f.Add("\r\r\n\n\r\n:\n:\r\n\ndata: [DONE]\n\n", []byte{1, 0, 2})
	f.Add(dialects[4].stream([][]string{{"often", "big"}}), []byte{0, 7})
	f.Fuzz(func(t *testing.T, text string, sizes []byte) {
		want, got := blocks(text, nil), blocks(text, sizes)
		require.Equal(t, want, got)
		require.Equal(t, text, strings.Join(got, ""))
		for _, b := range got {
			data, ok := payload([]byte(b))
			if !ok || bytes.ContainsAny(data, "\r\n") {
				continue
			}
			again := reframe(nil, []byte(b), []byte("other"))
			back, _ := payload(again)
			require.Equal(t, "other", string(back))
			if strings.Count(b, "data:") == 1 {
				require.Equal(t, b, string(reframe(nil, []byte(b), data)), "with its own data an event is as it was")
			}
		}
	})
}

func TestPayload(t *testing.T) {
	for block, want := range map[string]string{"data: a\n\n": "a", "data:a\r\n\r\n": "a", "data:  a": " a", "data: a\ndata: b\n\n": "a\nb", "\ufeffdata: a\n\n": "a", "data:\n\n": "", "id: 2\nevent: x\ndata: {}\n\n": "{}"} {
		got, ok := payload([]byte(block))
		assert.True(t, ok)
		assert.Equal(t, want, string(got), "%q", block)
	}
	for _, block := range []string{": x\n", "\n", "id: data: 3\n\n", "dat: x\n\n"} {
		_, ok := payload([]byte(block))
		assert.False(t, ok, "%q", block)
	}
	assert.Equal(t, "id: 1\ndata: c d\r\n\r\n", string(reframe(nil, []byte("id: 1\ndata: a\r\ndata: b\r\n\r\n"), []byte("c\nd"))))
}
