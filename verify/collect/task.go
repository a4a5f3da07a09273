package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

const questionsContext = "dyetrace 2026-11-24 verify questions/1"

// A Task is what [Run] asks, in order, and for which plan.
type Task struct {
	// Plan is the digest of the plan that the answers are for. Required.
	Plan Digest
	// Prompts are asked once each, in this order. Required, unless there are
	// Passages.
	Prompts []string
	// Probes are asked three times each: before the first prompt, after half
	// of them and after the last. A change of what answers shows in them.
	Probes []string
	// Passages are read by the suspect, once each, in this order.
	Passages []Passage
	// Want is what is asked at each of their positions. Required if there are
	// Passages.
	Want Want
	// Reference says that the tokens listed for Want.Top are scored by the
	// reference model too.
	Reference bool
	// Span is how many positions of a passage are one question, and so are
	// lost together if it fails. 0: a whole passage.
	Span int
}

func (t Task) check() error {
	switch {
	case t.Plan.IsZero():
		return errors.New("collect: task has no plan digest")
	case len(t.Prompts)+len(t.Passages) == 0:
		return errors.New("collect: task has 0 prompts and 0 passages, want at least 1 of either")
	}
	for i, p := range t.Prompts {
		if !utf8.ValidString(p) {
			return fmt.Errorf("collect: prompt %d is not valid UTF-8", i)
		}
	}
	for i, p := range t.Probes {
		if !utf8.ValidString(p) {
			return fmt.Errorf("collect: probe %d is not valid UTF-8", i)
		}
	}
	for i := range t.Passages {
		if err := t.Passages[i].check(); err != nil {
			return fmt.Errorf("collect: passage %d of the task: %w", i, err)
		}
	}
	if err := checkWant(len(t.Passages) > 0, t.Want, t.Reference, t.Span); err != nil {
		return fmt.Errorf("collect: task %w", err)
	}
	return nil
}

// checkWant reports what is wrong with what is asked of passages, if there are
// any.
func checkWant(passages bool, w Want, reference bool, span int) error {
	switch {
	case w.Top < 0 || w.Top > maxTop:
		return fmt.Errorf("wants the %d most likely tokens, want 0 to %d", w.Top, maxTop)
	case w.Vocabulary < 0 || w.Vocabulary > math.MaxInt32:
		return fmt.Errorf("has a vocabulary of %d tokens, want 1 to %d, or 0 for any", w.Vocabulary, math.MaxInt32)
	case span < 0:
		return fmt.Errorf("has spans of %d positions, want at least 1, or 0 for whole passages", span)
	case passages && w.nothing():
		return errors.New("wants nothing of its passages")
	case !passages && (w != Want{} || reference || span != 0):
		return errors.New("has no passages, but says what is wanted of them")
	case reference && w.Top == 0:
		return errors.New("has a reference, but wants no tokens for it to score")
	}
	return nil
}

// questions names what is asked and in which order.
func (t Task) questions() (Digest, error) {
	a, b := sumStrings(questionsContext, t.Prompts), sumStrings(questionsContext, t.Probes)
	if len(t.Passages) == 0 {
		return sum(questionsContext, a[:], b[:]), nil
	}
	lines := make([]string, len(t.Passages))
	for i := range t.Passages {
		var err error
		if lines[i], err = t.Passages[i].line(); err != nil {
			return Digest{}, fmt.Errorf("collect: passage %d of the task: %w", i, err)
		}
	}
	c := sumStrings(questionsContext, lines)
	var how []byte
	for _, x := range []int{flag(t.Want.Argmax), flag(t.Want.Sample), t.Want.Top, flag(t.Reference), t.Span} {
		how = binary.LittleEndian.AppendUint64(how, uint64(x))
	}
	if t.Want.Own {
		how = binary.LittleEndian.AppendUint64(how, 1)
	}
	if t.Want.Vocabulary > 0 {
		how = binary.LittleEndian.AppendUint64(how, 2)
		how = binary.LittleEndian.AppendUint64(how, uint64(t.Want.Vocabulary))
	}
	return sum(questionsContext, a[:], b[:], c[:], how), nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Options say how [Run] asks. The zero Options ask one question at a time.
type Options struct {
	// Concurrency is how many questions are open at once. Defaults to 1.
	Concurrency int
	// Every is the least time between the starts of two requests to the
	// suspect; the reference does not wait for it. Defaults to none.
	Every time.Duration
	// Retries is how often a question is asked again after a
	// [*TransportError], in one call of Run. Defaults to 4; negative: never.
	Retries int
	// Backoff is the pause before the first repetition; it doubles up to a
	// minute. A suspect's RetryAfter counts if it is longer, and for all
	// questions. Defaults to a second.
	Backoff time.Duration
	// Unreachable is how many questions in a row may stay without an answer
	// before Run gives up. Defaults to 10.
	Unreachable int
	// Progress is told the state after every recorded event, by one goroutine
	// at a time. It must not call Run. Defaults to nothing.
	Progress func(Progress)
	// Clock tells the time and waits. Defaults to the system's.
	Clock Clock
}

// Progress is how far a collection is.
type Progress struct {
	// Total is the number of questions: prompts, three times the probes, and
	// spans of passages.
	Total int
	Counts
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Concurrency < 0:
		return o, fmt.Errorf("collect: concurrency is %d, want at least 1, or 0 for 1", o.Concurrency)
	case o.Every < 0:
		return o, fmt.Errorf("collect: time between requests is %v, want at least 0", o.Every)
	case o.Backoff < 0:
		return o, fmt.Errorf("collect: backoff is %v, want at least 0", o.Backoff)
	case o.Unreachable < 0:
		return o, fmt.Errorf("collect: unreachable limit is %d, want at least 1, or 0 for 10", o.Unreachable)
	}
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	if o.Retries == 0 {
		o.Retries = 4
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.Unreachable == 0 {
		o.Unreachable = 10
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	return o, nil
}
