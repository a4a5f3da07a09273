package verify

import (
	"strconv"
	"strings"
)

// A layer is what the ID of a mark says about the windows that carry it: those of
// a gate value in [begin, end) of 2^32, by the gate of one layout and width.
type layer struct {
	begin, end uint64
	gate       string
}

// layerOf reads the end of a mark's ID, " layer=[BEGIN,END) width=N layout=ID".
// It returns false for a mark that is no layer. See [watermark.Watermark.ID].
func layerOf(mark string) (layer, bool) {
	i := strings.LastIndex(mark, " layer=[")
	if i < 0 {
		return layer{}, false
	}
	share, gate, _ := strings.Cut(mark[i+len(" layer=["):], ") ")
	from, to, _ := strings.Cut(share, ",")
	begin, err := strconv.ParseUint(from, 10, 64)
	end, err2 := strconv.ParseUint(to, 10, 64)
	if err != nil || err2 != nil || begin >= end || end > 1<<32 || !isGate(gate) {
		return layer{}, false
	}
	return layer{begin, end, gate}, true
}

// isGate reports whether nothing but a gate's description is left: the names that
// sources of others' making give themselves stand before their rules.
func isGate(s string) bool {
	width, layout, ok := strings.Cut(s, " ")
	return ok && strings.HasPrefix(width, "width=") && strings.HasPrefix(layout, "layout=") && !strings.Contains(layout, " ")
}

// disjoint reports whether two marks are layers of one gate that share no window.
func disjoint(a, b string) bool {
	x, ok := layerOf(a)
	y, ok2 := layerOf(b)
	return ok && ok2 && x.gate == y.gate && (x.end <= y.begin || y.end <= x.begin)
}
