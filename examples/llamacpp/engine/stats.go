package engine

import (
	"sync/atomic"
	"time"
)

// Stats counts what an engine has done since it was opened.
type Stats struct {
	Requests  uint64 // begun
	Prompt    uint64 // tokens of prompts computed
	Reused    uint64 // tokens of prompts that the context had from an earlier request
	Generated uint64 // tokens drawn
	Marked    uint64 // of these, drawn with the mark
	Steps     uint64 // batches computed
	Batched   uint64 // tokens in them
	Drafted   uint64 // tokens drafted
	Accepted  uint64 // of these, kept

	Decode   time.Duration // inside llama.cpp
	Drafting time.Duration // with the draft model
	Sampling time.Duration // between logits and tokens

	Running int // sequences at work now
	Waiting int // requests in the queue now
}

// counters are Stats as the owner counts them.
type counters struct {
	requests, prompt, reused, generated, marked, steps, batched, drafted, accepted atomic.Uint64
	decode, drafting, sampling                                                     atomic.Int64 // nanoseconds
	running                                                                        atomic.Int64
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	waiting := len(e.queue)
	e.mu.Unlock()
	c := &e.counters
	return Stats{
		Requests: c.requests.Load(), Prompt: c.prompt.Load(), Reused: c.reused.Load(), Generated: c.generated.Load(),
		Marked: c.marked.Load(), Steps: c.steps.Load(), Batched: c.batched.Load(), Drafted: c.drafted.Load(), Accepted: c.accepted.Load(),
		Decode: time.Duration(c.decode.Load()), Drafting: time.Duration(c.drafting.Load()), Sampling: time.Duration(c.sampling.Load()),
		Running: int(c.running.Load()), Waiting: waiting,
	}
}

// since adds the time since t to a counter and returns now.
func since(counter *atomic.Int64, t time.Time) time.Time {
	now := time.Now()
	counter.Add(int64(now.Sub(t)))
	return now
}
