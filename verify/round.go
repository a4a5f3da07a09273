package verify

import (
	"math"
	"strconv"
)

// round rounds every figure that comes out of a logarithm or a root. Their last
// digits differ between machines, some of which multiply and add in one step.
// Decisions are made before.
func (r *Report) round() {
	for i := range r.Findings {
		f := &r.Findings[i]
		figures := []*float64{&f.LogP, &f.LogTail, &f.LogE, &f.Adjusted, &f.Effect.D, &f.Effect.Low, &f.Effect.High}
		if d := f.Decoys; d != nil {
			figures = append(figures, &d.Spread, &d.LogPSpread, &d.Mean, &d.LogPMean, &d.LogPSmall,
				&d.Dispersion, &d.DispersionLimit, &d.Sensitivity, &d.Rank)
		}
		if p := f.Power; p != nil {
			figures = append(figures, &p.Level, &p.Detectable)
		}
		if c := f.Canaries; c != nil {
			figures = append(figures, &f.Statistic, &c.LogClosed, &c.LogDrawn)
			for i := range c.Cells {
				figures = append(figures, &c.Cells[i].Share, &c.Cells[i].Baseline, &c.Cells[i].Gain)
			}
		}
		if t := f.Twins; t != nil {
			figures = append(figures, &t.Expected, &t.LogExcess)
			for i := range t.Items {
				figures = append(figures, &t.Items[i].Lead)
			}
		}
		for c := range f.Controls {
			figures = append(figures, &f.Controls[c].LogP)
		}
		for _, x := range figures {
			*x = rounded(*x)
		}
	}
}

// rounded returns x to 10 significant digits, and below 1 to 9 decimals: there
// figures are differences of larger ones.
func rounded(x float64) float64 {
	format := byte('e')
	if math.Abs(x) < 1 {
		format = 'f'
	}
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, format, 9, 64), 64)
	if err != nil {
		return x
	}
	return y + 0 // no minus before a zero
}
