package evidence

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// LogTail returns ln P(T ≥ x), exact where [Cells.Exact] is and else Chernoff's bound:
// the p-value to report.
func (c *Cells) LogTail(x float64) float64 {
	if lnP, ok := c.Exact(x); ok {
		return lnP
	}
	return c.Tails(x).Bound
}

// Tails returns Chernoff's bound on ln P(T ≥ x), min over θ ≥ 0 of K(θ) − θx, and
// Lugannani and Rice's approximation. θ may be chosen with x in hand, since K does not
// depend on the key. The bound is proven, has no floor and is far below [Cells.Closed]
// where T comes near the largest it can be. The approximation takes T for
// continuous: on dozens of different gains it is within a few percent of ln p, on few
// or equal ones it can be off by a factor of 2 and more. An x beyond the largest T gives
// −Inf. Some 10 to 30 passes over the cells.
func (c *Cells) Tails(x float64) tail.Tails {
	if answer, done := c.settled(x); done {
		return tail.Tails{Bound: answer, Approx: answer}
	}
	return c.clip(c.saddle(c.reached(x)).tails())
}

// Closed returns a bound on ln P(T ≥ x) in closed form, −x²/(2 Σ_u v_u) with v_u =
// σ²(π)·(g(+) − g(−))² for two-way cells, σ²(π) = (1−2π)/(2 ln((1−π)/π)) (Kearns and Saul,
// 1998), and range²/4 for others (Hoeffding, 1963). For fair two-way cells it is
// [tail.SignFlipBound].
func (c *Cells) Closed(x float64) float64 {
	if answer, done := c.settled(x); done {
		return answer
	}
	var proxy total
	for _, u := range c.units {
		proxy.add(u.proxy())
	}
	x = c.reached(x)
	return -x / (2 * proxy.value()) * x
}

// settled answers where nothing is to be reckoned.
func (c *Cells) settled(x float64) (lnP float64, done bool) {
	switch {
	case !(x > c.slack):
		return 0, true
	case x > c.most+c.slack:
		return math.Inf(-1), true
	}
	return 0, false
}

// reached is the sum from which on outcomes count as reaching x.
func (c *Cells) reached(x float64) float64 { return min(x, c.most) - c.slack }

// clip brings an approximation, which may be none so near to the largest T that all
// variance is gone, to between the bound and the least p there is.
func (c *Cells) clip(t tail.Tails) tail.Tails {
	if !(t.Approx <= t.Bound) {
		t.Approx = t.Bound
	}
	t.Approx = max(t.Approx, c.least)
	return t
}

// at returns the point of K at θ.
func (c *Cells) at(theta float64) point {
	if math.IsNaN(theta) {
		return point{theta: theta, k: theta}
	}
	p := point{theta: theta}
	var k, mean total
	var few [8]float64
	scratch := few[:]
	for _, u := range c.units {
		if len(u.h) > len(scratch) {
			scratch = make([]float64, len(u.h))
		}
		uk, um, u2, u3 := u.tilt(theta, scratch)
		k.add(uk)
		mean.add(um)
		p.k2 += u2
		p.k3 += u3
	}
	p.k, p.mean = k.value(), mean.value()
	return p
}

// saddle returns a point with θ > 0 where the tilted mean is about x, inside (0,
// most), by Newton's method inside a shrinking bracket. Its mean is set to x: for a
// bound any θ will do.
func (c *Cells) saddle(x float64) point {
	left, right := 0.0, math.Inf(1)
	theta := min(x/c.variance, 1/math.Sqrt(c.variance))
	var p point
	for range 300 {
		p = c.at(theta)
		miss := x - p.mean
		if miss > 0 {
			left = theta
		} else {
			right = theta
		}
		next := theta + max(-theta, min(miss/p.k2, 2*theta))
		if !(next > left && next < right) { // NaN too
			next = left + 0.5*(right-left)
		}
		if math.IsInf(next, 1) {
			next = 4 * theta
		}
		if math.Abs(next-theta) <= 1e-9*theta || math.IsInf(next, 1) {
			break
		}
		theta = next
	}
	p.mean = x
	return p
}

// Critical returns the least T whose tails reach a level: Chernoff's bound's, and the
// approximation's. It returns false where not even the largest T has a p that small,
// or logP is no level.
func (c *Cells) Critical(logP float64) (bound, approx float64, ok bool) {
	if checkLevel(logP) != nil || c.least > logP {
		return 0, 0, false
	}
	reach := func(which func(tail.Tails) float64) float64 {
		lo, hi := 0.0, c.most
		for range 60 {
			mid := lo + (hi-lo)/2
			if which(c.Tails(mid)) > logP {
				lo = mid
			} else {
				hi = mid
			}
		}
		return hi
	}
	return reach(func(t tail.Tails) float64 { return t.Bound }),
		reach(func(t tail.Tails) float64 { return t.Approx }), true
}
