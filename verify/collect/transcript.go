package collect

import (
	"errors"
	"fmt"
	"slices"
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

// Counts counts the prompts, without the probes and the readings.
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

// Models returns what said it answered, over prompts, probes and readings, without
// repetition and sorted. More than one entry means that the model was changed
// while it was asked, or that several answered in turn.
func (t *Transcript) Models() []string {
	var m []string
	add := func(name string) {
		if name != "" && !slices.Contains(m, name) {
			m = append(m, name)
		}
	}
	for _, list := range [][]Exchange{t.Probes, t.Prompts} {
		for i := range list {
			add(list[i].Model)
		}
	}
	for i := range t.Readings {
		add(t.Readings[i].Model)
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

func (e *Exchange) check() error {
	switch {
	case e.Status == Empty && e.Text != "":
		return fmt.Errorf("status is empty, but the text has %d bytes", len(e.Text))
	case e.Status == Missing && (e.Text != "" || e.Model != "" || e.Error != ""):
		return errors.New("status is missing, but there is an answer")
	}
	return checkAsked(e.Status, e.Asked, len(e.Unreached))
}

// checkAsked reports whether a question was asked as often as its outcome says:
// once for it and once for each time without one.
func checkAsked(s Status, asked, unreached int) error {
	want := unreached + 1
	switch s {
	case Complete, Refused, Empty, Failed:
	case Missing:
		want--
	default:
		return fmt.Errorf("status is %q, want complete, refused, empty, failed or missing", s)
	}
	if asked != want {
		return fmt.Errorf("asked %d times, want %d: %d without an outcome, status %s", asked, want, unreached, s)
	}
	return nil
}
