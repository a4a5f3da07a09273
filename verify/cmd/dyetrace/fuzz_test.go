package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// Whatever a line of JSON holds, its field is what encoding/json says, or an error.
func FuzzField(f *testing.F) {
	for _, line := range []string{
		`{"text":"a"}`, `{"text":[1,2]}`, `{"text":null}`, `{"a":[{"text":"b"}]}`, `{"text":{"text":"c"}}`, `{"schema":"dyetrace/transcript/1"}`,
		`{"text":"a","text":"b"}`, `[{"text":"a"}]`, `{"text":[1,-2]}`, `{"text":[2147483648]}`, `{"text":1.5}`, `{"text":"\ud800"}`, `{`, ``, `{"text":"`,
	} {
		f.Add([]byte(line), "text")
		f.Add([]byte(line), "a.0.text")
	}
	f.Fuzz(func(t *testing.T, line []byte, field string) {
		d := document{file: "f", number: 1, line: slices.Clone(line)}
		in := &inputs{field: field, prompt: field}
		if in.parse(&d) != nil || d.skip || d.line != nil {
			return
		}
		var m map[string]any
		if json.Unmarshal(line, &m) != nil || strings.ContainsAny(field, ".") {
			return
		}
		assert.Equal(t, d.text, d.prompt)
		switch want := m[field].(type) {
		case string:
			assert.Equal(t, want, d.text)
		case []any:
			assert.Len(t, d.ids, len(want))
			assert.True(t, d.isIDs)
		case nil:
			assert.Empty(t, d.text)
		default:
			t.Errorf("%T was taken for a text", want)
		}
	})
}

// However lines are cut by the reader's buffer, they are the lines of the file.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\r\n\n  \ntwo\nthree"), 16)
	f.Add([]byte(strings.Repeat("x", 40)+"\n"+strings.Repeat("y", 15)), 16)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size < 16 || size > 1<<16 {
			return
		}
		var got []string
		in := &inputs{}
		b := &batcher{add: func(batch []document) error {
			for _, d := range batch {
				got = append(got, d.text)
			}
			return nil
		}}
		require.NoError(t, in.readLines(context.Background(), bufio.NewReaderSize(bytes.NewReader(data), size), "f", "lines", b))
		require.NoError(t, b.flush())
		var want []string
		for line := range bytes.Lines(data) {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			if len(bytes.TrimSpace(line)) > 0 {
				want = append(want, string(line))
			}
		}
		assert.Equal(t, want, got)
	})
}

// Layers, schemes, tests and paths of the command line are understood or refused.
func FuzzFlags(f *testing.F) {
	for _, text := range []string{"vendor=70,epoch=20,cohort=10", "gumbel", "greenlist:gamma=0.25,delta=2", "tournament:depth=30", "G1,first=3", "R4,difference,served,stop", "vendor/purpose=x", "a=", "=", ",", "vendor=1,vendor=1", "tournament:depth=NaN", "dualgumbel:alpha=1e400"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if layers, err := parseLayers(text); err == nil {
			at := uint64(0)
			for _, l := range layers {
				require.Equal(t, at, l.begin)
				require.Greater(t, l.end, l.begin)
				at = l.end
			}
			require.Equal(t, uint64(watermark.AllWindows), at, "layers share all windows")
		}
		if s, err := parseScheme(text); err == nil {
			_, err := s.Law()
			require.NoError(t, err)
		}
		_, _ = parseTest(text)
		if utf8.ValidString(text) {
			shown := visible(text)
			assert.NotContains(t, shown, "\x1b")
			assert.NotContains(t, fileName(text), "/")
		}
	})
}
