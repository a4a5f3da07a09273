package main

import (
	"bytes"
	"unicode/utf8"
)

// A span is the bytes [begin, end) of a text that hold one value of JSON.
// All functions that take one want text that json.Valid accepted: they look for
// where values are, and leave every other byte alone.
type span struct{ begin, end int }

func (s span) of(text []byte) []byte { return text[s.begin:s.end] }

// whole returns the span of the one value that is text.
func whole(text []byte) span {
	begin := skipSpace(text, 0)
	return span{begin, skipValue(text, begin)}
}

// members calls f for every member of the object at s, with its key between
// quotes. It does nothing if there is no object.
func members(text []byte, s span, f func(key []byte, value span)) {
	if s.begin >= s.end || text[s.begin] != '{' {
		return
	}
	for i := skipSpace(text, s.begin+1); text[i] != '}'; {
		key := span{i, skipValue(text, i)}
		i = skipSpace(text, key.end)
		i = skipSpace(text, i+1) // the colon
		value := span{i, skipValue(text, i)}
		f(key.of(text), value)
		if i = skipSpace(text, value.end); text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
}

// elements calls f for every element of the list at s. It does nothing if there
// is no list.
func elements(text []byte, s span, f func(value span)) {
	if s.begin >= s.end || text[s.begin] != '[' {
		return
	}
	for i := skipSpace(text, s.begin+1); text[i] != ']'; {
		value := span{i, skipValue(text, i)}
		f(value)
		if i = skipSpace(text, value.end); text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
}

// member returns the member of the object at s under a key, the last if there
// are several, as parsers do.
func member(text []byte, s span, key string) (found span, ok bool) {
	members(text, s, func(k []byte, value span) {
		if string(k[1:len(k)-1]) == key {
			found, ok = value, true
		}
	})
	return found, ok
}

// isSet reports whether a value says anything: not null, false, zero or empty.
func isSet(value []byte) bool {
	switch string(value) {
	case "null", "false", "0", `""`:
		return false
	}
	compact := bytes.Join(bytes.Fields(value), nil)
	return string(compact) != "[]" && string(compact) != "{}"
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the end of the value that begins at i.
func skipValue(text []byte, i int) int {
	if i >= len(text) {
		return i
	}
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		depth := 0
		for ; i < len(text); i++ {
			switch text[i] {
			case '"':
				i = skipString(text, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return i
	}
	for i < len(text) && bytes.IndexByte([]byte(" \n\t\r,:]}"), text[i]) < 0 {
		i++
	}
	return i
}

func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return i
}

// An edit replaces the bytes of a span.
type edit struct {
	at   span
	with []byte
}

// apply appends text to dst with the edits made, which are in the order of the
// text and do not overlap.
func apply(dst, text []byte, edits []edit) []byte {
	from := 0
	for _, e := range edits {
		dst = append(dst, text[from:e.at.begin]...)
		dst = append(dst, e.with...)
		from = e.at.end
	}
	return append(dst, text[from:]...)
}

// unquote appends the text that a string of JSON stands for. Half of a surrogate
// pair, which some servers send in one message and the other half in the next,
// becomes three bytes as UTF-8 would have them if it allowed that, so that quote
// gives back what was there.
func unquote(dst, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			n := bytes.IndexByte(s[i:], '\\')
			if n < 0 {
				n = len(s) - i
			}
			dst = append(dst, s[i:i+n]...)
			i += n
			continue
		}
		switch c := s[i+1]; c {
		case 'u':
			dst = appendUnit(dst, hex4(s[i+2:]))
			i += 6
			continue
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

func hex4(s []byte) (u uint16) {
	for _, c := range s[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		u = u<<4 | uint16(c)
	}
	return u
}

// appendUnit appends a unit of UTF-16. A low surrogate joins a high one before it.
func appendUnit(dst []byte, u uint16) []byte {
	if u < 0xd800 || u > 0xdfff {
		return utf8.AppendRune(dst, rune(u))
	}
	if high, ok := endsInHigh(dst); ok && u >= 0xdc00 {
		return utf8.AppendRune(dst[:len(dst)-3], (rune(high)-0xd800)<<10+(rune(u)-0xdc00)+0x10000)
	}
	return append(dst, 0xe0|byte(u>>12), 0x80|byte(u>>6&0x3f), 0x80|byte(u&0x3f))
}

// surrogate returns the half of a pair that unquote left at the start of b.
func surrogate(b []byte) (u uint16, ok bool) {
	if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2] < 0x80 || b[2] > 0xbf {
		return 0, false
	}
	return 0xd000 | uint16(b[1]&0x3f)<<6 | uint16(b[2]&0x3f), true
}

// endsInHigh returns the first half of a pair that b ends in.
func endsInHigh(b []byte) (u uint16, ok bool) {
	if len(b) < 3 {
		return 0, false
	}
	u, ok = surrogate(b[len(b)-3:])
	return u, ok && u < 0xdc00
}

const hexDigits = "0123456789abcdef"

// quote appends text as a string of JSON, with no more escapes than it needs.
func quote(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		case c == 0xed:
			if u, ok := surrogate(text[i:]); ok {
				dst = append(dst, `\u`...)
				dst = append(dst, hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
				i += 2
				continue
			}
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
