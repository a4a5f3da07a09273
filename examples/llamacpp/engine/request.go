package engine

import (
	"context"
	"errors"

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

// Sampling says how tokens are drawn. The zero value takes the likeliest token
// at each step, which no mark touches.
type Sampling struct {
	Temperature      float64 // 0 takes the likeliest token
	TopK             int     // 0: all
	TopP             float64 // 0 or 1: all
	MinP             float64 // 0: all
	RepeatPenalty    float64 // 0 or 1: none
	FrequencyPenalty float64 // −2 to 2
	PresencePenalty  float64 // −2 to 2
	PenaltyLast      int     // Tokens that penalties look back at. Defaults to 64; −1 for all
	Bias             map[watermark.Token]float32
	Seed             uint64
	Grammar          string // GBNF that the answer must match, "" for none
}

// A Request is a prompt and how to go on from it.
type Request struct {
	Prompt   []watermark.Token // Required, at least one token
	Max      int               // Most tokens of a choice. 0 generates none: for Echo
	Sampling Sampling
	Mark     Mark                // nil draws plainly
	Turns    [][]watermark.Token // Earlier answers of this model in the conversation, whose windows are not marked again
	// Speculate drafts tokens and checks them in one step. The answer is the
	// same, token for token.
	Speculate bool
	LogProbs  int  // Alternatives reported for a token, 0 to 20; −1 for no log-probabilities
	Echo      bool // Emits the prompt's tokens first, with log-probabilities where asked for
	N         int  // Choices. Defaults to 1
}

// A Token is one token of a choice, or of the prompt.
type Token struct {
	Choice  int
	ID      watermark.Token
	Bytes   []byte // not to be changed
	LogProb float64
	Top     []Alternative // the likeliest tokens, likeliest first; nil for a prompt's first token
	Prompt  bool
	Marked  bool // drawn with the mark
}

// An Alternative is a token that could have been, and the natural logarithm of
// its probability under the model: at temperature 1, before penalties.
type Alternative struct {
	ID      watermark.Token
	Bytes   []byte
	LogProb float64
}

// A Finish says how a choice ended.
type Finish struct {
	Reason string // "stop": the model, a complete grammar or the caller ended it; "length": Max or the context did
	Tokens int    // generated, the end token included
}

// Generate answers a request and emits each token as soon as it is there, the
// choices interleaved. It returns after the last one, one Finish a choice. emit
// is called from the calling goroutine. An error of it other than ErrStop, or
// the end of ctx, ends the request and frees its sequences at once.
func (e *Engine) Generate(ctx context.Context, r Request, emit func(Token) error) ([]Finish, error) {
	return nil, errors.New("engine: not there yet")
}
