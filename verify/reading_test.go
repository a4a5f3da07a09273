package verify_test

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// Mutants killed in this file, each by the test in brackets: positions chosen by
// (window, token) pairs, First ignored, coefficients left behind by a cut, 1 − Σq for
// 1 − Σq², no ridge, roots left out, a short series for e^x, sums uncentred, the
// approximate tail for the bound [WeightedEValuesByHand]; coefficients rounded up,
// negative terms rounded for the claim, carries lost [WeightedStatisticIsAnInteger]; the
// end scored or weighted, R2 by the most likely token, R4h by the greatest loss,
// positions without a vote counted [WhatPositionsVoteFor]; no filter, or missing
// scores of the first N not counted [ServedWindowsInOrder]; passages read under every
// key or none, spans in the wrong place, failed questions that predict token 0
// [PassagesOfTheirKeys]; seeds of candidates taken for windows [ReadingOfSelfHashIsVoid];
// Fresh mixed with the rest [FreshCountsWhatDetectorsDo]; atoms of higher criticism or its
// missing scores ignored, 1/p for an e-value [DecoysOfSparseTestsStandUp].

// A term is a position of a weighted test, as the documentation has it.
type term struct {
	coefs, scores []float64
}

// termsByHand follows the documentation of R3 and R4 without package verify: positions
// whose last width tokens occur for the first time in all texts and not in the text's
// prompt, coefficients from what is listed there, rounded to units of 2^-32.
func termsByHand(t testing.TB, mark *watermark.Watermark, test verify.Test, rec *verify.Record, padded bool) (terms []term) {
	width := mark.Rules().Width
	seen := make(map[string]bool)
	for i, p := range rec.Passages {
		inPrompt := make(map[string]bool)
		for k := width; k <= len(p.Prompt); k++ {
			inPrompt[fmt.Sprint(p.Prompt[k-width:k])] = true
		}
		for pos := range p.Tokens {
			if pos < width && !padded {
				continue
			}
			w := p.Tokens[max(0, pos-width):pos]
			if id := fmt.Sprint(w); seen[id] {
				continue
			} else if seen[id] = true; inPrompt[id] || len(rec.Predictions[i]) == 0 {
				continue
			}
			x := rec.Predictions[i][pos]
			if len(x.IDs) == 0 {
				continue
			}
			var d, q []float64
			for k := range x.IDs {
				q = append(q, math.Exp(x.LogProbs[k]))
				switch {
				case test.Name == verify.R3:
					d = append(d, q[k])
				case test.Form == verify.Difference:
					d = append(d, q[k]-math.Exp(x.Reference[k]))
				default:
					d = append(d, math.Exp(x.LogProbs[k]/2)-math.Exp(x.Reference[k]/2))
				}
			}
			weight := 1.0
			if test.Weight == verify.Ridge {
				open, moved := 1.0, 1e-3
				for k := range d {
					open -= q[k] * q[k]
					moved += d[k] * d[k]
				}
				weight = max(0, open) / moved
			}
			scores := make([]float64, len(d))
			require.True(t, mark.Scores(w, x.IDs, scores))
			var out term
			for k := range d {
				a := math.Floor(weight*d[k]*0x1p32+0.5) / 0x1p32
				if a != 0 && (rec.End == nil || x.IDs[k] != *rec.End) {
					out.coefs, out.scores = append(out.coefs, a), append(out.scores, scores[k])
				}
			}
			if len(out.coefs) > 0 {
				terms = append(terms, out)
			}
		}
	}
	return terms
}

// A cumulant returns ln E exp(θ Σ a_v s_v) of the words after one window.
type cumulant func(theta float64, coefs []float64) float64

func gumbelCumulant(theta float64, coefs []float64) (k float64) {
	for _, a := range coefs {
		k -= math.Log(1 - theta*a)
	}
	return k
}

func greenCumulant(gamma float64) cumulant {
	return func(theta float64, coefs []float64) (k float64) {
		for _, a := range coefs {
			k += math.Log(1 - gamma + gamma*math.Exp(theta*a))
		}
		return k
	}
}

// listCumulant sums over all ways in which a list of m of n tokens may hold the ones
// that are listed.
func listCumulant(m, n int) cumulant {
	choose := func(n, k int) float64 {
		if k < 0 || k > n {
			return 0
		}
		x, _ := new(big.Rat).SetInt(new(big.Int).Binomial(int64(n), int64(k))).Float64()
		return x
	}
	return func(theta float64, coefs []float64) float64 {
		sum := 0.0
		for set := range 1 << len(coefs) {
			size, a := 0, 0.0
			for v, c := range coefs {
				if set>>v&1 == 1 {
					size, a = size+1, a+c
				}
			}
			sum += choose(n-len(coefs), m-size) / choose(n, m) * math.Exp(theta*a)
		}
		return math.Log(sum)
	}
}

// logEByHand is ln mean over θ = 2^−12, 2^−11.5, …, 2^3 of exp Σ (θ_t x_t − K_t(θ_t)) with
// θ_t = min(θ, ½/max a) for Gumbel scores, where scores are bounded 300/max |a|.
func logEByHand(terms []term, bounded bool, k cumulant) float64 {
	var all []float64
	for g := range 31 {
		sum := 0.0
		for _, x := range terms {
			theta, most, size, part := math.Exp2(-12+0.5*float64(g)), 0.0, 0.0, 0.0
			for v, a := range x.coefs {
				most, size = max(most, a), max(size, math.Abs(a))
				part += a * x.scores[v]
			}
			if !bounded && most > 0 {
				theta = min(theta, 0.5/most)
			}
			theta = min(theta, 300/size)
			sum += theta*part - k(theta, x.coefs)
		}
		all = append(all, sum)
	}
	top := slices.Max(all)
	e := 0.0
	for _, x := range all {
		e += math.Exp(x - top)
	}
	return top + math.Log(e/31)
}

// Headline figures of R3 and R4, recomputed from the documentation alone: laws, rounding,
// capped bets.
func TestWeightedEValuesByHand(t *testing.T) {
	vllmMark, err := vllm.New(vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b), ContextWidth: 2})
	require.NoError(t, err)
	lists, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(99), VocabSize: smallWords, GreenlistRatio: 0.3, Bias: 4})
	require.NoError(t, err)
	end := token(7)
	for _, c := range []struct {
		name    string
		mark    *watermark.Watermark
		mean    float64
		bounded bool
		k       cumulant
	}{
		{"gumbel", newMark(t, newKey(t, 61), watermark.Gumbel{}, 2), 1, false, gumbelCumulant},
		{"green list", newMark(t, newKey(t, 61), watermark.GreenList{Gamma: 0.25, Delta: 3}, 2), 0.25, true, greenCumulant(0.25)},
		{"vllm", vllmMark, 1, false, gumbelCumulant},
		{"transformers", lists, 0.3, true, listCumulant(12, smallWords)},
	} {
		rng := rand.New(rand.NewPCG(3, 61))
		rec := &verify.Record{Passages: teacher.passages(t, c.mark, 8, 50, rng), End: &end}
		rec.Predictions = newLearnt(c.mark, 0.7, 0.5, rng).read(t, rec.Passages)
		rec.Predictions[2] = nil                                               // a question that failed
		rec.Predictions[3][20].IDs, rec.Predictions[3][20].LogProbs = nil, nil // and one position
		rec.Predictions[3][20].Reference = nil
		padded := c.name == "vllm" || c.name == "transformers"
		for _, test := range []verify.Test{{Name: verify.R3}, {Name: verify.R4}, {Name: verify.R4, Form: verify.Difference},
			{Name: verify.R4, Weight: verify.Ridge}, {Name: verify.R4, First: 12}} {
			f := one(t, c.mark, test, rec)
			name := fmt.Sprintf("%s %s", c.name, label(test))
			var terms []term
			if c.name == "transformers" { // the window is the last token, the prompt before
				terms = listTerms(t, c.mark, test, rec)
			} else {
				terms = termsByHand(t, c.mark, test, rec, padded)
			}
			if test.First > 0 {
				assert.Equal(t, len(terms)-test.First, f.Dropped.Beyond, name)
				terms = terms[:test.First]
			}
			require.Equal(t, len(terms), f.Scored, name)
			sum := 0.0
			for _, x := range terms {
				for v, a := range x.coefs {
					sum += a * (x.scores[v] - c.mean)
				}
			}
			assert.InDelta(t, sum, f.Statistic, 1e-4*max(1, math.Abs(sum)*1e-3), name)
			want := logEByHand(terms, c.bounded, c.k)
			assert.InDelta(t, want, f.LogE, 1e-6*(1+math.Abs(want)), name)
			assert.InDelta(t, -max(0, f.LogE), f.LogP, 1e-9, name)
			assert.Equal(t, verify.Bound, f.Tail, name)
			if test.First == 0 && c.name != "transformers" { // of 40 windows at most
				assert.Greater(t, f.LogE, 3.0, name)
			}
		}
	}
}

// listTerms is termsByHand for a mark whose windows are the last token, prompt included.
func listTerms(t testing.TB, mark *watermark.Watermark, test verify.Test, rec *verify.Record) []term {
	whole := *rec
	whole.Passages = nil
	for _, p := range rec.Passages { // the prompt's last token is the window of the first position
		whole.Passages = append(whole.Passages, collect.Passage{Prompt: p.Prompt, Tokens: append([]token{p.Prompt[len(p.Prompt)-1]}, p.Tokens...)})
	}
	whole.Predictions = nil
	for _, list := range rec.Predictions {
		if list != nil {
			list = append([]collect.Prediction{{}}, list...)
		}
		whole.Predictions = append(whole.Predictions, list)
	}
	return termsByHand(t, mark, test, &whole, false)
}

// Where few positions have large coefficients and many have small ones, one θ for all
// is held back by the largest: the capped bets say more than the tail at the same
// statistic, and rightly so, since each is made before its words are seen.
func TestCappedBetsCanBeatTheTail(t *testing.T) {
	mark := newMark(t, newKey(t, 62), watermark.Gumbel{}, 3)
	rng := rand.New(rand.NewPCG(1, 62))
	rec := &verify.Record{Passages: teacher.passages(t, mark, 12, 80, rng)}
	student := newLearnt(mark, 1, 1, rng)
	for _, p := range rec.Passages {
		context := slices.Concat(p.Prompt, p.Tokens)
		var list []collect.Prediction
		for j := range p.Tokens {
			x := student.predict(t, context[:len(p.Prompt)+j], len(p.Prompt))
			for k := range x.IDs {
				// Small gains of what the mark prefers, and now and then a large step of something else.
				x.Reference[k] = x.LogProbs[k] - 0.05
				x.LogProbs[k], x.Reference[k] = max(x.LogProbs[k], -6)-3, max(x.Reference[k], -7)-3
				if k == 0 {
					x.LogProbs[k], x.Reference[k] = -2, -2.3
				}
			}
			if j%20 == 19 {
				x = collect.Prediction{Argmax: 1, Sample: 1, IDs: []token{1}, LogProbs: []float64{-0.01}, Reference: []float64{-9}}
			}
			list = append(list, x)
		}
		rec.Predictions = append(rec.Predictions, list)
	}
	f := one(t, mark, verify.Test{Name: verify.R4}, rec)
	terms := termsByHand(t, mark, verify.Test{Name: verify.R4}, rec, false)
	want := logEByHand(terms, false, gumbelCumulant)
	assert.InDelta(t, want, f.LogE, 1e-6*(1+math.Abs(want)))
	t.Logf("ln p by the bets %.1f, tail at the statistic %.1f", f.LogP, f.LogTail)
	assert.Less(t, f.LogP, f.LogTail-3)
}

// The weighted sum is one of integers: coefficients and scores in units of 2^-32, scores
// rounded down where they count for the claim and up where they count against it.
func TestWeightedStatisticIsAnInteger(t *testing.T) {
	mark := newMark(t, newKey(t, 63), watermark.Gumbel{}, 2)
	rng := rand.New(rand.NewPCG(1, 63))
	rec := &verify.Record{Passages: teacher.passages(t, mark, 6, 60, rng)}
	rec.Predictions = newLearnt(mark, 0.5, 0.5, rng).read(t, rec.Passages)
	for _, test := range []verify.Test{{Name: verify.R4}, {Name: verify.R3}, {Name: verify.R4, Weight: verify.Ridge}} {
		sum, negative := new(big.Int), 0
		for _, x := range termsByHand(t, mark, test, rec, false) {
			for v, a := range x.coefs {
				s, _ := new(big.Float).SetMantExp(big.NewFloat(x.scores[v]), 32).Int(nil)
				if a < 0 {
					s.Add(s, big.NewInt(1))
					negative++
				}
				c, exact := new(big.Float).SetMantExp(big.NewFloat(a), 32).Int(nil)
				require.Equal(t, big.Exact, exact)
				sum.Add(sum, s.Mul(s, c))
			}
		}
		f := one(t, mark, test, rec)
		assert.Equal(t, sum.String(), f.Sum, "%v", test)
		assert.Equal(t, test.Name == verify.R4, negative > 100)
	}
}

// What a position votes for, by test, and what becomes of the others. Windows are single
// tokens: 1 to 8, each once.
func TestWhatPositionsVoteFor(t *testing.T) {
	mark := newMark(t, newKey(t, 64), watermark.Gumbel{}, 1)
	end := token(99)
	none := collect.NoToken
	list := []collect.Prediction{
		{Argmax: 5, Sample: 6},   // at the head
		{Argmax: 21, Sample: 22}, // after 1: no list
		{Argmax: 23, Sample: 24, IDs: []token{23, 24, 25}, LogProbs: []float64{-1, -1.5, -2}, Reference: []float64{-0.9, -3, -8}}, // 2: 25 gained most by roots, 24 by probabilities
		{Argmax: none, Sample: none, IDs: []token{31, 32}, LogProbs: []float64{-1, -2}},                                           // 3: no reference
		{Argmax: none, Sample: none}, // 4: nothing
		{Argmax: end, Sample: 41, IDs: []token{end, 41}, LogProbs: []float64{-0.5, -2}, Reference: []float64{-3, -2}},                      // 5: the end gained most, 41 nothing
		{Argmax: 51, Sample: end, IDs: []token{51, 52}, LogProbs: []float64{-1, -1}, Reference: []float64{-1, -1}},                         // 6: nothing gained
		{Argmax: 61, Sample: 62, IDs: []token{61, 62, end}, LogProbs: []float64{-1, -2, -3}, Reference: []float64{-2, -2.5, math.Inf(-1)}}, // 7
	}
	tokens := []token{1, 2, 3, 4, 5, 6, 7, 8}
	rec := &verify.Record{Passages: []collect.Passage{{Tokens: tokens}}, Predictions: [][]collect.Prediction{list}, End: &end}
	score := func(pairs ...[2]token) (sum float64) {
		for _, p := range pairs {
			var s [1]float64
			require.True(t, mark.Scores(p[:1], p[1:], s[:]))
			sum += s[0]
		}
		return sum
	}
	for _, c := range []struct {
		test                   verify.Test
		pairs                  [][2]token
		noWord, foreign, ended int
	}{
		{verify.Test{Name: verify.R1}, [][2]token{{1, 21}, {2, 23}, {6, 51}, {7, 61}}, 1, 1, 1},
		{verify.Test{Name: verify.R2}, [][2]token{{1, 22}, {2, 24}, {5, 41}, {7, 62}}, 1, 1, 1},
		{verify.Test{Name: verify.R4h}, [][2]token{{2, 25}, {6, 51}, {7, 61}}, 3, 0, 1},
		{verify.Test{Name: verify.R4h, Form: verify.Difference}, [][2]token{{2, 24}, {6, 51}, {7, 61}}, 3, 0, 1},
	} {
		f := one(t, mark, c.test, rec)
		assert.InDelta(t, score(c.pairs...), f.Statistic, 1e-8, "%v", c.test)
		assert.Equal(t, len(c.pairs), f.Scored, "%v", c.test)
		assert.Equal(t, verify.Dropped{Head: 1, NoWord: c.noWord, Foreign: c.foreign, Ended: c.ended}, f.Dropped, "%v", c.test)
		assert.Equal(t, 8, f.Raw)
	}
	f := one(t, mark, verify.Test{Name: verify.R3}, rec)
	assert.Equal(t, 5, f.Scored) // 2, 3, 5, 6, 7
	assert.Equal(t, verify.Dropped{Head: 1, NoWord: 2}, f.Dropped)
	f = one(t, mark, verify.Test{Name: verify.R4}, rec)
	assert.Equal(t, 2, f.Scored) // 2, 7
	assert.Equal(t, verify.Dropped{Head: 1, NoWord: 3, Ended: 2}, f.Dropped)
	a := func(l, r float64) float64 { return math.Exp(l/2) - math.Exp(r/2) }
	want := a(-1, -0.9)*(score([2]token{2, 23})-1) + a(-1.5, -3)*(score([2]token{2, 24})-1) + a(-2, -8)*(score([2]token{2, 25})-1) +
		a(-1, -2)*(score([2]token{7, 61})-1) + a(-2, -2.5)*(score([2]token{7, 62})-1)
	assert.InDelta(t, want, f.Statistic, 1e-7)

	rec.End = nil // then the end of the turn is a token
	f = one(t, mark, verify.Test{Name: verify.R1}, rec)
	assert.InDelta(t, score([][2]token{{1, 21}, {2, 23}, {5, end}, {6, 51}, {7, 61}}...), f.Statistic, 1e-8)
	assert.Zero(t, f.Dropped.Ended)

	// Neither a prediction that agrees with the text nor one that does not is left out for it.
	list[2].Argmax, rec.End = 3, &end
	assert.InDelta(t, score([][2]token{{1, 21}, {2, 3}, {6, 51}, {7, 61}}...), one(t, mark, verify.Test{Name: verify.R1}, rec).Statistic, 1e-8)
}

// Served windows count in the order in which they were served first, whatever the
// order of the passages; windows that were not served do not count, and of those that
// are missing of the first N each counts as 0.
func TestServedWindowsInOrder(t *testing.T) {
	mark := newMark(t, newKey(t, 65), watermark.Gumbel{}, 1)
	said := func(tokens []token) (list []collect.Prediction) {
		for i := range tokens {
			list = append(list, argmax(token(200+i)))
		}
		return list
	}
	a, b := []token{1, 2, 3, 4, 2, 5}, []token{6, 3, 7, 8}
	rec := &verify.Record{
		Passages: []collect.Passage{{Tokens: a}, {Tokens: b}}, Predictions: [][]collect.Prediction{said(a), said(b)},
		Served: []watermark.Text{{Tokens: []token{50, 7, 3, 7, 9}}, {Tokens: []token{3, 1, 6, 4, 51}}},
	}
	// In served order: 7, 3, then 1, 6, 4. In the passages 3 comes first in a, and 7 in b; 2, 5 and 8 were not served.
	order := [][2]token{{7, 203}, {3, 203}, {1, 201}, {6, 201}, {4, 204}}
	for n := 1; n <= 7; n++ {
		f := one(t, mark, verify.Test{Name: verify.R1, Served: true, First: n}, rec)
		sum := 0.0
		for _, p := range order[:min(n, 5)] {
			var s [1]float64
			require.True(t, mark.Scores(p[:1], p[1:], s[:]))
			sum += s[0]
		}
		assert.InDelta(t, sum, f.Statistic, 1e-8, "first %d", n)
		assert.Equal(t, min(n, 5), f.Scored)
		assert.Equal(t, max(0, 5-n), f.Dropped.Beyond)
		assert.Equal(t, 1, f.Dropped.NotServed, "after 2")
		assert.Equal(t, 1, f.Dropped.Duplicate)
		assert.Equal(t, 1, f.Dropped.Repeat)
		assert.InDelta(t, mark.Law().LogTail(sum, int64(n)), f.LogP, 1e-9)
		assert.Equal(t, map[bool]verify.Tail{true: verify.Exact, false: verify.Bound}[n <= 5], f.Tail)
		assert.Equal(t, "R1 served", f.Test)
	}
	f := one(t, mark, verify.Test{Name: verify.R1, Served: true}, rec)
	assert.InDelta(t, -max(0, mark.Law().LogE(f.Statistic, 5)), f.LogP, 1e-9)
	rec.Served = nil
	assert.Contains(t, fmt.Sprint(one(t, mark, verify.Test{Name: verify.R1, Served: true}, rec).Void), "no token could be scored")
}

// A passage of one key is read under that key; one of none under each. Failed questions
// have no words.
func TestPassagesOfTheirKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 66))
	key, other := newKey(t, 66), newKey(t, 67)
	mark, otherMark := newMark(t, key, watermark.Gumbel{}, 2), newMark(t, other, watermark.Gumbel{}, 2)
	passages := append(teacher.passages(t, mark, 3, 30, rng), teacher.passages(t, otherMark, 2, 30, rng)...)
	for i := range passages[:4] {
		passages[i].Key = []string{"one", "one", "one", "two"}[i]
	}
	c := newReadingCase(t, passages)
	c.key(t, "one", mark, key)
	c.key(t, "two", otherMark, other)
	c.Plan.Tests, c.Plan.Reading.Span = []verify.Test{{Name: verify.R1}}, 10
	clean := &mind{own: plainSelf, reference: plainSelf, habit: habits[0].make(), rng: rng}
	r := c.judgeReader(t, clean)
	assert.Equal(t, 120, r.Finding("one", verify.R1).Raw)
	assert.Equal(t, 60, r.Finding("two", verify.R1).Raw)
	assert.Zero(t, r.Finding("two", verify.R1).Dropped.NoWord)
	for i := range c.Transcript.Readings {
		e := &c.Transcript.Readings[i]
		if c.passage(t, e.Passage).Key == "two" && e.Begin == 0 {
			e.Status, e.Predictions, e.Error = collect.Failed, nil, "broken"
		}
	}
	c.Plan.Void.Missing = 0.1
	c.seal(t)
	got, err := verify.Judge(context.Background(), c.Case)
	require.NoError(t, err)
	f, before := got.Finding("two", verify.R1), r.Finding("two", verify.R1)
	assert.Positive(t, f.Dropped.NoWord)
	assert.LessOrEqual(t, f.Dropped.NoWord, 10)
	assert.Equal(t, before.Scored, f.Scored+f.Dropped.NoWord)
	assert.Equal(t, r.Finding("one", verify.R1).Statistic, got.Finding("one", verify.R1).Statistic)
	assert.Equal(t, 1, got.Readings.Failed)
	assert.Empty(t, got.Void)
}

func (c *trialCase) passage(t testing.TB, i int) collect.Passage {
	task, err := c.Plan.Task(c.Frames)
	require.NoError(t, err)
	return task.Passages[i]
}

// Sources that hash the candidate have no windows that one could call fresh.
func TestReadingOfSelfHashIsVoid(t *testing.T) {
	mark, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(77), VocabSize: smallWords, SeedingScheme: transformers.SelfHash, ContextWidth: 3})
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 68))
	rec := honestOf(t, mark, rng)
	for _, test := range []verify.Test{{Name: verify.R1}, {Name: verify.R3}, {Name: verify.R4}} {
		f := one(t, mark, test, rec)
		assert.Contains(t, fmt.Sprint(f.Void), "the test is not exact", "%v", test)
		assert.Zero(t, f.LogP)
		assert.False(t, f.Rejected)
	}
	rec.Texts = []watermark.Text{{Tokens: plainSelf.plain(100, rng)}}
	assert.NotContains(t, fmt.Sprint(one(t, mark, verify.Test{Name: verify.G1}, rec).Void), "not exact")
}

func honestOf(t testing.TB, mark *watermark.Watermark, rng *rand.Rand) *verify.Record {
	rec := &verify.Record{}
	for range 4 {
		rec.Passages = append(rec.Passages, collect.Passage{Prompt: teacher.plain(6, rng), Tokens: teacher.plain(30, rng)})
	}
	suspect := &mind{own: plainSelf, reference: earlier, habit: habits[0].make(), rng: rng}
	rec.Predictions = suspect.read(rec.Passages)
	return rec
}

// Fresh leaves out what follows a window that occurred before in the same text; otherwise
// each (window, token) counts once, wherever it stands.
func TestFreshCountsWhatDetectorsDo(t *testing.T) {
	mark := newMark(t, newKey(t, 69), watermark.Gumbel{}, 2)
	rng := rand.New(rand.NewPCG(1, 69))
	rec := &verify.Record{}
	for range 5 {
		rec.Texts = append(rec.Texts, watermark.Text{Tokens: plainSelf.plain(80, rng)})
	}
	d := mark.NewDetector()
	for _, x := range rec.Texts {
		require.NoError(t, d.Add(x))
	}
	want := d.Result()
	f := one(t, mark, verify.Test{Name: verify.G1, Fresh: true}, rec)
	assert.InDelta(t, want.Score, f.Statistic, 1e-7)
	assert.Equal(t, want.Scored, f.Scored)
	assert.Equal(t, want.Dropped.Repeat, f.Dropped.Repeat)
	assert.InEpsilon(t, want.LogP, f.LogP, 1e-9)
	assert.Equal(t, "G1 fresh", f.Test)
	seen := make(map[[3]token]bool)
	for _, x := range rec.Texts {
		for i := 2; i < len(x.Tokens); i++ {
			seen[[3]token(x.Tokens[i-2:i+1])] = true
		}
	}
	all := one(t, mark, verify.Test{Name: verify.G1}, rec)
	assert.Equal(t, len(seen), all.Scored)
	assert.Greater(t, all.Scored, f.Scored)
	assert.Zero(t, all.Dropped.Repeat)
	both, err := verify.Examination{Name: "k", Mark: mark, Tests: []verify.Test{{Name: verify.G1}, {Name: verify.G1, Fresh: true}}, Alpha: 0.1}.Run(context.Background(), rec)
	require.NoError(t, err)
	assert.Equal(t, all.Sum, both[0].Sum)
	assert.Equal(t, f.Sum, both[1].Sum)
}

func TestExaminationRefuses(t *testing.T) {
	mark := newMark(t, newKey(t, 70), watermark.Gumbel{}, 2)
	rec := func() *verify.Record {
		return &verify.Record{Passages: []collect.Passage{{Tokens: []token{1, 2, 3}}}, Predictions: [][]collect.Prediction{{{}, {}, {}}}}
	}
	good := verify.Examination{Name: "k", Mark: mark, Tests: []verify.Test{{Name: verify.R1}}, Alpha: 0.1}
	_, err := good.Run(context.Background(), rec())
	require.NoError(t, err)
	for want, spoil := range map[string]func(e *verify.Examination){
		"verify: examination has no mark":                                      func(e *verify.Examination) { e.Mark = nil },
		"verify: examination has 0 tests, want at least 1":                     func(e *verify.Examination) { e.Tests = nil },
		"verify: examination has -1 decoy keys, want 0 to 1000000":             func(e *verify.Examination) { e.Decoys = -1 },
		"verify: number of workers is -1":                                      func(e *verify.Examination) { e.Workers = -1 },
		"verify: error rate is 1, want more than 0 and less than 1":            func(e *verify.Examination) { e.Alpha = 1 },
		"verify: error rate is NaN":                                            func(e *verify.Examination) { e.Alpha = math.NaN() },
		`verify: test is "R5", want`:                                           func(e *verify.Examination) { e.Tests[0].Name = "R5" },
		`verify: test R1 has form "difference"`:                                func(e *verify.Examination) { e.Tests[0].Form = verify.Difference },
		`verify: test R4h has weight "ridge"`:                                  func(e *verify.Examination) { e.Tests[0] = verify.Test{Name: verify.R4h, Weight: verify.Ridge} },
		"verify: test R1 is fresh":                                             func(e *verify.Examination) { e.Tests[0].Fresh = true },
		"verify: test G1 looks at served windows":                              func(e *verify.Examination) { e.Tests[0] = verify.Test{Name: verify.G1, Served: true} },
		"verify: examination has test cells of canaries, want tests of a mark": func(e *verify.Examination) { e.Tests[0] = verify.Test{Name: verify.Cells} },
		"verify: examination has test rank of canaries":                        func(e *verify.Examination) { e.Tests[0] = verify.Test{Name: verify.Rank} },
		"verify: test R1 counts the first -1 scores":                           func(e *verify.Examination) { e.Tests[0].First = -1 },
		"verify: sparse test R1 counts the first 10000001 scores, want at most 10000000": func(e *verify.Examination) {
			e.Tests[0] = verify.Test{Name: verify.R1, Sparse: true, First: 10_000_001}
		},
		"verify: test R3 is sparse": func(e *verify.Examination) { e.Tests[0] = verify.Test{Name: verify.R3, Sparse: true} },
		"verify: sparse test R1 counts all scores, want the first N of them": func(e *verify.Examination) { e.Tests[0].Sparse = true },
		"verify: test G1 stops early":                                        func(e *verify.Examination) { e.Tests[0] = verify.Test{Name: verify.G1, Stop: true} },
		"verify: test R1 sparse stops early": func(e *verify.Examination) {
			e.Tests[0] = verify.Test{Name: verify.R1, Sparse: true, First: 5, Stop: true}
		},
	} {
		e := good
		e.Tests = slices.Clone(good.Tests)
		spoil(&e)
		found, err := e.Run(context.Background(), rec())
		assert.Nil(t, found)
		assert.ErrorContains(t, err, want)
	}
	_, err = good.Run(context.Background(), nil)
	assert.EqualError(t, err, "verify: examination has no record")
	for want, spoil := range map[string]func(r *verify.Record){
		"there are 1 prompts, want 0, one a text, or none":               func(r *verify.Record) { r.Prompts = [][]token{{1}} },
		"there are predictions of 2 passages, want 1":                    func(r *verify.Record) { r.Predictions = append(r.Predictions, nil) },
		"passage 0 has 2 predictions, want 3, one a token, or none":      func(r *verify.Record) { r.Predictions[0] = r.Predictions[0][:2] },
		"passage 0, position 1: 1 tokens have 0 log-probabilities":       func(r *verify.Record) { r.Predictions[0][1].IDs = []token{4} },
		"position 1: 0 tokens have 1 log-probabilities of the reference": func(r *verify.Record) { r.Predictions[0][1].Reference = []float64{-1} },
		"token is -4, want at least 0": func(r *verify.Record) {
			r.Predictions[0][1].IDs, r.Predictions[0][1].LogProbs = []token{-4}, []float64{-1}
		},
		"token 4 is listed twice": func(r *verify.Record) {
			r.Predictions[0][1].IDs, r.Predictions[0][1].LogProbs = []token{4, 5, 4}, []float64{-1, -2, -3}
		},
		"log-probability of token 4 is NaN": func(r *verify.Record) {
			r.Predictions[0][1].IDs, r.Predictions[0][1].LogProbs = []token{4}, []float64{math.NaN()}
		},
		"log-probability of token 4 is 0.1": func(r *verify.Record) {
			r.Predictions[0][1].IDs, r.Predictions[0][1].LogProbs = []token{4}, []float64{0.1}
		},
		"log-probability of token 4 under the reference is 1": func(r *verify.Record) {
			p := &r.Predictions[0][1]
			p.IDs, p.LogProbs, p.Reference = []token{4}, []float64{-1}, []float64{1}
		},
		"probabilities of 2 tokens sum to 1.2": func(r *verify.Record) {
			r.Predictions[0][1].IDs, r.Predictions[0][1].LogProbs = []token{4, 5}, []float64{math.Log(0.6), math.Log(0.6)}
		},
		"passages: text 0: watermark: token 1 of the text is -1": func(r *verify.Record) { r.Passages[0].Tokens[1] = -1 },
	} {
		r := rec()
		spoil(r)
		_, err := good.Run(context.Background(), r)
		assert.ErrorContains(t, err, want)
	}
}

// Equal records have equal findings on any number of cores, decoys included.
func TestReadingIsDeterministic(t *testing.T) {
	mark := newMark(t, newKey(t, 71), watermark.Gumbel{}, 2)
	rng := rand.New(rand.NewPCG(1, 71))
	rec := &verify.Record{Passages: teacher.passages(t, mark, 10, 60, rng)}
	rec.Predictions = newLearnt(mark, 0.9, 0.9, rng).read(t, rec.Passages)
	var first []verify.Finding
	for _, workers := range []int{1, 2, 5} {
		found, err := verify.Examination{Name: "k", Mark: mark, Alpha: 1e-3, Decoys: 1000, Seed: [32]byte{1}, Workers: workers, Tests: []verify.Test{
			{Name: verify.R1}, {Name: verify.R3}, {Name: verify.R4}, {Name: verify.R4h}, {Name: verify.R1, First: 40, Sparse: true}}}.Run(context.Background(), rec)
		require.NoError(t, err)
		if first == nil {
			first = found
		}
		require.Equal(t, first, found)
	}
	for _, f := range first {
		assert.Empty(t, f.Void, f.Test)
		assert.InDelta(t, 1, f.Decoys.Dispersion, 0.15, f.Test)
		assert.True(t, f.Decoys.Diagnostic)
		if f.Test != "R1 sparse" {
			assert.Less(t, f.LogP, math.Log(1e-3), f.Test)
		}
		if f.Test == verify.R4h { // what the statistic would say if the law were as much wider
			require.Greater(t, f.Decoys.DispersionLimit, 1.0)
			n := float64(f.Scored)
			narrowed := n + (f.Statistic-n)/f.Decoys.DispersionLimit
			assert.InDelta(t, -mark.Law().LogE(narrowed, int64(f.Scored)), f.Decoys.Sensitivity, 1e-6)
			assert.Greater(t, f.Decoys.Sensitivity, f.LogP)
		}
		assert.GreaterOrEqual(t, f.Decoys.Sensitivity, f.LogTail, f.Test)
	}
}

// Higher criticism has atoms, and missing scores; neither makes its decoys look as if the
// null law were wrong.
func TestDecoysOfSparseTestsStandUp(t *testing.T) {
	for _, n := range []int{20, 60, 200} {
		mark := newMark(t, newKey(t, uint64(n)), watermark.Gumbel{}, 3)
		rng := rand.New(rand.NewPCG(1, 72))
		tokens := speak(n+3, 5, plainly(rng), func(token) {})
		rec := &verify.Record{Texts: []watermark.Text{{Tokens: tokens}}, Passages: []collect.Passage{{Tokens: tokens}}, Predictions: make([][]collect.Prediction, 1)}
		for range tokens {
			rec.Predictions[0] = append(rec.Predictions[0], argmax(rng.Int32N(2048)))
		}
		tests := []verify.Test{{Name: verify.G1, Sparse: true}, {Name: verify.R1, Sparse: true, First: n}, {Name: verify.R1, Sparse: true, First: 2 * n}}
		found, err := verify.Examination{Name: "k", Mark: mark, Tests: tests, Alpha: 1e-3, Decoys: 2000, Seed: [32]byte{byte(n)}}.Run(context.Background(), rec)
		require.NoError(t, err)
		for i, f := range found {
			assert.Empty(t, f.Void, "%s of %d", label(tests[i]), n)
			assert.Equal(t, n, f.Scored)
			assert.InDelta(t, math.Log(0.5)-f.LogP/2, f.LogE, 1e-8)
			assert.InDelta(t, 1, f.Decoys.Dispersion, 0.1, "%s of %d", label(tests[i]), n)
			assert.InDelta(t, 0, f.Decoys.Mean, far/math.Sqrt(2000), "%s of %d", label(tests[i]), n)
			want := verify.Exact
			if tests[i].First > n {
				want = verify.Bound
			}
			assert.Equal(t, want, f.Tail)
		}
	}
}

// One score has no spread.
func TestSparseTestOfOneScore(t *testing.T) {
	mark := newMark(t, newKey(t, 6), watermark.Gumbel{}, 2)
	rec := &verify.Record{Passages: []collect.Passage{{Tokens: []token{1, 2, 3}}}, Predictions: [][]collect.Prediction{{argmax(1), argmax(2), argmax(3)}}}
	e := verify.Examination{Name: "k", Mark: mark, Tests: []verify.Test{{Name: verify.R1, Sparse: true, First: 3}}, Alpha: 1e-3, Decoys: 1000}
	found, err := e.Run(context.Background(), rec)
	require.NoError(t, err)
	assert.Equal(t, []string{"higher criticism of 1 score has no spread, want at least 2 scores"}, found[0].Void)
}

// Where words of different windows depend on each other the sum has its law as a whole,
// but is no product of bets: its e-value is made of its p-value, ½/√p.
func TestEValueOfEntangledWords(t *testing.T) {
	config, err := synthid.ParseConfig(synthid.Table, []byte(`{"ngram_len": 3, "keys": [8130922711, -470012533, 3377215, 99120045531]}`))
	require.NoError(t, err)
	mark, err := synthid.New(config)
	require.NoError(t, err)
	require.True(t, mark.Entangled())
	rec := &verify.Record{Texts: []watermark.Text{{Tokens: teacher.marked(t, mark, nil, 300, 5)}}}
	for _, test := range []verify.Test{{Name: verify.G1}, {Name: verify.G1, Fresh: true}} {
		f := one(t, mark, test, rec)
		assert.NotContains(t, fmt.Sprint(f.Notes), "work the key out")
		assert.Less(t, f.LogP, -1.0)
		assert.Equal(t, f.LogTail, f.LogP)
		assert.InDelta(t, math.Log(0.5)-f.LogP/2, f.LogE, 1e-8)
		// That law says what can be reached, too; bounds of single scores reach nothing.
		assert.True(t, f.Power.Attainable, "%v", f.Void)
		assert.NotContains(t, fmt.Sprint(f.Void), "cannot reach the level")
		assert.Less(t, f.Power.Detectable, 1.0)
	}
	// Whoever reads marked texts might see the whole table's key in them.
	rec.Served = rec.Texts
	f := one(t, mark, verify.Test{Name: verify.G2}, rec)
	assert.Contains(t, fmt.Sprint(f.Notes), "work the key out")
}

// Windows that reach into a prompt of fewer tokens are padded where the prompt is known, and a
// passage's is.
func TestPromptsOfPassagesAreKnown(t *testing.T) {
	mark, err := watermark.Build(odd{seed: 5}, watermark.Gumbel{}, watermark.Rules{Width: 3, Prompt: true, Read: watermark.ReadRules{Head: watermark.HeadPadded}})
	require.NoError(t, err)
	tokens := []token{4, 5, 6, 7}
	rec := &verify.Record{Passages: []collect.Passage{{Prompt: []token{3}, Tokens: tokens}}, Predictions: [][]collect.Prediction{{argmax(1), argmax(1), argmax(1), argmax(1)}}}
	f := one(t, mark, verify.Test{Name: verify.R1}, rec)
	assert.Equal(t, 4, f.Scored)
	assert.Zero(t, f.Dropped.Head)
}

// A test that goes by served windows needs them in its plan, and says of which passages it
// holds.
func TestServedReadingSaysWhatItStandsOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 73))
	key := newKey(t, 73)
	mark := newMark(t, key, watermark.Gumbel{}, 2)
	passages := []collect.Passage{{Prompt: teacher.plain(6, rng), Tokens: teacher.plain(60, rng)}}
	c := newReadingCase(t, passages)
	c.key(t, "vendor", mark, key)
	c.Plan.Tests = []verify.Test{{Name: verify.R1}, {Name: verify.R1, Served: true}}
	assert.ErrorContains(t, c.Plan.Check(), "plan names 0 served answers")
	c.serve(teacher.marked(t, mark, nil, 200, 1))
	clean := &mind{own: plainSelf, reference: plainSelf, habit: habits[0].make(), rng: rng}
	r := c.judgeReader(t, clean)
	const says = "the p-value holds for passages that were not made under it"
	assert.NotContains(t, fmt.Sprint(r.Findings[0].Notes), says)
	assert.Contains(t, fmt.Sprint(r.Findings[1].Notes), says)
	assert.Positive(t, r.Findings[1].Scored)
	assert.Less(t, r.Findings[1].Scored, r.Findings[0].Scored)
	c.Plan.Tests = c.Plan.Tests[:1]
	assert.ErrorContains(t, c.Plan.Check(), "plan names 1 served answers")
}

// Sums of such words have no law over several keys either: a pool of them is void.
func TestPoolsOfEntangledMarksAreVoid(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 74))
	c := newCase(t, []string{text(teacher.plain(200, rng)...)}, nil)
	for i, name := range []string{"one", "two"} {
		config, err := synthid.ParseConfig(synthid.Table, fmt.Appendf(nil, `{"ngram_len": 3, "keys": [%d, -470012533, 3377215]}`, 8130922711+int64(i)))
		require.NoError(t, err)
		mark, err := synthid.New(config)
		require.NoError(t, err)
		c.Plan.Keys = append(c.Plan.Keys, verify.KeyPlan{Name: name, Mark: mark.ID(), KeyID: mark.Info().KeyID, Kind: mark.Info().Kind})
		c.Keys = append(c.Keys, verify.Opened{Name: name, Mark: mark})
	}
	c.Plan.Tests, c.Plan.Decoys = []verify.Test{{Name: verify.G1}}, 1000
	c.Plan.Pools = []verify.Pool{{Name: "both", Test: verify.G1, Keys: []string{"one", "two"}}}
	r := c.judge(t)
	assert.Empty(t, r.Finding("one", verify.G1).Void)
	f := r.Finding("both", verify.G1)
	assert.Equal(t, []string{"words of different windows depend on each other under these marks: no law of the sum over keys is known"}, f.Void)
	assert.Zero(t, f.LogP)
	assert.False(t, f.Rejected)
}

// Where decoys of a mark leave out windows of their own, each is compared with the law of
// as many scores as it has.
func TestDecoysThatLeaveOutWindows(t *testing.T) {
	mark, err := watermark.Build(selective{odd{seed: 5, gate: true}}, watermark.Gumbel{}, watermark.Rules{Width: 1})
	require.NoError(t, err)
	rec := &verify.Record{Texts: []watermark.Text{{Tokens: speak(500, 5, plainly(rand.New(rand.NewPCG(1, 75))), func(token) {})}}}
	found, err := verify.Examination{Name: "k", Mark: mark, Tests: []verify.Test{{Name: verify.G1}}, Alpha: 1e-3, Decoys: 1000}.Run(context.Background(), rec)
	require.NoError(t, err)
	assert.Empty(t, found[0].Void)
	assert.InDelta(t, 1, found[0].Decoys.Dispersion, 0.12)
	assert.Positive(t, found[0].Dropped.Gated)
}

// selective is a source whose decoys choose their windows as it does.
type selective struct{ odd }

func (s selective) Decoy(seed [32]byte) watermark.Source {
	return selective{odd{seed: rand.New(rand.NewChaCha8(seed)).Uint64(), gate: true}}
}
