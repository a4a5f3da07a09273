// Package engine generates tokens with llama.cpp: several requests at once in
// one context, each drawn by a [watermark.Session] that comes last in its
// sampling pipeline.
//
// llama.cpp computes logits and nothing more; what becomes of them is here, in
// Go: bias, penalties, temperature, truncation, grammar, and the draw that carries
// the mark. One goroutine owns the context. Requests join and leave it between
// two steps, prompts are read in chunks so that running answers go on meanwhile,
// and what the context still has of an earlier conversation is not read again.
// A request of a given seed has the same answer whatever else is going on.
package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/hybridgroup/yzma/pkg/llama"
)

// Config says what to load and how much of the machine to use.
type Config struct {
	Library   string // Folder with llama.cpp's shared libraries, of [Version]. Required
	Model     string // GGUF file. Required
	Draft     string // GGUF file of a draft model with the same vocabulary; "" for drafts by n-gram lookup
	Drafts    int    // Most tokens drafted a step for a request that speculates, 1 to 32. Defaults to 8
	Sequences int    // Sequences generated at once, 1 to 64. Defaults to 8
	Context   int    // Tokens of one sequence, prompt and answer, at most what the model was trained with. Defaults to 2048 or that
	Threads   int    // Threads that compute. Defaults to half the processors, at least 1
	Queue     int    // Requests that wait for a sequence before Generate returns ErrBusy. Defaults to 256
	// Log is told what llama.cpp complains of, from any goroutine. Defaults to
	// nothing.
	Log func(format string, args ...any)
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
	Threads      int
	Template     string // the model's chat template in Jinja, "" where it has none
	Library      string // llama.cpp's version
}

// An Engine is a loaded model. It is safe for concurrent use.
type Engine struct {
	config     Config
	info       Info
	model      llama.Model
	vocabulary *vocabulary
	chat       *chat // nil where the model has no template that can be used
	noChat     error // why
	plain      Mark  // whose sessions are off: ordinary sampling
	drafter    *drafter
	counters   counters

	mu      sync.Mutex
	queue   []*job
	closing bool
	wake    chan struct{} // holds one value while the owner has something to look at
	stopped chan struct{} // closed when the owner is gone

	// The owner's.
	context *memory
	sampler *sampler
	slots   []slot
	running []*choice // in the order of arrival
	rewinds bool      // the context can take drafts back: not a recurrent model's
	drafted []*choice // those that want drafts this step
	// What step and its parts use again and again.
	snapshot []*choice
	out      []Token
}

// Open loads the libraries and the model. Its errors name the file and what is
// wrong with it.
func Open(c Config) (*Engine, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if err := load(c.Library); err != nil {
		return nil, err
	}
	model, err := openModel(c.Model)
	if err != nil {
		return nil, err
	}
	e := &Engine{config: c, model: model, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	if err := e.prepare(); err != nil {
		e.free()
		return nil, fmt.Errorf("engine: model %s: %w", c.Model, err)
	}
	if c.Draft != "" {
		if e.drafter, err = newDrafter(c.Draft, e.vocabulary, &e.config); err != nil {
			e.free()
			return nil, err
		}
	}
	library.log.attach(e, c.Log)
	go e.run()
	return e, nil
}

// complete fills in defaults and checks the rest.
func (c *Config) complete() error {
	for _, f := range []struct {
		name     string
		value    *int
		standard int
		high     int
	}{
		{"drafts", &c.Drafts, 8, 32},
		{"sequences", &c.Sequences, 8, 64},
		{"threads", &c.Threads, max(1, runtime.NumCPU()/2), 512},
		{"queue", &c.Queue, 256, 1 << 20},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < 1 || *f.value > f.high {
			return fmt.Errorf("engine: %s are %d, want 1 to %d", f.name, *f.value, f.high)
		}
	}
	if c.Model == "" {
		return errors.New("engine: no model, want a GGUF file")
	}
	return nil
}

// openModel inspects a file and loads it.
func openModel(path string) (llama.Model, error) {
	if _, err := inspect(path, fileTypes()); err != nil {
		return 0, err
	}
	compiling.Lock()
	defer compiling.Unlock()
	library.log.forget()
	model, err := llama.ModelLoadFromFile(path, llama.ModelDefaultParams())
	if err != nil {
		return 0, fmt.Errorf("engine: model %s: %w%s", path, err, library.log.complaint())
	}
	return model, nil
}

// prepare makes all that goes with a model.
func (e *Engine) prepare() (err error) {
	if e.vocabulary, err = newVocabulary(e.model); err != nil {
		return err
	}
	if llama.ModelHasEncoder(e.model) || !llama.ModelHasDecoder(e.model) || llama.ModelIsDiffusion(e.model) {
		return fmt.Errorf("%q is not a model that goes on from a text token by token", llama.ModelDesc(e.model))
	}
	if err = e.describe(); err != nil {
		return err
	}
	const prompts = 128 // tokens of prompts in a step, where nobody waits for an answer's next token
	room := e.config.Sequences*(1+e.config.Drafts) + prompts
	if e.context, err = newMemory(e.model, e.info.Vocabulary, e.config.Sequences, e.config.Context, room, e.config.Threads); err != nil {
		return err
	}
	e.rewinds = !llama.ModelIsRecurrent(e.model) && !llama.ModelIsHybrid(e.model)
	e.sampler, e.slots = newSampler(e.info.Vocabulary), make([]slot, e.config.Sequences)
	key, err := keys.New(rand.Reader)
	if err != nil {
		return err
	}
	plain, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
	e.plain = plain
	return err
}

// describe fills in the model's Info.
func (e *Engine) describe() error {
	trained := int(llama.ModelNCtxTrain(e.model))
	if e.config.Context == 0 {
		e.config.Context = min(2048, trained)
	}
	if e.config.Context < 8 || e.config.Context > trained {
		return fmt.Errorf("context is %d tokens, want 8 to the %d that it was trained with", e.config.Context, trained)
	}
	name, _ := llama.ModelMetaValStr(e.model, "general.name")
	if name == "" {
		name = filepath.Base(e.config.Model)
	}
	architecture, _ := llama.ModelMetaValStr(e.model, "general.architecture")
	template, _ := llama.ModelMetaValStr(e.model, "tokenizer.chat_template")
	e.info = Info{
		Name: name, Architecture: architecture, Vocabulary: len(e.vocabulary.pieces),
		Parameters: llama.ModelNParams(e.model), Bytes: llama.ModelSize(e.model),
		Trained: trained, Context: e.config.Context, Sequences: e.config.Sequences, Threads: e.config.Threads,
		Template: template, Library: Version,
	}
	if template == "" {
		e.noChat = errors.New("there is none")
		return nil
	}
	e.chat, e.noChat = newChat(template, e.vocabulary.marker(e.vocabulary.first), e.vocabulary.marker(watermark.Token(llama.VocabEOS(e.vocabulary.handle))))
	return nil
}

// Info describes the model.
func (e *Engine) Info() Info { return e.info }

// Close lets running and waiting requests end, then frees the model. New ones
// get ErrClosed at once. Cancel contexts to have it sooner.
func (e *Engine) Close() error {
	e.mu.Lock()
	first := !e.closing
	e.closing = true
	e.mu.Unlock()
	e.nudge()
	<-e.stopped
	if first {
		library.log.detach(e)
		e.free()
	}
	return nil
}

func (e *Engine) free() {
	if e.drafter != nil {
		e.drafter.close()
	}
	if e.context != nil {
		e.context.close()
	}
	_ = llama.ModelFree(e.model)
}
