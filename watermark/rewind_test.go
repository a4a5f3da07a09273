package watermark_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// A session that outgrew its room forgets exactly what was taken back: windows
// from before stay seen, those of the rejected draft are fresh again.
func TestRewindPastGrowth(t *testing.T) {
	key := testKey(t, 4)
	w, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{Width: 1})
	require.NoError(t, err)
	for seed := range int32(20) {
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Tokens: 1})
		require.NoError(t, err)
		token := func(i int) watermark.Token { return 1000*seed + int32(i) }
		const most = 300
		for i := range most {
			require.NoError(t, s.Accept(token(i)))
		}
		for _, kept := range []int{250, 101, 50, 13, 2} {
			require.NoError(t, s.Rewind(kept))
			for i := range most {
				require.NoError(t, s.Accept(token(i)))
				if i != kept-1 { // that window was the last: nothing was drawn after it
					assert.Equal(t, i >= kept, s.Marked(), "window %d after a rewind to %d", i, kept)
				}
				require.NoError(t, s.Rewind(kept))
			}
			if t.Failed() {
				return
			}
		}
	}
}

// What is left of a prompt after a rewind into it is still a prompt.
func TestRewindIntoPrompt(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: []watermark.Token{1, 2, 3, 4, 5}})
	require.NoError(t, err)
	require.NoError(t, s.Rewind(4))
	for i := range 3 {
		assert.False(t, s.Marked(), "%d tokens after the rest of the prompt", i)
		require.NoError(t, s.Accept(9))
	}
	assert.True(t, s.Marked())
}

// A rejected draft leaves no trace: an answer that is drafted for, rejected and
// verified all along is the answer without drafts, whatever the drafts were, and
// so is the table of windows seen.
func TestRejectedDraftsLeaveNoTrace(t *testing.T) {
	for _, scheme := range schemes {
		w := testMark(t, 1, scheme)
		want := write(t, testSession(t, w, 1), newToyModel(1), 120)
		s, m := testSession(t, w, 1), newToyModel(1)
		for len(m.history) < 120 {
			begin := s.Len()
			for i := range int32(1 + begin%7) {
				require.NoError(t, s.Accept(want[(begin+int(i))%40]))
			}
			require.NoError(t, s.AcceptPrompt([]watermark.Token{1, 2, 3}))
			require.NoError(t, s.Accept(5))
			require.NoError(t, s.Rewind(begin))
			write(t, s, m, 1)
		}
		assert.Equal(t, want, m.history)
	}
}

// A copy goes on as its source would have, and neither touches the other.
func TestCopyFromIsIndependent(t *testing.T) {
	w := testMark(t, 1, watermark.Tournament{Depth: 5})
	s, c, alone := testSession(t, w, 1), testSession(t, w, 2), testSession(t, w, 1)
	prefix := write(t, s, newToyModel(1), 50)
	write(t, c, newToyModel(3), 90)
	require.NoError(t, c.CopyFrom(s))
	write(t, c, newToyModel(4), 30)
	require.NoError(t, c.CopyFrom(c), "of itself")
	write(t, alone, newToyModel(1), 50)
	want := write(t, alone, toyModelAfter(1, prefix), 50)
	assert.Equal(t, want, write(t, s, toyModelAfter(1, prefix), 50))
	require.NoError(t, c.Rewind(50))
	assert.Equal(t, want, write(t, c, toyModelAfter(1, prefix), 50))
}

// Sessions of marks that are equal though made apart copy from each other.
func TestCopyBetweenEqualMarks(t *testing.T) {
	a, b := testSession(t, testMark(t, 1, watermark.Gumbel{}), 1), testSession(t, testMark(t, 1, watermark.Gumbel{}), 1)
	write(t, b, newToyModel(1), 20)
	require.NoError(t, a.CopyFrom(b))
	assert.Equal(t, 20, a.Len())
	a, err := testLayout(t, 2, 3).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	b, err = testLayout(t, 2, 3).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	require.NoError(t, a.CopyFrom(b))
}
