package collect

import (
	"errors"
	"fmt"
)

// A state is a transcript in the making: what the journal says so far. The
// same events, from the journal or as they happen, make the same state.
type state struct {
	task    Task
	suspect string
	items   map[Stage][]item
	total   int
	Counts
}

// An item is a question and what is known of it.
type item struct {
	question string  // of a prompt or a probe
	reading  Reading // of a reading, with the number of its passage and its digest
	passage  int
	digest   Digest

	open   bool // sent, and the outcome is not recorded
	held   bool // the suspect has predicted, the reference has not answered
	status Status

	text        string
	predictions []Prediction
	model, err  string
	asked       int
	unreached   []string
	first, last int64
}

type place struct {
	stage Stage
	n     int
}

func newState(task Task, suspect string) (*state, error) {
	s := &state{task: task, suspect: suspect, items: make(map[Stage][]item)}
	add := func(stage Stage, q item) {
		q.status = Missing
		s.items[stage] = append(s.items[stage], q)
		s.total++
	}
	for _, stage := range []Stage{Start, Middle, End} {
		for _, q := range task.Probes {
			add(stage, item{question: q})
		}
	}
	for _, q := range task.Prompts {
		add(Prompts, item{question: q})
	}
	for i := range task.Passages {
		p := &task.Passages[i]
		digest, err := p.Digest()
		if err != nil {
			return nil, err
		}
		for begin := 0; begin < len(p.Tokens); {
			end := spanEnd(begin, task.Span, len(p.Tokens))
			add(Readings, item{reading: Reading{p, begin, end, task.Want}, passage: i, digest: digest})
			begin = end
		}
	}
	s.Missing = s.total
	return s, nil
}

// spanEnd returns where the question ends that begins at a position of a
// passage of n tokens.
func spanEnd(begin, span, n int) int {
	if span == 0 || n-begin < span {
		return n
	}
	return begin + span
}

// at returns the item at a place, or nil if the task has none there.
func (s *state) at(p place) *item {
	list := s.items[p.stage]
	if p.n < 0 || p.n >= len(list) {
		return nil
	}
	return &list[p.n]
}

// apply takes one event in.
func (s *state) apply(ev event) error {
	x := s.at(place{ev.Stage, ev.N})
	switch {
	case x == nil:
		return fmt.Errorf("there is no question %s %d", ev.Stage, ev.N)
	case x.status != Missing || x.held && ev.Kind != answered:
		return fmt.Errorf("question %s %d is answered already", ev.Stage, ev.N)
	case ev.Kind != asked && !x.open:
		return fmt.Errorf("question %s %d was not asked", ev.Stage, ev.N)
	case (ev.Kind == asked || ev.Kind == unreached) && ev.answers():
		return fmt.Errorf("question %s %d is answered by an event of kind %q", ev.Stage, ev.N, ev.Kind)
	}
	next := *x
	switch ev.Kind {
	case asked:
		if x.open {
			next.interrupted("interrupted")
			s.Counts.Unreached++
		}
		next.open = true
		if x.asked == 0 {
			next.first = ev.At
		}
		next.asked++
	case unreached:
		next.open = false
		next.interrupted(ev.Error)
		s.Counts.Unreached++
	case predicted:
		if err := next.hold(ev, s.task.Reference); err != nil {
			return err
		}
	case answered:
		if ev.Status == Missing {
			return errors.New("an answer cannot be missing")
		}
		if err := next.settle(ev, s.task.Reference); err != nil {
			return err
		}
		s.Missing--
		s.add(ev.Status, nil)
	default:
		return fmt.Errorf("event has kind %q, want ask, unreached, read or answer", ev.Kind)
	}
	next.last = ev.At
	*x = next
	return nil
}

// interrupted notes why the question, as it was last sent, has no outcome.
func (x *item) interrupted(why string) {
	x.unreached = append(x.unreached, why)
}

// hold takes in what the suspect predicted, for the reference to score.
func (x *item) hold(ev event, reference bool) error {
	if !reference || ev.Stage != Readings {
		return fmt.Errorf("question %s %d is not for the reference", ev.Stage, ev.N)
	}
	if err := x.sameSpan(ev); err != nil {
		return err
	}
	if err := checkPredictions(ev.Predictions, x.reading, false); err != nil {
		return err
	}
	x.held, x.predictions, x.model = true, ev.Predictions, ev.Model
	return nil
}

// settle takes the outcome in.
func (x *item) settle(ev event, reference bool) error {
	x.open, x.status, x.err = false, ev.Status, ev.Error
	if ev.Stage != Readings {
		if ev.reads() {
			return fmt.Errorf("question %s %d is answered like a reading", ev.Stage, ev.N)
		}
		x.text, x.model = string(ev.Text), ev.Model
		e := x.exchange(ev.Stage, ev.N)
		return e.check()
	}
	if err := x.sameSpan(ev); err != nil {
		return err
	}
	switch {
	case ev.Text != "":
		return fmt.Errorf("question %s %d is answered with a text", ev.Stage, ev.N)
	case x.held && (ev.Predictions != nil || ev.Model != ""):
		return fmt.Errorf("question %s %d has predictions already", ev.Stage, ev.N)
	case ev.Reference != nil && (!x.held || ev.Status != Complete):
		return fmt.Errorf("question %s %d has figures of a reference for no predictions", ev.Stage, ev.N)
	case !x.held:
		x.predictions, x.model = ev.Predictions, ev.Model
	case ev.Status != Complete:
		x.predictions = nil
	default:
		if len(ev.Reference) != len(x.predictions) {
			return fmt.Errorf("reference has %d positions, want %d", len(ev.Reference), len(x.predictions))
		}
		for i, r := range ev.Reference {
			if len(r) > 0 {
				x.predictions[i].Reference = r
			}
		}
	}
	x.held = false
	e := x.readingExchange(ev.N)
	return e.check(x.reading.Want, reference)
}

func (x *item) sameSpan(ev event) error {
	if ev.Passage == nil || ev.Begin == nil || ev.End == nil {
		return fmt.Errorf("answer to question %s %d does not say to which positions", ev.Stage, ev.N)
	}
	if *ev.Passage != x.passage || *ev.Begin != x.reading.Begin || *ev.End != x.reading.End {
		return fmt.Errorf("answer to question %s %d is of passage %d [%d, %d), want %d [%d, %d)", ev.Stage, ev.N,
			*ev.Passage, *ev.Begin, *ev.End, x.passage, x.reading.Begin, x.reading.End)
	}
	return nil
}

func (x *item) exchange(stage Stage, n int) Exchange {
	return Exchange{stage, n, x.question, x.status, x.text, x.model, x.err, x.asked, x.unreached, x.first, x.last}
}

func (x *item) readingExchange(n int) ReadingExchange {
	return ReadingExchange{n, x.passage, x.reading.Begin, x.reading.End, x.digest, x.status, x.predictions, x.model, x.err,
		x.asked, x.unreached, x.first, x.last}
}

// transcript returns what there is. Questions whose outcome was never recorded
// were interrupted.
func (s *state) transcript() *Transcript {
	t := &Transcript{Plan: s.task.Plan, Suspect: s.suspect, Want: s.task.Want, Reference: s.task.Reference, Span: s.task.Span}
	for _, stage := range []Stage{Start, Middle, End, Prompts, Readings} {
		for n, x := range s.items[stage] {
			switch {
			case x.held:
				x.predictions, x.model = nil, ""
				x.interrupted("the reference did not answer")
			case x.open:
				x.interrupted("interrupted")
			}
			switch stage {
			case Readings:
				t.Readings = append(t.Readings, x.readingExchange(n))
			case Prompts:
				t.Prompts = append(t.Prompts, x.exchange(stage, n))
			default:
				t.Probes = append(t.Probes, x.exchange(stage, n))
			}
		}
	}
	return t
}
