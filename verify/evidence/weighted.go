package evidence

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Weighted is the null law of a statistic that weighs the words of many
// tokens at each position,
//
//	T = Σ_t x_t,   x_t = Σ_v a_tv (s(w_t,v) − mean),
//
// s having the law, positions being independent: tests R3 (a_tv = q_t(v)) and R4
// (a_tv = √q_t(v) − √q⁰_t(v)) of a suspect whose next-token probabilities are
// known. T has mean 0.
//
// Where no coefficient depends on a word of the key, as in generation, T is a sum
// of independent terms and everything here holds of it: [Weighted.Tails] gives a
// bound and a sharp approximation. In reading, a_tv may depend on the words of
// earlier positions, through the text that they made. Then a p-value is what
// [Weighted.LogE] gives, 1/e: a martingale needs no more than that a_t is decided
// before the words of w_t are seen. Tails are then approximations both. Decoy keys
// are as independent of the text as generation is of the key.
//
// It is immutable and safe for concurrent use. Methods that take one pass over
// the coefficients say so: some 10 ns a coefficient and pass.
type Weighted struct {
	law    tail.Law
	coefs  []float64
	ends   []int
	sums   []float64 // Σ_v a_tv
	caps   []float64 // the largest bet at each position
	mean   float64   // of the law
	lo, hi float64   // domain
	most   float64   // largest |a|

	variance, fourth float64

	prepared sync.Once
	costs    [bets]float64 // Σ_t K_t(θ_t) of each bet
}

// NewWeighted returns the law of the statistic whose position t has the
// coefficients coefs[ends[t−1]:ends[t]] (ends[−1] being 0), one for each token
// that is scored there. The slices are kept: they must not change any more. An
// error names a coefficient that is not finite or beyond 1e60, an end that is out of
// order, a statistic whose variance is 0, or a law whose words different
// windows share ([tail.Law].Joint): of weighted sums under such laws no bound is
// known, and the test is void.
func NewWeighted(law tail.Law, coefs []float64, ends []int) (*Weighted, error) {
	if err := checkWindows(law); err != nil {
		return nil, err
	}
	w := &Weighted{law: law, coefs: coefs, ends: ends, mean: law.Moments().Mean, lo: math.Inf(-1), hi: math.Inf(1)}
	w.sums, w.caps = make([]float64, len(ends)), make([]float64, len(ends))
	start := 0
	var variance, fourth total
	for t, end := range ends {
		if end < start || end > len(coefs) {
			return nil, fmt.Errorf("evidence: coefficients of position %d end at %d, want %d to %d", t, end, start, len(coefs))
		}
		r, err := rangeOf(law, coefs[start:end])
		if err != nil {
			return nil, fmt.Errorf("%w at position %d", err, t)
		}
		w.sums[t], w.caps[t] = r.sum, r.cap()
		w.lo, w.hi, w.most = max(w.lo, r.lo), min(w.hi, r.hi), max(w.most, r.most)
		variance.add(r.variance)
		fourth.add(r.fourth)
		start = end
	}
	if start != len(coefs) {
		return nil, fmt.Errorf("evidence: positions end at coefficient %d, want %d, all of them", start, len(coefs))
	}
	w.variance, w.fourth = variance.value(), fourth.value()
	if !(w.variance > 1/(largest*largest)) {
		return nil, fmt.Errorf("evidence: variance of the weighted sum is %v, want more than %v", w.variance, 1/(largest*largest))
	}
	return w, nil
}

// checkWindows refuses laws whose words different windows share.
func checkWindows(law tail.Law) error {
	if law == nil {
		return errors.New("evidence: there is no law")
	}
	if math.IsInf(law.Joint(1e-9, []float64{1}), 1) {
		return fmt.Errorf("evidence: words of %v are shared by different windows: no such test is known to hold", law)
	}
	return nil
}

// A position is what the coefficients of one position amount to.
type position struct {
	sum              float64 // of the coefficients
	variance, fourth float64 // cumulants of x_t, the fourth as if words were independent
	lo, hi           float64 // domain of θ
	most             float64 // largest |a|
}

// largest is the size of a coefficient up to which all powers in use are finite.
const largest = 1e60

// cap returns the largest bet: half of the way to the end of the domain, and where
// scores are bounded not so far that rounding would decide.
func (p position) cap() float64 {
	if p.most == 0 {
		return math.Inf(1)
	}
	return min(p.hi/2, farthest/p.most)
}

// rangeOf reckons a position up. An error names a coefficient that is none.
func rangeOf(law tail.Law, coefs []float64) (position, error) {
	lo, hi := law.Domain()
	m := law.Moments()
	p := position{lo: math.Inf(-1), hi: math.Inf(1)}
	squares, fourths := 0.0, 0.0
	least, most := 0.0, 0.0
	for _, a := range coefs {
		if !(math.Abs(a) <= largest) {
			return p, fmt.Errorf("evidence: coefficient is %v, want at most %v in size", a, largest)
		}
		p.sum += a
		squares += a * a
		fourths += a * a * (a * a)
		least, most = min(least, a), max(most, a)
	}
	p.most = max(most, -least)
	if most > 0 {
		p.hi, p.lo = min(p.hi, hi/most), max(p.lo, lo/most)
	}
	if least < 0 {
		p.hi, p.lo = min(p.hi, lo/least), max(p.lo, hi/least)
	}
	p.variance = max(0, m.Variance*((1-m.Correlation)*squares+m.Correlation*p.sum*p.sum))
	p.fourth = m.Excess * m.Variance * m.Variance * fourths
	return p, nil
}

// Len returns the number of positions.
func (w *Weighted) Len() int { return len(w.ends) }

// Law returns the law of one score.
func (w *Weighted) Law() tail.Law { return w.law }

// Position returns the coefficients of position t, not to be changed. Requires 0
// <= t < Len.
func (w *Weighted) Position(t int) []float64 {
	if t == 0 {
		return w.coefs[:w.ends[0]:w.ends[0]]
	}
	return w.coefs[w.ends[t-1]:w.ends[t]:w.ends[t]]
}

// Term returns x_t for the scores of position t, one for each coefficient in its
// order; NaN for any other number of scores. Requires 0 <= t < Len.
func (w *Weighted) Term(t int, scores []float64) float64 {
	coefs := w.Position(t)
	if len(coefs) != len(scores) {
		return math.NaN()
	}
	x := 0.0
	for v, a := range coefs {
		x += a * (scores[v] - w.mean)
	}
	return x
}

// Variance returns the variance of T.
func (w *Weighted) Variance() float64 { return w.variance }

// Excess returns the excess kurtosis of T, from the fourth cumulants of the law;
// hits of one list count as independent in it.
func (w *Weighted) Excess() float64 { return w.fourth / (w.variance * w.variance) }

// Standard returns by how many standard deviations T lies above its mean 0.
func (w *Weighted) Standard(T float64) float64 { return T / math.Sqrt(w.variance) }

// EffectOf returns the effect that T shows: Standard(T) over the root of the
// number of positions, with a 95 % interval.
func (w *Weighted) EffectOf(T float64) Effect {
	root := math.Sqrt(float64(w.Len()))
	d := w.Standard(T) / root
	return Effect{D: d, Low: d - z95/root, High: d + z95/root}
}

// Domain returns the open interval of θ on which Cumulant is finite.
func (w *Weighted) Domain() (lo, hi float64) { return w.lo, w.hi }

// Cumulant returns ln E exp(θT), +Inf outside Domain: one pass.
func (w *Weighted) Cumulant(theta float64) float64 {
	if theta == 0 {
		return 0
	}
	if !(theta > w.lo && theta < w.hi) {
		return math.Inf(1)
	}
	var sum total
	start := 0
	for t, end := range w.ends {
		sum.add(w.law.Joint(theta, w.coefs[start:end]) - theta*w.mean*w.sums[t])
		start = end
	}
	return sum.value()
}

// A total is a sum that carries its rounding errors along (A. Neumaier, 1974).
type total struct{ sum, lost float64 }

func (t *total) add(v float64) {
	next := t.sum + v
	if math.Abs(t.sum) >= math.Abs(v) {
		t.lost += (t.sum - next) + v
	} else {
		t.lost += (v - next) + t.sum
	}
	t.sum = next
}

func (t *total) value() float64 {
	if math.IsInf(t.sum, 0) || math.IsNaN(t.sum) {
		return t.sum
	}
	return t.sum + t.lost
}
