package watermark_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// Siblings write different answers, and the mark is found in each of them and in
// all together.
func TestForkSiblingsDifferAndAreFound(t *testing.T) {
	const siblings = 4
	for _, scheme := range schemes {
		t.Run(scheme.String(), func(t *testing.T) {
			w := testMark(t, 1, scheme)
			parent := testSession(t, w, 1)
			corpus := w.NewDetector()
			var texts [][]watermark.Token
			for i := range siblings {
				s, err := parent.Fork(i, siblings)
				require.NoError(t, err)
				text := write(t, s, newToyModel(1), 700)
				for _, other := range texts {
					assert.NotEqual(t, other[:8], text[:8], "siblings part at once")
				}
				texts = append(texts, text)
				r, err := w.Detect(watermark.Text{Tokens: text})
				require.NoError(t, err)
				assert.Less(t, r.LogP, falseAlarm, "sibling %d", i)
				assert.Greater(t, r.Scored, 600, "detectors score all windows")
				require.NoError(t, corpus.Add(watermark.Text{Tokens: text}))
			}
			assert.Less(t, corpus.Result().LogP, 3*falseAlarm)
			assert.Zero(t, parent.Len())
		})
	}
}

// Each window is one sibling's, also among siblings of siblings, and about an
// equal share is each one's.
func TestForkWindowsAreOneSiblings(t *testing.T) {
	parent := testSession(t, testMark(t, 1, watermark.Gumbel{}), 1)
	var leaves []*watermark.Session
	for i := range 3 {
		s, err := parent.Fork(i, 3)
		require.NoError(t, err)
		for j := range 2 {
			leaf, err := s.Fork(j, 2)
			require.NoError(t, err)
			leaves = append(leaves, leaf)
		}
	}
	counts, marked := make([]int, 6), 0
	for x := range int32(3000) {
		owners := 0
		for i, s := range leaves {
			if s.Marked() {
				owners++
				counts[i]++
			}
			require.NoError(t, s.Accept(x))
		}
		if parent.Marked() {
			marked++
			require.Equal(t, 1, owners)
		} else {
			require.Zero(t, owners)
		}
		require.NoError(t, parent.Accept(x))
	}
	assert.Equal(t, 2997, marked)
	assertChiSquare(t, counts, []float64{1, 1, 1, 1, 1, 1}, "windows of six siblings")
}

// A fork begins where its parent stands, knows what that has seen and leaves it
// alone.
func TestForkLeavesItsParent(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	parent, untouched := testSession(t, w, 1), testSession(t, w, 1)
	text := write(t, parent, newToyModel(1), 40)
	write(t, untouched, newToyModel(1), 40)
	child, err := parent.Fork(1, 2)
	require.NoError(t, err)
	assert.Equal(t, 40, child.Len())
	for _, x := range text[:4] {
		require.NoError(t, child.Accept(x))
	}
	assert.False(t, child.Marked(), "a window of the common part")
	write(t, child, toyModelAfter(1, text), 40)
	assert.Equal(t, write(t, untouched, toyModelAfter(1, text), 40), write(t, parent, toyModelAfter(1, text), 40))
}

// A single sibling is a copy.
func TestForkOfOne(t *testing.T) {
	w := testMark(t, 1, watermark.Tournament{Depth: 4})
	parent := testSession(t, w, 1)
	only, err := parent.Fork(0, 1)
	require.NoError(t, err)
	assert.Equal(t, write(t, parent, newToyModel(1), 60), write(t, only, newToyModel(1), 60))
}

// A sibling goes back to before the fork and stays a sibling.
func TestForkRewinds(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	parent := testSession(t, w, 1)
	text := write(t, parent, newToyModel(1), 40)
	late, err := parent.Fork(1, 2)
	require.NoError(t, err)
	require.NoError(t, late.Rewind(0))
	early, err := testSession(t, w, 1).Fork(1, 2)
	require.NoError(t, err)
	again := write(t, late, newToyModel(1), 40)
	assert.Equal(t, write(t, early, newToyModel(1), 40), again)
	assert.NotEqual(t, text, again)
}
