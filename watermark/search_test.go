package watermark_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// candidates are marks of many keys and all schemes.
func candidates(t testing.TB, n int, salt uint64) []watermark.Candidate {
	t.Helper()
	out := make([]watermark.Candidate, n)
	for i := range out {
		out[i].Name = fmt.Sprintf("mark %d", i)
		out[i].Mark = must(watermark.New(worldKey(t, 5, salt, uint64(i)), schemes[i%len(schemes)], watermark.Options{Width: 2 + i%2}))
	}
	return out
}

// The mark that made the texts comes first, alone below the level, and every
// result is that of the mark's own detector, corrected by Holm's rule as its
// definition reads: for each threshold, reject in order of p while
// p·(remaining) is at most it.
func TestSearchFindsTheMark(t *testing.T) {
	all := candidates(t, 40, 1)
	for _, made := range []int{0, 6, 17, 39} {
		w := all[made].Mark
		var texts []watermark.Text
		for seed := range uint64(2) {
			texts = append(texts, watermark.Text{Tokens: write(t, testSession(t, w, seed), newToyModel(seed), 150)})
		}
		matches, err := watermark.Search(texts, all)
		require.NoError(t, err)
		require.Len(t, matches, len(all))
		assert.Equal(t, all[made].Name, matches[0].Name)
		assert.Less(t, matches[0].LogPFamily, falseAlarm)
		assert.Greater(t, matches[1].LogPFamily, math.Log(1e-3))
		names := map[string]bool{}
		for i, m := range matches {
			names[m.Name] = true
			if i > 0 {
				assert.GreaterOrEqual(t, m.Result.LogP, matches[i-1].Result.LogP)
			}
			var d *watermark.Detector
			for _, c := range all {
				if c.Name == m.Name {
					d = c.Mark.NewDetector()
				}
			}
			for _, text := range texts {
				require.NoError(t, d.Add(text))
			}
			assert.Equal(t, d.Result(), m.Result)
			assert.InDelta(t, naiveHolm(matches, i), m.LogPFamily, 1e-9)
		}
		assert.Len(t, names, len(all))
	}
}

// naiveHolm is the least level at which Holm's procedure rejects match i.
func naiveHolm(sorted []watermark.Match, i int) float64 {
	level := math.Inf(-1)
	for j := range i + 1 {
		level = math.Max(level, math.Min(0, sorted[j].Result.LogP+math.Log(float64(len(sorted)-j))))
	}
	return level
}

// The chance of naming any mark that did not make the text is at most the level:
// among ten of other keys, with or without the one that did.
func TestSearchErrorRate(t *testing.T) {
	t.Parallel()
	const alpha = 0.2
	texts := draws(500)
	unmarked, others := 0, 0
	for i := range texts {
		all := candidates(t, 10, uint64(100+i))
		s, err := all[3].Mark.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(i)), Tokens: 64, Off: i%2 == 0})
		require.NoError(t, err)
		matches, err := watermark.Search([]watermark.Text{{Tokens: write(t, s, newToyModel(1), 40)}}, all)
		require.NoError(t, err)
		for _, m := range matches {
			if m.LogPFamily <= math.Log(alpha) && (i%2 == 0 || m.Name != all[3].Name) {
				if i%2 == 0 {
					unmarked++
				} else {
					others++
				}
				break
			}
		}
	}
	assertAtMost(t, unmarked, texts/2, alpha, "unmarked texts with a match")
	assertAtMost(t, others, texts/2, alpha, "marked texts with a wrong match")
}

// No text is no evidence for anybody; equal candidates stay in the order given.
func TestSearchWithoutTexts(t *testing.T) {
	all := candidates(t, 5, 2)
	matches, err := watermark.Search(nil, all)
	require.NoError(t, err)
	for i, m := range matches {
		assert.Equal(t, all[i].Name, m.Name)
		assert.Zero(t, m.LogPFamily)
	}
}
