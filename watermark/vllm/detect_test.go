package vllm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

func TestDetectErrors(t *testing.T) {
	c := Config{Key: NewKey(testKey)}
	for _, x := range []struct {
		options DetectorOptions
		tokens  []watermark.Token
		want    string
	}{
		{DetectorOptions{Threshold: -1}, nil, "vllm: threshold is -1, want above 0 to 1"},
		{DetectorOptions{Threshold: 1.5}, nil, "vllm: threshold is 1.5, want above 0 to 1"},
		{DetectorOptions{VocabSize: -5}, nil, "vllm: vocab_size is -5, want 0 (unchecked) or more"},
		{DetectorOptions{}, []watermark.Token{3, -1}, "vllm: token 1 of the text is -1, want 0 to 2^31-1"},
		{DetectorOptions{VocabSize: 100}, []watermark.Token{3, 99, 100}, "vllm: token 2 of the text is 100, want 0 to 99"},
		{DetectorOptions{VocabSize: 100}, []watermark.Token{-7}, "vllm: token 0 of the text is -7, want 0 to 99"},
	} {
		_, err := Detect(c, x.options, x.tokens)
		assert.EqualError(t, err, x.want)
	}
	_, err := newMark(t, c).Detect(watermark.Text{Tokens: []watermark.Token{-1}})
	assert.EqualError(t, err, "watermark: token 0 of the text is -1, want 0 to 2^31-1")
	_, err = newSession(t, c, watermark.SessionOptions{}).Sample([]watermark.Token{-2}, []float32{1})
	assert.EqualError(t, err, "watermark: id 0 of the candidates is -2, want 0 to 2^31-1")
}

func TestDetectEmpty(t *testing.T) {
	got, err := Detect(Config{Key: NewKey(testKey)}, DetectorOptions{Threshold: 1}, nil)
	require.NoError(t, err)
	assert.Equal(t, Detection{EngineP: 1}, got)
}

// TestThreshold: a p that equals the threshold is a verdict.
func TestThreshold(t *testing.T) {
	c := Config{Key: NewKey(testKey)}
	tokens := []watermark.Token{1, 2, 3, 4, 5}
	got, err := Detect(c, DetectorOptions{}, tokens)
	require.NoError(t, err)
	for threshold, want := range map[float64]bool{got.EngineP: true, math.Nextafter(got.EngineP, 0): false, math.Nextafter(got.EngineP, 1): true} {
		got, err = Detect(c, DetectorOptions{Threshold: threshold}, tokens)
		require.NoError(t, err)
		assert.Equal(t, want, got.IsWatermarked)
	}
}

// TestOneDetectorManyTexts: memory that is kept changes nothing.
func TestOneDetectorManyTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, o := range []DetectorOptions{{}, {CountRepeats: true}} {
		c := Config{Key: NewKey(testKey), Algorithm: DualKeyGumbel, ContextWidth: 2}
		d, err := NewDetector(c, o)
		require.NoError(t, err)
		for range 200 {
			tokens := conformance.RandomTokens(r, r.IntN(200), 4)
			got, err := d.Detect(tokens)
			require.NoError(t, err)
			want, err := Detect(c, o, tokens)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

// TestMarkedTextIsFound: what sessions of every scope write, detectors find.
func TestMarkedTextIsFound(t *testing.T) {
	for _, algorithm := range []Algorithm{Gumbel, DualKeyGumbel} {
		for _, scope := range []Scope{None, SingleTurn, All} {
			c := Config{Key: NewKey(testKey), Algorithm: algorithm, DeduplicateContexts: scope}
			got, err := Detect(c, DetectorOptions{}, marked(t, newMark(t, c), 200))
			require.NoError(t, err)
			assert.True(t, got.IsWatermarked)
			assert.Less(t, got.LogP, -50.0)
		}
	}
}

// TestSearch: one text among marks of many keys, widths and algorithms.
func TestSearch(t *testing.T) {
	var candidates []watermark.Candidate
	for key := range uint64(10) {
		for _, width := range []int{1, 4, 8} {
			for _, a := range []Algorithm{Gumbel, DualKeyGumbel} {
				c := Config{Key: NewKey(key + 100), ContextWidth: width, Algorithm: a}
				candidates = append(candidates, watermark.Candidate{Name: c.String(), Mark: newMark(t, c)})
			}
		}
	}
	author := candidates[33]
	matches, err := watermark.Search([]watermark.Text{{Tokens: marked(t, author.Mark, 150)}}, candidates)
	require.NoError(t, err)
	assert.Equal(t, author.Name, matches[0].Name)
	assert.Less(t, matches[0].LogPFamily, -20.0)
	assert.Greater(t, matches[1].LogPFamily, conformance.FalseAlarm)
}

// Calibration. A text is a template that is repeated with other fillers, as mails,
// tables, logs, code and licences are: 200 templates, under each key once more.
//
// Mutants that fail: contexts counted each time in LogP, words shifted as signed.

// TestCalibration: of 200 texts under each of 100 keys, at most 1 % have p < 0.01.
// Texts under one key share words, keys do not: the shares of keys are independent,
// in [0, 1], and of mean at most 0.01, so that their sum exceeds x with probability
// at most exp(−n·KL(x/n, 0.01)) (Hoeffding 1963). And with a key for each text all
// texts are independent. False alarm of each: 1e-6.
func TestCalibration(t *testing.T) {
	texts := conformance.Forms(1, 200)
	for _, c := range []Config{{}, {ContextWidth: 1, Algorithm: DualKeyGumbel}} {
		const keys = 100
		low, own, ownLow := 0, 0, 0
		r := rand.New(rand.NewPCG(5, 6))
		for range keys {
			c.Key = NewKey(r.Uint64())
			d, err := NewDetector(c, DetectorOptions{})
			require.NoError(t, err)
			for _, tokens := range texts {
				got, err := d.Detect(tokens)
				require.NoError(t, err)
				if got.LogP < math.Log(0.01) {
					low++
				}
			}
		}
		for i := range 3000 {
			c.Key = NewKey(r.Uint64())
			got, err := Detect(c, DetectorOptions{}, texts[i%len(texts)])
			require.NoError(t, err)
			own++
			if got.LogP < math.Log(0.01) {
				ownLow++
			}
		}
		share := float64(low) / float64(keys*len(texts))
		assert.Greater(t, -keys*conformance.Divergence(share, 0.01), conformance.FalseAlarm, "%v: %.4f of p-values are below 0.01", c, share)
		conformance.AtMost(t, ownLow, own, 0.01)
		t.Logf("%s width %d: %.4f of texts under %d keys, %.4f of texts with keys of their own", c.resolved().Algorithm, c.resolved().ContextWidth, share, keys, float64(ownLow)/float64(own))
	}
}

// TestRepeatsConvict: the engine's figures with repeats counted are no p-values, which
// is why LogP never counts them.
func TestRepeatsConvict(t *testing.T) {
	texts := conformance.Forms(1, 200)
	low, n := 0, 0
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 1000 {
		c := Config{Key: NewKey(r.Uint64())}
		got, err := Detect(c, DetectorOptions{CountRepeats: true}, texts[i%200])
		require.NoError(t, err)
		n++
		if got.EngineP < 0.01 {
			low++
		}
		once, err := Detect(c, DetectorOptions{}, texts[i%200])
		require.NoError(t, err)
		assert.Equal(t, once.LogP, got.LogP)
	}
	assert.Greater(t, low, n*5/100, "share of false alarms of the engine's p")
	t.Logf("%d of %d texts have an engine's p below 0.01", low, n)
}

// TestUnits: what is scored unit by unit, heads and all, adds up to what a detector
// finds.
func TestUnits(t *testing.T) {
	for _, a := range []Algorithm{Gumbel, DualKeyGumbel} {
		w := newMark(t, Config{Key: NewKey(testKey), Algorithm: a})
		texts := []watermark.Text{{Tokens: marked(t, w, 100)}, {Tokens: []watermark.Token{1, 2, 3}}, {Tokens: []watermark.Token{1, 2, 3, 1, 2, 3, 1, 2, 3}}}
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

// A text of no tokens has none of the windows that reach before the beginning.
func TestSkipOfNothing(t *testing.T) {
	w, err := New(Config{Key: NewKey(7), ContextWidth: 2})
	require.NoError(t, err)
	text := watermark.Text{Tokens: []watermark.Token{5, 6, 7, 8, 9}}
	want, err := w.Detect(text)
	require.NoError(t, err)
	require.Equal(t, 5, want.Scored)
	d := w.NewDetector()
	require.NoError(t, d.Skip(nil))
	require.NoError(t, d.Add(text))
	assert.Equal(t, want, d.Result())
	require.NoError(t, d.Skip(text.Tokens[:1]))
	assert.Equal(t, 3, d.Result().Scored, "the heads (-1, -1) and (-1, 5)")
}
