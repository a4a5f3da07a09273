package tail

import "math"

// saddle returns the root of an increasing function g on the open interval (lo, hi), near enough for a contour or a bound that holds at any θ: to about 1e-9 of its size.
// g returns its value and derivative; either end may be infinite. Newton's method, kept inside a shrinking bracket.
func saddle(g func(theta float64) (value, slope float64), lo, hi, start float64) float64 {
	theta := start
	for range 200 {
		value, slope := g(theta)
		if value > 0 {
			hi = theta
		} else {
			lo = theta
		}
		next := theta - value/slope
		if !(next > lo && next < hi) {
			next = between(lo, hi, theta)
		}
		if math.Abs(next-theta) <= 1e-9*math.Abs(theta) {
			return next
		}
		theta = next
	}
	return theta
}

// between returns a point inside (lo, hi); where one end is infinite or at 0 it goes there from theta by factors.
func between(lo, hi, theta float64) float64 {
	switch {
	case math.IsInf(hi, 1):
		return theta + max(1, math.Abs(theta))
	case math.IsInf(lo, -1):
		return theta - max(1, math.Abs(theta))
	}
	return lo + 0.5*(hi-lo)
}

// lugannaniRice returns the approximation to ln P(S >= x) from the saddle point θ, K'(θ) = x: rate = θx − K(θ) >= 0, k2 = K”(θ), k3 = K”'(θ).
// (R. Lugannani, S. Rice, Saddle point approximation for the distribution of the sum of independent random variables, 1980;
// where its last factor turns negative, far out on short sums, O. E. Barndorff-Nielsen's r*, 1986, which cannot.)
func lugannaniRice(theta, rate, k2, k3 float64) float64 {
	r, u := math.Sqrt(2*rate), math.Abs(theta)*math.Sqrt(k2)
	correction := 1/u - 1/r
	if !(r > 1e-3 && u > 1e-3) {
		correction = math.Copysign(-k3/(6*k2*math.Sqrt(k2)), theta) // the limit, −λ₃/6 to the right of the mean
		if theta < 0 {
			correction = k3 / (6 * k2 * math.Sqrt(k2))
		}
	}
	far := math.Log(mills(r)+correction) - rate - halfLog2Pi
	if !(mills(r)+correction > 0) {
		far = Normal(r + math.Log(u/r)/r)
	}
	if theta < 0 {
		return log1mexp(min(far, 0))
	}
	return min(far, 0)
}
