package watermark

import (
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// layoutContext is the derivation context of the gate's key.
const layoutContext = "dyetrace 2026-11-23 layout/1"

// AllWindows is the sum of the shares of a layout.
const AllWindows = 1 << 32

// A Layer is one of several native marks that an answer carries.
type Layer struct {
	Name string // Required, of its own in the layout
	// Share is how many of 2^32 windows the layer is given. Required: the
	// shares of a layout sum to [AllWindows]. [Shares] makes them of weights.
	Share uint64
	Mark  *Watermark // Required, a native mark that is not a layer itself
}

// Layers is a layout: marks on disjoint windows, given to one or another by a
// keyed gate. Tests of different layers are independent. A layout is immutable
// and safe for concurrent use.
type Layers struct {
	names []string
	marks []*Watermark
	gate  *gate
}

// Shares returns shares in proportion to positive weights, summing to
// [AllWindows]: Shares(70, 20, 10). Where a weight is not in 1 to 2^20 or there are
// more than 256 all shares are 0, which [NewLayers] refuses.
func Shares(weights ...int) []uint64 {
	shares, sum := make([]uint64, len(weights)), uint64(0)
	for _, w := range weights {
		if w < 1 || w > 1<<20 || len(weights) > 256 {
			return shares
		}
		sum += uint64(w)
	}
	done, part := uint64(0), uint64(0)
	for i, w := range weights {
		part += uint64(w)
		shares[i] = AllWindows*part/sum - done
		done += shares[i]
	}
	return shares
}

// NewLayers returns a layout. The gate reads the window of the shortest layer;
// a longer layer's words then use its own longer window. The layout key reveals
// which window belongs to which layer, and no word.
func NewLayers(layout keys.Key, layers ...Layer) (*Layers, error) {
	g, err := newGate(layout)
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		return nil, fmt.Errorf("watermark: a layout has no layers, want at least 1")
	}
	l := &Layers{}
	g.width = prf.MaxWidth
	end := uint64(0)
	for i, layer := range layers {
		if err := layer.check(l.names); err != nil {
			return nil, err
		}
		if layer.Share > AllWindows-end {
			return nil, fmt.Errorf("watermark: the layers' shares sum to more than 2^32 at layer %q", layer.Name)
		}
		end += layer.Share
		g.ends = append(g.ends, end)
		g.width = min(g.width, layer.Mark.rules.Width)
		mark := *layer.Mark
		mark.gate, mark.layer = g, i
		l.names, l.marks = append(l.names, layer.Name), append(l.marks, &mark)
	}
	for _, mark := range l.marks { // the gate's width is known now
		mark.named()
	}
	if end != AllWindows {
		return nil, fmt.Errorf("watermark: the layers' shares sum to %d, want 2^32 = %d", end, uint64(AllWindows))
	}
	l.gate = g
	return l, nil
}

func (y Layer) check(taken []string) error {
	switch {
	case y.Name == "" || slices.Contains(taken, y.Name):
		return fmt.Errorf("watermark: layer name is %q, want a name that no other layer has", y.Name)
	case y.Mark == nil || y.Mark.source == nil:
		return fmt.Errorf("watermark: layer %q has no mark", y.Name)
	case y.Mark.gate != nil:
		return fmt.Errorf("watermark: the mark of layer %q is itself a layer", y.Name)
	case !y.Mark.native():
		return fmt.Errorf("watermark: the mark of layer %q is not a native one", y.Name)
	case y.Share == 0:
		return fmt.Errorf("watermark: layer %q has share 0, want at least 1 of 2^32", y.Name)
	}
	return nil
}

// Names returns the layers' names in order.
func (l *Layers) Names() []string { return slices.Clone(l.names) }

// Mark returns a layer as a mark of its own, whose detectors score that layer's
// windows only, or nil where no layer has that name.
func (l *Layers) Mark(name string) *Watermark {
	if i := slices.Index(l.names, name); i >= 0 {
		return l.marks[i]
	}
	return nil
}

// A gate gives each window to one layer.
type gate struct {
	info  string          // ID of the layout key
	key   func() *prf.Key // K_layout, a closure: nothing that prints values looks inside
	width int             // tokens of the window it reads
	ends  []uint64        // layer i has g>>32 in [ends[i−1], ends[i])
}

// layer returns the layer of a window whose gate value is x.
func (g *gate) layer(x uint64) int {
	x >>= 32
	i := 0
	for x >= g.ends[i] {
		i++
	}
	return i
}

func (g *gate) describe(layer int) string {
	begin := uint64(0)
	if layer > 0 {
		begin = g.ends[layer-1]
	}
	return fmt.Sprintf("layer=[%d,%d) width=%d layout=%s", begin, g.ends[layer], g.width, g.info)
}
