package marks

import (
	"bytes"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Native is the configuration of a native mark, all that [watermark.New] and, for
// the layer of a layout, [watermark.NewLayer] take.
type Native struct {
	Key    keys.Key         // Required
	Scheme watermark.Scheme // Required: one of package watermark
	// Width is the number of tokens in a window, 1 to 16. Defaults to
	// [watermark.DefaultWidth].
	Width int
	// Layout is the layout's key and Part what [watermark.Watermark.Part] says of
	// the layer. Required for a layer; the zero values say that it is none.
	Layout keys.Key
	Part   watermark.Part
}

// Secret returns the secret of the mark.
func (c Native) Secret() Secret { return KeySecret(c.Key, c.Layout) }

// open returns the mark.
func (c Native) open() (*watermark.Watermark, error) {
	w, err := watermark.New(c.Key, c.Scheme, watermark.Options{Width: c.Width})
	if err != nil {
		return nil, err
	}
	if c.Layout.IsZero() && c.Part == (watermark.Part{}) {
		return w, nil
	}
	return watermark.NewLayer(c.Layout, c.Part, w)
}

var nativeKind = kind[Native, nativeBody]{EngineNative, Native.open, describeNative}

type nativeBody struct {
	Scheme string    `json:"scheme"`
	Alpha  *float64  `json:"alpha,omitempty"`
	Gamma  *float64  `json:"gamma,omitempty"`
	Delta  *float64  `json:"delta,omitempty"`
	Depth  *int      `json:"depth,omitempty"`
	Width  int       `json:"width"`
	Part   *partBody `json:"part,omitempty"`
}

type partBody struct {
	Begin uint64 `json:"begin"`
	End   uint64 `json:"end"`
	Width int    `json:"width"`
}

func describeNative(c Native) (nativeBody, error) {
	b := nativeBody{Width: c.Width}
	if b.Width == 0 {
		b.Width = watermark.DefaultWidth
	}
	switch g := c.Scheme.(type) {
	case watermark.Gumbel:
		b.Scheme = "gumbel"
	case watermark.DualGumbel:
		b.Scheme, b.Alpha = "dualgumbel", &g.Alpha
	case watermark.GreenList:
		b.Scheme, b.Gamma, b.Delta = "greenlist", &g.Gamma, &g.Delta
	case watermark.Tournament:
		b.Scheme, b.Depth = "tournament", &g.Depth
	default:
		return b, fmt.Errorf("scheme is %T, want Gumbel, DualGumbel, GreenList or Tournament", c.Scheme)
	}
	if c.Part != (watermark.Part{}) {
		b.Part = &partBody{c.Part.Begin, c.Part.End, c.Part.Width}
	}
	return b, nil
}

func (b nativeBody) limit() error { return nil }

func (b nativeBody) standIn() material {
	m := material{key: noKey()}
	if b.Part != nil {
		m.layout = m.key
	}
	return m
}

// noKey returns a key that everybody knows.
func noKey() keys.Key {
	k, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{1}, keys.Size)))
	if err != nil {
		return keys.Key{} // which every use refuses
	}
	return k
}

func (b nativeBody) config(m material) (Native, error) {
	c := Native{Key: m.key, Layout: m.layout, Width: b.Width}
	if err := m.native(b.Part != nil); err != nil {
		return c, err
	}
	if b.Part != nil {
		c.Part = watermark.Part{Begin: b.Part.Begin, End: b.Part.End, Width: b.Part.Width}
	}
	switch b.Scheme {
	case "gumbel":
		c.Scheme = watermark.Gumbel{}
	case "dualgumbel":
		c.Scheme = watermark.DualGumbel{Alpha: or0(b.Alpha)}
	case "greenlist":
		c.Scheme = watermark.GreenList{Gamma: or0(b.Gamma), Delta: or0(b.Delta)}
	case "tournament":
		c.Scheme = watermark.Tournament{Depth: or0(b.Depth)}
	default:
		return c, fmt.Errorf("scheme is %.40q, want gumbel, dualgumbel, greenlist or tournament", b.Scheme)
	}
	return c, nil
}

// or0 returns what a field says, 0 where it is absent.
func or0[T any](field *T) T {
	if field == nil {
		var zero T
		return zero
	}
	return *field
}
