package main

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// A writer puts the bytes of tokens together to text, up to the first stop string.
// What it gives away are whole characters, and nothing that may be the beginning of
// a stop string. Bytes that are no UTF-8 become U+FFFD, as every client would read
// them.
type writer struct {
	stops []string

	held    []byte // of the model, not given away yet
	stopped bool   // at a stop string: nothing follows
	length  int    // bytes of text given away
}

// write takes the bytes of a token and returns what can be given away.
func (w *writer) write(b []byte) []byte {
	if w.stopped {
		return nil
	}
	w.held = append(w.held, b...)
	if at := first(w.held, w.stops); at >= 0 {
		w.stopped = true
		w.held = w.held[:at]
		return w.end()
	}
	keep := planting.Incomplete(w.held)
	for _, s := range w.stops {
		keep = max(keep, begun(w.held, s))
	}
	// What is kept for a stop string may begin within a character.
	n := len(w.held) - keep
	for n > 0 && n < len(w.held) && !utf8.RuneStart(w.held[n]) {
		n--
	}
	return w.give(n)
}

// end returns what is left.
func (w *writer) end() []byte { return w.give(len(w.held)) }

func (w *writer) give(n int) []byte {
	out := bytes.ToValidUTF8(w.held[:n], []byte("\uFFFD"))
	if n == len(w.held) {
		w.held = w.held[:0:0] // out may be of the same array
	} else {
		w.held = w.held[n:]
	}
	w.length += len(out)
	return out
}

// first returns where the stop string begins that ends first in a text, −1 if there
// is none: the same one, however the text came.
func first(text []byte, stops []string) int {
	at, end := -1, len(text)+1
	for _, s := range stops {
		i := bytes.Index(text, []byte(s))
		if i >= 0 && (i+len(s) < end || i+len(s) == end && i < at) {
			at, end = i, i+len(s)
		}
	}
	return at
}

// begun returns how many bytes at the end of text are the beginning of s.
func begun(text []byte, s string) int {
	for n := min(len(s)-1, len(text)); n > 0; n-- {
		if strings.HasPrefix(s, string(text[len(text)-n:])) {
			return n
		}
	}
	return 0
}
