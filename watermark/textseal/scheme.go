package textseal

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

var negativeInfinity = float32(math.Inf(-1))

func (c Config) scheme() watermark.Scheme {
	switch c.WatermarkType {
	case GreenList:
		return greenList{greens(c.Gamma), c.Gamma, c.Delta}
	case SynthID, SynthIDWeighted:
		return tournament{c.Depth, greens(c.Gamma), c.Gamma}
	case TextSeal:
		return dual{c.MixingAlpha}
	}
	return gumbelMax{}
}

// reading returns the reader at a draw's position. Schemes of this package have
// no other.
func reading(r watermark.Reader) *reader { return r.(*reader) }

// softmax replaces a row's logits by probabilities in float32, 0 for what is no
// candidate, and reports whether there is one.
func softmax(d *watermark.Draw) (row []float32, ok bool) {
	row, top, ok := d.Row()
	if !ok {
		return nil, false
	}
	reading(d.Words()).highest(d.IDs(), row)
	sum := 0.0
	for i, l := range row {
		e := float32(math.Exp(float64(l - top)))
		row[i] = e
		sum += float64(e)
	}
	for i := range row {
		row[i] /= float32(sum)
	}
	return row, true
}

// gumbelMax takes the largest r^(1/p).
type gumbelMax struct{}

func (gumbelMax) String() string { return "gumbelmax" }

func (gumbelMax) Choose(d *watermark.Draw) (watermark.Token, bool) { return race(d, 0) }

// leastRate is −ln of the largest r, rounded down.
const leastRate = 1.22e-4

// race returns the token of the largest r^(1/p) in float32. Equal ones go to the
// most likely token, as the engine sorts before; it is the lowest of equals, where
// the engine's sort leaves the order open. Small p underflow to 0 all together, so
// that the first place is all that they can have.
func race(d *watermark.Draw, stream int) (watermark.Token, bool) {
	row, ok := softmax(d)
	if !ok {
		return -1, false
	}
	r, ids := reading(d.Words()), d.IDs()
	winner, best, bestP := watermark.Token(-1), float32(-1), float32(0)
	floor := float32(0) // no p below it can win
	for i, p := range row {
		if p < floor || p == 0 {
			continue
		}
		t := watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		v := float32(math.Pow(float64(uniform(r.value(stream, t))), float64(1/p)))
		if v < best || v == best && (p < bestP || p == bestP && t > winner) {
			continue
		}
		if v > best && v > 0 {
			floor = float32(leastRate / -math.Log(float64(v)) * (1 - 1e-6))
		}
		winner, best, bestP = t, v, p
	}
	return winner, true
}

// Perturb writes −ln(−ln r), which the largest r^(1/p) is the largest sum with; −Inf
// for r = 0. Ties by underflow fall otherwise than in Choose.
func (gumbelMax) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	perturb(d, 0, dst)
	return watermark.TakeLargest, nil
}

func perturb(d *watermark.Draw, stream int, dst []float32) {
	r, ids := reading(d.Words()), d.IDs()
	for i := range dst {
		t := watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		dst[i] = float32(-math.Log(-math.Log(float64(uniform(r.value(stream, t))))))
	}
}

func (gumbelMax) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	return scoreTable().exact[reading(r).value(0, t)]
}

// Law: P(−ln(1−r) >= s) = e^{−s} at each of the 8,191 values of a score, so that
// it is at most Exp(1), and a sum's tail at most that of a Gamma law.
func (gumbelMax) Law() (tail.Law, error) { return tail.Exponential(), nil }

// greenList raises tokens with r < gamma by delta.
type greenList struct {
	green        int
	gamma, delta float64
}

func (g greenList) String() string {
	return fmt.Sprintf("greenlist(gamma=%g,delta=%g)", g.gamma, g.delta)
}

func (g greenList) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, _, ok := d.Row()
	if !ok {
		return -1, false
	}
	g.raise(d, row)
	return d.RacePlain(row)
}

func (g greenList) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	clear(dst)
	g.raise(d, dst)
	return watermark.SampleSum, nil
}

func (g greenList) raise(d *watermark.Draw, row []float32) {
	r, ids := reading(d.Words()), d.IDs()
	for i := range row {
		t := watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		row[i] += float32(g.delta) * float32(less(r.value(0, t), g.green))
	}
}

func (g greenList) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	return float64(less(reading(r).value(0, t), g.green))
}

func (g greenList) Law() (tail.Law, error) { return tail.Bernoulli(float64(g.green) / modulus) }

// dual draws with key A or B and scores alpha·s_A + (1−alpha)·s_B.
type dual struct{ alpha float64 }

func (g dual) String() string { return fmt.Sprintf("textseal(mixing_alpha=%g)", g.alpha) }

// stream returns the route of a draw: drafts and bonus tokens take key A, what
// replaces a rejected draft takes key B, any other key A with probability alpha.
func (g dual) stream(d *watermark.Draw) int {
	switch d.Role() {
	case watermark.Draft, watermark.Bonus:
		return 0
	case watermark.Recovery:
		return 1
	}
	if d.Uniform() < g.alpha {
		return 0
	}
	return 1
}

func (g dual) Choose(d *watermark.Draw) (watermark.Token, bool) { return race(d, g.stream(d)) }

func (g dual) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	perturb(d, g.stream(d), dst)
	return watermark.TakeLargest, nil
}

func (g dual) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	s := scoreTable()
	a, b := s.exact[reading(r).value(0, t)], s.exact[reading(r).value(1, t)]
	return float64(g.alpha*a) + float64((1-g.alpha)*b)
}

func (g dual) Law() (tail.Law, error) { return tail.DualExponential(1 - g.alpha) }
