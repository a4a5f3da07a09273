package watermark_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// Neither a draw nor an advance allocates, at marked positions and plain ones,
// dense and sparse; green lists and tournaments once their rows have grown.
func TestNoAllocations(t *testing.T) {
	ids, sparse := sparse50()
	dense := normalLogits(5000, 1)
	row := make([]float32, len(ids))
	var err error
	free := func(s *watermark.Session, what string, f func()) {
		t.Helper()
		f() // rows grow
		assert.Zero(t, testing.AllocsPerRun(50, f), "%s, marked %v", what, s.Marked())
		require.NoError(t, err)
	}
	for _, scheme := range schemes {
		w := testMark(t, 1, scheme)
		for _, marked := range []bool{true, false} {
			s := standing(t, w, marked, 1)
			free(s, scheme.String()+": dense", func() { _, err = s.Sample(nil, dense) })
			free(s, scheme.String()+": sparse", func() { _, err = s.Sample(ids, sparse) })
			if scheme != (watermark.Tournament{Depth: 30}) {
				free(s, scheme.String()+": perturb", func() { _, err = s.Perturb(ids, row) })
			}
		}
	}
	l, err := testLayout(t, 2, 3).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	w := testMark(t, 1, watermark.Gumbel{})
	for _, s := range []*watermark.Session{testSession(t, w, 1), l} {
		text := write(t, s, newToyModel(1), 100)
		i := int32(0)
		free(s, "accept", func() { i++; err = s.Accept(i) })
		free(s, "a step", func() {
			var x watermark.Token
			if x, err = s.Sample(ids, sparse); err == nil {
				err = s.Accept(x)
			}
		})
		free(s, "a rejected draft", func() {
			n := s.Len()
			for _, x := range text[:8] {
				err = s.Accept(x)
			}
			err = s.Rewind(n)
		})
		c, e := s.Fork(0, 1)
		require.NoError(t, e)
		free(s, "copy", func() { err = c.CopyFrom(s) })
		free(s, "role", func() { err = s.SetRole(watermark.Draft) })
	}
}

// Reading does not allocate a token either.
func TestNoAllocationsInReading(t *testing.T) {
	for _, scheme := range schemes {
		w := testMark(t, 1, scheme)
		sc, window := w.NewScorer(), []watermark.Token{1, 2, 3}
		ids, dst := []watermark.Token{4, 5, 6}, make([]float64, 3)
		ok := true
		assert.Zero(t, testing.AllocsPerRun(50, func() { _, ok = sc.Fixed(window, 4) }), "%s", scheme)
		assert.True(t, ok)
		assert.Zero(t, testing.AllocsPerRun(50, func() { ok = sc.Scores(window, ids, dst) }), "%s", scheme)
		assert.True(t, ok)
		r := rand.New(rand.NewPCG(1, 1))
		text := watermark.Text{Tokens: make([]watermark.Token, 2000)}
		for i := range text.Tokens {
			text.Tokens[i] = r.Int32N(1000)
		}
		d := w.NewDetector()
		require.NoError(t, d.Add(text))
		var err error
		assert.Zero(t, testing.AllocsPerRun(10, func() { err = d.Add(text) }), "%s: a text seen before", scheme)
		require.NoError(t, err)
	}
}

// A session of 4,096 tokens holds at most 64 KiB.
func TestSessionMemory(t *testing.T) {
	assert.LessOrEqual(t, sessionBytes(t), 64.0*1024)
}
