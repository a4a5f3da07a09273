package verify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// nullTests are all tests in all forms, and what their p-values are.
var nullTests = []verify.Test{
	{Name: verify.G1}, {Name: verify.G1, Fresh: true}, {Name: verify.G1, Sparse: true},
	{Name: verify.G2}, {Name: verify.G2, First: 3}, {Name: verify.G2, First: 20, Sparse: true}, {Name: verify.G2, Stop: true, First: 60},
	{Name: verify.R1}, {Name: verify.R1, First: 10}, {Name: verify.R1, First: 20, Sparse: true}, {Name: verify.R1, Stop: true},
	{Name: verify.R2}, {Name: verify.R2, First: 10},
	{Name: verify.R3}, {Name: verify.R4}, {Name: verify.R4, Form: verify.Difference}, {Name: verify.R4, Weight: verify.Ridge},
	{Name: verify.R4, Stop: true},
	{Name: verify.R4h}, {Name: verify.R4h, First: 10}, {Name: verify.R4h, Form: verify.Difference},
}

// servedTests look at the windows of served answers, in texts that were not made
// under the key.
var servedTests = []verify.Test{
	{Name: verify.R1, Served: true}, {Name: verify.R1, Served: true, First: 3}, {Name: verify.R4, Served: true}, {Name: verify.R4h, Served: true, First: 3},
}

func label(t verify.Test) string {
	return fmt.Sprintf("%v first %d stop %t", t, t.First, t.Stop)
}

// exact reports whether the p-value of a test has to be one, and not only a bound,
// under a continuous law.
func exactTest(t verify.Test) bool {
	return t.Name == verify.G1 && !t.Sparse || t.Name != verify.G1 && t.First > 0 && !t.Stop && !t.Sparse && t.Name != verify.R4
}

// A nullWorld makes a clean suspect's record of texts under a new key.
type nullWorld struct {
	mark  func(i uint64) *watermark.Watermark
	write func(i uint64) opener // defaults to mark: the layout of a layer
}

// pvalues runs all tests under n new keys: a session of the mark writes passages and
// served answers, and suspects of all habits, which do not know the key, read the
// passages and write texts of their own.
func (w nullWorld) pvalues(t *testing.T, from, n uint64) map[string][]float64 {
	out := make(map[string][]float64)
	for i := from; i < from+n; i++ {
		rng := rand.New(rand.NewPCG(i, 77))
		mark := w.mark(i)
		var writer opener = mark
		if w.write != nil {
			writer = w.write(i)
		}
		h := habits[i%uint64(len(habits))]
		clean := func() *mind { // that remembers nothing yet
			return &mind{own: plainSelf, reference: earlier, habit: h.make(), certain: 0.9 - 0.6*float64(i/uint64(len(habits))%2), rng: rng}
		}
		texts, tokens := 2, 16 // most runs are short: that makes more of them
		if i%30 == 0 {
			texts, tokens = 5, 60
		}
		rec := &verify.Record{Passages: teacher.passages(t, writer, texts, tokens, rng)}
		rec.Predictions = clean().read(rec.Passages)
		for range texts {
			rec.Served = append(rec.Served, watermark.Text{Tokens: teacher.marked(t, writer, nil, 3*tokens/2, rng.Uint64())})
			prompt := teacher.plain(6, rng)
			phrase := plainSelf.plain(tokens/4, rng)
			text := append(append(append(plainSelf.plain(tokens/2, rng), phrase...), phrase...), prompt...)
			rec.Prompts, rec.Texts = append(rec.Prompts, prompt), append(rec.Texts, watermark.Text{Tokens: text})
		}
		run := func(rec *verify.Record, tests []verify.Test) {
			found, err := verify.Examination{Name: "k", Mark: mark, Tests: tests, Alpha: 0.2}.Run(context.Background(), rec)
			require.NoError(t, err)
			for j, f := range found {
				out[label(tests[j])] = append(out[label(tests[j])], f.LogP)
			}
		}
		run(rec, nullTests)
		// Texts that were not made under the key, read for windows that were served.
		other := *rec
		other.Passages = make([]collect.Passage, texts)
		for k := range other.Passages {
			other.Passages[k] = collect.Passage{Prompt: teacher.plain(6, rng), Tokens: teacher.plain(tokens, rng)}
		}
		other.Predictions = clean().read(other.Passages)
		run(&other, servedTests)
	}
	return out
}

// worlds are marks of all schemes and of several engines, each under a new key a run.
func worlds(t *testing.T) map[string]struct {
	nullWorld
	share float64 // of the runs
} {
	native := func(scheme watermark.Scheme, width int) nullWorld {
		return nullWorld{mark: func(i uint64) *watermark.Watermark { return newMark(t, newKey(t, i), scheme, width) }}
	}
	layout := func(i uint64) *watermark.Layers {
		l, err := watermark.NewLayers(newKey(t, 3*i),
			watermark.Layer{Name: "a", Share: watermark.AllWindows / 3 * 2, Mark: newMark(t, newKey(t, 3*i+1), watermark.Gumbel{}, 1)},
			watermark.Layer{Name: "b", Share: watermark.AllWindows - watermark.AllWindows/3*2, Mark: newMark(t, newKey(t, 3*i+2), watermark.Gumbel{}, 2)})
		require.NoError(t, err)
		return l
	}
	type share = struct {
		nullWorld
		share float64
	}
	return map[string]share{
		"gumbel of width 2": {native(watermark.Gumbel{}, 2), 0.3},
		"gumbel of width 1": {native(watermark.Gumbel{}, 1), 0.2},
		"layers":            {nullWorld{mark: func(i uint64) *watermark.Watermark { return layout(i).Mark("a") }, write: func(i uint64) opener { return layout(i) }}, 0.1},
		"two keys":          {native(watermark.DualGumbel{Alpha: 0.25}, 2), 0.05},
		"green list":        {native(watermark.GreenList{Gamma: 0.25, Delta: 3}, 2), 0.1},
		"tournament":        {native(watermark.Tournament{Depth: 5}, 2), 0.05},
		"vllm": {nullWorld{mark: func(i uint64) *watermark.Watermark {
			m, err := vllm.New(vllm.Config{Key: vllm.NewKey(rand.New(rand.NewPCG(i, 4)).Uint64()), ContextWidth: 2})
			require.NoError(t, err)
			return m
		}}, 0.1},
		"transformers": {nullWorld{mark: func(i uint64) *watermark.Watermark {
			m, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(rand.New(rand.NewPCG(i, 5)).Uint64()), VocabSize: smallWords})
			require.NoError(t, err)
			return m
		}}, 0.1},
	}
}

func TestTestsOfReadingAreCalibrated(t *testing.T) {
	runs := 10_000.0
	if testing.Short() {
		runs = 1_000
	}
	for name, w := range worlds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for test, p := range w.pvalues(t, 1, uint64(runs*w.share)) {
				superUniform(t, test, p)
				if strings.Contains(name, "gumbel") {
					for _, x := range append(nullTests, servedTests...) {
						if label(x) == test && exactTest(x) {
							notIdle(t, test, p)
						}
					}
				}
			}
		})
	}
}

// The whole of it, from frames to corrected findings: a clean suspect writes and reads,
// two keys are looked for by five tests each, and the least adjusted p-value of the family
// is a p-value. What decoys would void could only raise it.
func TestWholeProtocolHoldsItsRate(t *testing.T) {
	runs := shorter(200)
	var least []float64
	for i := range runs {
		rng := rand.New(rand.NewPCG(i, 91))
		vendor, other := newKey(t, 2*i), newKey(t, 2*i+1)
		mark, otherMark := newMark(t, vendor, watermark.Gumbel{}, 2), newMark(t, other, watermark.Gumbel{}, 1)
		c := newReadingCase(t, append(teacher.passages(t, mark, 2, 30, rng), teacher.passages(t, otherMark, 1, 30, rng)...))
		var prompts []string
		for n := range token(5) {
			prompts = append(prompts, text(append([]token{n}, teacher.plain(8, rng)...)...))
		}
		frame, err := collect.NewFrame(prompts)
		require.NoError(t, err)
		c.Frames.Prompts, c.Tokenizer, c.Plan.Tokenizer = frame, tokenizer, tokenizer.TokenizerID
		c.Plan.Frame = verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: 4}
		c.key(t, "vendor", mark, vendor)
		c.key(t, "other", otherMark, other)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.G2, First: 20}, {Name: verify.R1, First: 20}, {Name: verify.R2, Stop: true}, {Name: verify.R4}}
		c.Plan.Alpha, c.Plan.Reading.Top, c.Plan.Reading.Reference, c.Plan.Reading.Age = 0.2, 4, "base", "released before"
		c.serve(teacher.marked(t, mark, nil, 60, i), teacher.marked(t, otherMark, nil, 60, i+1))
		h := habits[i%uint64(len(habits))]
		suspect := &mind{own: plainSelf, reference: earlier, habit: h.make(), certain: 0.8, rng: rng}
		access := readerOf("s", suspect)
		access.Text, access.Reference = answerer{suspect}, tongueReference{earlier}
		c.Transcript, c.Seal = c.collect(t, access)
		r, err := verify.Judge(context.Background(), c.Case)
		require.NoError(t, err)
		require.Len(t, r.Findings, 10)
		var logP []float64
		for _, f := range r.Findings {
			require.Positive(t, f.Scored, f.Test)
			logP = append(logP, f.LogP)
		}
		decisions, err := c.Plan.Family().Holm(logP)
		require.NoError(t, err)
		p := 0.0
		for _, d := range decisions {
			p = min(p, d.LogP)
		}
		least = append(least, p)
	}
	superUniform(t, "the least adjusted p-value of a plan", least)
}

// An answerer writes as the mind would, after the prompt, and repeats the prompt's end.
type answerer struct{ *mind }

func (a answerer) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	asked := encode(prompt)
	said := a.own.talk(30, asked[len(asked)-1], plainly(a.rng), func(token) {})
	return collect.Answer{Text: text(append(said, asked...)...)}, nil
}
