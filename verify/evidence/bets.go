package evidence

import (
	"fmt"
	"iter"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// The bets on a weighted sum are θ = 2^−12, 2^−11.5, 2^−11, … 2^3, of equal
// weight. The best of steps of 41 % loses at most 3 % of the exponent, and a mean
// over 31 bets at most 3.4 nats; half the steps would lose 1 % and 4.1 nats.
const (
	bets      = 31
	betsBegin = -12.0 // log2 of the smallest
	betsStep  = 0.5
)

// thetas are the bets.
var thetas = newThetas()

func newThetas() (thetas [bets]float64) {
	for g := range thetas {
		thetas[g] = math.Exp2(betsBegin + betsStep*float64(g))
	}
	return thetas
}

// LogE returns the logarithm of the e-value of the terms x_t, one a position:
//
//	ln e = ln mean_θ exp Σ_t [θ_t x_t − K_t(θ_t)],   θ_t = min(θ, h_t/2),
//
// over θ = 2^−12, 2^−11.5, … 2^3, h_t being the end of the domain of K_t: for
// Gumbel scores 1/max_v a_tv. (Where scores are bounded θ_t max_v |a_tv| is at most
// 300.) The grid is made for coefficients of about 1, such as differences of
// roots of probabilities: scale others. As a_t alone decides θ_t, this holds in reading
// too, where a_t depends on what came before, and wherever one stops. Any number
// of terms up to Len may be given, from the first on. −Inf for a term that is NaN
// or for too many. The first call for all of the terms takes 31 passes, later ones
// 31 multiplications a position; for fewer terms see [Weighted.Path].
func (w *Weighted) LogE(xs []float64) float64 {
	if len(xs) != w.Len() {
		if len(xs) > w.Len() {
			return math.Inf(-1)
		}
		logE := 0.0
		for _, logE = range w.Path(xs) {
		}
		return logE
	}
	w.prepared.Do(func() {
		for g := range w.costs {
			w.costs[g] = w.cost(thetas[g])
		}
	})
	var wealth [bets]float64
	for g := range wealth {
		theta := thetas[g]
		var won total
		for t, x := range xs {
			won.add(min(theta, w.caps[t]) * x)
		}
		wealth[g] = won.value() - w.costs[g]
	}
	return Average(wealth[:]...)
}

// cost returns Σ_t K_t(θ_t).
func (w *Weighted) cost(theta float64) float64 {
	var sum total
	start := 0
	for t, end := range w.ends {
		sum.add(centred(w.law, min(theta, w.caps[t]), w.mean*w.sums[t], w.coefs[start:end]))
		start = end
	}
	return sum.value()
}

// centred returns ln E exp(θ x_t), mean being that of Σ a·s.
func centred(law tail.Law, theta, mean float64, coefs []float64) float64 {
	return law.Joint(theta, coefs) - theta*mean
}

// Path yields the number of positions, 1, 2, …, and ln e after them: a running
// e-value, which one may stop reading at any time. −Inf from a term on that is NaN,
// or for which there is no position.
func (w *Weighted) Path(xs []float64) iter.Seq2[int, float64] {
	return func(yield func(int, float64) bool) {
		b := Bets{law: w.law, mean: w.mean}
		for t, x := range xs {
			if t >= w.Len() {
				x = math.NaN()
			} else {
				b.add(x, w.Position(t), w.sums[t], w.caps[t])
			}
			if math.IsNaN(x) {
				b.record(math.Inf(-1))
			}
			if !yield(t+1, b.logE) {
				return
			}
		}
	}
}

// Bets are the running e-value of weighted sums whose coefficients come one
// position at a time, each decided before its words are seen: what
// [Weighted.LogE] is after all of them. They are for one goroutine.
type Bets struct {
	running
	law    tail.Law
	mean   float64 // of one score
	wealth [bets]total
}

// NewBets returns bets before the first position, e = 1. An error names a law whose
// words different windows share.
func NewBets(law tail.Law) (*Bets, error) {
	if err := checkWindows(law); err != nil {
		return nil, err
	}
	return &Bets{law: law, mean: law.Moments().Mean}, nil
}

// Add bets on x = Σ_v coefs[v]·(score_v − mean). An error names an x or a
// coefficient that is not finite; e is then as before. One joint cumulant a bet: some
// 6 µs for 20 Gumbel scores.
func (b *Bets) Add(x float64, coefs []float64) error {
	if !(math.Abs(x) <= largest*largest) {
		return fmt.Errorf("evidence: term is %v, want a finite number", x)
	}
	p, err := rangeOf(b.law, coefs)
	if err != nil {
		return err
	}
	b.add(x, coefs, p.sum, p.cap())
	return nil
}

func (b *Bets) add(x float64, coefs []float64, sum, most float64) {
	var logE [bets]float64
	last, cost := math.NaN(), 0.0
	for g := range b.wealth {
		theta := min(thetas[g], most)
		if theta != last { // bets beyond the cap are one bet
			last, cost = theta, centred(b.law, theta, b.mean*sum, coefs)
		}
		b.wealth[g].add(theta*x - cost)
		logE[g] = b.wealth[g].value()
	}
	b.record(Average(logE[:]...))
}
