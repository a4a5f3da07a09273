package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A string of JSON that is read and written stands for the same units of UTF-16.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{`""`, `"a\"b\\\/\b\f\n\r\t"`, `"\u00e9\u2028\ud83e\udd84"`, `"\ud83e"`, `"\udd84x\ud83e"`, `"é🦄"`, "\"\xff\xed\xa0\x80\"", `"\ud83e\ud83e\udd84"`, `"\u0000\u001F"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, quoted []byte) {
		if !json.Valid(quoted) || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return
		}
		text := unquote(nil, quoted)
		again := quote(nil, text)
		require.True(t, json.Valid(again), "%q → %q", quoted, again)
		require.Equal(t, text, unquote(nil, again))
		var want, got string
		require.NoError(t, json.Unmarshal(quoted, &want))
		require.NoError(t, json.Unmarshal(again, &got))
		if utf8.Valid(quoted) { // bytes of half a pair are told as that half
			require.Equal(t, want, got)
		}
		if utf8.Valid(text) {
			require.Equal(t, want, string(text))
		}
	})
}

// Members and elements find what encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, ` { "a" : [1, {"b":"]}\""}, -1.5e3 ] , "c":null,"a":2 } `, `[[],{},"",true]`, `{"":{"":""}}`, `3`, `"x"`, "[\r\n1\t,\n2]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		all := whole(text)
		require.Equal(t, string(bytes.TrimSpace(text)), strings.Trim(string(all.of(text)), " \t\r\n"))
		var object map[string]json.RawMessage
		if text[all.begin] == '{' && json.Unmarshal(text, &object) == nil {
			got := map[string]json.RawMessage{}
			members(text, all, func(key []byte, value span) {
				var name string
				require.NoError(t, json.Unmarshal(key, &name))
				got[name] = value.of(text)
			})
			require.Equal(t, len(object), len(got))
			for name, want := range object {
				require.Equal(t, string(want), string(got[name]))
				if found, ok := member(text, all, name); ok {
					require.Equal(t, string(want), string(found.of(text)))
				}
				if cut, ok := without(text, all, name); ok && strings.Count(string(text), `"`+name+`"`) == 1 {
					rest := apply(nil, text, []edit{{at: cut}})
					var left map[string]json.RawMessage
					require.NoError(t, json.Unmarshal(rest, &left), "%q without %q: %q", text, name, rest)
					require.Equal(t, len(object)-1, len(left))
				}
			}
		}
		var list []json.RawMessage
		if text[all.begin] == '[' && json.Unmarshal(text, &list) == nil {
			i := 0
			elements(text, all, func(value span) {
				require.Equal(t, string(list[i]), string(value.of(text)))
				i++
			})
			require.Equal(t, len(list), i)
		}
	})
}

func TestIsSet(t *testing.T) {
	for value, want := range map[string]bool{"null": false, "false": false, "0": false, `""`: false, "[]": false, "{ }": false, "[ \n]": false, "true": true, "1": true, `"x"`: true, "[0]": true, `{"a":0}`: true} {
		assert.Equal(t, want, isSet([]byte(value)), value)
	}
}
