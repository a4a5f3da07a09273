package watermark_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// testLayout has Gumbel layers "a", "b", … of given widths in equal shares.
func testLayout(t testing.TB, widths ...int) *watermark.Layers {
	t.Helper()
	weights := make([]int, len(widths))
	for i := range weights {
		weights[i] = 1
	}
	shares := watermark.Shares(weights...)
	var layers []watermark.Layer
	for i, width := range widths {
		w, err := watermark.New(testKey(t, byte(40+i)), watermark.Gumbel{}, watermark.Options{Width: width})
		require.NoError(t, err)
		layers = append(layers, watermark.Layer{Name: string(rune('a' + i)), Share: shares[i], Mark: w})
	}
	l, err := watermark.NewLayers(testKey(t, 39), layers...)
	require.NoError(t, err)
	return l
}

// Every window of one answer belongs to one layer, in proportion to the shares,
// and each layer's detector finds its own.
func TestLayersShareAnAnswer(t *testing.T) {
	var layers []watermark.Layer
	shares := watermark.Shares(50, 30, 20)
	for i, scheme := range []watermark.Scheme{watermark.Gumbel{}, watermark.Tournament{Depth: 30}, watermark.GreenList{Gamma: 0.25, Delta: 3}} {
		w, err := watermark.New(testKey(t, byte(1+i)), scheme, watermark.Options{Width: 3 + i%2})
		require.NoError(t, err)
		layers = append(layers, watermark.Layer{Name: fmt.Sprint(i), Share: shares[i], Mark: w})
	}
	l, err := watermark.NewLayers(testKey(t, 9), layers...)
	require.NoError(t, err)
	assert.Equal(t, []string{"0", "1", "2"}, l.Names())
	s, err := l.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	const n = 1500
	text := watermark.Text{Tokens: write(t, s, newToyModel(1), n)}
	owners := make([]int, n)
	for i, name := range l.Names() {
		w := l.Mark(name)
		units, err := w.Units([]watermark.Text{text}, nil)
		require.NoError(t, err)
		for _, u := range units {
			owners[u.Pos]++
			assert.Len(t, u.Window, w.Rules().Width)
		}
		r, err := w.Detect(text)
		require.NoError(t, err)
		assert.Less(t, r.LogP, -30.0, "layer %s", name)
		assert.Equal(t, len(units), r.Scored)
		assert.Equal(t, n, r.Scored+r.Dropped.Head+r.Dropped.Gated+r.Dropped.Repeat)
		share := float64(shares[i]) / watermark.AllWindows
		assertAtMost(t, r.Scored, n, share, "windows of layer "+name)
		assertAtLeast(t, r.Scored+r.Dropped.Head, n, share*0.97, "windows of layer "+name)
		stranger, err := layers[i].Mark.Detect(text) // scores all windows: diluted, not wrong
		require.NoError(t, err)
		assert.Greater(t, stranger.Scored, r.Scored)
		other, err := w.Decoy([32]byte{1}, 0).Detect(text)
		require.NoError(t, err)
		assert.Equal(t, r.Scored, other.Scored, "a decoy scores the same windows")
		assert.Greater(t, other.LogP, -14.0)
	}
	twice := 0
	for pos, k := range owners {
		if pos >= 4 && k > 1 {
			twice++
		}
	}
	assert.Zero(t, twice, "positions scored by two layers")
	assert.Nil(t, l.Mark("3"))
}

// A layer opened as a mark of its own writes its own windows as the layout does,
// and nothing else.
func TestLayerAlone(t *testing.T) {
	l := testLayout(t, 2, 3)
	all, err := l.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	var alone [2]*watermark.Session
	for i, name := range l.Names() {
		alone[i] = testSession(t, l.Mark(name), 1)
	}
	m, owned := newToyModel(1), [2]int{}
	for range 300 {
		ids, logits := m.next()
		token, err := all.Sample(ids, logits)
		require.NoError(t, err)
		marked := 0
		for i, s := range alone {
			if s.Marked() {
				own, err := s.Sample(ids, logits)
				require.NoError(t, err)
				assert.Equal(t, token, own)
				owned[i]++
				marked++
			}
			require.NoError(t, s.Accept(token))
		}
		if all.Marked() {
			assert.Equal(t, 1, marked)
		} else {
			assert.Equal(t, 0, marked)
		}
		require.NoError(t, all.Accept(token))
		m.history = append(m.history, token)
	}
	assert.Greater(t, owned[0], 100)
	assert.Greater(t, owned[1], 100)
}

// The layout key alone moves windows between layers, the layers' keys do not.
func TestLayoutKeyDecidesThePartition(t *testing.T) {
	text := watermark.Text{Tokens: spliced(t, testMark(t, 1, watermark.Gumbel{}), 0, 300, 0)}
	scored := func(layout, first, second byte) map[int]bool {
		l, err := watermark.NewLayers(testKey(t, layout),
			watermark.Layer{Name: "a", Share: 1 << 31, Mark: testMark(t, first, watermark.Gumbel{})},
			watermark.Layer{Name: "b", Share: 1 << 31, Mark: testMark(t, second, watermark.Gumbel{})})
		require.NoError(t, err)
		units, err := l.Mark("a").Units([]watermark.Text{text}, nil)
		require.NoError(t, err)
		at := map[int]bool{}
		for _, u := range units {
			at[u.Pos] = true
		}
		return at
	}
	assert.Equal(t, scored(1, 2, 3), scored(1, 4, 5))
	assert.NotEqual(t, scored(1, 2, 3), scored(6, 2, 3))
}

func TestShares(t *testing.T) {
	for _, weights := range [][]int{{1}, {70, 20, 10}, {1, 1, 1}, {1 << 20, 1}, {3, 5, 7, 11, 13}} {
		sum, shares, total := uint64(0), watermark.Shares(weights...), 0
		for _, w := range weights {
			total += w
		}
		for i, s := range shares {
			sum += s
			assert.InDelta(t, float64(weights[i])/float64(total), float64(s)/watermark.AllWindows, 1e-9)
		}
		assert.Equal(t, uint64(watermark.AllWindows), sum, "%v", weights)
	}
	for _, weights := range [][]int{{1, 0}, {-1}, {1<<20 + 1}, make3(257)} {
		assert.Equal(t, make([]uint64, len(weights)), watermark.Shares(weights...), "%d weights", len(weights))
	}
	assert.Empty(t, watermark.Shares())
}
