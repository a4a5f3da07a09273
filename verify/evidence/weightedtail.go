package evidence

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Tails returns what is known of ln P(T >= x) at x = sum: Chernoff's bound, proven
// where no coefficient depends on a word, and Lugannani and Rice's approximation,
// with Barndorff-Nielsen's in the far tail. Discrete laws are taken for
// continuous in the approximation. NaN gives 0 for both. Some 30 to 60 passes.
func (w *Weighted) Tails(sum float64) tail.Tails { return w.saddle(sum).tails() }

// Saddle returns the θ at which Tails were taken, where the tilted mean of T is
// the sum; 0 for NaN.
func (w *Weighted) Saddle(sum float64) float64 { return w.saddle(sum).theta }

// A point of the cumulant function of T: θ, K(θ) and three derivatives.
type point struct{ theta, k, mean, k2, k3 float64 }

func (p point) tails() tail.Tails {
	return tail.Saddlepoint(p.theta, max(0, p.theta*p.mean-p.k), p.k2, p.k3)
}

// at returns the point at θ inside the domain, derivatives by differences of
// fourth order over a step that is small beside the distance from every
// singularity of K and beside the width of T.
func (w *Weighted) at(theta float64) point {
	h := min((w.hi-theta)/64, (theta-w.lo)/64, 1/(16*w.most), 1/math.Sqrt(w.variance))
	k := w.Cumulant(theta)
	up, down := w.Cumulant(theta+h)-k, w.Cumulant(theta-h)-k
	up2, down2 := w.Cumulant(theta+2*h)-k, w.Cumulant(theta-2*h)-k
	return point{
		theta: theta, k: k,
		mean: (8*(up-down) - (up2 - down2)) / (12 * h),
		k2:   (16*(up+down) - (up2 + down2)) / (12 * h * h),
		k3:   ((up2 - down2) - 2*(up-down)) / (2 * h * h * h),
	}
}

// saddle returns the point where the tilted mean is x, by Newton's method inside a
// shrinking bracket. Where no θ leads there, x being beyond what T can be, it
// returns one far out: for a bound any θ will do.
func (w *Weighted) saddle(x float64) point {
	if math.IsNaN(x) {
		return point{}
	}
	left, right := w.lo, w.hi
	sd := math.Sqrt(w.variance)
	first := min(math.Abs(x)/w.variance, 1/sd)
	theta := math.Copysign(min(first, 0.5*min(w.hi, -w.lo)), x)
	var p point
	for range 200 {
		p = w.at(theta)
		miss := x - p.mean
		if miss > 0 {
			left = theta
		} else {
			right = theta
		}
		longest := 2*math.Abs(theta) + 1/sd
		next := theta + max(-longest, min(miss/p.k2, longest))
		if !(next > left && next < right) {
			next = left + 0.5*(right-left)
		}
		settled := math.Abs(next-theta) <= 1e-7*min(math.Abs(theta)+1e-3/sd, theta-w.lo, w.hi-theta)
		if settled || math.IsInf(next, 0) || math.IsNaN(next) || math.Abs(next)*w.most > farthest {
			break
		}
		theta = next
	}
	p.mean = x
	return p
}

// farthest is the largest θ·a that is tried for laws of bounded scores: beyond it
// a hit or a miss is certain.
const farthest = 300

// Critical returns the least T whose tails reach a level: the bound's, and the
// approximation's, each to about 1e-9 of its size and on the side where it is reached. So
// a thousand decoys take one search. It returns false where no T that is known
// reaches the level, or logP is no level. Some 100 passes.
func (w *Weighted) Critical(logP float64) (bound, approx float64, ok bool) {
	if checkLevel(logP) != nil {
		return 0, 0, false
	}
	b, okB := w.reach(logP, func(t tail.Tails) float64 { return t.Bound })
	a, okA := w.reach(logP, func(t tail.Tails) float64 { return t.Approx })
	return b, a, okB && okA
}

// reach returns the least tilted mean at which a tail is at most logP.
func (w *Weighted) reach(logP float64, which func(tail.Tails) float64) (x float64, ok bool) {
	value := func(theta float64) (float64, float64) {
		p := w.at(theta)
		return which(p.tails()) - logP, p.mean
	}
	z := normalQuantile(logP)
	sd := math.Sqrt(w.variance)
	left, step := 0.0, max(math.Abs(z), 1)/sd
	missLeft, _ := value(left)
	for missLeft <= 0 { // a level of a half and more
		left -= min(step, 0.5*(left-w.lo))
		if -left*w.most > farthest {
			return 0, false
		}
		missLeft, _ = value(left)
		step *= 2
	}
	right := min(left+step, left+0.5*(w.hi-left))
	missRight, mean := value(right)
	for missRight > 0 {
		if right*w.most > farthest || w.hi-right < 1e-9*w.hi {
			return 0, false
		}
		left, missLeft = right, missRight
		right += min(2*step, 0.5*(w.hi-right))
		step *= 2
		missRight, mean = value(right)
	}
	// Regula falsi, in Illinois' way: an end that stays counts half.
	side, last := 0, missRight
	for range 100 {
		if right-left <= 1e-10*(math.Abs(left)+math.Abs(right)) || last > -1e-11*(1-logP) {
			break
		}
		mid := (left*missRight - right*missLeft) / (missRight - missLeft)
		if !(mid > left && mid < right) {
			mid = left + 0.5*(right-left)
		}
		miss, m := value(mid)
		if miss > 0 {
			left, missLeft = mid, miss
			if side == 1 {
				missRight /= 2
			}
			side = 1
		} else {
			right, missRight, last, mean = mid, miss, miss, m
			if side == -1 {
				missLeft /= 2
			}
			side = -1
		}
	}
	return mean, true
}
