package collect

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

type transcriptHeader struct {
	Schema  string `json:"schema"`
	Plan    Digest `json:"plan"`
	Suspect string `json:"suspect"`
	Probes  int    `json:"probes"`
	Prompts int    `json:"prompts"`
	// Of passages, if there are any.
	Readings  int   `json:"readings,omitempty"`
	Want      *Want `json:"want,omitempty"`
	Reference bool  `json:"reference,omitempty"`
	Span      int   `json:"span,omitempty"`
}

type exchangeLine struct {
	Stage     Stage      `json:"stage"`
	N         int        `json:"n"`
	Question  string     `json:"question"`
	Status    Status     `json:"status"`
	Text      canon.Text `json:"text,omitempty"`
	Model     string     `json:"model,omitempty"`
	Error     string     `json:"error,omitempty"`
	Asked     int        `json:"asked"`
	Unreached []string   `json:"unreached,omitempty"`
	First     int64      `json:"first"`
	Last      int64      `json:"last"`
}

type readingLine struct {
	Stage       Stage        `json:"stage"`
	N           int          `json:"n"`
	Passage     int          `json:"passage"`
	Begin       int          `json:"begin"`
	End         int          `json:"end"`
	Question    Digest       `json:"question"`
	Status      Status       `json:"status"`
	Model       string       `json:"model,omitempty"`
	Error       string       `json:"error,omitempty"`
	Asked       int          `json:"asked"`
	Unreached   []string     `json:"unreached,omitempty"`
	First       int64        `json:"first"`
	Last        int64        `json:"last"`
	Predictions []Prediction `json:"predictions,omitempty"`
}

// encode writes the lines of the transcript's file, one at a time.
func (t *Transcript) encode(w io.Writer) error {
	line := func(v any) error {
		data, err := canon.Encode(v)
		if err == nil {
			_, err = w.Write(append(data, '\n'))
		}
		return err
	}
	h := transcriptHeader{Schema: transcriptSchema, Plan: t.Plan, Suspect: t.Suspect, Probes: len(t.Probes), Prompts: len(t.Prompts),
		Readings: len(t.Readings), Reference: t.Reference, Span: t.Span}
	if t.Want != (Want{}) {
		h.Want = &t.Want
	}
	if err := line(h); err != nil {
		return err
	}
	for _, list := range [][]Exchange{t.Probes, t.Prompts} {
		for i := range list {
			e := &list[i]
			if err := line(exchangeLine{e.Stage, e.N, e.Question, e.Status, canon.Text(e.Text), e.Model, e.Error,
				e.Asked, e.Unreached, e.First, e.Last}); err != nil {
				return err
			}
		}
	}
	for i := range t.Readings {
		e := &t.Readings[i]
		if err := line(readingLine{Readings, e.N, e.Passage, e.Begin, e.End, e.Question, e.Status, e.Model, e.Error,
			e.Asked, e.Unreached, e.First, e.Last, e.Predictions}); err != nil {
			return fmt.Errorf("collect: reading %d: %w", i, err)
		}
	}
	return nil
}

// WriteTo writes the transcript's file: see the package comment.
func (t *Transcript) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	b := bufio.NewWriterSize(c, 1<<16)
	if err := t.encode(b); err != nil {
		return c.n, err
	}
	err := b.Flush()
	return c.n, err
}

// A counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Digest names the transcript: the digest of the bytes that WriteTo writes.
func (t *Transcript) Digest() (Digest, error) {
	h := blake3.NewDeriveKey(transcriptContext)
	if err := t.encode(h); err != nil {
		return Digest{}, err
	}
	var d Digest
	h.Sum(d[:0])
	return d, nil
}

// ReadTranscript reads what [Transcript.WriteTo] wrote and refuses everything
// else.
func ReadTranscript(r io.Reader) (*Transcript, error) {
	var t Transcript
	var h transcriptHeader
	err := eachLine(r, func(n int, data []byte) error {
		if n == 1 {
			if err := canon.Decode(data, &h); err != nil {
				return fmt.Errorf("collect: transcript header: %w", err)
			}
			return t.begin(h)
		}
		var err error
		if len(t.Probes) < h.Probes || len(t.Prompts) < h.Prompts {
			err = t.addExchange(data, h)
		} else {
			err = t.addReading(data, h)
		}
		if err != nil {
			return fmt.Errorf("collect: line %d of the transcript: %w", n, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if h.Schema == "" {
		return nil, errors.New("collect: transcript is empty")
	}
	if len(t.Probes) != h.Probes || len(t.Prompts) != h.Prompts || len(t.Readings) != h.Readings {
		return nil, fmt.Errorf("collect: transcript has %d probes, %d prompts and %d readings, want %d, %d and %d as its header says",
			len(t.Probes), len(t.Prompts), len(t.Readings), h.Probes, h.Prompts, h.Readings)
	}
	return &t, nil
}

func (t *Transcript) begin(h transcriptHeader) error {
	switch {
	case h.Schema != transcriptSchema:
		return fmt.Errorf("collect: transcript has schema %q, want %q", h.Schema, transcriptSchema)
	case h.Plan.IsZero():
		return errors.New("collect: transcript has no plan digest")
	case h.Probes < 0 || h.Probes%3 != 0:
		return fmt.Errorf("collect: transcript has %d answers to probes, want a multiple of 3", h.Probes)
	case h.Prompts < 0 || h.Readings < 0 || h.Prompts == 0 && h.Readings == 0:
		return fmt.Errorf("collect: transcript has %d prompts and %d readings, want at least 1 of either", h.Prompts, h.Readings)
	case h.Want != nil && *h.Want == Want{}:
		return errors.New("collect: transcript wants nothing and says so")
	}
	t.Plan, t.Suspect, t.Reference, t.Span = h.Plan, h.Suspect, h.Reference, h.Span
	if h.Want != nil {
		t.Want = *h.Want
	}
	if err := checkWant(h.Readings > 0, t.Want, t.Reference, t.Span); err != nil {
		return fmt.Errorf("collect: transcript %w", err)
	}
	return nil
}

// addExchange adds the probe or prompt of a line, which must be the next one.
func (t *Transcript) addExchange(data []byte, h transcriptHeader) error {
	var l exchangeLine
	if err := canon.Decode(data, &l); err != nil {
		return err
	}
	e := Exchange{l.Stage, l.N, l.Question, l.Status, string(l.Text), l.Model, l.Error, l.Asked, l.Unreached, l.First, l.Last}
	stage, number := Prompts, len(t.Prompts)
	if i := len(t.Probes); i < h.Probes {
		stage, number = []Stage{Start, Middle, End}[i/(h.Probes/3)], i%(h.Probes/3)
	}
	if e.Stage != stage || e.N != number {
		return fmt.Errorf("question is %s %d, want %s %d", e.Stage, e.N, stage, number)
	}
	if err := e.check(); err != nil {
		return err
	}
	if stage == Prompts {
		t.Prompts = append(t.Prompts, e)
	} else {
		t.Probes = append(t.Probes, e)
	}
	return nil
}

// addReading adds the reading of a line, which must be the next one.
func (t *Transcript) addReading(data []byte, h transcriptHeader) error {
	if len(t.Readings) == h.Readings {
		return fmt.Errorf("there is a line more than the %d probes, %d prompts and %d readings of the header", h.Probes, h.Prompts, h.Readings)
	}
	var l readingLine
	if err := canon.Decode(data, &l); err != nil {
		return err
	}
	if l.Stage != Readings || l.N != len(t.Readings) {
		return fmt.Errorf("question is %s %d, want %s %d", l.Stage, l.N, Readings, len(t.Readings))
	}
	e := ReadingExchange{l.N, l.Passage, l.Begin, l.End, l.Question, l.Status, l.Predictions, l.Model, l.Error,
		l.Asked, l.Unreached, l.First, l.Last}
	if err := t.follows(&e); err != nil {
		return err
	}
	if err := e.check(t.Want, t.Reference); err != nil {
		return err
	}
	t.Readings = append(t.Readings, e)
	return nil
}

// follows reports why e is not the question after the last one: the next span of
// the same passage, or the first of the next passage. Only the last span of a
// passage may be short, and how long a passage is, the transcript does not say.
func (t *Transcript) follows(e *ReadingExchange) error {
	passage, begin := 0, 0
	var last *ReadingExchange
	if n := len(t.Readings); n > 0 {
		last = &t.Readings[n-1]
		passage = last.Passage + 1
		if e.Passage == last.Passage && t.Span > 0 && last.End-last.Begin == t.Span {
			passage, begin = last.Passage, last.End
		}
	}
	switch {
	case e.Passage != passage || e.Begin != begin:
		return fmt.Errorf("question is of passage %d from position %d, want passage %d from position %d", e.Passage, e.Begin, passage, begin)
	case e.End <= e.Begin:
		return fmt.Errorf("question ends at position %d, want more than %d", e.End, e.Begin)
	case t.Span > 0 && e.End-e.Begin > t.Span:
		return fmt.Errorf("question has %d positions, want at most %d", e.End-e.Begin, t.Span)
	case e.Question.IsZero():
		return errors.New("question has no digest of its passage")
	case begin > 0 && e.Question != last.Question:
		return fmt.Errorf("question is of passage %v, want %v, as of the positions before", e.Question, last.Question)
	}
	return nil
}
