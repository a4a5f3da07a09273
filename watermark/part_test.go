package watermark_test

import (
	"fmt"
	"log"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Each layer of a layout is rebuilt from its key, the layout's and its part, the
// first and the last one too, and layers that are wider than the gate.
func TestLayerFromItsPart(t *testing.T) {
	l := testLayout(t, 3, 2, 4)
	s, err := l.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	text := watermark.Text{Tokens: write(t, s, newToyModel(1), 900)}
	for i, width := range []int{3, 2, 4} {
		want := l.Mark(l.Names()[i])
		part, ok := want.Part()
		require.True(t, ok)
		assert.Equal(t, 2, part.Width)
		w, err := watermark.New(testKey(t, byte(40+i)), watermark.Gumbel{}, watermark.Options{Width: width})
		require.NoError(t, err)
		_, ok = w.Part()
		assert.False(t, ok)
		got, err := watermark.NewLayer(testKey(t, 39), part, w)
		require.NoError(t, err)
		assert.Equal(t, want.ID(), got.ID())
		assert.NotContains(t, w.ID(), "layout", "the mark itself is unchanged")
		for _, pair := range [][2]*watermark.Watermark{{want, got}, {want.Decoy([32]byte{1}, 2), got.Decoy([32]byte{1}, 2)}} {
			a, err := pair[0].Detect(text)
			require.NoError(t, err)
			b, err := pair[1].Detect(text)
			require.NoError(t, err)
			assert.Equal(t, a, b)
			assert.Positive(t, b.Dropped.Gated)
		}
		own, err := got.Detect(text)
		require.NoError(t, err)
		assert.Less(t, own.LogP, -50.0)
	}
}

// A layout of one layer is a mark on all windows.
func TestOnlyLayer(t *testing.T) {
	l := testLayout(t, 2)
	part, ok := l.Mark("a").Part()
	require.True(t, ok)
	assert.Equal(t, watermark.Part{End: watermark.AllWindows, Width: 2}, part)
	w, err := watermark.New(testKey(t, 40), watermark.Gumbel{}, watermark.Options{Width: 2})
	require.NoError(t, err)
	got, err := watermark.NewLayer(testKey(t, 39), part, w)
	require.NoError(t, err)
	assert.Equal(t, l.Mark("a").ID(), got.ID())
}

func TestNewLayerRefuses(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	layout := testKey(t, 2)
	layer, err := watermark.NewLayer(layout, watermark.Part{End: 1, Width: 3}, w)
	require.NoError(t, err)
	for _, c := range []struct {
		layout keys.Key
		part   watermark.Part
		mark   *watermark.Watermark
		want   string
	}{
		{layout, watermark.Part{End: 1, Width: 3}, nil, `watermark: layer "layer" has no mark`},
		{layout, watermark.Part{End: 1, Width: 3}, new(watermark.Watermark), `watermark: layer "layer" has no mark`},
		{layout, watermark.Part{End: 1, Width: 3}, layer, `watermark: the mark of layer "layer" is itself a layer`},
		{keys.Key{}, watermark.Part{End: 1, Width: 3}, w, "watermark: the layout key is the zero Key"},
		{layout, watermark.Part{Width: 3}, w, "watermark: part of a layout is [0,0), want begin < end <= 2^32 = 4294967296"},
		{layout, watermark.Part{Begin: 5, End: 4, Width: 3}, w, "watermark: part of a layout is [5,4), want begin < end <= 2^32 = 4294967296"},
		{layout, watermark.Part{End: 1<<32 + 1, Width: 3}, w, "watermark: part of a layout is [0,4294967297), want begin < end <= 2^32 = 4294967296"},
		{layout, watermark.Part{End: 1}, w, "watermark: gate of a layer reads 0 tokens, want 1 to 3, the window of its mark"},
		{layout, watermark.Part{End: 1, Width: 4}, w, "watermark: gate of a layer reads 4 tokens, want 1 to 3, the window of its mark"},
		{layout, watermark.Part{End: 1 << 32, Width: 2}, w, "watermark: gate of a layout's only layer reads 2 tokens, want 3, the window of its mark"},
	} {
		_, err := watermark.NewLayer(c.layout, c.part, c.mark)
		assert.EqualError(t, err, c.want)
	}
}

// A judge gets the key of one layer, the layout key and the layer's part.
func ExamplePart() {
	vendor, err := watermark.New(exampleKey().Vendor(), watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		log.Fatal(err)
	}
	epoch, err := watermark.New(exampleKey().Epoch("2026-11"), watermark.Gumbel{}, watermark.Options{Width: 2})
	if err != nil {
		log.Fatal(err)
	}
	shares := watermark.Shares(70, 30)
	layout, err := watermark.NewLayers(exampleKey().Purpose("layout"),
		watermark.Layer{Name: "vendor", Share: shares[0], Mark: vendor}, watermark.Layer{Name: "epoch", Share: shares[1], Mark: epoch})
	if err != nil {
		log.Fatal(err)
	}
	part, ok := layout.Mark("vendor").Part()
	fmt.Println(part, ok)

	again, err := watermark.NewLayer(exampleKey().Purpose("layout"), part, vendor)
	fmt.Println(again.ID() == layout.Mark("vendor").ID(), err)
	// Output:
	// {0 3006477107 2} true
	// true <nil>
}
