package watermark_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// Two marked passages in an unmarked text are found, each about where it is, and
// nothing else; the figures of a span are those of its tokens.
func TestLocalizeFindsPassages(t *testing.T) {
	for _, scheme := range schemes {
		w := testMark(t, 1, scheme)
		text := watermark.Text{Tokens: passages(t, w, 300, 200, 300, 300, 200)}
		spans, err := w.Localize(text, 1e-3)
		require.NoError(t, err)
		covered := make([]bool, len(text.Tokens))
		last := 0
		for _, s := range spans {
			require.GreaterOrEqual(t, s.Begin, last, "in order and disjoint")
			require.Less(t, s.Begin, s.End)
			last = s.End
			for i := s.Begin; i < s.End; i++ {
				covered[i] = true
			}
			scored, sum, sc := 0, uint64(0), w.NewScorer()
			units, err := w.Units([]watermark.Text{text}, nil)
			require.NoError(t, err)
			for _, u := range units {
				if u.Pos >= s.Begin && u.Pos < s.End {
					x, ok := sc.Fixed(u.Window, u.Token)
					require.True(t, ok)
					scored++
					sum += x
				}
			}
			assert.Equal(t, scored, s.Scored)
			assert.Equal(t, float64(sum)*0x1p-32, s.Score)
			assert.Equal(t, w.Law().LogTail(s.Score, int64(s.Scored)), s.LogP)
			assert.Greater(t, s.LogPFamily, s.LogP)
			assert.LessOrEqual(t, s.LogPFamily, math.Log(1e-3))
		}
		inside, outside := 0, 0
		for i, c := range covered {
			switch marked := i >= 300 && i < 500 || i >= 800 && i < 1100; {
			case c && marked:
				inside++
			case c:
				outside++
			}
		}
		assert.Greater(t, inside, 400, "%s: of 500 marked tokens", scheme)
		assert.Less(t, outside, 60, "%s: of 800 unmarked tokens", scheme)
	}
}

// passages returns unmarked and marked tokens by turns, each of another model.
func passages(t testing.TB, w *watermark.Watermark, lengths ...int) []watermark.Token {
	t.Helper()
	var text []watermark.Token
	for i, n := range lengths {
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(8, uint64(i)), Off: i%2 == 0})
		require.NoError(t, err)
		text = append(text, write(t, s, newToyModel(uint64(20+i)), n)...)
	}
	return text
}

// The chance of any span in an unmarked text is at most alpha, and of any span in
// the unmarked part of a marked text as well.
func TestLocalizeErrorRate(t *testing.T) {
	t.Parallel()
	const alpha = 0.2
	texts := draws(200)
	for _, scheme := range schemes {
		unmarked, outside := 0, 0
		plain := spliced(t, testMark(t, 1, scheme), 150, 0, 0)
		for i := range texts {
			w := must(watermark.New(worldKey(t, 4, uint64(i)), scheme, watermark.Options{}))
			spans, err := w.Localize(watermark.Text{Tokens: plain}, alpha)
			require.NoError(t, err)
			if len(spans) > 0 {
				unmarked++
			}
			s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(i)), Tokens: 64})
			require.NoError(t, err)
			text := append(append([]watermark.Token(nil), plain[:75]...), write(t, s, newToyModel(9), 40)...)
			spans, err = w.Localize(watermark.Text{Tokens: append(text, plain[75:]...)}, alpha)
			require.NoError(t, err)
			for _, s := range spans {
				if s.End <= 75 || s.Begin >= 75+40+3 {
					outside++
					break
				}
			}
		}
		assertAtMost(t, unmarked, texts, alpha, scheme.String()+": unmarked texts with a span")
		assertAtMost(t, outside, texts, alpha, scheme.String()+": texts with a span in their unmarked part")
	}
}

// Short texts have no spans, and one of eight scored tokens can have one.
func TestLocalizeShortTexts(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	for n := range 60 {
		tokens := spliced(t, w, 0, n, 0)
		spans, err := w.Localize(watermark.Text{Tokens: tokens}, 0.5)
		require.NoError(t, err)
		if n < 11 {
			assert.Empty(t, spans)
		}
		for _, s := range spans {
			assert.GreaterOrEqual(t, s.Scored, 8)
			assert.LessOrEqual(t, s.End, n)
		}
	}
}

// A loop is one span at most as strong as its windows are many: they count once.
func TestLocalizeCountsWindowsOnce(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	marked := spliced(t, w, 0, 20, 0)
	var text []watermark.Token
	for range 30 {
		text = append(text, marked...)
	}
	spans, err := w.Localize(watermark.Text{Tokens: text}, 0.5)
	require.NoError(t, err)
	for _, s := range spans {
		assert.LessOrEqual(t, s.Scored, 20)
	}
}
