package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// through writes a text in pieces that end after the given numbers of bytes, and
// returns what came out, all and piece by piece.
func through(w *writer, text string, cuts ...int) (all string, pieces []string) {
	from := 0
	for _, cut := range append(cuts, len(text)) {
		pieces = append(pieces, string(w.write([]byte(text[from:cut]))))
		from = cut
	}
	if !w.stopped {
		pieces = append(pieces, string(w.end()))
	}
	return strings.Join(pieces, ""), pieces
}

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		text  string
		stops []string
		want  string
		stop  bool
	}{
		{"Hello there", nil, "Hello there", false},
		{"Hello STOP there", []string{"STOP"}, "Hello ", true},
		{"Hello STO there", []string{"STOP"}, "Hello STO there", false},
		{"Hello STO", []string{"STOP"}, "Hello STO", false},
		{"a\n\nb\nc", []string{"\n\n", "\n"}, "a", true},
		{"STOP", []string{"STOP"}, "", true},
		{"aab", []string{"ab"}, "a", true},
		{"abcd", []string{"abcd", "bc"}, "a", true},
		{"abc", []string{"c", "abc", "bc"}, "", true},
		{"one two", []string{"two", "one"}, "", true},
		{"naïve 🦄 é", []string{"é"}, "naïve 🦄 ", true},
		{"naïve 🦄", []string{"🦄🦄"}, "naïve 🦄", false},
		{"\xf0\x9f\xa6", nil, "\uFFFD", false},
		{"a\xffb", nil, "a\uFFFDb", false},
	} {
		for i := range len(c.text) + 1 {
			w := &writer{stops: c.stops}
			all, pieces := through(w, c.text, i)
			assert.Equal(t, c.want, all, "%q cut at %d", c.text, i)
			assert.Equal(t, c.stop, w.stopped, "%q", c.text)
			assert.Equal(t, len(c.want), w.length)
			for _, p := range pieces {
				assert.True(t, utf8.ValidString(p), "%q", p)
			}
		}
	}
}

// Text is not held back longer than it must be.
func TestWriterHolds(t *testing.T) {
	w := &writer{stops: []string{"STOP"}}
	assert.Equal(t, "Hello", string(w.write([]byte("Hello"))))
	assert.Equal(t, " ", string(w.write([]byte(" ST"))))
	assert.Equal(t, "STU", string(w.write([]byte("U"))))
	assert.Equal(t, "", string(w.write([]byte("\xc3"))))
	assert.Equal(t, "é", string(w.write([]byte("\xa9S"))))
	assert.Equal(t, "", string(w.write([]byte("TOP and on"))))
	assert.Empty(t, w.write([]byte("more")))
}

// headOf is a text up to the stop string that is complete first, byte by byte.
func headOf(text []byte, stops []string) []byte {
	for n := range len(text) + 1 {
		longest := -1
		for _, s := range stops {
			if bytes.HasSuffix(text[:n], []byte(s)) {
				longest = max(longest, len(s))
			}
		}
		if longest > 0 {
			return text[:n-longest]
		}
	}
	return text
}

// However a text is cut, what comes out is its head up to the first stop string.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("Hello STOP"), "STOP", "\n", uint64(1))
	f.Add([]byte("a\xf0\x9f\xa6\x84b\xff"), "\xa6", "🦄", uint64(2))
	f.Fuzz(func(t *testing.T, text []byte, a, b string, seed uint64) {
		var stops []string
		for _, s := range []string{a, b} {
			if s == "" || !utf8.ValidString(s) {
				continue
			}
			stops = append(stops, s)
		}
		want := string(bytes.ToValidUTF8(headOf(text, stops), []byte("\uFFFD")))
		rng := rand.New(rand.NewPCG(seed, 1))
		w := &writer{stops: stops}
		var out []byte
		for rest := text; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 4))
			piece := w.write(rest[:n])
			require.True(t, utf8.Valid(piece))
			out = append(out, piece...)
			rest = rest[n:]
		}
		if !w.stopped {
			out = append(out, w.end()...)
		}
		// Cut where it may be, a run of bytes that are no UTF-8 may be one U+FFFD or several.
		one := func(s string) string {
			for strings.Contains(s, "\uFFFD\uFFFD") {
				s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
			}
			return s
		}
		require.Equal(t, one(want), one(string(out)))
	})
}
