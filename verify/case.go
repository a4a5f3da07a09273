package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A Case is everything that [Judge] reads.
type Case struct {
	Plan       *Plan               // Required
	Frames     Frames              // those that the plan names
	Transcript *collect.Transcript // Required
	Seal       collect.Seal        // of the transcript, published before the keys were read. Required
	// Controls are the transcripts of the plan's clean models, all of them.
	Controls []Control
	// Keys are opened now. A key of the plan that is not here makes void
	// findings, which count in the family.
	Keys []Opened
	// Tokenizer is the one that the plan names. Required for G tests and Rank.
	Tokenizer Tokenizer
	// Served are the marked answers that the plan names, in the order in which
	// they were served: every answer generated, siblings that lost included, or a
	// selection by prompt, time or account only, never by content. [ServedPlan]
	// says why. Required for G2.
	Served []watermark.Text
	// Book is the book of canaries that the plan names. Required for tests of
	// canaries.
	Book *canary.Book
	// Workers is how many goroutines score decoy keys. Defaults to the number
	// of processors. The report does not depend on it.
	Workers int
	// Progress is told how many of the decoys of the case are scored, by one
	// goroutine at a time. Defaults to nothing.
	Progress func(done, total int)
	// Detail is told what each finding of a key stands on, by one goroutine at a time.
	// Defaults to nothing, which takes less memory. The report does not depend on it.
	Detail func(Detail)

	task collect.Task // what the plan asks: set by check
}

// A Control is what a model that never saw the marked answers said to the same task.
type Control struct {
	Transcript *collect.Transcript // whose Suspect is the control's name in the plan
	Seal       collect.Seal        // of this transcript, published before the keys were read
}

// An Opened key is one of the plan's, with what its commitment hides. Printing and
// JSON leave out key and nonce.
type Opened struct {
	Name string               // of the key in the plan. Required
	Mark *watermark.Watermark // Required, but of a tree of canaries
	// Key and Nonce open the commitment. Required where there is one.
	Key   keys.Key
	Nonce [32]byte `json:"-"`
}

// Format implements [fmt.Formatter]: whatever the verb, name and public names.
func (o Opened) Format(s fmt.State, _ rune) {
	mark := "none"
	if o.Mark != nil {
		mark = o.Mark.ID()
	}
	fmt.Fprintf(s, "{Name:%q Mark:%q Key:%v Nonce:redacted}", o.Name, mark, o.Key)
}

// A Tokenizer turns text into tokens of the marked model.
type Tokenizer struct {
	TokenizerID
	// Encode returns the tokens of a text, whatever its bytes are. It is called
	// by one goroutine, and returns the same tokens for the same text.
	Encode func(text string) []watermark.Token
}

// check reports what in the case is not what the plan says, or nil. It returns
// the opened keys in the order of the plan, nil where one is missing.
func (c *Case) check() ([]*Opened, error) {
	switch {
	case c.Plan == nil:
		return nil, errors.New("verify: there is no plan")
	case c.Transcript == nil:
		return nil, errors.New("verify: there is no transcript")
	case c.Tokenizer.Encode == nil && c.Plan.Tokenizer != TokenizerID{}:
		return nil, errors.New("verify: there is no tokenizer")
	case c.Workers < 0:
		return nil, fmt.Errorf("verify: number of workers is %d, want at least 1, or 0 for the number of processors", c.Workers)
	}
	task, err := c.Plan.Task(c.Frames)
	if err != nil {
		return nil, err
	}
	c.task = task
	for i, p := range task.Passages {
		if p.Key != "" && !slices.ContainsFunc(c.Plan.Keys, func(k KeyPlan) bool { return k.Name == p.Key }) {
			return nil, fmt.Errorf("verify: passage %d is to be scored under key %q, want one of the plan's or none", i, p.Key)
		}
	}
	if err := c.checkTranscript(c.Transcript, c.Plan.Suspect, c.Seal); err != nil {
		return nil, err
	}
	if err := c.checkControls(); err != nil {
		return nil, err
	}
	if c.Tokenizer.TokenizerID != c.Plan.Tokenizer {
		return nil, fmt.Errorf("verify: tokenizer is %s with digest %v, want %s with %v as the plan says",
			c.Tokenizer.Name, c.Tokenizer.Digest, c.Plan.Tokenizer.Name, c.Plan.Tokenizer.Digest)
	}
	if err := c.checkServed(); err != nil {
		return nil, err
	}
	if err := c.checkBook(); err != nil {
		return nil, err
	}
	if err := c.checkTwins(); err != nil {
		return nil, err
	}
	return c.open()
}

// checkTranscript compares a transcript with the plan, question by question.
func (c *Case) checkTranscript(t *collect.Transcript, suspect string, seal collect.Seal) error {
	task := &c.task
	switch {
	case t.Plan != task.Plan:
		return fmt.Errorf("verify: transcript is of plan %v, want %v", t.Plan, task.Plan)
	case t.Suspect != suspect:
		return fmt.Errorf("verify: transcript is of suspect %q, want %q", t.Suspect, suspect)
	case len(t.Prompts) != len(task.Prompts):
		return fmt.Errorf("verify: transcript has %d prompts, want %d", len(t.Prompts), len(task.Prompts))
	case len(t.Probes) != 3*len(task.Probes):
		return fmt.Errorf("verify: transcript has %d answers to probes, want %d", len(t.Probes), 3*len(task.Probes))
	}
	for i, e := range t.Prompts {
		if e.Question != task.Prompts[i] {
			return fmt.Errorf("verify: prompt %d of the transcript is %.60q, want %.60q as nonce and frame say", i, e.Question, task.Prompts[i])
		}
	}
	for i, e := range t.Probes {
		if want := task.Probes[i%len(task.Probes)]; e.Question != want {
			return fmt.Errorf("verify: probe %d of the transcript is %.60q, want %.60q", i, e.Question, want)
		}
	}
	if err := checkReadings(t, task); err != nil {
		return err
	}
	return seal.Check(t)
}

// checkReadings compares what was read with the plan, span by span.
func checkReadings(t *collect.Transcript, task *collect.Task) error {
	if len(task.Passages) > 0 && (t.Want != task.Want || t.Reference != task.Reference || t.Span != task.Span) {
		return fmt.Errorf("verify: transcript asks for %+v of spans of %d with reference %t, want %+v, %d and %t as the plan says",
			t.Want, t.Span, t.Reference, task.Want, task.Span, task.Reference)
	}
	n := 0
	for i := range task.Passages {
		p := &task.Passages[i]
		digest, err := p.Digest()
		if err != nil {
			return fmt.Errorf("verify: passage %d: %w", i, err)
		}
		span := task.Span
		if span == 0 {
			span = len(p.Tokens)
		}
		for begin := 0; begin < len(p.Tokens); begin += span {
			end := min(begin+span, len(p.Tokens))
			if n >= len(t.Readings) {
				return fmt.Errorf("verify: transcript has %d questions on passages, want more", len(t.Readings))
			}
			if e := &t.Readings[n]; e.Passage != i || e.Begin != begin || e.End != end || e.Question != digest {
				return fmt.Errorf("verify: question %d on passages is positions [%d, %d) of passage %d, %v, want [%d, %d) of passage %d, %v, as nonce and frame say",
					n, e.Begin, e.End, e.Passage, e.Question, begin, end, i, digest)
			}
			n++
		}
	}
	if n != len(t.Readings) {
		return fmt.Errorf("verify: transcript has %d questions on passages, want %d", len(t.Readings), n)
	}
	return nil
}

// checkControls compares the controls' transcripts with the plan.
func (c *Case) checkControls() error {
	if len(c.Controls) != len(c.Plan.Controls) {
		return fmt.Errorf("verify: there are %d controls, want %d as the plan says", len(c.Controls), len(c.Plan.Controls))
	}
	for _, name := range c.Plan.Controls {
		i := c.control(name)
		if i < 0 {
			return fmt.Errorf("verify: control %q has no transcript", name)
		}
		if err := c.checkTranscript(c.Controls[i].Transcript, name, c.Controls[i].Seal); err != nil {
			return fmt.Errorf("control %q: %w", name, err)
		}
	}
	return nil
}

// control returns the place of a control's transcript, or −1.
func (c *Case) control(name string) int {
	return slices.IndexFunc(c.Controls, func(x Control) bool { return x.Transcript != nil && x.Transcript.Suspect == name })
}

// record returns what a transcript holds, in tokens: of the passages those that are
// marked, and nothing of what was said of their own tokens.
func (c *Case) record(t *collect.Transcript) *Record {
	marked := c.task.Passages[:c.Plan.Reading.Frame.Ask]
	r := &Record{Served: c.Served, End: c.Plan.Reading.End, Passages: marked, Predictions: make([][]collect.Prediction, len(marked))}
	said := t.Prompts
	if c.Plan.Tokenizer == (TokenizerID{}) { // all tests of texts are of canaries
		said = nil
	}
	for _, e := range said {
		if e.Status == collect.Complete || e.Status == collect.Refused {
			r.Prompts = append(r.Prompts, c.Tokenizer.Encode(e.Question))
			r.Texts = append(r.Texts, watermark.Text{Tokens: c.Tokenizer.Encode(e.Text)})
		}
	}
	for _, e := range t.Readings {
		if e.Passage >= len(marked) {
			break
		}
		list := &r.Predictions[e.Passage]
		if *list == nil {
			*list = make([]collect.Prediction, len(c.task.Passages[e.Passage].Tokens))
			for i := range *list {
				(*list)[i] = missing
			}
		}
		copy((*list)[e.Begin:e.End], e.Predictions)
		for i := e.Begin; i < e.End; i++ {
			(*list)[i].Own = nil
		}
	}
	return r
}

func (c *Case) checkServed() error {
	want := c.Plan.Served
	if want.IsZero() {
		return nil
	}
	if got := ServedDigest(c.Served); got != want.Digest || len(c.Served) != want.Texts {
		return fmt.Errorf("verify: there are %d served answers with digest %v, want %d with %v as the plan says",
			len(c.Served), got, want.Texts, want.Digest)
	}
	return nil
}

// open checks the opened keys against their commitments.
func (c *Case) open() ([]*Opened, error) {
	out := make([]*Opened, len(c.Plan.Keys))
	for i := range c.Keys {
		o := &c.Keys[i]
		k := slices.IndexFunc(c.Plan.Keys, func(k KeyPlan) bool { return k.Name == o.Name })
		if k < 0 || out[k] != nil {
			return nil, fmt.Errorf("verify: opened key is %q, want each of the plan's at most once", o.Name)
		}
		if err := o.check(c.Plan.Keys[k]); err != nil {
			return nil, err
		}
		out[k] = o
	}
	return out, nil
}

func (o *Opened) check(want KeyPlan) error {
	if want.Tree != "" {
		return o.checkTree(want)
	}
	if o.Mark == nil {
		return fmt.Errorf("verify: opened key %q has no mark", o.Name)
	}
	info := o.Mark.Info()
	switch {
	case o.Mark.ID() != want.Mark:
		return fmt.Errorf("verify: opened key %q has mark %q, want %q as the plan says", o.Name, o.Mark.ID(), want.Mark)
	case info.Kind != want.Kind:
		return fmt.Errorf("verify: words of key %q are %s, the plan says %s", o.Name, info.Kind, want.Kind)
	case info.KeyID != want.KeyID:
		return fmt.Errorf("verify: mark of key %q was made with key %q, want %q as the plan says", o.Name, info.KeyID, want.KeyID)
	case want.Commitment == keys.Commitment{}:
		return nil
	case !want.Commitment.Verify(o.Key, o.Nonce):
		return fmt.Errorf("verify: key %q does not open the commitment %v of the plan", o.Name, want.Commitment)
	case o.Key.ID().String() != info.KeyID && !integers(info.KeyID):
		return fmt.Errorf("verify: key %q is %v, its mark was made with %s", o.Name, o.Key.ID(), info.KeyID)
	}
	return nil
}
