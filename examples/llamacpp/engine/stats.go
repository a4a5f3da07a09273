package engine

import "time"

// Stats counts what an engine has done since it was opened.
type Stats struct {
	Requests  uint64 // begun
	Prompt    uint64 // tokens of prompts computed
	Generated uint64 // tokens emitted
	Marked    uint64 // of these, drawn with the mark
	Steps     uint64 // batches computed
	Batched   uint64 // tokens in them
	Drafted   uint64 // tokens drafted
	Accepted  uint64 // of these, kept

	Decode   time.Duration // inside llama.cpp
	Sampling time.Duration // between logits and tokens

	Running int // sequences at work now
	Waiting int // requests in the queue now
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats { return Stats{} }
