package main

import (
	"encoding/json"
	"strconv"
)

// A chunk is a message of an answer: all of one that is not streamed, or the
// data of one event. Its spans are of the text that it was read from.
type chunk struct {
	text    []byte
	choices span // the list
	parts   []part
}

// A part is one choice in a chunk.
type part struct {
	at       span
	index    int
	body     span // message or delta; the choice itself for completions
	content  span // its text, if it has one
	hasText  bool
	calls    span // the list of tool calls
	hasCalls bool
	finished bool
	logprobs bool // log-probabilities or citations: the text must stay
}

// readChunk reads a chunk. It reports false if there are no choices in it, or if
// they are not what they should be.
func readChunk(text []byte) (c chunk, ok bool) {
	if !json.Valid(text) {
		return c, false
	}
	c.text = text
	if c.choices, ok = member(text, whole(text), "choices"); !ok || text[c.choices.begin] != '[' {
		return c, false
	}
	elements(text, c.choices, func(s span) {
		p := part{at: s, index: len(c.parts), body: s}
		members(text, s, func(key []byte, value span) {
			switch string(key) {
			case `"index"`:
				n, err := strconv.Atoi(string(value.of(text)))
				p.index, ok = n, ok && err == nil && n >= 0
			case `"delta"`, `"message"`:
				p.body = value
			case `"finish_reason"`:
				p.finished = isSet(value.of(text))
			case `"logprobs"`:
				p.logprobs = p.logprobs || isSet(value.of(text))
			case `"text"`:
				p.content, p.hasText = value, text[value.begin] == '"'
			}
		})
		if p.body != s {
			p.hasText = false
			members(text, p.body, func(key []byte, value span) {
				switch string(key) {
				case `"content"`:
					p.content, p.hasText = value, text[value.begin] == '"'
				case `"tool_calls"`:
					p.calls, p.hasCalls = value, isSet(value.of(text)) && text[value.begin] == '['
				case `"annotations"`, `"audio"`:
					p.logprobs = p.logprobs || isSet(value.of(text))
				}
			})
		}
		c.parts = append(c.parts, p)
	})
	for i, p := range c.parts {
		for _, q := range c.parts[:i] {
			ok = ok && p.index != q.index
		}
	}
	return c, ok
}

// only returns the chunk with nothing but one choice, whose body is another.
// Counts of tokens are not said a second time.
func (c *chunk) only(p part, body []byte) []byte {
	choice := c.text[p.at.begin:p.at.end]
	shift := func(s span) span { return span{s.begin - p.at.begin, s.end - p.at.begin} }
	var edits []edit
	members(c.text, p.at, func(key []byte, value span) {
		switch string(key) {
		case `"delta"`, `"message"`:
			edits = append(edits, edit{shift(value), body})
		case `"text"`:
			if p.body == p.at {
				edits = append(edits, edit{shift(value), body})
			}
		case `"finish_reason"`, `"logprobs"`:
			edits = append(edits, edit{shift(value), []byte("null")})
		}
	})
	list := append(apply([]byte{'['}, choice, edits), ']')
	edits = edits[:0]
	members(c.text, whole(c.text), func(key []byte, value span) {
		switch string(key) {
		case `"choices"`:
			edits = append(edits, edit{value, list})
		case `"usage"`:
			edits = append(edits, edit{value, []byte("null")})
		}
	})
	return apply(nil, c.text, edits)
}

// without returns text without the member of the object at s under a key, and
// without the comma that this makes one too many.
func without(text []byte, s span, key string) (cut span, ok bool) {
	first, seen := true, 0
	members(text, s, func(k []byte, value span) {
		seen++
		if string(k[1:len(k)-1]) != key {
			return
		}
		ok, first = true, seen == 1
		cut.end = value.end
	})
	if !ok {
		return cut, false
	}
	// The key stands before its value, behind white space and a colon.
	v, _ := member(text, s, key)
	i := v.begin
	for i--; text[i] != ':'; i-- {
	}
	for i--; text[i] != '"'; i-- {
	}
	for i--; text[i] != '"'; i-- {
	}
	cut.begin = i
	if first {
		if j := skipSpace(text, cut.end); text[j] == ',' {
			cut.end = skipSpace(text, j+1)
		}
		return cut, true
	}
	for i--; text[i] != ','; i-- {
	}
	cut.begin = i
	return cut, true
}
