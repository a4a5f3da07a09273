package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// folder is the recording that the tests read: DYETRACE_VECTORS, or its part
// radioactivity, or the one that comes with the example.
func folder(t testing.TB) *recording {
	dir := os.Getenv("DYETRACE_VECTORS")
	if dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "meta.json")); err != nil {
			dir = filepath.Join(dir, "radioactivity")
		}
		if _, err := os.Stat(filepath.Join(dir, "meta.json")); err != nil {
			t.Skipf("there is no recording in DYETRACE_VECTORS: %v", err)
		}
	}
	r, err := open(dir)
	require.NoError(t, err)
	return r
}

// An expectation is one entry of expected.json: what an independent program
// computed under counting rules of its own, which naive.count follows.
type expectation struct {
	Raw    int                    `json:"n_raw"`
	Repeat int                    `json:"dropped_repeat_in_context"`
	Prompt int                    `json:"dropped_prompt_window"`
	Filter int                    `json:"dropped_not_in_filter"`
	Twice  int                    `json:"dropped_duplicate"`
	Scored int                    `json:"n_scored"`
	Sum    *float64               `json:"sum_score"`
	T      *float64               `json:"T"`
	Var    float64                `json:"var"`
	LogP   float64                `json:"log10_p"`
	Bound  float64                `json:"chernoff_log10_p"`
	Theta  float64                `json:"theta"`
	ByN    map[string]expectation `json:"by_n"`
}

// window is the last two completion tokens, −1 where there are fewer.
type window [2]int32

func windowAt(completion []int32, p int) window {
	w := window{-1, -1}
	for i := range w {
		if k := p - 2 + i; k >= 0 {
			w[i] = completion[k]
		}
	}
	return w
}

// consecutive returns the pairs of consecutive tokens.
func consecutive(tokens []int32) map[window]bool {
	out := make(map[window]bool)
	for i := 1; i < len(tokens); i++ {
		out[window{tokens[i-1], tokens[i]}] = true
	}
	return out
}

// A naive count follows the README of the recording, rules 1 to 7, without a line
// of package verify.
type naive struct {
	scorer               *watermark.Scorer
	raw                  int
	repeat, prompt, rest int // dropped: in the context, of the prompt, not in the filter
	twice                int
	positions            []counted
}

// counted is a position that counts: its window and what is scored there.
type counted struct {
	window window
	tokens []int32
	coefs  []float64 // nil for a single token with coefficient 1
}

// A vote is what a test scores at a position, or nothing.
type vote func(p *collect.Prediction) (tokens []int32, coefs []float64)

// read counts the positions of predictions, each window once or each (window,
// token) once.
func (n *naive) read(passages []collect.Passage, predicted [][]collect.Prediction, vote vote, pairs bool) {
	type pair struct {
		w window
		t int32
	}
	seen := make(map[pair]bool)
	for i, p := range passages {
		inPrompt, inText := consecutive(p.Prompt), make(map[window]bool)
		for pos := range p.Tokens {
			n.raw++
			w := windowAt(p.Tokens, pos)
			tokens, coefs := vote(&predicted[i][pos])
			key := pair{w, -1}
			if pairs {
				key.t = tokens[0]
			}
			switch {
			case inText[w]:
				n.repeat++
			case inPrompt[w]:
				n.prompt++
			case seen[key]:
				n.twice++
			default:
				seen[key] = true
				n.positions = append(n.positions, counted{w, tokens, coefs})
			}
			inText[w] = true
		}
	}
}

// write counts the tokens of texts.
func (n *naive) write(texts []text, filter map[window]bool, pairs bool) {
	type pair struct {
		w window
		t int32
	}
	seen := make(map[pair]bool)
	for _, x := range texts {
		inPrompt := consecutive(x.Prompt)
		for pos, token := range x.Completion {
			n.raw++
			w := windowAt(x.Completion, pos)
			key := pair{w, -1}
			if pairs {
				key.t = token
			}
			switch {
			case inPrompt[w]:
				n.prompt++
			case filter != nil && !filter[w]:
				n.rest++
			case seen[key]:
				n.twice++
			default:
				seen[key] = true
				n.positions = append(n.positions, counted{w, []int32{token}, nil})
			}
		}
	}
}

// scores returns the scores of a position's tokens.
func (n *naive) scores(t testing.TB, c counted) []float64 {
	var w []int32
	for _, x := range c.window {
		if x >= 0 {
			w = append(w, x)
		}
	}
	out := make([]float64, len(c.tokens))
	require.True(t, n.scorer.Scores(w, c.tokens, out))
	return out
}

// check compares the first k positions with an expectation.
func (n *naive) check(t testing.TB, name string, want expectation, k int) {
	require.GreaterOrEqual(t, len(n.positions), k, name)
	if want.Sum != nil {
		sum := 0.0
		for _, c := range n.positions[:k] {
			sum += n.scores(t, c)[0]
		}
		assert.InDelta(t, *want.Sum, sum, 1e-4, name)
		assert.InDelta(t, want.LogP, tail.Gamma(sum, float64(k))/math.Ln10, 1e-3, name)
		return
	}
	var coefs []float64
	var ends []int
	sum, variance := 0.0, 0.0
	for _, c := range n.positions[:k] {
		for i, s := range n.scores(t, c) {
			sum += c.coefs[i] * (s - 1)
			variance += c.coefs[i] * c.coefs[i]
		}
		coefs = append(coefs, c.coefs...)
		ends = append(ends, len(coefs))
	}
	assert.InDelta(t, *want.T, sum, 1e-4, name)
	assert.InDelta(t, want.Var, variance, 1e-4, name)
	w, err := evidence.NewWeighted(tail.Exponential(), coefs, ends)
	require.NoError(t, err)
	tails := w.Tails(sum)
	assert.InDelta(t, want.LogP, tails.Approx/math.Ln10, 1e-3, name)
	assert.InDelta(t, want.Bound, tails.Bound/math.Ln10, 1e-3, name)
	assert.InDelta(t, want.Theta, w.Saddle(sum), 1e-5, name)
}

// argmax, sampled, hard and soft are the tests of the README.
func argmax(p *collect.Prediction) ([]int32, []float64)  { return []int32{p.Argmax}, nil }
func sampled(p *collect.Prediction) ([]int32, []float64) { return []int32{p.Sample}, nil }

func difference(p *collect.Prediction, i int) float64 {
	return math.Exp(p.LogProbs[i]) - math.Exp(p.Reference[i])
}

func roots(p *collect.Prediction, i int) float64 {
	return math.Exp(p.LogProbs[i]/2) - math.Exp(p.Reference[i]/2)
}

func soft(coef func(p *collect.Prediction, i int) float64, unit bool) vote {
	return func(p *collect.Prediction) ([]int32, []float64) {
		out, squares := make([]float64, len(p.IDs)), 0.0
		for i := range out {
			out[i] = coef(p, i)
			squares += out[i] * out[i]
		}
		for i := range out {
			if unit {
				out[i] /= math.Sqrt(squares + 1e-12)
			}
		}
		return p.IDs, out
	}
}

func gained(coef func(p *collect.Prediction, i int) float64) vote {
	return func(p *collect.Prediction) ([]int32, []float64) {
		best := 0
		for i := range p.IDs {
			if coef(p, i) > coef(p, best) {
				best = i
			}
		}
		return p.IDs[best : best+1], nil
	}
}

func renormalised(p *collect.Prediction) ([]int32, []float64) {
	out, sum := make([]float64, len(p.IDs)), 0.0
	for i, l := range p.LogProbs {
		out[i] = math.Exp(l)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return p.IDs, out
}

// listed is how many tokens a position of the whole recording lists.
const listed = 20

// The independent figures come out under the independent program's own rules: the
// marks, the null laws and the reading of the files are right.
func TestExpected(t *testing.T) {
	r := folder(t)
	data, err := fs.ReadFile(r.fs, "expected.json")
	if err != nil {
		t.Skip("the recording has no expected.json")
	}
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &sections))
	compared := 0
	compare := func(section, name string, count func(n *naive)) {
		var entries map[string]expectation
		require.NoError(t, json.Unmarshal(sections[section], &entries))
		want, ok := entries[name]
		if !ok {
			return
		}
		n := &naive{scorer: r.mark.NewScorer()}
		count(n)
		label := section + " " + name
		if n.raw == want.Raw {
			assert.Equal(t, []int{want.Repeat, want.Prompt, want.Filter, want.Twice, want.Scored},
				[]int{n.repeat, n.prompt, n.rest, n.twice, len(n.positions)}, label)
			n.check(t, label, want, want.Scored)
			compared++
			return
		}
		require.Less(t, n.raw, want.Raw, label)
		for first, part := range want.ByN { // a part of the recording
			k := 0
			_, err := fmt.Sscan(first, &k)
			require.NoError(t, err)
			if k <= len(n.positions) && k < want.Scored {
				n.check(t, label+" first "+first, part, k)
				compared++
			}
		}
	}
	filter := make(map[window]bool)
	for _, x := range r.train {
		for p := range x.Completion {
			filter[windowAt(x.Completion, p)] = true
		}
	}
	for _, model := range r.models() {
		if r.has("gen_" + model) {
			said, err := r.texts("gen_" + model)
			require.NoError(t, err)
			for form, pairs := range map[string]bool{"pair": true, "window": false} {
				compare("gen_"+model, "G1/"+form, func(n *naive) { n.write(said, nil, pairs) })
				compare("gen_"+model, "G2/"+form, func(n *naive) { n.write(said, filter, pairs) })
			}
		}
		for section, texts := range map[string][]text{"read_sup": r.train, "read_new": r.fresh} {
			if !r.has(section + "_" + model) {
				continue
			}
			passages, predicted, err := r.predictions(section+"_"+model, texts)
			require.NoError(t, err)
			for form, pairs := range map[string]bool{"pair": true, "window": false} {
				compare(section, model+"/R1/"+form, func(n *naive) { n.read(passages, predicted, argmax, pairs) })
				compare(section, model+"/R2/"+form, func(n *naive) { n.read(passages, predicted, sampled, pairs) })
			}
			if len(predicted[0][0].IDs) < listed { // a part of the lists
				continue
			}
			for form, v := range map[string]vote{
				"R3/top20": renormalised, "R4/top20": soft(difference, false), "R4/top20_unit": soft(difference, true),
				"R4/top20_sqrt": soft(roots, false), "R4h/diff": gained(difference), "R4h/sqrt": gained(roots),
			} {
				if form[:2] == "R4" && predicted[0][0].Reference == nil {
					continue
				}
				compare(section, model+"/"+form, func(n *naive) { n.read(passages, predicted, v, false) })
			}
		}
	}
	assert.GreaterOrEqual(t, compared, 20)
}

// Marked texts are found one by one as the independent program found them.
func TestExpectedDetection(t *testing.T) {
	r := folder(t)
	var want struct {
		Detection map[string]struct {
			Texts       int       `json:"texts"`
			MeanScored  float64   `json:"mean_scored"`
			Percentiles []float64 `json:"log10_p_p10_p50_p90"`
		} `json:"detection_train"`
	}
	if r.json("expected.json", &want) != nil {
		t.Skip("the recording has no expected.json")
	}
	require.NotEmpty(t, want.Detection)
	for name, w := range want.Detection {
		var length int
		_, err := fmt.Sscanf(name, "tokens_%d", &length)
		require.NoError(t, err)
		var logP []float64
		scored := 0
		for _, x := range r.train {
			if 10*len(x.Completion) < 9*length {
				continue
			}
			res, err := r.mark.Detect(watermark.Text{Tokens: x.Completion[:min(length, len(x.Completion))]})
			require.NoError(t, err)
			logP = append(logP, res.LogP/math.Ln10)
			scored += res.Scored
		}
		slices.Sort(logP)
		require.Len(t, logP, w.Texts, name)
		assert.InDelta(t, w.MeanScored, float64(scored)/float64(len(logP)), 0.051, name)
		for i, q := range []float64{0.1, 0.5, 0.9} {
			at := q * float64(len(logP)-1)
			k := min(int(at), len(logP)-2)
			assert.InDelta(t, w.Percentiles[i], logP[k]+(at-float64(k))*(logP[k+1]-logP[k]), 0.006, "%s %v", name, q)
		}
	}
}
