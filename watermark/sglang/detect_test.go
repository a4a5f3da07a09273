package sglang

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// naive is the engine's detector as its specification reads: scores of all positions
// that count, by key and by route.
type naive struct {
	a, b     []float64
	useA     []bool
	examined int
	repeated int
	skipped  int
}

func naiveDetect(c Config, most int, prompt, completion []watermark.Token) naive {
	c = c.resolved()
	h := c.ContextWindow
	prompt = prompt[max(0, len(prompt)-h):]
	tokens := slices.Concat(prompt, completion)
	var n naive
	if len(prompt) == 0 {
		n.skipped = min(h, len(completion))
	}
	n.examined = n.skipped
	seen := map[string]bool{}
	r := newSource(c).open()
	for i := len(prompt) + n.skipped; i < len(tokens); i++ {
		n.examined++
		context := tokens[max(0, i-h):i]
		if seen[fmt.Sprint(context)] {
			n.repeated++
			continue
		}
		seen[fmt.Sprint(context)] = true
		n.useA = append(n.useA, r.seek(context) == 0)
		for j, list := range []*[]float64{&n.a, &n.b} {
			u := (float64(r.word(j, tokens[i])) + 0.5) / 0x1p32
			*list = append(*list, -math.Log1p(-u))
		}
		if len(n.a) == most {
			break
		}
	}
	return n
}

// check compares a statistic with the scores that it is of.
func checkStatistic(t *testing.T, got Statistic, scores []float64) {
	t.Helper()
	s := 0.0
	for _, x := range scores {
		s += x
	}
	n := float64(len(scores))
	require.Equal(t, len(scores), got.N)
	require.InDelta(t, s, got.Score, 1e-12*s)
	require.InDelta(t, tail.Gamma(s, n), got.LogPValue, 1e-9*(1+s))
	require.InDelta(t, math.Exp(got.LogPValue), got.PValue, 1e-12)
	if n > 0 {
		require.InDelta(t, (s-n)/math.Sqrt(n), got.ZScore, 1e-9)
	}
}

func pick(scores []float64, use []bool, want bool) (out []float64) {
	for i, s := range scores {
		if use[i] == want {
			out = append(out, s)
		}
	}
	return out
}

// TestAgainstNaive: texts of few ids, prompts of all lengths, small limits.
func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		c := Config{Key: NewKey(testKey), ContextWindow: 1 + r.IntN(6)}
		if r.IntN(2) == 0 {
			c.KeyB, c.MixingProbability = NewKey(testKeyB), 0.05+0.9*r.Float64()
		}
		most := []int{MaxContexts, 1 + r.IntN(40)}[r.IntN(2)]
		text := watermark.Text{Tokens: conformance.RandomTokens(r, r.IntN(100), 3), PromptKnown: true}
		if r.IntN(3) > 0 {
			text.Prompt = conformance.RandomTokens(r, r.IntN(9), 3)
		}
		got, err := Detect(c, DetectorOptions{MaxContexts: most}, text)
		require.NoError(t, err)
		want := naiveDetect(c, most, text.Prompt, text.Tokens)
		require.Equal(t, want.examined, got.TokensExamined)
		require.Equal(t, want.repeated, got.RepeatedContexts)
		require.Equal(t, want.skipped, got.SkippedInitialTokens)
		require.Equal(t, len(want.a) == most, got.PrefixLimitReached)
		checkStatistic(t, got.KeyAAllPositions, want.a)
		if c.KeyB.IsZero() {
			require.Nil(t, got.KeyBAllPositions)
			checkStatistic(t, got.Combined, want.a)
			continue
		}
		checkStatistic(t, *got.KeyBAllPositions, want.b)
		partA, partB := pick(want.a, want.useA, true), pick(want.b, want.useA, false)
		checkStatistic(t, *got.KeyAPartition, partA)
		checkStatistic(t, *got.KeyBPartition, partB)
		checkStatistic(t, got.Combined, slices.Concat(partA, partB))
	}
}

// TestOneDetectorManyTexts: memory that is kept changes nothing.
func TestOneDetectorManyTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB), ContextWindow: 2}
	d, err := NewDetector(c, DetectorOptions{})
	require.NoError(t, err)
	for range 300 {
		text := watermark.Text{Tokens: conformance.RandomTokens(r, r.IntN(200), 4), Prompt: conformance.RandomTokens(r, r.IntN(3), 4), PromptKnown: r.IntN(2) == 0}
		got, err := d.Detect(text)
		require.NoError(t, err)
		want, err := Detect(c, DetectorOptions{}, text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestKnownEmptyPrompt: where nothing went before, the engine marks short contexts and
// its detector does not look at them. The shared detector does.
func TestKnownEmptyPrompt(t *testing.T) {
	c := Config{Key: NewKey(testKey), ContextWindow: 4}
	text := watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4, 5, 6}, PromptKnown: true}
	got, err := Detect(c, DetectorOptions{}, text)
	require.NoError(t, err)
	assert.Equal(t, 2, got.Combined.N)
	result, err := newMark(t, c).Detect(text)
	require.NoError(t, err)
	assert.Equal(t, 5, result.Scored)
	text.PromptKnown = false
	result, err = newMark(t, c).Detect(text)
	require.NoError(t, err)
	assert.Equal(t, 2, result.Scored)

	text.Prompt = []watermark.Token{7, 8, 9, 10}
	unknown, err := Detect(c, DetectorOptions{}, text)
	require.NoError(t, err)
	assert.Equal(t, got, unknown, "a prompt that is not known to be one does not count")
}

func TestDetectErrors(t *testing.T) {
	c := Config{Key: NewKey(testKey)}
	for _, x := range []struct {
		options DetectorOptions
		text    watermark.Text
		want    string
	}{
		{DetectorOptions{MaxContexts: -1}, watermark.Text{}, "sglang: max_contexts is -1, want 1 to 4096"},
		{DetectorOptions{MaxContexts: 4097}, watermark.Text{}, "sglang: max_contexts is 4097, want 1 to 4096"},
		{DetectorOptions{VocabSize: -5}, watermark.Text{}, "sglang: vocab_size is -5, want 0 (unchecked) or more"},
		{DetectorOptions{}, watermark.Text{Tokens: []watermark.Token{3, -1}}, "sglang: token 1 of the text is -1, want 0 to 2147483647"},
		{DetectorOptions{VocabSize: 100}, watermark.Text{Tokens: []watermark.Token{3, 99, 100}}, "sglang: token 2 of the text is 100, want 0 to 99"},
		{DetectorOptions{VocabSize: 100}, watermark.Text{Prompt: []watermark.Token{100}}, "sglang: token 0 of the prompt is 100, want 0 to 99"},
	} {
		_, err := Detect(c, x.options, x.text)
		assert.EqualError(t, err, x.want)
	}
	_, err := newMark(t, c).Detect(watermark.Text{Prompt: []watermark.Token{-1}})
	assert.EqualError(t, err, "watermark: token 0 of the prompt is -1, want 0 to 2^31-1")
}

func TestDetectEmpty(t *testing.T) {
	for _, c := range []Config{{Key: NewKey(testKey)}, {Key: NewKey(testKey), KeyB: NewKey(testKeyB)}} {
		got, err := Detect(c, DetectorOptions{}, watermark.Text{})
		require.NoError(t, err)
		assert.Equal(t, Statistic{PValue: 1}, got.Combined)
		assert.Zero(t, got.LogP)
	}
}

// marked returns a completion that a session of the mark draws from flat rows of 50
// candidates.
func marked(t testing.TB, w *watermark.Watermark, prompt []watermark.Token, n int) []watermark.Token {
	t.Helper()
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(9), Prompt: prompt})
	require.NoError(t, err)
	return conformance.Write(t, s, n)
}

// TestMarkedTextIsFound: with the prompt, without it, and over a corpus that skips the
// prompt's own contexts.
func TestMarkedTextIsFound(t *testing.T) {
	prompt := []watermark.Token{5, 6, 7, 8, 9}
	for _, c := range []Config{{Key: NewKey(testKey)}, {Key: NewKey(testKey), KeyB: NewKey(testKeyB)}} {
		w := newMark(t, c)
		text := watermark.Text{Prompt: prompt, PromptKnown: true, Tokens: marked(t, w, prompt, 200)}
		got, err := Detect(c, DetectorOptions{}, text)
		require.NoError(t, err)
		assert.Less(t, got.LogP, -50.0)
		unknown, err := Detect(c, DetectorOptions{}, watermark.Text{Tokens: text.Tokens})
		require.NoError(t, err)
		assert.Less(t, unknown.LogP, -50.0)
		assert.Greater(t, got.Combined.N, unknown.Combined.N)

		d := w.NewDetector()
		require.NoError(t, d.Add(text))
		require.NoError(t, d.Skip(text.Tokens[20:60]))
		assert.Positive(t, d.Result().Dropped.Skipped)
		assert.Less(t, d.Result().Scored, got.Combined.N)
	}
}

// TestRightBWrongA: with a wrong key A coins change too; positions that both coins give
// to key B still score, so that a wrong key A is no decoy. Decoys change both.
func TestRightBWrongA(t *testing.T) {
	c := Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB)}
	w := newMark(t, c)
	text := watermark.Text{Tokens: marked(t, w, nil, 200)}
	c.Key = NewKey(testKey + 1)
	got, err := Detect(c, DetectorOptions{}, text)
	require.NoError(t, err)
	assert.Less(t, got.LogP, -5.0)
	for j := range 20 {
		decoy, err := w.Decoy([32]byte{1}, j).Detect(text)
		require.NoError(t, err)
		assert.Greater(t, decoy.LogP, conformance.FalseAlarm)
	}
}

// TestSearch: one text among marks of many keys and windows.
func TestSearch(t *testing.T) {
	var candidates []watermark.Candidate
	for key := range uint64(12) {
		for _, width := range []int{1, 2, 4, 8} {
			c := Config{Key: NewKey(key + 1000), ContextWindow: width}
			if key%2 == 1 {
				c.KeyB = NewKey(key + 2000)
			}
			candidates = append(candidates, watermark.Candidate{Name: c.String(), Mark: newMark(t, c)})
		}
	}
	author := candidates[29]
	matches, err := watermark.Search([]watermark.Text{{Tokens: marked(t, author.Mark, nil, 150)}}, candidates)
	require.NoError(t, err)
	assert.Equal(t, author.Name, matches[0].Name)
	assert.Less(t, matches[0].LogPFamily, -20.0)
	assert.Greater(t, matches[1].LogPFamily, conformance.FalseAlarm)
}

// TestCalibration: of 200 texts under each of 100 keys, at most 1 % have p < 0.01.
// Texts under one key share words, keys do not: the shares of keys are independent,
// in [0, 1], and of mean at most 0.01, so that their sum exceeds x with probability
// at most exp(−n·KL(x/n, 0.01)) (Hoeffding 1963). And with a key for each text all
// texts are independent. False alarm of each: 1e-6.
//
// Mutants that fail: contexts counted each time, the combined score as the larger of the
// two keys'.
func TestCalibration(t *testing.T) {
	texts := conformance.Forms(1, 200)
	for _, c := range []Config{{}, {ContextWindow: 1, KeyB: NewKey(testKeyB)}} {
		const keys = 100
		low, ownLow := 0, 0
		r := rand.New(rand.NewPCG(5, 6))
		p := func(text []watermark.Token, d *Detector) bool {
			got, err := d.Detect(watermark.Text{Tokens: text})
			require.NoError(t, err)
			return got.LogP < math.Log(0.01)
		}
		open := func() *Detector {
			c.Key = NewKey(r.Uint64())
			if !c.KeyB.IsZero() {
				c.KeyB = NewKey(r.Uint64())
			}
			d, err := NewDetector(c, DetectorOptions{})
			require.NoError(t, err)
			return d
		}
		for range keys {
			d := open()
			for _, tokens := range texts {
				if p(tokens, d) {
					low++
				}
			}
		}
		const own = 3000
		for i := range own {
			if p(texts[i%len(texts)], open()) {
				ownLow++
			}
		}
		share := float64(low) / float64(keys*len(texts))
		assert.Greater(t, -keys*conformance.Divergence(share, 0.01), conformance.FalseAlarm, "%v: %.4f of p-values are below 0.01", c, share)
		conformance.AtMost(t, ownLow, own, 0.01)
		t.Logf("window %d, key B %v: %.4f of texts under %d keys, %.4f of texts with keys of their own",
			c.resolved().ContextWindow, !c.KeyB.IsZero(), share, keys, float64(ownLow)/own)
	}
}

// TestUnits: what is scored unit by unit, short contexts and all, adds up to what a
// detector finds.
func TestUnits(t *testing.T) {
	for _, c := range []Config{{Key: NewKey(testKey)}, {Key: NewKey(testKey), KeyB: NewKey(testKeyB)}} {
		w := newMark(t, c)
		texts := []watermark.Text{
			{Tokens: marked(t, w, nil, 100)}, {Tokens: []watermark.Token{1, 2, 3}, PromptKnown: true},
			{Prompt: []watermark.Token{9, 8}, PromptKnown: true, Tokens: []watermark.Token{1, 2, 3, 1, 2, 3, 1, 2, 3}},
		}
		d := w.NewDetector()
		for _, text := range texts {
			require.NoError(t, d.Add(text))
		}
		units, err := w.Units(texts, nil)
		require.NoError(t, err)
		scores := make([]uint64, len(units))
		assert.Equal(t, d.Result().Scored, w.NewScorer().Units(units, scores))
		var sum uint64
		for _, s := range scores {
			sum += s
		}
		assert.Equal(t, d.Result().Score, float64(sum)*0x1p-32)
	}
}
