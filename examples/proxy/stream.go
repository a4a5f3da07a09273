package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// maxEvent is how much of an event is held until its end is there, and how much
// of a stream while the calls of tools in it are complete, in bytes.
const maxEvent = 4 << 20

// A stream is an answer that comes as server-sent events. What is read from it is
// what came from upstream, with the text of each choice as a Planter writes it.
type stream struct {
	upstream io.ReadCloser
	answer   *answer
	trailer  http.Header // nil: nobody wants one

	events    events
	in        []byte
	ready     []byte // what may be sent
	sent      int    // of it
	err       error  // of upstream, io.EOF included
	untouched bool   // the rest passes as it comes

	calls     calls          // events that wait until all calls are there
	templates map[int][]byte // the last event with text of each choice
}

func newStream(upstream io.ReadCloser, a *answer, trailer http.Header) *stream {
	return &stream{upstream: upstream, answer: a, trailer: trailer, in: make([]byte, 32<<10), templates: map[int][]byte{}}
}

func (s *stream) Read(p []byte) (int, error) {
	for s.sent == len(s.ready) {
		if s.err != nil {
			s.finish()
			return 0, s.err
		}
		s.ready, s.sent = s.ready[:0], 0
		n, err := s.upstream.Read(s.in)
		s.err = err
		s.take(s.in[:n], err != nil)
	}
	n := copy(p, s.ready[s.sent:])
	s.sent += n
	return n, nil
}

// Close ends the answer, also one that was not read to its end: its hash is of
// what was sent.
func (s *stream) Close() error {
	err := s.upstream.Close()
	s.finish()
	return err
}

func (s *stream) finish() {
	s.answer.End(true)
	if s.trailer != nil {
		s.trailer.Set(trailerName, s.answer.String())
	}
}

// take takes what came from upstream and makes ready what can be sent.
func (s *stream) take(b []byte, end bool) {
	if s.untouched {
		s.ready = append(s.ready, b...)
		return
	}
	s.events.add(b)
	for {
		block, ok := s.events.take(end)
		if !ok {
			break
		}
		s.event(block)
	}
	if end {
		s.release()
		s.endAll()
		s.answer.End(true) // before the last bytes leave
		return
	}
	if s.events.held() > maxEvent {
		s.release()
		s.endAll()
		s.untouched = true
		s.ready = append(s.ready, s.events.buf...)
		s.events = events{}
		s.answer.metrics.endless.Add(1)
	}
}

// event deals with one event, in order.
func (s *stream) event(block []byte) {
	data, ok := payload(block)
	if !ok { // a comment
		s.ready = append(s.ready, block...)
		return
	}
	c, ok := readChunk(data)
	switch {
	case ok && s.calls.want(s.answer, &c):
		if s.calls.hold(s.answer, block) {
			s.release()
		}
		return
	case !ok:
		s.release()
	}
	s.send(block, c, ok)
}

// send makes an event ready, with what was planted in its text.
func (s *stream) send(block []byte, c chunk, ok bool) {
	if !ok {
		switch data, _ := payload(block); {
		case string(bytes.TrimSpace(data)) == "[DONE]":
			s.endAll()
			s.answer.End(true)
		case failed(data):
			s.endAll()
		}
		s.ready = append(s.ready, block...)
		return
	}
	s.plant(&c)
	var edits []edit
	for _, p := range c.parts {
		ch := s.answer.choice(p.index)
		piece := ch.Take()
		switch {
		case p.hasText:
			if !bytes.Equal(piece, unquote(nil, p.content.of(c.text))) {
				edits = append(edits, edit{p.content, quote(nil, piece)})
			}
		case len(piece) > 0:
			s.insert(ch.Index(), piece)
		}
		if p.hasText && !ch.Done() {
			s.keep(p.index, block)
		}
	}
	if len(edits) == 0 {
		s.ready = append(s.ready, block...)
		return
	}
	s.ready = reframe(s.ready, block, apply(nil, c.text, edits))
}

// plant gives the text of a chunk to the planters, and records what they did.
func (s *stream) plant(c *chunk) {
	for _, p := range c.parts {
		ch := s.answer.choice(p.index)
		if p.logprobs {
			ch.revert()
		}
		if ch.Done() { // more than its end: as it comes
			if p.hasText {
				ch.Pass(unquote(nil, p.content.of(c.text)))
			}
			continue
		}
		if p.hasText {
			ch.add(unquote(nil, p.content.of(c.text)))
		}
		if p.finished {
			ch.end()
		}
	}
	s.answer.record(false)
}

// keep remembers an event as the form of others.
func (s *stream) keep(index int, block []byte) {
	s.templates[index] = append(s.templates[index][:0], block...)
}

// insert makes an event ready that the upstream did not send: text that was held
// back, in the form of the event that brought it.
func (s *stream) insert(index int, text []byte) {
	block := s.templates[index]
	data, ok := payload(block)
	if !ok {
		return
	}
	if !terminated(s.ready) { // the last event of a stream that broke off
		s.ready = append(s.ready, "\n\n"...)
	}
	c, _ := readChunk(data)
	for _, p := range c.parts {
		if p.index != index {
			continue
		}
		body := quote(nil, text)
		if p.body != p.at {
			body = append(append([]byte(`{"content":`), body...), '}')
		}
		s.ready = reframe(s.ready, block, c.only(p, body))
		if !terminated(block) {
			s.ready = append(s.ready, "\n\n"...)
		}
	}
}

// terminated reports whether an event may follow b.
func terminated(b []byte) bool {
	return len(b) == 0 || bytes.HasSuffix(b, []byte("\n\n")) || bytes.HasSuffix(b, []byte("\n\r\n")) || bytes.HasSuffix(b, []byte("\r\r"))
}

// endAll sends what is held back of all choices.
func (s *stream) endAll() {
	for _, c := range s.answer.choices {
		c.end()
	}
	s.answer.record(false)
	for _, c := range s.answer.choices {
		if piece := c.Take(); len(piece) > 0 {
			s.insert(c.Index(), piece)
		}
	}
}

// failed reports whether an event without choices says that no text follows.
func failed(data []byte) bool {
	if !json.Valid(data) {
		return false
	}
	_, ok := member(data, whole(data), "error")
	return ok
}
