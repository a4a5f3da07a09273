package report

import (
	"html/template"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes of pictures, in points: of a whole column on paper and laptops, of one on a phone,
// and of one of two side by side, which is a phone's, too.
const (
	wideWidth, wideHeight     = 720, 300
	narrowWidth, narrowHeight = 350, 270
	halfHeight                = 250

	letters = 12 // size of texts
)

// A chart is a plot in the making.
type chart struct {
	*plot.Plot
	y       string // what y is, on top of the axis
	overlay []func(draw.Canvas, func(x, y float64) vg.Point)
}

// newChart returns an empty chart with axes from lo to hi.
func newChart(x, y string, xLo, xHi, yLo, yHi float64) *chart {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = xLo, xHi, yLo, yHi
	p.X.Label.Text = x
	p.X.Label.Padding = 3
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Width, a.Padding = ink{name: "axis"}, 1, 0
		a.Label.TextStyle = lettering("soft")
		a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
		a.Tick.Label.Color, a.Tick.Label.Font = ink{name: "soft"}, lettering("").Font
		a.Tick.Color, a.Tick.Width, a.Tick.Length = ink{name: "axis"}, 1, 4
		a.Tick.Marker = plot.TickerFunc(evenTicks)
	}
	p.Y.Tick.Length, p.Y.Width = 0, 0
	c := &chart{Plot: p, y: y}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: ink{name: "line"}, Width: 1}
	p.Add(grid)
	return c
}

// lettering is how texts look.
func lettering(color string) text.Style {
	return text.Style{Color: ink{name: color}, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: letters}, Handler: plot.DefaultTextHandler}
}

// evenTicks marks an axis at some six round numbers.
func evenTicks(lo, hi float64) []plot.Tick {
	if !(hi-lo > 1e-12 && hi-lo < 1e12) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/3)))
	for _, k := range []float64{5, 2} {
		if (hi-lo)/(step*k) >= 3 {
			step *= k
			break
		}
	}
	decimals := 0
	for x := step; decimals < 6 && math.Abs(x-math.Round(x)) > 1e-6*x; x *= 10 {
		decimals++
	}
	var out []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		label := figure(i*step, decimals)
		if decimals == 0 {
			label = grouped(int(i * step))
		}
		out = append(out, plot.Tick{Value: i * step, Label: label})
	}
	return out
}

// A stroke is how a line is drawn: told apart by dashes as by colour.
type stroke struct {
	color  string
	dashes []vg.Length
}

// strokes are those of the lines of a chart.
var strokes = [...]stroke{
	{"s1", nil},
	{"s2", []vg.Length{7, 3}},
	{"s3", []vg.Length{2, 2.5}},
	{"s4", []vg.Length{8, 3, 2, 3}},
	{"s5", []vg.Length{12, 4}},
	{"s6", []vg.Length{4, 2}},
}

// line draws a line through points.
func (c *chart) line(points plotter.XYs, s stroke, width vg.Length) {
	if len(points) < 2 {
		return
	}
	l := &plotter.Line{XYs: points, LineStyle: draw.LineStyle{Color: ink{name: s.color}, Width: width, Dashes: s.dashes}}
	c.Add(l)
}

// area fills between a line and another, or the axis.
func (c *chart) area(points plotter.XYs, color string, opacity float64) {
	c.Add(&plotter.Polygon{XYs: []plotter.XYs{points}, Color: ink{color, opacity}})
}

// say writes a text at a place of the data, moved by some points.
func (c *chart) say(x, y float64, dx, dy vg.Length, align draw.XAlignment, color, what string) {
	c.overlay = append(c.overlay, func(dc draw.Canvas, at func(x, y float64) vg.Point) {
		style := lettering(color)
		style.XAlign = align
		pt := at(x, y)
		pt.X, pt.Y = pt.X+dx, pt.Y+dy
		dc.FillText(style, pt, what)
	})
}

// dot marks a place.
func (c *chart) dot(x, y float64, radius vg.Length, color string) {
	c.overlay = append(c.overlay, func(dc draw.Canvas, at func(x, y float64) vg.Point) {
		dc.SetColor(ink{name: color})
		var p vg.Path
		pt := at(x, y)
		p.Arc(pt, radius, 0, 2*math.Pi)
		p.Close()
		dc.Fill(p)
	})
}

// draw returns the picture.
func (c *chart) draw(width, height float64, class, id, title, description string) template.HTML {
	out := newCanvas(width, height)
	all := draw.New(out)
	all = draw.Crop(all, 2, -14, 2, -4)
	style := lettering("soft")
	style.YAlign = draw.YTop
	all.FillText(style, vg.Point{X: 0, Y: all.Max.Y + 2}, c.y)
	inner := draw.Crop(all, 0, 0, 0, -20)
	c.Draw(inner)
	data := c.DataCanvas(inner)
	tx, ty := c.Transforms(&data)
	for _, f := range c.overlay {
		f(data, func(x, y float64) vg.Point { return vg.Point{X: tx(x), Y: ty(y)} })
	}
	return template.HTML(out.svg(class, id, title, description)) // #nosec: the canvas escapes
}
