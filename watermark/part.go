package watermark

import (
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A Part is which windows of a layout are a layer's: with the layout key all that
// its detector needs to know of the other layers.
type Part struct {
	// Begin and End bound the gate values of the layer's windows, of AllWindows:
	// [Begin, End), the sums of the shares before the layer and up to it.
	Begin, End uint64
	// Width is the number of tokens that the gate reads, the width of the
	// shortest layer.
	Width int
}

// Part returns the windows of a mark that is a layer, or false for any other.
func (w *Watermark) Part() (Part, bool) {
	if w.gate == nil {
		return Part{}, false
	}
	p := Part{End: w.gate.ends[w.layer], Width: w.gate.width}
	if w.layer > 0 {
		p.Begin = w.gate.ends[w.layer-1]
	}
	return p, true
}

// NewLayer returns a native mark as the layer of a layout that has a part of its
// windows: the mark that [Layers.Mark] returns, rebuilt without the keys of the
// other layers.
func NewLayer(layout keys.Key, part Part, mark *Watermark) (*Watermark, error) {
	if err := (Layer{Name: "layer", Share: 1, Mark: mark}).check(nil); err != nil {
		return nil, err
	}
	if err := part.check(mark.rules.Width); err != nil {
		return nil, err
	}
	g, err := newGate(layout)
	if err != nil {
		return nil, err
	}
	g.width, g.ends = part.Width, []uint64{part.Begin, part.End, AllWindows}
	layer := *mark
	layer.gate, layer.layer = g, 1
	return layer.named(), nil
}

// check requires the width of the layer's mark.
func (p Part) check(width int) error {
	switch {
	case p.Begin >= p.End || p.End > AllWindows:
		return fmt.Errorf("watermark: part of a layout is [%d,%d), want begin < end <= 2^32 = %d", p.Begin, p.End, uint64(AllWindows))
	case p.Width < 1 || p.Width > width:
		return fmt.Errorf("watermark: gate of a layer reads %d tokens, want 1 to %d, the window of its mark", p.Width, width)
	case p.End-p.Begin == AllWindows && p.Width != width:
		return fmt.Errorf("watermark: gate of a layout's only layer reads %d tokens, want %d, the window of its mark", p.Width, width)
	}
	return nil
}

// newGate returns the gate of a layout key, without width and ends.
func newGate(layout keys.Key) (*gate, error) {
	if layout.IsZero() {
		return nil, errors.New("watermark: the layout key is the zero Key")
	}
	var secret [32]byte
	if err := layout.Expand(layoutContext, nil, secret[:]); err != nil {
		return nil, fmt.Errorf("watermark: %w", err)
	}
	key := prf.NewKey(&secret)
	return &gate{info: layout.ID().String(), key: func() *prf.Key { return &key }}, nil
}
