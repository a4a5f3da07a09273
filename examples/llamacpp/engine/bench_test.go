package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
)

// BenchmarkGenerate is tokens a second of answers of 64 tokens, one at a time
// and eight at once, with and without a mark in turn, and what part of the time
// goes into sampling. On processors eight at once are hardly more than one after
// the other: what they share is the way through the server.
func BenchmarkGenerate(b *testing.B) {
	e := real(b)
	const length = 64
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprintf("sequences=%d", n), func(b *testing.B) {
			var spent [2]time.Duration
			var sampling [2]time.Duration
			marks := [2]engine.Mark{nil, testMark(b, 20)}
			round := 0
			for b.Loop() {
				for kind := range marks {
					requests := make([]engine.Request, n)
					for i := range requests {
						requests[i] = engine.Request{
							Prompt: asked(b, e, questions[i]), Max: length, Mark: marks[kind], LogProbs: -1,
							Sampling: engine.Sampling{Temperature: 1, Seed: uint64(round*n + i), Bias: endBias(e)},
						}
					}
					before, began := e.Stats(), time.Now()
					together(b, e, requests)
					spent[kind] += time.Since(began)
					sampling[kind] += e.Stats().Sampling - before.Sampling
				}
				round++
			}
			tokens := float64(round * n * length)
			for kind, name := range []string{"plain", "marked"} {
				b.ReportMetric(tokens/spent[kind].Seconds(), name+"-tok/s")
				b.ReportMetric(float64(sampling[kind].Nanoseconds())/tokens, name+"-sampling-ns/tok")
			}
		})
	}
}

// BenchmarkSpeculate is tokens a second of an answer that repeats its prompt,
// where drafts are best.
func BenchmarkSpeculate(b *testing.B) {
	e := real(b)
	prompt := plainText(b, e, longText(b, 600)+longText(b, 300))
	for _, speculate := range []bool{false, true} {
		b.Run(fmt.Sprintf("drafts=%t", speculate), func(b *testing.B) {
			before := e.Stats()
			for b.Loop() {
				mustGenerate(b, e, engine.Request{Prompt: prompt, Max: 64, LogProbs: -1, Speculate: speculate})
			}
			after := e.Stats()
			b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "tok/s")
			b.ReportMetric(float64(after.Generated-before.Generated)/float64(after.Steps-before.Steps), "tok/step")
		})
	}
}

func BenchmarkGrammar(b *testing.B) {
	e := real(b)
	r := engine.Request{
		Prompt: asked(b, e, "Give me a JSON object that describes a cat."), Max: 64, LogProbs: -1,
		Sampling: engine.Sampling{Temperature: 0.7, Seed: 1, Grammar: engine.JSON},
	}
	before, tokens := e.Stats(), 0
	for b.Loop() {
		tokens += len(mustGenerate(b, e, r).tokens[0])
	}
	b.ReportMetric(float64((e.Stats().Sampling-before.Sampling).Nanoseconds())/float64(tokens), "sampling-ns/tok")
}
