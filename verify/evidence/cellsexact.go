package evidence

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// maxHalf bounds the outcomes of half of the cells: both then take some 100 ms and, while they are
// made, 100 MB.
const maxHalf = 1 << 20

// Exact returns ln P(T ≥ x) and true where that is cheap:
//
//   - cells have at most 2²⁴ outcomes together, and mostly up to 2⁴⁰: the outcomes of
//     one half of the cells meet those of the other, so 40 two-way cells take 2·2²⁰ sums
//     and not 2⁴⁰. Options of one gain count as one, cells of one gain as none. The first
//     call makes the two halves, 40 MB for 40 cells, later ones walk along them.
//   - cells are two-way and all as far apart: the law is Poisson-binomial
//     ([tail.PoissonBinomial]), any number of cells.
//
// Otherwise it returns 0 and false. The probability has a relative error of
// some 1e-10 at most.
func (c *Cells) Exact(x float64) (lnP float64, exact bool) {
	apart, alike := c.alike()
	if !alike && !c.halves.ok {
		return 0, false
	}
	if answer, done := c.settled(x); done {
		return answer, true
	}
	if alike {
		return c.exactAlike(x, apart), true
	}
	c.halves.once.Do(func() { c.halves.build(c.units) })
	return min(0, c.halves.logTail(c.reached(x))), true
}

// split deals units to two halves, the one with the most gains first, each to the half
// that has fewer outcomes so far; ok is false where a half gets too many.
func split(units []unit) (halves [2][]int, ok bool) {
	if len(units) > 40 {
		return halves, false
	}
	order := make([]int, len(units))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(units[b].h), len(units[a].h)) })
	size := [2]int{1, 1}
	for _, i := range order {
		to := 0
		if size[1] < size[0] {
			to = 1
		}
		if len(units[i].h) > maxHalf/size[to] {
			return halves, false
		}
		size[to] *= len(units[i].h)
		halves[to] = append(halves[to], i)
	}
	return halves, true
}

// halves are the outcomes of each half of the cells: sums in ascending order, and
// their probabilities times 2³²⁰ (a half has at most 20 cells, of 2⁻³² or more each).
type halves struct {
	parts        [2][]int // units
	ok           bool     // few enough
	once         sync.Once
	left, right  []outcome
	rightAndMore []float64 // probability of right[i:]
}

type outcome struct{ sum, p float64 }

const halfScale = 320

func (h *halves) build(units []unit) {
	h.left, h.right = outcomes(units, h.parts[0]), outcomes(units, h.parts[1])
	h.rightAndMore = make([]float64, len(h.right)+1)
	var more total
	for i := len(h.right) - 1; i >= 0; i-- {
		more.add(h.right[i].p)
		h.rightAndMore[i] = more.value()
	}
}

// outcomes returns the sums of some units, ascending.
func outcomes(units []unit, which []int) []outcome {
	out := []outcome{{0, math.Ldexp(1, halfScale)}}
	for _, i := range which {
		u := units[i]
		next := make([]outcome, 0, len(out)*len(u.h))
		for j, h := range u.h {
			for _, o := range out {
				next = append(next, outcome{o.sum + h, o.p * u.p[j]})
			}
		}
		if n := len(out); len(u.h) == 2 {
			out = mergeOutcomes(make([]outcome, 0, 2*n), next[:n], next[n:])
			continue
		}
		slices.SortFunc(next, func(a, b outcome) int { return cmp.Compare(a.sum, b.sum) })
		out = next
	}
	return out
}

// mergeOutcomes appends two ascending lists, ascending.
func mergeOutcomes(out, a, b []outcome) []outcome {
	for len(a) > 0 && len(b) > 0 {
		if a[0].sum <= b[0].sum {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// logTail returns ln P(left + right ≥ x).
func (h *halves) logTail(x float64) float64 {
	var sum total
	j := len(h.right)
	for _, o := range h.left {
		for j > 0 && o.sum+h.right[j-1].sum >= x {
			j--
		}
		sum.add(o.p * h.rightAndMore[j])
	}
	return math.Log(sum.value()) - 2*halfScale*math.Ln2
}

// alike returns how far the gains of every cell are apart, if cells are two-way and
// that is one number, within rounding.
func (c *Cells) alike() (apart float64, ok bool) {
	for i, u := range c.units {
		if i == 0 {
			apart = u.spread()
		}
		if len(u.h) != 2 || math.Abs(u.spread()-apart) > 1e-12*apart {
			return 0, false
		}
	}
	return apart, true
}

// exactAlike is the tail of the number of cells with the larger gain. A millionth of a
// cell is left to rounding.
func (c *Cells) exactAlike(x, apart float64) float64 {
	p := make([]float64, len(c.units))
	for i, u := range c.units {
		p[i] = u.p[1]
	}
	below := (c.most - x) / apart // cells that may have the smaller one
	return tail.PoissonBinomial(len(p)-int(math.Floor(below+1e-6)), p)
}
