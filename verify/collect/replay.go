package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Replay returns a recorded transcript as a suspect of the same name. Asked what
// was asked then, it answers what was answered then, failures included, without
// any model: a [Run] of an equal task gives equal outcomes, model names and
// errors; how often a question was sent, and when, is of the new run. Everything
// else fails with an error that wraps [ErrNoAccess], and so does a question that
// stayed without an answer.
//
// Every recorded answer is given once. A question that was asked several times —
// a probe is asked three times — gets its answers in the order of the stages, so
// that one suspect from Replay serves one run, from its beginning. If the same
// question stands twice in one stage, only a run that asks one at a time gets
// their answers in the recorded order.
//
// The suspect has the access that the transcript used: a transcript without
// readings predicts nothing. It does not change t, and hands out its slices.
func Replay(t *Transcript) Suspect {
	r := &replay{t: t, texts: make(map[string][]*Exchange), readings: make(map[span][]*ReadingExchange),
		digests: make(map[*Passage]Digest), given: make(map[span]int)}
	s := Suspect{Name: t.Suspect}
	for _, e := range t.inOrder() {
		r.texts[e.Question] = append(r.texts[e.Question], e)
		s.Text = r
	}
	for i := range t.Readings {
		e := &t.Readings[i]
		key := span{e.Question, e.Begin, e.End}
		r.readings[key] = append(r.readings[key], e)
	}
	if len(t.Readings) == 0 {
		return s
	}
	if t.Want.logProbs() {
		s.TopLogProbs = r
	} else {
		s.Prefix = r
	}
	if t.Reference {
		s.Reference = r
	}
	return s
}

// inOrder returns the probes and prompts in the order of the stages.
func (t *Transcript) inOrder() []*Exchange {
	var out []*Exchange
	add := func(list []Exchange) {
		for i := range list {
			out = append(out, &list[i])
		}
	}
	third, half := len(t.Probes)/3, (len(t.Prompts)+1)/2
	add(t.Probes[:third])
	add(t.Prompts[:half])
	add(t.Probes[third : 2*third])
	add(t.Prompts[half:])
	add(t.Probes[2*third:])
	return out
}

// A span names positions of a passage.
type span struct {
	passage    Digest
	begin, end int
}

type replay struct {
	t *Transcript

	mu       sync.Mutex // guards what follows
	texts    map[string][]*Exchange
	readings map[span][]*ReadingExchange
	given    map[span]int        // how many of the readings were given
	digests  map[*Passage]Digest // a passage of 1,000 spans is encoded once
}

func (r *replay) lacks(format string, args ...any) error {
	return fmt.Errorf("%w %s: %s", ErrNoAccess, r.t.Suspect, fmt.Sprintf(format, args...))
}

// Answer implements [TextModel].
func (r *replay) Answer(ctx context.Context, prompt string) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list, recorded := r.texts[prompt]
	if len(list) == 0 {
		if recorded {
			return Answer{}, r.lacks("no further answer to %.40q is recorded", prompt)
		}
		return Answer{}, r.lacks("no answer to %.40q is recorded", prompt)
	}
	e := list[0]
	r.texts[prompt] = list[1:]
	a := Answer{Text: e.Text, Refused: e.Status == Refused, Model: e.Model}
	switch e.Status {
	case Missing:
		return Answer{}, r.lacks("%.40q had no answer", prompt)
	case Failed:
		return a, errors.New(e.Error)
	}
	return a, nil
}

// Predict implements [Predictor].
func (r *replay) Predict(ctx context.Context, q Reading) (Predictions, error) {
	if err := ctx.Err(); err != nil {
		return Predictions{}, err
	}
	if q.Want != r.t.Want {
		return Predictions{}, r.lacks("predictions of %+v are recorded, want %+v", r.t.Want, q.Want)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.key(q)
	if err != nil {
		return Predictions{}, err
	}
	list := r.readings[key]
	if r.given[key] == len(list) {
		further := ""
		if len(list) > 0 {
			further = "further "
		}
		return Predictions{}, r.lacks("no %spredictions of passage %v [%d, %d) are recorded", further, key.passage, q.Begin, q.End)
	}
	e := list[r.given[key]]
	r.given[key]++
	switch e.Status {
	case Missing:
		return Predictions{}, r.lacks("passage %v [%d, %d) was not predicted", key.passage, q.Begin, q.End)
	case Failed:
		return Predictions{Model: e.Model}, errors.New(e.Error)
	}
	out := Predictions{At: slices.Clone(e.Predictions), Model: e.Model}
	for i := range out.At {
		out.At[i].Reference = nil
	}
	return out, nil
}

// Rescore implements [Rescorer].
func (r *replay) Rescore(ctx context.Context, q Reading, ids [][]int32) ([][]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.key(q)
	if err != nil {
		return nil, err
	}
	for _, e := range r.readings[key] {
		if e.Status != Complete || !sameIDs(e.Predictions, ids) {
			continue
		}
		out := make([][]float64, len(ids))
		for i := range out {
			out[i] = e.Predictions[i].Reference
		}
		return out, nil
	}
	return nil, r.lacks("no figures of the reference for these tokens of passage %v [%d, %d) are recorded", key.passage, q.Begin, q.End)
}

func sameIDs(at []Prediction, ids [][]int32) bool {
	return slices.EqualFunc(at, ids, func(p Prediction, ids []int32) bool { return slices.Equal(p.IDs, ids) })
}

// key returns what names q in the transcript.
func (r *replay) key(q Reading) (span, error) {
	if q.Passage == nil {
		return span{}, r.lacks("the question names no passage")
	}
	d, ok := r.digests[q.Passage]
	if !ok {
		var err error
		if d, err = q.Passage.Digest(); err != nil {
			return span{}, err
		}
		r.digests[q.Passage] = d
	}
	return span{d, q.Begin, q.End}, nil
}
