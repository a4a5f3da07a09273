package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/evidence"
)

// A picture is a plot with what says the same in words and figures.
type picture struct {
	Title    string // empty where a heading says it
	Pictures []template.HTML
	Legend   []legend
	Caption  string
	Data     *grid // the figures of the plot, nil if a table is elsewhere
}

// A legend says what a line is.
type legend struct {
	Letter string
	Swatch template.HTML
	Text   string
}

// A grid is a small table.
type grid struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// most lines in a plot.
const mostLines = len(strokes)

// A subject is a finding with its detail.
type subject struct {
	f *verify.Finding
	d *verify.Detail
}

func (s subject) name() string { return short(name(s.f.Test)+" "+name(s.f.Key), 60) }

// subjects returns the findings that have what ok asks for: those that were rejected
// first, the strongest before others.
func (s *Source) subjects(ok func(subject) bool) []subject {
	var out []subject
	for i := range s.Report.Findings {
		x := subject{&s.Report.Findings[i], s.detail(&s.Report.Findings[i])}
		if ok(x) {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b subject) int {
		return cmp.Or(b2i(b.f.Rejected)-b2i(a.f.Rejected), cmp.Compare(a.f.Adjusted, b.f.Adjusted))
	})
	return out
}

// letter names a line.
func letter(i int) string { return string(rune('A' + i)) }

// legends names the lines of a plot.
func legends(list []string) []legend {
	var out []legend
	for i, text := range list {
		c := newCanvas(34, 10)
		c.SetColor(ink{name: strokes[i].color})
		c.SetLineWidth(2.5)
		c.SetLineDash(strokes[i].dashes, 0)
		var p vg.Path
		p.Move(vg.Point{X: 1, Y: 5})
		p.Line(vg.Point{X: 33, Y: 5})
		c.Stroke(p)
		out = append(out, legend{letter(i), template.HTML(`<svg class="swatch" viewBox="0 0 34 10" aria-hidden="true">` + c.b.String() + `</svg>`), text})
	}
	return out
}

// twice draws a chart for laptops and paper, and for phones.
func twice(id, title, description string, make func(width, height float64) *chart) []template.HTML {
	return []template.HTML{
		make(wideWidth, wideHeight).draw(wideWidth, wideHeight, "wide", id+"-w", title, description),
		make(narrowWidth, narrowHeight).draw(narrowWidth, narrowHeight, "narrow", id+"-n", title, description),
	}
}

// evidencePicture shows p-values as text accumulates.
func (s *Source) evidencePicture() *picture {
	list := s.subjects(func(x subject) bool { return x.d != nil && len(x.d.Steps) > 1 && x.f.Power != nil })
	if len(list) == 0 {
		return nil
	}
	left := len(list)
	list = list[:min(len(list), mostLines)]
	left -= len(list)
	level := -log10(list[0].f.Power.Level)
	most, top := 0, level
	var names []string
	data := &grid{Caption: "log10 p after a share of the scores", Head: []string{"", "¼", "½", "¾", "all"}}
	for _, x := range list {
		names = append(names, x.name())
		most = max(most, x.d.Steps[len(x.d.Steps)-1].N)
		row := []string{x.name()}
		for _, q := range []int{1, 2, 3, 4} {
			i := len(x.d.Steps)*q/4 - 1
			row = append(row, figure(log10(x.d.Steps[max(0, i)].LogP), 2))
		}
		data.Rows = append(data.Rows, row)
		for _, st := range x.d.Steps {
			top = max(top, -log10(st.LogP))
		}
	}
	title := "Evidence as scores accumulate"
	desc := fmt.Sprintf("Lines of minus log10 p against the number of scores, for %s. The level to reject at first is %s.", listed(names), figure(level, 2))
	pic := &picture{Legend: legends(names), Data: data}
	pic.Pictures = twice("evidence", title, desc, func(width, height float64) *chart {
		c := newChart("scores that count, in their order", "decades against chance (−log10 p)", 0, float64(most), 0, top*1.06)
		c.line(plotter.XYs{{X: 0, Y: level}, {X: float64(most), Y: level}}, stroke{"ink", []vg.Length{3, 3}}, 1)
		c.say(float64(most), level, -2, 4, draw.XRight, "ink", "needed to reject: "+figure(level, 2))
		var ends []float64
		for i, x := range list {
			points := plotter.XYs{{}}
			for _, st := range x.d.Steps {
				points = append(points, plotter.XY{X: float64(st.N), Y: -log10(st.LogP)})
			}
			c.line(points, strokes[i], 2)
			ends = append(ends, points[len(points)-1].Y)
			if n := points[len(points)-1].X; n < float64(most) {
				c.say(n, points[len(points)-1].Y, 4, -4, draw.XLeft, strokes[i].color, letter(i))
			}
		}
		shown, at := ends[:0:0], []int{}
		for i, x := range list {
			if x.d.Steps[len(x.d.Steps)-1].N == most {
				shown, at = append(shown, ends[i]), append(at, i)
			}
		}
		c.endsOf(float64(most), shown, at, height)
		return c
	})
	pic.Caption = "What each finding would say had the plan ended it after so many scores. Higher is less like chance; every step up is a factor of ten."
	if left > 0 {
		pic.Caption += fmt.Sprintf(" %s more are not drawn.", grouped(left))
	}
	return pic
}

// endsOf writes the letters of some lines at their common end.
func (c *chart) endsOf(x float64, ys []float64, of []int, height float64) {
	order := make([]int, len(ys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ys[a], ys[b]) })
	gap := (c.Y.Max - c.Y.Min) * 13 / (height - 70)
	last := math.Inf(-1)
	for _, i := range order {
		y := max(ys[i], last+gap)
		last = y
		c.say(x, y, 4, -4, draw.XLeft, strokes[of[i]].color, letter(of[i]))
	}
}

// binWidth is that of the histogram of decoys, in standard deviations.
const binWidth = 0.25

// decoyPicture shows decoy keys and the observed value.
func decoyPicture(id string, x subject) picture {
	z := x.d.Z
	lo, hi := -5.0, 6.0
	far := z > hi-0.5 || z < lo+0.5
	bins := make([]int, int((hi-lo)/binWidth))
	beyond, above, peak := 0, 0, 0
	for _, y := range x.d.Decoys {
		if y >= z {
			above++
		}
		b := int(math.Floor((y - lo) / binWidth))
		if b < 0 || b >= len(bins) {
			beyond++
			continue
		}
		bins[b]++
		peak = max(peak, bins[b])
	}
	n := float64(len(x.d.Decoys))
	top := math.Max(float64(peak), n*binWidth*0.4) * 1.35
	c := newChart("standard deviations above the null mean", "decoy keys", lo, hi, 0, top)
	var bars plotter.XYs
	bars = append(bars, plotter.XY{X: lo})
	for i, k := range bins {
		at := lo + float64(i)*binWidth
		bars = append(bars, plotter.XY{X: at, Y: float64(k)}, plotter.XY{X: at + binWidth, Y: float64(k)})
	}
	bars = append(bars, plotter.XY{X: hi})
	c.area(bars, "s1", 0.35)
	c.line(bars, stroke{"s1", nil}, 1)
	var normal plotter.XYs
	for at := max(lo, -5); at <= 5.001; at += 0.1 {
		normal = append(normal, plotter.XY{X: at, Y: n * binWidth * math.Exp(-at*at/2) / math.Sqrt(2*math.Pi)})
	}
	c.line(normal, stroke{"ink", []vg.Length{4, 2}}, 1)
	text := "this key: " + figure(z, 2)
	if far {
		edge, step, align, side := hi, -1.0, draw.XRight, "right"
		if z < 0 {
			edge, step, align, side = lo, 1, draw.XLeft, "left"
		}
		y := top * 0.83
		c.line(plotter.XYs{{X: edge + 2.2*step, Y: y}, {X: edge, Y: y}}, stroke{"s2", nil}, 2.5)
		c.line(plotter.XYs{{X: edge + 0.35*step, Y: y * 1.03}, {X: edge, Y: y}, {X: edge + 0.35*step, Y: y * 0.97}}, stroke{"s2", nil}, 2.5)
		c.say(edge, y, 0, 8, align, "s2", text+", off to the "+side)
	} else {
		c.line(plotter.XYs{{X: z, Y: 0}, {X: z, Y: top * 0.9}}, stroke{"s2", nil}, 2.5)
		if align, dx := draw.XLeft, vg.Length(4); z > 1 {
			c.say(z, top*0.9, -dx, -2, draw.XRight, "s2", text)
		} else {
			c.say(z, top*0.9, dx, -2, align, "s2", text)
		}
	}
	title := "Decoy keys and this key: " + x.name()
	desc := fmt.Sprintf("Histogram of %s decoy keys, spread %s times as wide as the null law. This key lies %s standard deviations above the mean; %s decoy keys lie as high.",
		grouped(len(x.d.Decoys)), figure(x.f.Decoys.Dispersion, 3), figure(z, 2), grouped(above))
	p := picture{Title: "Where this key lies", Pictures: []template.HTML{c.draw(narrowWidth, halfHeight, "half", id, title, desc)}}
	p.Caption = fmt.Sprintf("%s of %s decoy keys lie as high as this key. Dashed: the normal curve.", grouped(above), grouped(len(x.d.Decoys)))
	if beyond > 0 {
		p.Caption += fmt.Sprintf(" %s lie outside.", count(beyond, "decoy key"))
	}
	return p
}

// qqPicture compares decoy keys with the null law, quantile by quantile.
func qqPicture(id string, x subject) picture {
	observed, by := slices.Clone(x.d.Decoys), "standard deviations"
	if x.d.DecoyLogP != nil {
		by = "−log10 p"
		for i, p := range x.d.DecoyLogP {
			observed[i] = -log10(p)
		}
	}
	slices.SortFunc(observed, func(a, b float64) int { return cmp.Compare(b, a) })
	n := len(observed)
	quantile := func(p float64) float64 { // p from above
		if x.d.DecoyLogP != nil {
			return -math.Log10(p)
		}
		return evidence.NormalQuantile(math.Log(p))
	}
	// The i-th largest of n is a Beta(i, n+1−i) quantile from above.
	var points, upper, lower plotter.XYs
	for _, i := range thinned(n) {
		a, b := float64(i), float64(n+1-i)
		at := quantile(a / float64(n+1))
		points = append(points, plotter.XY{X: at, Y: observed[i-1]})
		upper = append(upper, plotter.XY{X: at, Y: quantile(mathext.InvRegIncBeta(a, b, 0.005))})
		lower = append(lower, plotter.XY{X: at, Y: quantile(mathext.InvRegIncBeta(a, b, 0.995))})
	}
	least, most := points[len(points)-1].X, points[0].X
	lo, hi := math.Min(0, least), math.Max(most, 1)
	top, bottom := hi, lo
	for i := range points {
		top = max(top, points[i].Y, upper[i].Y)
		bottom = min(bottom, points[i].Y, lower[i].Y)
	}
	c := newChart(by+" expected", by+" of decoy keys", lo, hi*1.03, bottom, top*1.03)
	band := slices.Clone(upper)
	for i := range lower {
		band = append(band, lower[len(lower)-1-i])
	}
	c.area(band, "s1", 0.18)
	c.line(plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}}, stroke{"ink", []vg.Length{4, 2}}, 1)
	outside := 0
	for i, p := range points {
		c.dot(p.X, p.Y, 1.8, "s1")
		if p.Y > upper[i].Y+1e-9 || p.Y < lower[i].Y-1e-9 {
			outside++
		}
	}
	title := "Decoy keys against the null law: " + x.name()
	desc := fmt.Sprintf("Quantiles of %s decoy keys against those expected by the null law, with a band that holds 99 %% of each. %s of %s drawn points lie outside of it.",
		grouped(n), grouped(outside), grouped(len(points)))
	p := picture{Title: "Decoys against the null law", Pictures: []template.HTML{c.draw(narrowWidth, halfHeight, "half", id, title, desc)}}
	p.Caption = "On the dashed line decoys do what the null law says. Shaded: where 99 % of each point should be."
	if x.d.DecoyLogP == nil {
		p.Caption += " The law drawn is the normal one, a guide."
	}
	return p
}

// thinned returns ranks 1 to n: all of the first, then ever fewer.
func thinned(n int) []int {
	var out []int
	for i := 1; i <= n; i = max(i+1, int(float64(i)*1.12)) {
		out = append(out, i)
	}
	if out[len(out)-1] != n {
		out = append(out, n)
	}
	// The other end is as telling where both are drawn.
	for k := 1; k < min(n/4, 400); k = max(k+1, int(float64(k)*1.3)) {
		out = append(out, n+1-k)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// cellsPicture shows all cells of canaries, the strongest first.
func cellsPicture(id string, x subject) picture {
	gains := make([]float64, len(x.d.Cells))
	for i, c := range x.d.Cells {
		gains[i] = c.Gain
	}
	slices.SortFunc(gains, func(a, b float64) int { return cmp.Compare(b, a) })
	top, bottom, good := 1.0, 0.0, 0
	for _, g := range gains {
		top, bottom = max(top, g), min(bottom, g)
		good += b2i(g > 0)
	}
	title := "What each cell adds: " + x.name()
	desc := fmt.Sprintf("%s cells in the order of what they add to the sum, from %s to %s; %s add to it.", grouped(len(gains)), figure(gains[0], 2), figure(gains[len(gains)-1], 2), grouped(good))
	p := picture{Title: "What each cell adds", Caption: "Every cell is one decision of the key. Bars above the line lean to what the key decided, bars below away from it."}
	p.Pictures = twice(id, title, desc, func(width, height float64) *chart {
		c := newChart("cells, sorted", "gain", 0, float64(len(gains)), bottom*1.08, top*1.08)
		for i, g := range gains {
			color, left := "s1", float64(i)
			if g < 0 {
				color = "s2"
			}
			c.area(plotter.XYs{{X: left + 0.1, Y: 0}, {X: left + 0.1, Y: g}, {X: left + 0.9, Y: g}, {X: left + 0.9, Y: 0}}, color, 1)
		}
		c.line(plotter.XYs{{X: 0, Y: 0}, {X: float64(len(gains)), Y: 0}}, stroke{"ink", nil}, 1)
		return c
	})
	return p
}

// A powerLine is a test with a size: findings under several keys share it.
type powerLine struct {
	names   []string
	effects []evidence.Effect
	n       int
	power   *verify.PowerFinding
}

// at is the chance to reject at an effect, by the normal approximation with which the
// report's least effect was found: evidence.Power.
func (l *powerLine) at(d float64) float64 {
	z := (d-l.power.Detectable)*math.Sqrt(float64(l.n)) + evidence.NormalQuantile(math.Log1p(-l.power.Power))
	return math.Erfc(-z/math.Sqrt2) / 2
}

// drawn reports whether a number can be on an axis: reports of others' making may have any.
func drawn(x, lo, hi float64) bool { return x >= lo && x <= hi }

// powerPicture shows what the study could have found, and where it stands.
func (s *Source) powerPicture() *picture {
	var lines []*powerLine
	left := 0
	for _, x := range s.subjects(func(x subject) bool {
		return x.f.Power != nil && x.f.Power.Attainable && x.f.Scored > 0 && !s.broken() &&
			drawn(x.f.Power.Detectable, 1e-9, 1e6) && drawn(x.f.Power.Power, 1e-9, 1-1e-9) && drawn(x.f.Effect.D, -1e6, 1e6)
	}) {
		i := slices.IndexFunc(lines, func(l *powerLine) bool {
			return l.n == x.f.Scored && l.power.Detectable == x.f.Power.Detectable
		})
		if i < 0 && len(lines) == mostLines {
			left++
			continue
		}
		if i < 0 {
			i, lines = len(lines), append(lines, &powerLine{n: x.f.Scored, power: x.f.Power})
		}
		lines[i].names = append(lines[i].names, x.name())
		lines[i].effects = append(lines[i].effects, x.f.Effect)
	}
	if len(lines) == 0 {
		return nil
	}
	lo, hi := math.Inf(1), 0.0
	var names []string
	data := &grid{Caption: "Effects, in standard deviations a score", Head: []string{"", "scores", "found with 80 %", "observed", "95 % interval"}}
	for _, l := range lines {
		lo, hi = min(lo, l.power.Detectable/4), max(hi, l.power.Detectable*2.5)
		for i, e := range l.effects {
			hi = max(hi, e.D*1.3)
			data.Rows = append(data.Rows, []string{l.names[i], grouped(l.n), figure(l.power.Detectable, 4), figure(e.D, 4), figure(e.Low, 4) + " to " + figure(e.High, 4)})
		}
		names = append(names, fmt.Sprintf("%s: %s scores", listed(l.names), grouped(l.n)))
	}
	title := "What this study could have found"
	desc := fmt.Sprintf("Chance to reject against the size of the effect, for %s; dots mark the observed effects.", listed(names))
	pic := &picture{Legend: legends(names), Data: data}
	pic.Pictures = twice("power", title, desc, func(width, height float64) *chart {
		c := newChart("effect, standard deviations a score", "chance to reject, per cent", lo, hi, 0, 106)
		c.X.Scale, c.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
		c.line(plotter.XYs{{X: lo, Y: 80}, {X: hi, Y: 80}}, stroke{"ink", []vg.Length{3, 3}}, 1)
		c.say(lo, 80, 4, 4, draw.XLeft, "ink", "80 %")
		for i, l := range lines {
			var points plotter.XYs
			for k := range 121 {
				d := lo * math.Pow(hi/lo, float64(k)/120)
				points = append(points, plotter.XY{X: d, Y: 100 * l.at(d)})
			}
			c.line(points, strokes[i], 2)
			for _, e := range l.effects {
				if e.D > lo {
					c.dot(e.D, 100*l.at(e.D), 5, strokes[i].color)
				} else { // at the edge, for what cannot be drawn on a logarithmic axis
					c.dot(lo, 100*l.at(e.D), 5, strokes[i].color)
				}
			}
			c.say(l.power.Detectable, 50, 0, 0, draw.XLeft, strokes[i].color, letter(i))
		}
		return c
	})
	pic.Caption = "Dots are where this study stands: the observed effects on their curves, at the left edge those that are smaller or negative. An effect left of its curve’s 80 % could have been missed."
	if left > 0 {
		pic.Caption += fmt.Sprintf(" %s more are not drawn.", grouped(left))
	}
	return pic
}

// logTicks marks a logarithmic axis at 1, 2 and 5 times powers of ten.
func logTicks(lo, hi float64) []plot.Tick {
	var out []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for _, k := range []float64{1, 2, 5} {
			if x := k * math.Pow(10, e); x >= lo*(1-1e-9) && x <= hi*(1+1e-9) {
				out = append(out, plot.Tick{Value: x, Label: figure(x, max(0, -int(e)))})
			}
		}
	}
	return out
}
