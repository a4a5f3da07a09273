package watermark_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// scored are marks with every reading rule.
func scored(t testing.TB) []*watermark.Watermark {
	t.Helper()
	marks := []*watermark.Watermark{testLayout(t, 2, 3).Mark("a"), testLayout(t, 2, 3).Mark("b"), oncePerSeed(t)}
	for _, scheme := range schemes {
		marks = append(marks, testMark(t, 1, scheme))
	}
	for i, rules := range []watermark.Rules{
		{Width: 3, Read: watermark.ReadRules{Head: watermark.HeadPadded}, Pad: 7},
		{Width: 3, Read: watermark.ReadRules{Head: watermark.HeadShort}},
		{Width: 3, Prompt: true},
		{Width: 3, Prompt: true, Read: watermark.ReadRules{Head: watermark.HeadPadded, OnePerSeed: true}},
	} {
		marks = append(marks, must(watermark.Build(&testSource{name: fmt.Sprint(i), word: hashedWords(3)}, watermark.Gumbel{}, rules)))
	}
	return marks
}

// The units of a corpus are what a detector scores of it: each window and token
// once, at the first place, in order; scorers give them the same sum, and decoys
// of the mark have the same units.
func TestUnitsAreWhatDetectorsScore(t *testing.T) {
	for _, w := range scored(t) {
		for seed := range uint64(4) {
			var texts []watermark.Text
			d := w.NewDetector()
			corpus := repetitive(seed, 20)
			for i, tokens := range corpus {
				text := watermark.Text{Tokens: tokens, Prompt: corpus[(i+1)%len(corpus)], PromptKnown: i%3 > 0}
				texts = append(texts, text)
				require.NoError(t, d.Add(text))
			}
			skip := [][]watermark.Token{corpus[2], repetitive(seed+70, 1)[0]}
			for _, tokens := range skip {
				require.NoError(t, d.Skip(tokens))
			}
			units, err := w.Units(texts, skip)
			require.NoError(t, err)
			want := d.Result()
			sum, sc := uint64(0), w.NewScorer()
			for i, u := range units {
				require.Equal(t, texts[u.Text].Tokens[u.Pos], u.Token)
				if i > 0 {
					last := units[i-1]
					require.True(t, last.Text < u.Text || last.Text == u.Text && last.Pos < u.Pos, "in corpus order")
				}
				x, ok := sc.Fixed(u.Window, u.Token)
				require.True(t, ok)
				var one [1]float64
				require.True(t, sc.Scores(u.Window, []watermark.Token{u.Token}, one[:]))
				assert.InDelta(t, one[0], float64(x)*0x1p-32, 0x1p-31)
				sum += x
			}
			assert.Equal(t, want.Scored, len(units), "%s", w)
			assert.Equal(t, want.Score, float64(sum)*0x1p-32, "%s", w)
			dst := make([]uint64, len(units))
			assert.Equal(t, len(units), sc.Units(units, dst))
			many := uint64(0)
			for _, x := range dst {
				many += x
			}
			assert.Equal(t, sum, many)
			if w.Info().Kind == watermark.Cryptographic {
				decoys, err := w.Decoy([32]byte{1}, 3).Units(texts, skip)
				require.NoError(t, err)
				assert.Equal(t, units, decoys)
			}
		}
	}
}

// First occurrences: the place of a unit is the first at which its window and
// token are met where they may be scored.
func TestUnitsAreFirstOccurrences(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	texts := []watermark.Text{
		{Tokens: []watermark.Token{1, 2, 3, 4, 1, 2, 3, 5}}, // 123→5 repeats its window
		{Tokens: []watermark.Token{1, 2, 3, 5, 1, 2, 3, 4}}, // and is new here
		{Tokens: []watermark.Token{0, 1, 2, 3, 4, 1}},       // 123→4 and 234→1 came before
	}
	units, err := w.Units(texts, nil)
	require.NoError(t, err)
	var got []string
	for _, u := range units {
		got = append(got, fmt.Sprintf("%d.%d %v→%d", u.Text, u.Pos, u.Window, u.Token))
	}
	assert.Equal(t, []string{
		"0.3 [1 2 3]→4", "0.4 [2 3 4]→1", "0.5 [3 4 1]→2", "0.6 [4 1 2]→3",
		"1.3 [1 2 3]→5", "1.4 [2 3 5]→1", "1.5 [3 5 1]→2", "1.6 [5 1 2]→3",
		"2.3 [0 1 2]→3",
	}, got)
}

// A scorer takes the last tokens of a window and says what it cannot score.
func TestScorer(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	naive := newNaiveWords(t, testKey(t, 1), familyGumbel, 0, 3)
	sc := w.NewScorer()
	ids, dst := []watermark.Token{4, 0, 1 << 30}, make([]float64, 3)
	window := []watermark.Token{9, 9, 1, 2, 3}
	require.True(t, sc.Scores(window, ids, dst))
	for i, id := range ids {
		assert.InDelta(t, naiveScore(naive.word(window[2:], id)), dst[i], 1e-12)
		seed, ok := sc.Seed(window, id)
		assert.True(t, ok)
		assert.Equal(t, naive.seed(window[2:]), seed)
	}
	assert.False(t, sc.Scores(window[:2], ids, dst), "too short")
	assert.False(t, sc.Scores(window, ids, dst[:2]), "another length")
	assert.False(t, sc.Scores([]watermark.Token{1, -1, 2}, ids, dst), "negative")
	_, ok := sc.Fixed(window, -1)
	assert.False(t, ok)
	_, ok = sc.Fixed(nil, 1)
	assert.False(t, ok)
	_, ok = sc.Seed(window[:1], 1)
	assert.False(t, ok)
	assert.True(t, w.Scores(window, ids, dst))
}

// Scorer.Units is Fixed of each unit, for windows of any length, repeated windows
// and those of another layer, in any order.
func TestScorerUnits(t *testing.T) {
	history := make([]watermark.Token, 60)
	for i := range history {
		history[i] = int32(i*i) % 17
	}
	var units []watermark.Unit
	for i := range history {
		units = append(units,
			watermark.Unit{Window: history[:i], Token: 7},
			watermark.Unit{Window: history[max(0, i-3):i], Token: 8},
			watermark.Unit{Window: slices.Clone(history[max(0, i-1-i%5):i]), Token: 9})
	}
	units = append(units, watermark.Unit{Window: []watermark.Token{1, -2, 3}, Token: 1}, watermark.Unit{Window: []watermark.Token{1, 2, 3}, Token: -1}, units[5])
	for _, w := range scored(t) {
		dst, n := make([]uint64, len(units)), 0
		got := w.NewScorer().Units(units, dst)
		for i, u := range units {
			x, ok := w.NewScorer().Fixed(u.Window, u.Token)
			assert.Equal(t, x, dst[i], "%s: unit %d", w, i)
			if ok {
				n++
			}
		}
		assert.Equal(t, n, got)
		assert.Equal(t, 0, w.NewScorer().Units(units, nil))
	}
}
