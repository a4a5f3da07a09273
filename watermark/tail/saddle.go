package tail

import "math"

// saddle returns the root of an increasing function g on the open interval (lo, hi), either end of which may be
// infinite, to about 1e-6 of its distance from the ends and from 0: contours and bounds hold at any θ near it. g
// returns its value and derivative. Newton's method, at most tripling θ in a step, inside a shrinking bracket.
func saddle(g func(theta float64) (value, slope float64), lo, hi, start float64) float64 {
	theta, left, right := start, lo, hi
	for range 500 {
		value, slope := g(theta)
		if value > 0 {
			right = theta
		} else {
			left = theta
		}
		longest := 2*math.Abs(theta) + math.Abs(start)
		next := theta - max(-longest, min(value/slope, longest))
		if !(next > left && next < right) {
			next = left + 0.5*(right-left)
		}
		room := min(math.Abs(theta), theta-lo, hi-theta)
		if !(math.Abs(next-theta) > 1e-6*room) || math.IsInf(next, 0) {
			break
		}
		theta = next
	}
	return theta
}

// lugannaniRice returns the approximation to ln P(S >= x) from the saddle point θ, K'(θ) = x: rate = θx − K(θ) >= 0,
// k2 = K”(θ), k3 = K”'(θ). (R. Lugannani, S. Rice, Saddle point approximation for the distribution of the sum of
// independent random variables, 1980; where its last factor turns negative, far out on short sums, O. E.
// Barndorff-Nielsen's r*, 1986, which cannot.)
func lugannaniRice(theta, rate, k2, k3 float64) float64 {
	r, u := math.Sqrt(2*rate), math.Abs(theta)*math.Sqrt(k2)
	correction := 1/u - 1/r
	if !(r > 0.01 && u > 0.01) { // both poles cancel: the limit, −λ₃/6 to the right of the mean
		correction = math.Copysign(1, -theta) * k3 / (6 * k2 * math.Sqrt(k2))
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
