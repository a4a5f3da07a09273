package report

import (
	"fmt"
	"html"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// An ink is a colour that the page names and a theme decides: "ink", "soft", "line", "s1".
type ink struct {
	name    string
	opacity float64 // 0 is 1
}

// RGBA implements color.Color, for a drawing library that passes colours on: black.
func (ink) RGBA() (r, g, b, a uint32) { return 0, 0, 0, 0xffff }

// A canvas draws on an SVG whose colours are the page's, one unit a point. It makes the
// widths of texts those that they were laid out with, so that a page looks the same with
// another font.
type canvas struct {
	b             strings.Builder
	width, height float64
	state
	stack []state
}

// A state is what Push saves.
type state struct {
	color  color.Color
	line   float64
	dashes []float64
	// (x, y) is drawn at (a·x + c·y + e, b·x + d·y + f), with y upward.
	a, m, c, d, e, f float64
}

// newCanvas returns an empty canvas of a size in points.
func newCanvas(width, height float64) *canvas {
	return &canvas{width: width, height: height, state: state{color: color.Black, line: 1, a: 1, d: 1}}
}

func (c *canvas) Size() (x, y vg.Length) { return vg.Length(c.width), vg.Length(c.height) }

func (c *canvas) SetLineWidth(w vg.Length) { c.line = float64(w) }

func (c *canvas) SetLineDash(pattern []vg.Length, _ vg.Length) {
	c.dashes = nil
	for _, x := range pattern {
		c.dashes = append(c.dashes, float64(x))
	}
}

func (c *canvas) SetColor(x color.Color) {
	if x == nil {
		x = color.Black
	}
	c.color = x
}

func (c *canvas) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	s := c.state
	c.a, c.m = s.a*cos+s.c*sin, s.m*cos+s.d*sin
	c.c, c.d = s.c*cos-s.a*sin, s.d*cos-s.m*sin
}

func (c *canvas) Translate(pt vg.Point) {
	x, y := float64(pt.X), float64(pt.Y)
	c.e, c.f = c.e+c.a*x+c.c*y, c.f+c.m*x+c.d*y
}

func (c *canvas) Scale(x, y float64) { c.a, c.m, c.c, c.d = c.a*x, c.m*x, c.c*y, c.d*y }

func (c *canvas) Push() { c.stack = append(c.stack, c.state) }

func (c *canvas) Pop() {
	c.state = c.stack[len(c.stack)-1]
	c.stack = c.stack[:len(c.stack)-1]
}

// at returns where a point is in the SVG, whose y goes down.
func (c *canvas) at(pt vg.Point) (x, y float64) {
	px, py := float64(pt.X), float64(pt.Y)
	return c.a*px + c.c*py + c.e, c.height - (c.m*px + c.d*py + c.f)
}

// short writes a coordinate to a hundredth of a point.
func coordinate(x float64) string {
	s := strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

// paint returns the value of a colour, and whether it is seen.
func (c *canvas) paint() (string, bool) {
	switch x := c.color.(type) {
	case ink:
		v := "var(--" + x.name + ")"
		if x.opacity > 0 && x.opacity < 1 {
			v += `" opacity="` + coordinate(x.opacity)
		}
		return v, true
	default:
		_, _, _, a := x.RGBA()
		return "currentColor", a > 0
	}
}

func (c *canvas) Stroke(p vg.Path) {
	paint, seen := c.paint()
	if !seen || c.line <= 0 || len(p) == 0 {
		return
	}
	fmt.Fprintf(&c.b, `<path d="%s" fill="none" stroke="%s" stroke-width="%s"`, c.path(p), paint, coordinate(c.line))
	if len(c.dashes) > 0 {
		var parts []string
		for _, d := range c.dashes {
			parts = append(parts, coordinate(d))
		}
		fmt.Fprintf(&c.b, ` stroke-dasharray="%s"`, strings.Join(parts, " "))
	}
	c.b.WriteString("/>")
}

func (c *canvas) Fill(p vg.Path) {
	if paint, seen := c.paint(); seen && len(p) > 0 {
		fmt.Fprintf(&c.b, `<path d="%s" fill="%s"/>`, c.path(p), paint)
	}
}

// path writes a path's data.
func (c *canvas) path(p vg.Path) string {
	var b strings.Builder
	point := func(pt vg.Point) {
		x, y := c.at(pt)
		b.WriteString(coordinate(x) + " " + coordinate(y))
	}
	for i, s := range p {
		switch s.Type {
		case vg.MoveComp:
			b.WriteByte('M')
			point(s.Pos)
		case vg.LineComp:
			b.WriteByte('L')
			point(s.Pos)
		case vg.ArcComp:
			arc(&b, s, i == 0, point)
		case vg.CurveComp:
			b.WriteByte("QC"[len(s.Control)-1])
			for _, q := range s.Control {
				point(q)
				b.WriteByte(' ')
			}
			point(s.Pos)
		case vg.CloseComp:
			b.WriteByte('Z')
		}
	}
	return b.String()
}

// arc writes an arc in parts of at most a half circle.
func arc(b *strings.Builder, s vg.PathComp, first bool, point func(vg.Point)) {
	on := func(angle float64) vg.Point {
		sin, cos := math.Sincos(angle)
		return vg.Point{X: s.Pos.X + s.Radius*vg.Length(cos), Y: s.Pos.Y + s.Radius*vg.Length(sin)}
	}
	b.WriteByte("LM"[b2i(first)])
	point(on(s.Start))
	n := int(math.Ceil(math.Abs(s.Angle)/math.Pi - 1e-9))
	for k := 1; k <= n; k++ {
		r := coordinate(float64(s.Radius))
		fmt.Fprintf(b, "A%s %s 0 0 %d ", r, r, b2i(s.Angle < 0))
		point(on(s.Start + s.Angle*float64(k)/float64(n)))
	}
}

func b2i(x bool) int {
	if x {
		return 1
	}
	return 0
}

func (c *canvas) FillString(f font.Face, pt vg.Point, text string) {
	paint, seen := c.paint()
	if !seen || f.Font.Size == 0 || text == "" {
		return
	}
	x, y := c.at(pt)
	turn := ""
	if angle := math.Atan2(c.m, c.a); angle != 0 {
		turn = fmt.Sprintf(` transform="rotate(%s %s %s)"`, coordinate(-angle*180/math.Pi), coordinate(x), coordinate(y))
	}
	fmt.Fprintf(&c.b, `<text x="%s" y="%s" font-size="%s" fill="%s" textLength="%s" lengthAdjust="spacingAndGlyphs"%s>%s</text>`,
		coordinate(x), coordinate(y), coordinate(float64(f.Font.Size)), paint, coordinate(float64(f.Width(text))), turn, html.EscapeString(text))
}

// DrawImage draws nothing: no plot here has an image.
func (c *canvas) DrawImage(vg.Rectangle, image.Image) {}

// svg returns the picture. Its texts are for the eyes: title and description say the same
// to those who hear them.
func (c *canvas) svg(class, id, title, description string) string {
	return fmt.Sprintf(`<svg class="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc><g aria-hidden="true">%s</g></svg>`,
		class, coordinate(c.width), coordinate(c.height), id, id, id, html.EscapeString(title), id, html.EscapeString(description), c.b.String())
}
