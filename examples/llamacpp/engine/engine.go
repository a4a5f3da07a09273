// Package engine generates tokens with llama.cpp: several requests at once in
// one context, each drawn by a [watermark.Session] that comes last in its
// sampling pipeline.
//
// llama.cpp computes logits and nothing more; what becomes of them is here, in
// Go: penalties, bias, grammar, temperature, truncation, and the draw that
// carries the mark.
package engine

import (
	"errors"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
)

// Config says what to load and how much of the machine to use.
type Config struct {
	Library   string // Folder with llama.cpp's shared libraries. Required
	Model     string // GGUF file. Required
	Draft     string // GGUF file of a draft model with the same vocabulary; "" for drafts by n-gram lookup
	Drafts    int    // Most tokens drafted a step for a request that speculates, 1 to 32. Defaults to 8
	Sequences int    // Sequences generated at once, 1 to 64. Defaults to 8
	Context   int    // Tokens of one sequence, prompt and answer, at most what the model was trained with. Defaults to 2048 or that
	Threads   int    // Threads that compute. Defaults to half the processors, at least 1
	Queue     int    // Requests that wait for a sequence before Generate returns ErrBusy. Defaults to 256
	// Log is told what llama.cpp and the engine have to say. Defaults to nothing.
	Log func(format string, args ...any)
}

// An Engine is a loaded model. It is safe for concurrent use.
type Engine struct {
	model llama.Model
	vocab llama.Vocab
}

// Info describes a loaded model.
type Info struct {
	Name         string // of the model, from its file or that file's name
	Architecture string // "llama"
	Vocabulary   int    // tokens
	Parameters   uint64
	Bytes        uint64 // of all tensors
	Trained      int    // tokens of context that the model was trained with
	Context      int    // tokens of one sequence
	Sequences    int    // sequences at once
	Template     string // the model's chat template in Jinja, "" where it has none
	Library      string // llama.cpp's version
}

// Open loads the libraries and the model. Its errors name the file and what is
// wrong with it.
func Open(c Config) (*Engine, error) { return nil, errors.New("engine: not there yet") }

// Close waits for running requests and frees the model.
func (e *Engine) Close() error { return nil }

// Info describes the model.
func (e *Engine) Info() Info { return Info{} }

// Tokenize returns the tokens of a text. With special the text's markers, such
// as "<|im_end|>", are special tokens, and a model that wants its beginning
// token gets it; without, all text is text.
func (e *Engine) Tokenize(text string, special bool) ([]watermark.Token, error) { return nil, nil }

// Piece returns the bytes of a token, which need not be whole characters, and
// nothing for special tokens. The slice is not to be changed.
func (e *Engine) Piece(t watermark.Token) []byte { return nil }

// Chat renders messages, and tools where there are any, by the model's own
// template, ready for an answer.
func (e *Engine) Chat(messages []map[string]any, tools []any) (string, error) { return "", nil }
