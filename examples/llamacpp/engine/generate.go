package engine

import (
	"context"
	"errors"
	"fmt"
)

// Generate answers a request and emits each token as soon as it is there, the
// choices interleaved. It returns after the last one, one Finish a choice. emit
// is called from the calling goroutine. An error of it other than ErrStop, or
// the end of ctx, ends the request and frees its sequences at once.
func (e *Engine) Generate(ctx context.Context, r Request, emit func(Token) error) ([]Finish, error) {
	if err := r.check(&e.info); err != nil {
		return nil, err
	}
	if r.Max == 0 && !(r.Echo && r.LogProbs >= 0) {
		return e.repeat(ctx, r, emit)
	}
	j, err := newJob(e, r)
	if err != nil {
		return nil, err
	}
	if err := e.enter(j); err != nil {
		j.drop()
		return nil, err
	}
	finishes, err := j.follow(ctx, emit)
	if err != nil {
		j.cancelled.Store(true)
	}
	e.nudge()
	return finishes, err
}

// repeat answers a request for which there is nothing to compute.
func (e *Engine) repeat(ctx context.Context, r Request, emit func(Token) error) ([]Finish, error) {
	finishes := make([]Finish, max(r.N, 1))
	for i := range finishes {
		finishes[i].Reason = "length"
	}
	if !r.Echo {
		return finishes, nil
	}
	for _, t := range r.Prompt {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := emit(e.vocabulary.echo(t)); err != nil {
			return nil, err
		}
	}
	return finishes, nil
}

// follow emits a job's tokens until the end.
func (j *job) follow(ctx context.Context, emit func(Token) error) ([]Finish, error) {
	var tokens []Token
	emitted := make([]int, j.N)
	open := j.N
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-j.ready:
		}
		var done bool
		var err error
		tokens, done, err = j.take(tokens)
		for i := range tokens {
			t := &tokens[i]
			if j.ended[t.Choice].Load() && !t.Prompt {
				continue
			}
			switch stop := emit(*t); {
			case errors.Is(stop, ErrStop) && !t.Prompt:
				j.ended[t.Choice].Store(true)
				open--
			case stop != nil:
				return nil, stop
			}
			if !t.Prompt {
				emitted[t.Choice]++
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
		if done && err != nil {
			return nil, err
		}
		if done || open == 0 {
			return j.outcome(emitted), nil
		}
	}
}

// outcome returns how the choices ended.
func (j *job) outcome(emitted []int) []Finish {
	j.mu.Lock()
	defer j.mu.Unlock()
	finishes := make([]Finish, j.N)
	for i := range finishes {
		finishes[i] = Finish{Reason: j.finishes[i].Reason, Tokens: emitted[i]}
		if j.ended[i].Load() {
			finishes[i].Reason = "stop"
		}
	}
	return finishes
}

// enter queues a job.
func (e *Engine) enter(j *job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closing:
		return ErrClosed
	case len(e.queue) >= e.config.Queue:
		return fmt.Errorf("%w: %d, want at most %d", ErrBusy, len(e.queue), e.config.Queue)
	}
	e.queue = append(e.queue, j)
	e.nudge()
	return nil
}

// nudge makes the owner look at its jobs again.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
