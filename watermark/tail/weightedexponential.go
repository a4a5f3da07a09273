package tail

import "math"

// Tails are two answers to one question, ln P(S >= x), for sums whose exact law may be out of reach.
type Tails struct {
	Bound  float64 // a proven upper bound (H. Chernoff, 1952): what a finding may rest on
	Approx float64 // Lugannani and Rice's saddle-point approximation: to show beside it, never above it, and not a bound
}

// WeightedExponential returns the tails of S = Σ w_i E_i at x, E_i independent Exp(1) and weights of either sign.
//
// Approx is within 1 − ½ ln 2π = 0.082 nats of the truth, most of all far out on a single term. For the truth itself
// see WeightedExponentialExact.
//
// Weights of 0 count for nothing. A weight that is not finite, or x NaN, is an error of the caller and gives 0 for
// both.
func WeightedExponential(x float64, w []float64) Tails {
	sum, x := newGammaSum(x, w)
	if answer, done := sum.settled(x); done {
		return Tails{answer, answer}
	}
	mean, _, _ := sum.moments()
	theta := sum.saddle(x, 0)
	_, k2, k3 := sum.slopes(theta)
	return chernoff(theta, max(-sum.exponent(theta, x, mean), 0), k2, k3)
}

// WeightedExponentialExact returns ln P(S >= x) for S = Σ w_i E_i, E_i independent Exp(1) and weights of either sign,
// equal ones included. It inverts the characteristic function along a path on which nothing cancels, some 50 to 500
// evaluations of it: a relative error below 1e-10, usually 1e-13. Where weights differ by a factor of 1e50, or x is
// more than 1e12 weights away, it is an upper bound.
//
// Invalid arguments as for WeightedExponential.
func WeightedExponentialExact(x float64, w []float64) float64 {
	sum, x := newGammaSum(x, w)
	if answer, done := sum.settled(x); done {
		return answer
	}
	if x >= 0 {
		return sum.logTail(x, false)
	}
	for i := range sum { // S >= x is −S <= −x
		sum[i].w = -sum[i].w
	}
	return sum.logTail(-x, true)
}

// faintest is the smallest size of a weight, in units of the largest, that the contours can follow.
const faintest = 1e-50

// newGammaSum returns the terms with weights other than 0, and x, scaled by the power of two that brings the largest
// weight to between ½ and 1. Weights below the faintest are raised to it or, if negative, left out: the sum grows, so
// what follows is still no less than the tail. x is −Inf, which every sum reaches, where an argument is not a number.
func newGammaSum(x float64, w []float64) (gammaSum, float64) {
	exponent, ok := unitScale(w)
	if !ok || math.IsNaN(x) {
		return nil, math.Inf(-1)
	}
	sum := make(gammaSum, 0, len(w))
	for _, v := range w {
		switch v = math.Ldexp(v, -exponent); {
		case v > 0:
			sum = append(sum, gammaTerm{max(v, faintest), 1})
		case v < -faintest:
			sum = append(sum, gammaTerm{v, 1})
		}
	}
	return sum, math.Ldexp(x, -exponent)
}

// unitScale returns the exponent of the power of two that brings the largest weight to between ½ and 1; ok is false
// if a weight is not finite.
func unitScale(w []float64) (exponent int, ok bool) {
	largest := 0.0
	for _, v := range w {
		largest = max(largest, math.Abs(v)) // NaN if any is
	}
	_, exponent = math.Frexp(largest)
	return exponent, largest <= math.MaxFloat64
}

// settled answers where no integral is needed: x outside the support, or a single term.
func (s gammaSum) settled(x float64) (lnP float64, done bool) {
	lo, hi := s.domain()
	switch {
	case math.IsInf(x, -1), math.IsInf(lo, -1) && x <= 0: // nothing below 0 can happen
		return 0, true
	case math.IsInf(x, 1), math.IsInf(hi, 1) && x >= 0: // nothing above 0 can
		return math.Inf(-1), true
	case len(s) == 1 && s[0].w > 0:
		return -x / s[0].w, true
	case len(s) == 1:
		return log1mexp(-x / s[0].w), true
	}
	return 0, false
}

// Saddlepoint returns the tails of a sum at x from its cumulant function K: theta solves K'(θ) = x, rate is θx − K(θ),
// k2 and k3 are K”(θ) and K”'(θ). Bound is Chernoff's: for it any θ > 0 will do. NaN, a negative rate or a k2 that is
// not positive is an error of the caller and gives 0 for both.
func Saddlepoint(theta, rate, k2, k3 float64) Tails {
	if !(rate >= 0 && k2 > 0 && !math.IsInf(k2, 1)) || math.IsNaN(theta) || math.IsNaN(k3) || math.IsInf(k3, 0) {
		return Tails{}
	}
	return chernoff(theta, rate, k2, k3)
}

// chernoff makes Tails of a saddle point: K'(θ) = x, rate = θx − K(θ).
func chernoff(theta, rate, k2, k3 float64) Tails {
	bound := 0.0
	if theta > 0 {
		bound = -rate
	}
	return Tails{bound, min(lugannaniRice(theta, rate, k2, k3), bound)}
}
