package evidence

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A CellsDesign plans a test of fair two-way cells with the usual [Gains]: how far above the
// null a student lies that has moved a part of its wording to the key's options. It assumes
// that a unit's natural share of option 1 is 1/(1+e^−L), L normal with mean 0 and deviation
// Polarisation over units, that the suspect's L differs from the reference's by a normal one of
// deviation Drift, and that each use is a draw of its own.
type CellsDesign struct {
	// Uses is the number of first occurrences of a unit in the suspect's answers. Required, at
	// least LeastUses.
	Uses int
	// Shift is δ, the part of its mass that the student moved to the key's option: it uses that
	// with probability (1−δ)q + δ where its own taste is q. In (0, 1]. Required.
	Shift float64
	// Reference is the number of first occurrences of a unit in a reference's answers. 0 stands
	// for no reference. Two or three times Uses buys most of what it can.
	Reference int
	// Polarisation of natural shares. 0 stands for 2: in the mean over units the rarer form
	// then has 22 % of the uses.
	Polarisation float64
	// Drift between reference and suspect without the key, in logits. 0 stands for none.
	Drift float64
	// Tests is the number of tests in the family. Defaults to 1.
	Tests int
	// Alpha is the error rate of the family, in (0, 1). Required but for Z and
	// Sharpness.
	Alpha float64
	// Power is the probability with which to find. Defaults to 0.8.
	Power float64
}

func (d CellsDesign) checked() (CellsDesign, error) {
	if d.Polarisation == 0 {
		d.Polarisation = 2
	}
	switch {
	case d.Uses < LeastUses:
		return d, fmt.Errorf("evidence: uses of a unit are %d, want at least %d", d.Uses, LeastUses)
	case !(d.Shift > 0 && d.Shift <= 1):
		return d, fmt.Errorf("evidence: shift is %v, want more than 0 and at most 1", d.Shift)
	case d.Reference < 0:
		return d, fmt.Errorf("evidence: uses of the reference are %d, want at least 0", d.Reference)
	case !(d.Polarisation > 0 && d.Polarisation <= 10):
		return d, fmt.Errorf("evidence: polarisation is %v, want more than 0 and at most 10", d.Polarisation)
	case !(d.Drift >= 0 && d.Drift <= 10):
		return d, fmt.Errorf("evidence: drift is %v, want 0 to 10", d.Drift)
	}
	return d, nil
}

// Sharpness returns s = E(±d)/√E d² of one cell, the sign being + where the key chose option 1:
// z grows with the root of the number of cells times it. By quadrature over natural shares, drift
// and both counts, up to 20 ms.
func (d CellsDesign) Sharpness() (float64, error) {
	s, err := d.shape()
	return s.sharpness, err
}

// A cellShape is what cells of a design are like.
type cellShape struct {
	sharpness float64 // E ±d / √E d²
	deviation float64 // of z
	bins      []node  // |d|/√E d² and its probability
}

const binsOfGain = 100 // per unit of |d|

func (d CellsDesign) shape() (cellShape, error) {
	d, err := d.checked()
	if err != nil {
		return cellShape{}, err
	}
	var m [5]float64 // E ±d, E d², E ±d³, E d⁴ from 1 on
	var weight, square [gainLimit*binsOfGain + 1]float64
	d.each(func(g, w float64) {
		m[1] += w * g
		m[2] += w * g * g
		m[3] += w * g * g * g
		m[4] += w * g * g * g * g
		bin := int(math.Abs(g) * binsOfGain)
		weight[bin] += w
		square[bin] += w * g * g
	})
	s := cellShape{sharpness: m[1] / math.Sqrt(m[2])}
	// z is T/√Σd²: to first order ±d/√E d² − s(d²/E d² − 1)/2 a cell.
	variance := 1 - s.sharpness*s.sharpness - s.sharpness*(m[3]/m[2]/math.Sqrt(m[2])-s.sharpness) +
		s.sharpness*s.sharpness/4*(m[4]/m[2]/m[2]-1)
	s.deviation = math.Sqrt(max(1e-6, variance))
	for i, w := range weight {
		if w > 0 {
			s.bins = append(s.bins, node{math.Sqrt(square[i] / w / m[2]), w})
		}
	}
	return s, nil
}

// each calls f for the ±d that a cell can have and its probability.
func (d CellsDesign) each(f func(g, w float64)) {
	for _, l := range normalNodes(d.Polarisation, 32) {
		for _, r := range binomialNodes(d.Reference, logistic(l.x)) {
			for _, drift := range normalNodes(d.Drift, 8) {
				own := logistic(l.x + drift.x)
				for o := range 2 {
					for _, m := range binomialNodes(d.Uses, (1-d.Shift)*own+d.Shift*float64(o)) {
						g := gain(m.x, float64(d.Uses), r.x, float64(d.Reference), 2)
						f(g*float64(2*o-1), l.w*r.w*drift.w*m.w/2)
					}
				}
			}
		}
	}
}

// threshold returns the z from which on Chernoff's bound of n cells is at most a level, and false
// where none is.
func (s cellShape) threshold(n int, level float64) (z float64, ok bool) {
	root := math.Sqrt(float64(n))
	at := func(theta float64) (bound, z float64) {
		k := 0.0
		for _, b := range s.bins {
			x := theta * b.x / root
			k += b.w * (x + math.Log1p(math.Exp(-2*x)) - math.Ln2) // ln cosh x
			z += b.w * b.x * math.Tanh(x)
		}
		z *= root
		return float64(n)*k - theta*z, z
	}
	lo, hi := 0.0, 1.0
	for bound, _ := at(hi); bound > level; bound, _ = at(hi) {
		if lo, hi = hi, 2*hi; hi > 1e6 {
			return 0, false
		}
	}
	for range 40 {
		mid := lo + (hi-lo)/2
		if bound, _ := at(mid); bound > level {
			lo = mid
		} else {
			hi = mid
		}
	}
	_, z = at(hi)
	return z, true
}

// power returns the probability to find the student with n cells.
func (s cellShape) power(n int, level float64) float64 {
	z, ok := s.threshold(n, level)
	if !ok {
		return 0
	}
	return math.Exp(tail.Normal((z - s.sharpness*math.Sqrt(float64(n))) / s.deviation))
}

// Z returns the median z of so many cells.
func (d CellsDesign) Z(cells int) (float64, error) {
	if cells < 1 {
		return 0, fmt.Errorf("evidence: number of cells is %d, want at least 1", cells)
	}
	s, err := d.Sharpness()
	return s * math.Sqrt(float64(cells)), err
}

// plan returns the shape of the cells and what the family asks for.
func (d CellsDesign) plan() (cellShape, Design, error) {
	s, err := d.shape()
	if err != nil {
		return s, Design{}, err
	}
	plan, err := Design{Alpha: d.Alpha, Tests: d.Tests, Power: d.Power}.withDefaults()
	return s, plan, err
}

// Cells returns the least number of cells that find the student with the stated power, as PowerOf
// reckons it. An error says that a billion are too few.
func (d CellsDesign) Cells() (int, error) {
	s, plan, err := d.plan()
	if err != nil {
		return 0, err
	}
	lo, hi := 0, 1
	for s.power(hi, plan.level()) < plan.Power {
		if lo, hi = hi, 2*hi; hi > 1e9 {
			return 0, fmt.Errorf("evidence: shift %v needs more than 1e9 cells", d.Shift)
		}
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; s.power(mid, plan.level()) < plan.Power {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi, nil
}

// PowerOf returns the probability to find the student with so many cells: that its z, taken for
// normal, reaches the one at which Chernoff's bound for cells of this kind has the level. Where
// [Cells.LogTail] is exact, up to 40 cells, it finds more.
func (d CellsDesign) PowerOf(cells int) (float64, error) {
	s, plan, err := d.plan()
	if err != nil {
		return 0, err
	}
	if cells < 1 {
		return 0, fmt.Errorf("evidence: number of cells is %d, want at least 1", cells)
	}
	return s.power(cells, plan.level()), nil
}

// A node is a point of a quadrature and its weight.
type node struct{ x, w float64 }

func logistic(l float64) float64 { return 1 / (1 + math.Exp(-l)) }

// normalNodes returns the middles of n slices of a normal law, 4 deviations to either side; one
// node at 0 for deviation 0.
func normalNodes(deviation float64, n int) []node {
	if deviation == 0 {
		return []node{{0, 1}}
	}
	nodes, sum := make([]node, n), 0.0
	for i := range nodes {
		z := 4 * (2*float64(i) + 1 - float64(n)) / float64(n)
		nodes[i] = node{deviation * z, math.Exp(-z * z / 2)}
		sum += nodes[i].w
	}
	for i := range nodes {
		nodes[i].w /= sum
	}
	return nodes
}

// binomialNodes returns the law of a count of n: as it is up to 40, and beyond that 16
// nodes of the normal law with its mean and variance.
func binomialNodes(n int, p float64) []node {
	if p == 1 { // whose odds are no number
		return []node{{float64(n), 1}}
	}
	if n > 40 {
		nodes := normalNodes(math.Sqrt(float64(n)*p*(1-p)), 16)
		for i := range nodes {
			nodes[i].x = max(0, min(float64(n)*p+nodes[i].x, float64(n)))
		}
		return nodes
	}
	nodes := make([]node, n+1)
	at, choose := math.Log(p)-math.Log1p(-p), float64(n)*math.Log1p(-p)
	for k := range nodes {
		if k > 0 {
			choose += math.Log(float64(n-k+1)/float64(k)) + at
		}
		nodes[k] = node{float64(k), math.Exp(choose)}
	}
	return nodes
}
