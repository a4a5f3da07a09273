package evidence

import (
	"fmt"
	"math"
)

// A Cell is one key decision and what each of its outcomes would be worth. The
// unit of randomness is the decision: thousands of answers that follow it are one
// cell.
type Cell struct {
	// Law is π: the probability of each option in counts of 2⁻³², 2 to 65,536
	// options that sum to 2³².
	Law []uint32
	// Gains is g(o): what the cell adds to the statistic if o is the option that
	// the key chose. Any function of the sealed answers, reference models and the
	// plan, never of the key; [Gains] is the usual one. At most 1e60 in size.
	Gains []float64
}

// Cells is the null law of the statistic of canaries,
//
//	T = Σ_u [g_u(o_u) − ḡ_u],   ḡ_u = Σ_o π_u(o) g_u(o),
//
// the options o_u being independent with laws π_u and nothing else being random:
// the answers are sealed, so the gains are constants. Whether answers are copies of
// each other, or carriers go together, changes the gains and so the power, never the
// law. T has mean 0. Without ḡ_u a suspect whose wordings are more polarised than the
// law would be convicted of its taste.
//
// What is known of ln P(T ≥ x), from the cheapest to the dearest:
//
//	Closed      closed form                       bound
//	Tails       Chernoff's bound; saddlepoint     bound; approximation
//	Exact       few or alike cells                exact
//	MonteCarlo  options drawn from a seed         exact as (1+k)/(1+J)
//
// [Cells.LogTail] is Exact where that is cheap and else Chernoff's bound: the
// headline. All of them give 0, no evidence, for x ≤ 0 and NaN.
//
// Gains are float64, and what a rounding may do counts against the claim: outcomes
// that reach x within n·2⁻⁵²·Σ_u max_o |g_u(o) − ḡ_u| count as reaching it. T and what
// MonteCarlo counts are the same on every machine; of logarithms the last digits may
// differ.
//
// It is immutable and safe for concurrent use.
type Cells struct {
	cells    [][]float64 // g(o) − ḡ of each option; NaN where the option cannot be
	units    []unit
	most     float64 // the largest T
	least    float64 // ln P(T = most)
	slack    float64
	variance float64
	fourth   float64 // cumulant

	draws  []drawn
	halves halves
}

// A unit is a cell by its different gains, in ascending order: at least two.
type unit struct {
	h     []float64 // g − ḡ
	p     []float64
	count []uint64 // p·2³²
	size  float64  // largest |h|
}

// whole is the sum of a law.
const whole = 1 << 32

// maxOptions bounds the options of a cell: with it half of any cells that have
// 2²⁴ outcomes has at most 2²⁰.
const maxOptions = 1 << 16

// NewCells returns the law of cells. Cells may be none, and gains of a cell may be all
// the same: such cells say nothing. An error names a law that does not sum to 2³²,
// or a gain that is missing, not finite, beyond 1e60, or within 1e-60 of another and not the
// same. Nothing is kept of the slices.
func NewCells(cells []Cell) (*Cells, error) {
	c := &Cells{cells: make([][]float64, len(cells))}
	var most, least, size, variance, fourth total
	for i, cell := range cells {
		if err := cell.check(); err != nil {
			return nil, fmt.Errorf("%w in cell %d", err, i)
		}
		c.cells[i] = cell.centred()
		u := newUnit(cell, c.cells[i])
		last := len(u.h) - 1
		if last < 1 {
			continue
		}
		if u.spread() < 1/largest {
			return nil, fmt.Errorf("evidence: gains differ by %v, want 0 or at least %v, in cell %d", u.spread(), 1/largest, i)
		}
		c.units = append(c.units, u)
		c.draws = append(c.draws, newDrawn(u))
		most.add(u.h[last])
		least.add(math.Log(u.p[last]))
		size.add(u.size)
		v, f := u.cumulants()
		variance.add(v)
		fourth.add(f)
	}
	c.most, c.least = most.value(), least.value()
	c.variance, c.fourth = variance.value(), fourth.value()
	c.slack = size.value() * float64(len(c.units)) * 0x1p-52
	c.halves.parts, c.halves.ok = split(c.units)
	return c, nil
}

func (c Cell) check() error { return checkOptions(c.Law, c.Gains, "gain") }

// checkOptions checks a law and the values that its options have.
func checkOptions(law []uint32, values []float64, name string) error {
	if n := len(law); n < 2 || n > maxOptions {
		return fmt.Errorf("evidence: there are %d options, want 2 to %d", n, maxOptions)
	}
	if len(values) != len(law) {
		return fmt.Errorf("evidence: there are %d %ss, want %d, one for each option", len(values), name, len(law))
	}
	sum := uint64(0)
	for o, p := range law {
		sum += uint64(p)
		if !(math.Abs(values[o]) <= largest) {
			return fmt.Errorf("evidence: %s of option %d is %v, want at most %v in size", name, o, values[o], largest)
		}
	}
	if sum != whole {
		return fmt.Errorf("evidence: law sums to %d, want 2^32", sum)
	}
	return nil
}

// centred returns g(o) − ḡ. Differences from the first gain are averaged, so what
// all gains share costs no digits and fair cells are centred without error. Products
// are rounded before they are added, on every machine.
func (c Cell) centred() []float64 {
	var mean total
	for o, p := range c.Law {
		mean.add(float64(float64(p) * (c.Gains[o] - c.Gains[0])))
	}
	shift := mean.value() / whole
	out := make([]float64, len(c.Law))
	for o, p := range c.Law {
		out[o] = (c.Gains[o] - c.Gains[0]) - shift
		if p == 0 {
			out[o] = math.NaN()
		}
	}
	return out
}

// Len returns the number of cells.
func (c *Cells) Len() int { return len(c.cells) }

// Sum returns T where the key chose the given options, one a cell. An error names an
// option that the law of its cell does not have: no key chooses it.
func (c *Cells) Sum(options []int) (float64, error) {
	if len(options) != len(c.cells) {
		return 0, fmt.Errorf("evidence: there are %d options, want %d, one for each cell", len(options), len(c.cells))
	}
	var sum total
	for i, o := range options {
		h := c.cells[i]
		if o < 0 || o >= len(h) {
			return 0, fmt.Errorf("evidence: option of cell %d is %d, want 0 to %d", i, o, len(h)-1)
		}
		if math.IsNaN(h[o]) {
			return 0, fmt.Errorf("evidence: option of cell %d is %d, which has probability 0", i, o)
		}
		sum.add(h[o])
	}
	return sum.value(), nil
}

// Variance returns the variance of T, 0 where no cell says anything.
func (c *Cells) Variance() float64 { return c.variance }

// Excess returns the excess kurtosis of T: −2 for one fair two-way cell, and the
// nearer to 0 the more there are. 0 where the variance is.
func (c *Cells) Excess() float64 {
	if c.variance == 0 {
		return 0
	}
	return c.fourth / c.variance / c.variance
}

// Standard returns by how many standard deviations T lies above its mean 0; 0 where
// the variance is 0.
func (c *Cells) Standard(T float64) float64 {
	if c.variance == 0 {
		return 0
	}
	return T / math.Sqrt(c.variance)
}

// LogLeast returns ln P of the largest T: the least ln p that any key can have. A
// test whose level is below it is void.
func (c *Cells) LogLeast() float64 { return c.least }

// Cumulant returns K(θ) = ln E exp(θT), finite at every finite θ; NaN for NaN.
func (c *Cells) Cumulant(theta float64) float64 { return c.at(theta).k }
