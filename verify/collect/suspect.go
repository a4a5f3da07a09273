package collect

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Suspect is a model under test and the access that there is to it. A nil
// field is access that there is not. Wrapping a client in a cache, a limiter or
// a recorder therefore hides nothing: the wrapper says what it passes on.
type Suspect struct {
	// Name is what reports call the model. Required, valid UTF-8.
	Name string
	// Text answers prompts.
	Text TextModel
	// Prefix predicts one token after a prefix: the most likely, or one sample.
	// It is asked for passages if no log-probabilities are wanted.
	Prefix Predictor
	// TopLogProbs predicts the m most likely tokens after a prefix, with ln p;
	// with m the size of the vocabulary, the whole distribution. If
	// log-probabilities are wanted it is asked for everything that is wanted, in
	// one question, and Prefix for nothing.
	TopLogProbs Predictor
	// Reference is another model, older than the commitment to the keys, which
	// says ln p of the tokens that TopLogProbs listed, after the same prefix.
	Reference Rescorer
}

// check reports which access the task needs that there is not.
func (s Suspect) check(t Task) error {
	lacks := ""
	switch {
	case s.Text == nil && len(t.Prompts)+len(t.Probes) > 0:
		lacks = "it answers no prompts"
	case len(t.Passages) == 0:
	case t.Want.logProbs() && s.TopLogProbs == nil:
		lacks = "it gives no log-probabilities"
	case !t.Want.logProbs() && s.Prefix == nil:
		lacks = "it predicts no tokens"
	case t.Reference && s.Reference == nil:
		lacks = "there is no reference model beside it"
	}
	if lacks != "" {
		return fmt.Errorf("%w %s: %s", ErrNoAccess, s.Name, lacks)
	}
	return nil
}

// A TextModel answers prompts, in whatever way its owner serves them: chat
// template, temperature and length are its own and are part of its name.
type TextModel interface {
	// Answer returns the answer to prompt. It honours ctx, may be called from
	// several goroutines at once, and neither retries nor remembers: whether a
	// prompt is asked again is decided and recorded by [Run]. An error that is
	// (or wraps) a [*TransportError] says that nothing of an answer arrived;
	// any other error is an answer that failed, which is kept and counted.
	Answer(ctx context.Context, prompt string) (Answer, error)
}

// An Answer is one complete answer of a suspect.
type Answer struct {
	// Text is the answer, byte for byte; it need not be valid UTF-8.
	Text string
	// Refused says that the suspect's interface itself marked the answer as a
	// refusal (a content filter, say). It is no reading of Text.
	Refused bool
	// Model is what the suspect's interface says answered: a model name with a
	// system fingerprint, a digest of weights. Empty if it says nothing.
	Model string
}

// A TransportError is the failure of a request before the first byte of its
// answer: a refused connection, a time-out, an HTTP status that asks to come
// again. It is the only error after which [Run] asks the same question again.
type TransportError struct {
	Err error
	// RetryAfter is how long the suspect asks to be left alone; 0 if it does
	// not say.
	RetryAfter time.Duration
}

// Error implements error.
func (e *TransportError) Error() string {
	return fmt.Sprintf("no byte of an answer: %v", e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// ErrNoAccess says that a suspect lacks the capability that is asked for.
var ErrNoAccess = errors.New("collect: no such access to the suspect")
