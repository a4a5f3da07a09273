package engine

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dyetrace/dyetrace/watermark"
)

// A job is a request on its way: the owner of the context writes tokens to it,
// the goroutine that called Generate takes them. The owner never waits for that
// goroutine, since there are no more tokens than the context has room for.
type job struct {
	Request
	choices []*choice // the owner's

	cancelled atomic.Bool
	ended     []atomic.Bool // by choice: the caller wants no more of it

	mu       sync.Mutex
	tokens   []Token
	done     bool
	err      error
	finishes []Finish
	ready    chan struct{} // holds one value while there is something to take
}

// newJob makes a request's choices, all but their slots. It takes the time of
// the request's own goroutine and not the owner's.
func newJob(e *Engine, r Request) (*job, error) {
	r.N = max(r.N, 1)
	j := &job{Request: r, ended: make([]atomic.Bool, r.N), finishes: make([]Finish, r.N), ready: make(chan struct{}, 1)}
	mark, off := r.Mark, false
	if mark == nil {
		mark, off = e.plain, true
	}
	answer := min(r.Max, e.info.Context-len(r.Prompt))
	session, err := mark.NewSession(watermark.SessionOptions{
		Seed: seedOf(r.Sampling.Seed, r.Prompt), Prompt: r.Prompt, Turns: r.Turns, Off: off,
		Tokens: len(r.Prompt) + answer + e.config.Drafts,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	var biases []candidate
	for t, b := range r.Sampling.Bias {
		biases = append(biases, candidate{t, b})
	}
	for i := range r.N {
		c := &choice{job: j, index: i, reach: e.config.Drafts, waits: i > 0}
		c.sampling, c.biases, c.prompt = &j.Sampling, biases, len(r.Prompt)
		c.tokens = append(make([]watermark.Token, 0, len(r.Prompt)+answer), r.Prompt...)
		if c.session = session; r.N > 1 {
			if c.session, err = session.Fork(i, r.N); err != nil {
				return nil, err
			}
		}
		j.choices = append(j.choices, c)
	}
	if r.Sampling.Grammar != "" {
		g, err := newGrammar(e.vocabulary, r.Sampling.Grammar)
		if err != nil {
			return nil, err
		}
		j.choices[0].grammar = g
		for _, c := range j.choices[1:] {
			c.grammar = g.clone()
		}
	}
	return j, nil
}

func (j *job) signal() {
	select {
	case j.ready <- struct{}{}:
	default:
	}
}

// put gives tokens to the caller.
func (j *job) put(tokens []Token) {
	j.mu.Lock()
	j.tokens = append(j.tokens, tokens...)
	j.mu.Unlock()
	j.signal()
}

// finish says that there will be no more tokens.
func (j *job) finish(err error) {
	j.mu.Lock()
	j.done, j.err = true, err
	j.mu.Unlock()
	j.signal()
}

// take returns what is there, in a slice that the caller gives back next time.
func (j *job) take(spare []Token) (tokens []Token, done bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	tokens, j.tokens = j.tokens, spare[:0]
	return tokens, j.done, j.err
}

// A choice is one answer of a job and the sequence of the context that it has.
type choice struct {
	drawer
	job    *job
	index  int
	slot   int
	tokens []watermark.Token // prompt and answer
	kv     int               // of these in the context
	drafts []watermark.Token // what the next step checks after the last token
	reach  int               // most tokens to draft next, which success lengthens
	waits  bool              // for the first choice to read the prompt
	rows   int               // index in the batch of the first row that is of use
	taken  int               // tokens in this step's batch without drafts
}

// pending returns how many tokens the context has not seen.
func (c *choice) pending() int { return len(c.tokens) - c.kv }

// generated returns how many tokens the answer has.
func (c *choice) generated() int { return len(c.tokens) - c.prompt }

// seedOf returns the seed of a request: the client's number with the prompt, by
// which requests of the same number differ.
func seedOf(number uint64, prompt []watermark.Token) watermark.Seed {
	const fnv = 1099511628211
	h := uint64(14695981039346656037) // FNV-1a over tokens
	for _, t := range prompt {
		h = (h ^ uint64(t)) * fnv
	}
	return watermark.SeedOf(number, h, uint64(len(prompt)))
}

// accept adds a token to the answer.
func (c *choice) accept(t watermark.Token) error {
	if c.grammar != nil {
		c.grammar.advance(t)
	}
	c.tokens = append(c.tokens, t)
	return c.session.Accept(t)
}

// free frees what a choice has of llama.cpp's.
func (c *choice) free() {
	if c.grammar != nil {
		c.grammar.free()
		c.grammar = nil
	}
}

// remove takes a choice out of its job and reports whether it was the last.
func (j *job) remove(c *choice) bool {
	j.choices = slices.DeleteFunc(j.choices, func(o *choice) bool { return o == c })
	c.free()
	return len(j.choices) == 0
}

// drop frees a job that does not start.
func (j *job) drop() {
	for _, c := range j.choices {
		c.free()
	}
}
