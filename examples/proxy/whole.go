package main

import (
	"bytes"
	"slices"
	"strconv"
)

// plantWhole plants an answer that is not streamed. It reports false if the
// answer is not understood.
func (a *answer) plantWhole(body []byte) ([]byte, bool) {
	c, ok := readChunk(body)
	if !ok {
		return nil, false
	}
	for _, p := range c.parts {
		ch := a.choice(p.index)
		if p.logprobs {
			ch.revert()
		}
		if p.hasText {
			ch.add(unquote(nil, p.content.of(body)))
		}
		ch.end()
	}
	edits := a.orderWhole(&c)
	a.record(true)
	if a.Failed() {
		return body, true
	}
	for _, p := range c.parts {
		ch := a.choice(p.index)
		if piece := ch.Take(); p.hasText && !bytes.Equal(piece, unquote(nil, p.content.of(body))) {
			edits = append(edits, edit{p.content, quote(nil, piece)})
		}
	}
	slices.SortFunc(edits, func(x, y edit) int { return x.at.begin - y.at.begin })
	return apply(make([]byte, 0, len(body)+64), body, edits), true
}

// orderWhole orders the calls of tools in every choice. Their bytes move as they
// are; only an index, if calls have one, stays with the place.
func (a *answer) orderWhole(c *chunk) (edits []edit) {
	if !a.order || !a.Orders() {
		return nil
	}
	for _, p := range c.parts {
		ch := a.choice(p.index)
		if !p.hasCalls || ch.Plain() {
			continue
		}
		var entries []span
		var found []call
		ok := true
		elements(c.text, p.calls, func(entry span) {
			k := call{}
			function, _ := member(c.text, entry, "function")
			ok = same(&k.name, c.text, function, "name") && ok
			if arguments, has := member(c.text, function, "arguments"); has && c.text[arguments.begin] == '"' {
				k.arguments = unquote(nil, arguments.of(c.text))
			}
			if at, has := member(c.text, entry, "index"); has {
				n, err := strconv.Atoi(string(at.of(c.text)))
				ok = ok && err == nil && n == len(found)
			}
			ok = ok && k.name != ""
			entries, found = append(entries, entry), append(found, k)
		})
		if !ok || len(found) < 2 {
			continue
		}
		names := make([]string, len(found))
		for i, k := range found {
			names[i] = k.name
		}
		perm, decided := a.Order(ch.Choice, names)
		if !decided {
			continue
		}
		for to, from := range perm {
			ch.Called(found[from].name, found[from].arguments)
			if to != from {
				edits = append(edits, edit{entries[to], moved(c.text, entries[from], to)})
			}
		}
	}
	return edits
}

// moved returns the bytes of a call that comes to another place.
func moved(text []byte, entry span, to int) []byte {
	at, has := member(text, entry, "index")
	if !has {
		return entry.of(text)
	}
	index := edit{span{at.begin - entry.begin, at.end - entry.begin}, strconv.AppendInt(nil, int64(to), 10)}
	return apply(nil, entry.of(text), []edit{index})
}
