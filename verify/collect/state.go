package collect

import (
	"errors"
	"fmt"
	"slices"
)

// A state is a transcript in the making: what the journal says so far. The
// same events, from the journal or as they happen, make the same state.
type state struct {
	t    Transcript
	open map[place]bool // questions sent whose outcome is not recorded
	Counts
}

type place struct {
	stage Stage
	n     int
}

func newState(task Task, suspect string) *state {
	s := &state{t: Transcript{Plan: task.Plan, Suspect: suspect}, open: make(map[place]bool)}
	for _, stage := range []Stage{Start, Middle, End} {
		for i, q := range task.Probes {
			s.t.Probes = append(s.t.Probes, Exchange{Stage: stage, N: i, Question: q, Status: Missing})
		}
	}
	for i, q := range task.Prompts {
		s.t.Prompts = append(s.t.Prompts, Exchange{Stage: Prompts, N: i, Question: q, Status: Missing})
	}
	s.Missing = len(s.t.Probes) + len(s.t.Prompts)
	return s
}

// at returns the exchange at a place, or nil if the task has none there.
func (s *state) at(p place) *Exchange {
	if p.n < 0 {
		return nil
	}
	list, offset := s.t.Prompts, 0
	if p.stage != Prompts {
		list = s.t.Probes
		k := slices.Index([]Stage{Start, Middle, End}, p.stage)
		if k < 0 || p.n >= len(list)/3 {
			return nil
		}
		offset = k * len(list) / 3
	}
	if offset+p.n >= len(list) {
		return nil
	}
	return &list[offset+p.n]
}

// apply takes one event in.
func (s *state) apply(ev event) error {
	p := place{ev.Stage, ev.N}
	x := s.at(p)
	switch {
	case x == nil:
		return fmt.Errorf("there is no question %s %d", ev.Stage, ev.N)
	case x.Status != Missing:
		return fmt.Errorf("question %s %d is answered already", ev.Stage, ev.N)
	case ev.Kind != asked && !s.open[p]:
		return fmt.Errorf("question %s %d was not asked", ev.Stage, ev.N)
	}
	switch ev.Kind {
	case asked:
		if s.open[p] {
			s.interrupted(x)
		}
		s.open[p] = true
		if x.Asked == 0 {
			x.First = ev.At
		}
		x.Asked++
	case unreached:
		delete(s.open, p)
		x.Unreached = append(x.Unreached, ev.Error)
		s.Counts.Unreached++
	case answered:
		next := *x
		next.Status, next.Text, next.Model, next.Error = ev.Status, string(ev.Text), ev.Model, ev.Error
		if ev.Status == Missing {
			return errors.New("an answer cannot be missing")
		}
		if err := next.check(); err != nil {
			return err
		}
		delete(s.open, p)
		*x = next
		s.Missing--
		s.add(ev.Status, nil)
	default:
		return fmt.Errorf("event has kind %q, want ask, unreached or answer", ev.Kind)
	}
	x.Last = ev.At
	return nil
}

func (s *state) interrupted(x *Exchange) {
	x.Unreached = append(x.Unreached, "interrupted")
	s.Counts.Unreached++
}

// transcript returns what there is. Questions whose outcome was never recorded
// were interrupted.
func (s *state) transcript() *Transcript {
	for p := range s.open {
		s.interrupted(s.at(p))
	}
	clear(s.open)
	return &s.t
}
