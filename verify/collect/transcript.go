package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const (
	transcriptSchema  = "dyetrace/transcript/1"
	transcriptContext = "dyetrace 2026-11-24 verify transcript/1"
)

// A Status says what became of a question.
type Status string

// The statuses. Only texts of complete and refused answers are scored; all are
// counted.
const (
	Complete Status = "complete" // an answer arrived whole
	Refused  Status = "refused"  // the suspect's interface marked it as a refusal
	Empty    Status = "empty"    // it has no text
	Failed   Status = "failed"   // it broke off, or the suspect returned an error
	Missing  Status = "missing"  // no byte of an answer ever arrived
)

// A Stage says when a question was asked.
type Stage string

// The stages, in order: the probes at the start, the first half of the prompts
// (rounded up), the first half of the readings (rounded up), the probes in the
// middle, the other prompts, the other readings, the probes at the end. Both
// halves of the prompts are of stage Prompts, both of the readings of Readings.
const (
	Start    Stage = "start"
	Prompts  Stage = "prompt"
	Readings Stage = "reading"
	Middle   Stage = "middle"
	End      Stage = "end"
)

// An Exchange is one question and what came of it.
type Exchange struct {
	Stage    Stage
	N        int // number of the prompt or of the probe within its stage, from 0
	Question string
	Status   Status
	Text     string // what arrived; of a failed answer, as much as did
	Model    string // what said it answered: [Answer.Model]
	Error    string // of a failed answer
	// Asked is how often the question was sent, and Unreached says for each
	// time without an outcome why: the error before the first byte, or
	// "interrupted" if the collecting process ended before it was recorded.
	Asked     int
	Unreached []string
	// First and Last are the times of the first and the last event, in
	// milliseconds since 1970 UTC by the collector's clock; 0 if never asked.
	First, Last int64
}

// A ReadingExchange is one question about a passage and what came of it.
type ReadingExchange struct {
	N          int    // number of the question, from 0
	Passage    int    // number of the passage in the task, from 0
	Begin, End int    // the positions [Begin, End) of it
	Question   Digest // of the passage: [Passage.Digest]
	Status     Status // Complete, Failed or Missing
	// Predictions are the answer if Status is Complete: End − Begin of them.
	// Of a failed answer there are none.
	Predictions []Prediction
	Model       string // what said it answered: [Predictions.Model]
	Error       string // of a failed answer
	// Asked, Unreached, First and Last are as in Exchange.
	Asked       int
	Unreached   []string
	First, Last int64
}

// A Transcript is everything that was asked for a plan and everything that was
// answered. It does not change after [Run] has returned it.
type Transcript struct {
	Plan    Digest
	Suspect string
	Probes  []Exchange // by stage (start, middle, end), then by number
	Prompts []Exchange // in the order of the task
	// Readings are the questions about passages: over the passages in the order
	// of the task, and in each over its positions, Span at a time.
	Readings []ReadingExchange
	// Want, Reference and Span are those of the task.
	Want      Want
	Reference bool
	Span      int
}

// Counts count questions by what became of them.
type Counts struct {
	Complete  int `json:"complete"`
	Refused   int `json:"refused"`
	Empty     int `json:"empty"`
	Failed    int `json:"failed"`
	Missing   int `json:"missing"`
	Unreached int `json:"unreached"` // times that nothing came back, over all questions
}

func (c *Counts) add(s Status, unreached []string) {
	switch s {
	case Complete:
		c.Complete++
	case Refused:
		c.Refused++
	case Empty:
		c.Empty++
	case Failed:
		c.Failed++
	default:
		c.Missing++
	}
	c.Unreached += len(unreached)
}

// Counts counts the prompts, without the probes.
func (t *Transcript) Counts() Counts {
	var c Counts
	for i := range t.Prompts {
		c.add(t.Prompts[i].Status, t.Prompts[i].Unreached)
	}
	return c
}

// ReadingCounts counts the questions about passages.
func (t *Transcript) ReadingCounts() Counts {
	var c Counts
	for i := range t.Readings {
		c.add(t.Readings[i].Status, t.Readings[i].Unreached)
	}
	return c
}

// Models returns what said it answered, over prompts and probes, without
// repetition and sorted. More than one entry means that the model was changed
// while it was asked, or that several answered in turn.
func (t *Transcript) Models() []string {
	var m []string
	for _, list := range [][]Exchange{t.Probes, t.Prompts} {
		for _, e := range list {
			if e.Model != "" && !slices.Contains(m, e.Model) {
				m = append(m, e.Model)
			}
		}
	}
	slices.Sort(m)
	return m
}

// ProbesDiffer returns the numbers of the probes whose three outcomes are not
// the same text and status. A suspect that answers deterministically has none.
func (t *Transcript) ProbesDiffer() []int {
	first := make(map[int]*Exchange)
	var out []int
	for i := range t.Probes {
		e := &t.Probes[i]
		f, ok := first[e.N]
		switch {
		case !ok:
			first[e.N] = e
		case (f.Text != e.Text || f.Status != e.Status) && !slices.Contains(out, e.N):
			out = append(out, e.N)
		}
	}
	slices.Sort(out)
	return out
}

type transcriptHeader struct {
	Schema  string `json:"schema"`
	Plan    Digest `json:"plan"`
	Suspect string `json:"suspect"`
	Probes  int    `json:"probes"`
	Prompts int    `json:"prompts"`
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

// encode returns the bytes of the transcript's file.
func (t *Transcript) encode() ([]byte, error) {
	var b bytes.Buffer
	line := func(v any) error {
		data, err := canon.Encode(v)
		b.Write(data)
		b.WriteByte('\n')
		return err
	}
	err := line(transcriptHeader{transcriptSchema, t.Plan, t.Suspect, len(t.Probes), len(t.Prompts)})
	for _, list := range [][]Exchange{t.Probes, t.Prompts} {
		for _, e := range list {
			err = errors.Join(err, line(exchangeLine{e.Stage, e.N, e.Question, e.Status, canon.Text(e.Text), e.Model, e.Error,
				e.Asked, e.Unreached, e.First, e.Last}))
		}
	}
	return b.Bytes(), err
}

// WriteTo writes the transcript's file: see the package comment.
func (t *Transcript) WriteTo(w io.Writer) (int64, error) {
	data, err := t.encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(data)
	return int64(n), err
}

// Digest names the transcript: the digest of the bytes that WriteTo writes.
func (t *Transcript) Digest() (Digest, error) {
	data, err := t.encode()
	if err != nil {
		return Digest{}, err
	}
	return sum(transcriptContext, data), nil
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
		var l exchangeLine
		if err := canon.Decode(data, &l); err != nil {
			return fmt.Errorf("collect: line %d of the transcript: %w", n, err)
		}
		e := Exchange{l.Stage, l.N, l.Question, l.Status, string(l.Text), l.Model, l.Error, l.Asked, l.Unreached, l.First, l.Last}
		return t.append(n, h, e)
	})
	if err != nil {
		return nil, err
	}
	if h.Schema == "" {
		return nil, errors.New("collect: transcript is empty")
	}
	if len(t.Probes) != h.Probes || len(t.Prompts) != h.Prompts {
		return nil, fmt.Errorf("collect: transcript has %d probes and %d prompts, want %d and %d as its header says",
			len(t.Probes), len(t.Prompts), h.Probes, h.Prompts)
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
	case h.Prompts < 1:
		return fmt.Errorf("collect: transcript has %d prompts, want at least 1", h.Prompts)
	}
	t.Plan, t.Suspect = h.Plan, h.Suspect
	return nil
}

// append adds the exchange of line n, which must be the next one.
func (t *Transcript) append(n int, h transcriptHeader, e Exchange) error {
	stage, number := Prompts, len(t.Prompts)
	if i := len(t.Probes); i < h.Probes {
		stage, number = []Stage{Start, Middle, End}[i/(h.Probes/3)], i%(h.Probes/3)
	}
	if e.Stage != stage || e.N != number {
		return fmt.Errorf("collect: line %d of the transcript is %s %d, want %s %d", n, e.Stage, e.N, stage, number)
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("collect: line %d of the transcript: %w", n, err)
	}
	if stage == Prompts {
		t.Prompts = append(t.Prompts, e)
	} else {
		t.Probes = append(t.Probes, e)
	}
	return nil
}

func (e *Exchange) check() error {
	answered := len(e.Unreached) + 1
	switch e.Status {
	case Complete, Refused, Failed:
	case Empty:
		if e.Text != "" {
			return fmt.Errorf("status is empty, but the text has %d bytes", len(e.Text))
		}
	case Missing:
		answered--
		if e.Text != "" || e.Model != "" || e.Error != "" {
			return errors.New("status is missing, but there is an answer")
		}
	default:
		return fmt.Errorf("status is %q, want complete, refused, empty, failed or missing", e.Status)
	}
	if e.Asked != answered {
		return fmt.Errorf("asked %d times, want %d: %d without an outcome, status %s", e.Asked, answered, len(e.Unreached), e.Status)
	}
	return nil
}
