package engine

import (
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
)

var (
	// ErrStop is what emit returns to end the choice of its token and no other:
	// that choice finishes with "stop".
	ErrStop = errors.New("engine: the choice is complete")
	// ErrBusy is returned where too many requests wait already.
	ErrBusy = errors.New("engine: too many requests wait")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("engine: closed")
	// ErrRequest is wrapped by errors that the request's own values cause.
	ErrRequest = errors.New("engine: bad request")
)

// A Mark opens sessions: a *watermark.Watermark or a *watermark.Layers.
type Mark interface {
	NewSession(watermark.SessionOptions) (*watermark.Session, error)
}

// Sampling says how tokens are drawn, in this order: bias, penalties,
// temperature, truncation, grammar. The zero value takes the likeliest token at
// each step, which no mark touches.
type Sampling struct {
	// Temperature divides the logits, 0.001 to 100. 0 takes the likeliest token.
	Temperature float64
	// TopK keeps the likeliest tokens, as many as it says. 0 keeps all.
	TopK int
	// TopP keeps the fewest likeliest tokens that have this share of the
	// probability of what TopK kept, in (0, 1]. 0 and 1 keep all.
	TopP float64
	// MinP keeps tokens of at least this share of the likeliest one's
	// probability, in [0, 1). 0 keeps all.
	MinP float64

	// RepeatPenalty divides positive logits of tokens that occur among the last
	// PenaltyLast of prompt and answer, and multiplies negative ones. 0 and 1 are
	// none.
	RepeatPenalty float64
	// PenaltyLast defaults to 64; −1 is all.
	PenaltyLast int
	// FrequencyPenalty is subtracted from a token's logit for each time that it
	// occurs in the answer, PresencePenalty once if it does, −2 to 2 each.
	FrequencyPenalty, PresencePenalty float64

	// Bias is added to logits, in nats, −100 to 100: −100 bans a token.
	Bias map[watermark.Token]float32
	// Seed draws what a mark leaves free. Equal requests of equal seed have equal
	// answers, whatever else the engine does.
	Seed uint64
	// Grammar in llama.cpp's GBNF, whose rule root the answer is to match. A
	// token that does not match is drawn again without it, which for a Gumbel
	// mark is the same as to draw among those that match. "" is none.
	Grammar string
}

// A Request is a prompt and how to go on from it.
type Request struct {
	Prompt   []watermark.Token // Required, at least one token
	Max      int               // Most tokens of a choice. 0 generates none, for Echo
	Sampling Sampling
	Mark     Mark                // nil draws plainly
	Turns    [][]watermark.Token // Earlier answers of this model in the conversation, whose windows are not marked again
	// Speculate drafts tokens and checks them in one step. The answer is the
	// same, token for token.
	Speculate bool
	LogProbs  int  // Alternatives reported for a token, 0 to 20; −1 for no log-probabilities
	Echo      bool // Emits the prompt's tokens first, with log-probabilities where asked for
	N         int  // Choices, at most the engine's sequences. Defaults to 1
}

// A Token is one token of a choice, or of the prompt.
type Token struct {
	Choice  int // 0 for the prompt
	ID      watermark.Token
	Bytes   []byte // not to be changed
	LogProb float64
	Top     []Alternative // the likeliest tokens, likeliest first; nil for a prompt's first token
	Prompt  bool
	Marked  bool // drawn with the mark
}

// An Alternative is a token that could have been, and the natural logarithm of
// its probability under the model: at temperature 1, before bias and penalties.
type Alternative struct {
	ID      watermark.Token
	Bytes   []byte
	LogProb float64
}

// A Finish says how a choice ended.
type Finish struct {
	Reason string // "stop": the model or the caller ended it; "length": Max or the context did
	Tokens int    // emitted
}

// maxAlternatives is what OpenAI's API allows.
const maxAlternatives = 20

// check checks a request against an engine.
func (r *Request) check(i *Info) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrRequest}, args...)...)
	}
	switch {
	case len(r.Prompt) == 0:
		return bad("prompt has no tokens, want at least one")
	case r.Max < 0:
		return bad("most tokens are %d, want 0 or more", r.Max)
	case r.Max > 0 && len(r.Prompt) >= i.Context, len(r.Prompt) > i.Context:
		return bad("prompt has %d tokens, want at most %d: the context has %d", len(r.Prompt), i.Context-min(r.Max, 1), i.Context)
	case r.N < 0 || r.N > i.Sequences:
		return bad("choices are %d, want 1 to %d", r.N, i.Sequences)
	case r.LogProbs < -1 || r.LogProbs > maxAlternatives:
		return bad("alternatives are %d, want 0 to %d, or -1 for none", r.LogProbs, maxAlternatives)
	}
	for n, t := range r.Prompt {
		if t < 0 || int(t) >= i.Vocabulary {
			return bad("token %d of the prompt is %d, want 0 to %d", n, t, i.Vocabulary-1)
		}
	}
	return r.Sampling.check(i.Vocabulary, bad)
}

func (s *Sampling) check(vocabulary int, bad func(string, ...any) error) error {
	within := func(v, low, high float64) bool { return v >= low && v <= high } // false for NaN
	switch {
	case s.Temperature != 0 && !within(s.Temperature, 1e-3, 100):
		return bad("temperature is %v, want 0 or 0.001 to 100", s.Temperature)
	case s.TopK < 0:
		return bad("top_k is %d, want 0 or more", s.TopK)
	case !within(s.TopP, 0, 1):
		return bad("top_p is %v, want 0 to 1", s.TopP)
	case !within(s.MinP, 0, 1) || s.MinP == 1:
		return bad("min_p is %v, want at least 0 and less than 1", s.MinP)
	case s.RepeatPenalty != 0 && !within(s.RepeatPenalty, 1e-2, 100):
		return bad("repeat penalty is %v, want 0.01 to 100", s.RepeatPenalty)
	case s.PenaltyLast < -1:
		return bad("penalties look back at %d tokens, want 0 or more, or -1 for all", s.PenaltyLast)
	case !within(s.FrequencyPenalty, -2, 2):
		return bad("frequency penalty is %v, want -2 to 2", s.FrequencyPenalty)
	case !within(s.PresencePenalty, -2, 2):
		return bad("presence penalty is %v, want -2 to 2", s.PresencePenalty)
	}
	for t, b := range s.Bias {
		if t < 0 || int(t) >= vocabulary {
			return bad("bias of token %d, want 0 to %d", t, vocabulary-1)
		}
		if !within(float64(b), -100, 100) {
			return bad("bias of token %d is %v, want -100 to 100", t, b)
		}
	}
	return nil
}

// truncates reports whether fewer than all tokens are kept.
func (s *Sampling) truncates(vocabulary int) bool {
	return s.TopK > 0 && s.TopK < vocabulary || s.TopP > 0 && s.TopP < 1 || s.MinP > 0
}

// penaltyLast returns how many of n tokens the repeat penalty looks back at.
func (s *Sampling) penaltyLast(n int) int {
	const standard = 64
	switch s.PenaltyLast {
	case 0:
		return min(n, standard)
	case -1:
		return n
	}
	return min(n, s.PenaltyLast)
}

// minLogit is the distance from the likeliest token below which MinP drops.
func (s *Sampling) minLogit() float32 { return float32(math.Log(s.MinP)) }
