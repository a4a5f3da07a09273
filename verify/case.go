package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A Case is everything that [Judge] reads.
type Case struct {
	Plan       *Plan               // Required
	Frame      *collect.Frame      // the frame that the plan names. Required
	Transcript *collect.Transcript // Required
	Seal       collect.Seal        // of the transcript, published before the keys were read. Required
	// Keys are opened now. A key of the plan that is not here makes void
	// findings, which count in the family.
	Keys []Opened
	// Tokenizer is the one that the plan names. Required.
	Tokenizer Tokenizer
	// Served are the marked answers that the plan names, in the order in which
	// they were served: every answer generated, siblings that lost included, or a
	// selection by prompt, time or account only, never by content. [ServedPlan]
	// says why. Required for G2.
	Served []watermark.Text
	// Workers is how many goroutines score decoy keys. Defaults to the number
	// of processors. The report does not depend on it.
	Workers int
	// Progress is told how many of the decoys of the case are scored, by one
	// goroutine at a time. Defaults to nothing.
	Progress func(done, total int)
}

// An Opened key is one of the plan's, with what its commitment hides. Printing and
// JSON leave out key and nonce.
type Opened struct {
	Name string // of the key in the plan. Required
	Mark *watermark.Watermark
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
	case c.Tokenizer.Encode == nil:
		return nil, errors.New("verify: there is no tokenizer")
	case c.Workers < 0:
		return nil, fmt.Errorf("verify: number of workers is %d, want at least 1, or 0 for the number of processors", c.Workers)
	}
	if err := c.checkTranscript(); err != nil {
		return nil, err
	}
	if c.Tokenizer.TokenizerID != c.Plan.Tokenizer {
		return nil, fmt.Errorf("verify: tokenizer is %s with digest %v, want %s with %v as the plan says",
			c.Tokenizer.Name, c.Tokenizer.Digest, c.Plan.Tokenizer.Name, c.Plan.Tokenizer.Digest)
	}
	if err := c.checkServed(); err != nil {
		return nil, err
	}
	return c.open()
}

// checkTranscript compares the transcript with the plan, question by question.
func (c *Case) checkTranscript() error {
	task, err := c.Plan.Task(c.Frame)
	if err != nil {
		return err
	}
	t := c.Transcript
	switch {
	case t.Plan != task.Plan:
		return fmt.Errorf("verify: transcript is of plan %v, want %v", t.Plan, task.Plan)
	case t.Suspect != c.Plan.Suspect:
		return fmt.Errorf("verify: transcript is of suspect %q, want %q", t.Suspect, c.Plan.Suspect)
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
	return c.Seal.Check(t)
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
	case o.Key.ID().String() != info.KeyID:
		return fmt.Errorf("verify: key %q is %v, its mark was made with %s", o.Name, o.Key.ID(), info.KeyID)
	}
	return nil
}
