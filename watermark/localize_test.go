package watermark_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

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
