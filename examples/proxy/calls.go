package main

import (
	"bytes"
	"slices"
	"strconv"
)

// Calls hold a stream back from its first call of a tool until all calls of the
// choice are there, because their order hangs on all names. Clients put calls
// together by their index and expect them in order, so each call's pieces are
// then sent one after the other, under the index of its new place.
type calls struct {
	blocks [][]byte
	size   int
	open   []int // choices that have calls and have not ended
}

// want reports whether a chunk has to wait.
func (k *calls) want(a *answer, c *chunk) bool {
	if len(k.blocks) > 0 {
		return true
	}
	if !a.order || !a.Orders() {
		return false
	}
	return slices.ContainsFunc(c.parts, func(p part) bool {
		ch := a.choice(p.index)
		return p.hasCalls && !ch.ordered && !ch.Plain() && !ch.Done()
	})
}

// hold keeps an event and reports whether nothing more need be waited for.
func (k *calls) hold(a *answer, block []byte) (all bool) {
	block = bytes.Clone(block)
	k.blocks = append(k.blocks, block)
	data, _ := payload(block)
	c, _ := readChunk(data)
	for _, p := range c.parts {
		if p.hasCalls && !a.choice(p.index).ordered && !slices.Contains(k.open, p.index) {
			k.open = append(k.open, p.index)
		}
		if p.finished {
			k.open = slices.DeleteFunc(k.open, func(i int) bool { return i == p.index })
		}
	}
	k.size += len(block)
	return len(k.open) == 0 || k.size > maxEvent
}

// A piece is what one event says of a call.
type piece struct {
	block int
	part  part
	entry span
}

// A call is one call of a tool, as far as it has come.
type call struct {
	id, name  string
	arguments []byte
	pieces    []piece
}

// A held event is one that waited.
type held struct {
	block         []byte
	chunk         chunk
	edits         []edit
	bare          bool     // nothing is left in it
	before, after [][]byte // events that are sent around it
}

// release sends what waited, with the calls in the order that the keys decide.
func (s *stream) release() {
	if len(s.calls.blocks) == 0 {
		return
	}
	blocks, complete := s.calls.blocks, s.calls.size <= maxEvent
	s.calls = calls{}
	waited := make([]held, len(blocks))
	indexes := []int{}
	for i, b := range blocks {
		data, _ := payload(b)
		c, _ := readChunk(data)
		waited[i] = held{block: b, chunk: c}
		for _, p := range c.parts {
			if p.hasCalls && !slices.Contains(indexes, p.index) {
				indexes = append(indexes, p.index)
			}
		}
	}
	for _, index := range indexes {
		c := s.answer.choice(index)
		c.ordered = true
		if found, ok := gather(waited, index); ok && complete && !c.Plain() && !c.Done() {
			s.order(c, waited, found)
		}
	}
	for i := range waited {
		s.resend(&waited[i])
	}
}

// order decides about the calls of a choice, and says in waited what is sent.
func (s *stream) order(c *choice, waited []held, found []call) {
	names := make([]string, len(found))
	for i, k := range found {
		names[i] = k.name
	}
	perm, decided := s.answer.Order(c.Choice, names)
	if !decided {
		return
	}
	s.answer.record(false)
	if s.answer.Failed() {
		return
	}
	for _, from := range perm {
		c.Called(found[from].name, found[from].arguments)
	}
	if slices.IsSorted(perm) {
		return
	}
	var sent [][]byte
	last := piece{}
	for to, from := range perm {
		for _, p := range found[from].pieces {
			h := &waited[p.block]
			sent = append(sent, reframe(nil, h.block, h.chunk.only(p.part, entryAt(h.chunk.text, p.entry, to))))
			if p.block >= last.block {
				last = p
			}
		}
	}
	for i := range waited {
		waited[i].strip(c.Index())
	}
	if last.part.finished {
		waited[last.block].before = append(waited[last.block].before, sent...)
	} else {
		waited[last.block].after = append(waited[last.block].after, sent...)
	}
}

// strip takes the calls of a choice out of an event.
func (h *held) strip(index int) {
	for _, p := range h.chunk.parts {
		if p.index != index || !p.hasCalls {
			continue
		}
		cut, _ := without(h.chunk.text, p.body, "tool_calls")
		h.edits = append(h.edits, edit{at: cut})
	}
	if len(h.edits) == 0 {
		return
	}
	h.bare = len(h.edits) == len(h.chunk.parts)
	for _, p := range h.chunk.parts {
		members(h.chunk.text, p.body, func(key []byte, value span) {
			if string(key) != `"tool_calls"` && isSet(value.of(h.chunk.text)) {
				h.bare = false
			}
		})
		h.bare = h.bare && !p.finished
	}
	if usage, ok := member(h.chunk.text, whole(h.chunk.text), "usage"); ok && isSet(usage.of(h.chunk.text)) {
		h.bare = false
	}
}

// resend sends an event that waited.
func (s *stream) resend(h *held) {
	for _, b := range h.before {
		s.ready = append(s.ready, b...)
	}
	block, c := h.block, h.chunk
	if len(h.edits) > 0 {
		slices.SortFunc(h.edits, func(x, y edit) int { return x.at.begin - y.at.begin })
		block = reframe(nil, h.block, apply(nil, h.chunk.text, h.edits))
		data, _ := payload(block)
		c, _ = readChunk(data)
	}
	if !h.bare {
		s.send(block, c, true)
	}
	for _, b := range h.after {
		s.ready = append(s.ready, b...)
	}
}

// entryAt returns a delta with one piece of a call, under another index.
func entryAt(text []byte, entry span, index int) []byte {
	at, _ := member(text, entry, "index")
	moved := edit{span{at.begin - entry.begin, at.end - entry.begin}, strconv.AppendInt(nil, int64(index), 10)}
	return append(apply([]byte(`{"tool_calls":[`), entry.of(text), []edit{moved}), `]}`...)
}

// gather puts the calls of a choice together as a client does. It reports false
// if they are not of the form in which OpenAI's interface sends them: with an
// index that counts from 0, a name each, and one id.
func gather(waited []held, choice int) (found []call, ok bool) {
	ok = true
	for i := range waited {
		text := waited[i].chunk.text
		for _, p := range waited[i].chunk.parts {
			if p.index != choice || !p.hasCalls {
				continue
			}
			elements(text, p.calls, func(entry span) {
				at, has := member(text, entry, "index")
				n, err := strconv.Atoi(string(at.of(text)))
				if !has || err != nil || n < 0 || n > len(found) {
					ok = false
					return
				}
				if n == len(found) {
					found = append(found, call{})
				}
				k := &found[n]
				k.pieces = append(k.pieces, piece{i, p, entry})
				function, _ := member(text, entry, "function")
				ok = ok && same(&k.id, text, entry, "id") && same(&k.name, text, function, "name")
				if a, has := member(text, function, "arguments"); has && text[a.begin] == '"' {
					k.arguments = unquote(k.arguments, a.of(text))
				}
			})
		}
	}
	for _, k := range found {
		ok = ok && k.name != ""
	}
	return found, ok && len(found) > 1
}

// same reads a string that a call has once, or says every time.
func same(have *string, text []byte, object span, key string) bool {
	at, ok := member(text, object, key)
	if !ok || text[at.begin] != '"' {
		return true
	}
	said := string(unquote(nil, at.of(text)))
	if said == "" || said == *have {
		return true
	}
	if *have != "" {
		return false
	}
	*have = said
	return true
}
