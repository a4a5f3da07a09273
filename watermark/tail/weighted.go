package tail

import "math"

// Tails are two answers to one question, ln P(S >= x).
type Tails struct {
	Bound  float64 // a proven upper bound (H. Chernoff, 1952): what a finding may rest on
	Approx float64 // Lugannani and Rice's approximation: to show beside it, and never above it
}

// WeightedExponential returns the tails of S = Σ w_i E_i at x, E_i independent Exp(1) and weights of either sign.
// For the truth itself see WeightedExponentialExact.
//
// Weights of 0 count for nothing. A weight that is not finite, or x NaN, is an error of the caller and gives 0 for both.
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

// WeightedExponentialExact returns ln P(S >= x) for S = Σ w_i E_i, E_i independent Exp(1) and weights of either sign, equal ones included.
// It inverts the characteristic function along a path on which nothing cancels, some 50 to 500 evaluations of it: a relative error below 1e-10, usually 1e-13.
//
// Invalid arguments as for WeightedExponential.
func WeightedExponentialExact(x float64, w []float64) float64 {
	sum, x := newGammaSum(x, w)
	if answer, done := sum.settled(x); done {
		return answer
	}
	if x >= 0 {
		return sum.tail(x).logUpper()
	}
	for i := range sum { // S >= x is −S <= −x
		sum[i].w = -sum[i].w
	}
	part := sum.tail(-x)
	part.upper = !part.upper
	return part.logUpper()
}

// newGammaSum returns the terms with weights other than 0, and x, scaled by the power of two that brings the largest weight to between ½ and 1.
// x is −Inf, which every sum reaches, where an argument is not a number.
func newGammaSum(x float64, w []float64) (gammaSum, float64) {
	largest := 0.0
	for _, v := range w {
		largest = max(largest, math.Abs(v)) // NaN if any is
	}
	if math.IsNaN(largest) || math.IsInf(largest, 0) || math.IsNaN(x) {
		return nil, math.Inf(-1)
	}
	_, exponent := math.Frexp(largest)
	sum := make(gammaSum, 0, len(w))
	for _, v := range w {
		if v = math.Ldexp(v, -exponent); v != 0 {
			sum = append(sum, gammaTerm{v, 1})
		}
	}
	return sum, math.Ldexp(x, -exponent)
}

// tiniest is the x, in units of the largest weight, below which the probability of not reaching it is taken for 0.
const tiniest = 1e-100

// settled answers where no integral is needed: x outside the support, a single term, x next to the end of the support.
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
	case math.IsInf(lo, -1) && x < tiniest:
		return 0, true
	}
	return 0, false
}

// chernoff makes Tails of a saddle point: K'(θ) = x, rate = θx − K(θ).
func chernoff(theta, rate, k2, k3 float64) Tails {
	bound := 0.0
	if theta > 0 {
		bound = -rate
	}
	return Tails{bound, min(lugannaniRice(theta, rate, k2, k3), bound)}
}

// WeightedBernoulli returns the tails of S = Σ w_i B_i at x, B_i independent and 1 with probability p[i], weights of either sign.
// Approx takes S for continuous, which is right where the weights are many and unequal; where all are equal it is exact (PoissonBinomial).
// Sums that reach x within rounding count as reaching it.
//
// len(p) other than len(w), a weight that is not finite, a probability outside [0, 1] or x NaN is an error of the caller and gives 0 for both.
func WeightedBernoulli(x float64, w, p []float64) Tails {
	sum, sure, ok := newBernoulliSum(w, p)
	if !ok || math.IsNaN(x) {
		return Tails{}
	}
	x -= sure
	least, most, slack := sum.support()
	switch slack += (math.Abs(x) + math.Abs(sure)) * 0x1p-52; {
	case x <= least+slack:
		return Tails{}
	case x > most+slack:
		return Tails{math.Inf(-1), math.Inf(-1)}
	case x >= most-slack:
		top := sum.logMost()
		return Tails{top, top}
	}
	theta := sum.saddle(x)
	k0, _, k2, k3 := sum.cumulant(theta)
	tails := chernoff(theta, max(theta*x-k0, 0), k2, k3)
	if exact, ok := sum.equalWeights(x - slack); ok {
		tails.Approx = exact
	}
	return tails
}

// A bernoulliTerm is one summand w·B, B = 1 with probability p inside (0, 1).
type bernoulliTerm struct{ w, p float64 }

type bernoulliSum []bernoulliTerm

// newBernoulliSum returns the terms that are open and the sum of those that are sure; ok is false where an argument is invalid.
func newBernoulliSum(w, p []float64) (sum bernoulliSum, sure float64, ok bool) {
	if len(w) != len(p) {
		return nil, 0, false
	}
	for i, v := range w {
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0) || !(p[i] >= 0 && p[i] <= 1):
			return nil, 0, false
		case p[i] == 1:
			sure += v
		case v != 0 && p[i] > 0:
			sum = append(sum, bernoulliTerm{v, p[i]})
		}
	}
	return sum, sure, true
}

// support returns the least and the largest value of the sum and how far off rounding may put a value.
func (s bernoulliSum) support() (least, most, slack float64) {
	for _, b := range s {
		least += min(b.w, 0)
		most += max(b.w, 0)
	}
	return least, most, (most - least) * float64(len(s)) * 0x1p-52
}

// saddle returns θ with K'(θ) = x, for x inside the support.
func (s bernoulliSum) saddle(x float64) float64 {
	_, mean, variance, _ := s.cumulant(0)
	largest := 0.0
	for _, b := range s {
		largest = max(largest, math.Abs(b.w))
	}
	start := max(-1/largest, min((x-mean)/variance, 1/largest))
	return saddle(func(theta float64) (value, slope float64) {
		_, k1, k2, _ := s.cumulant(theta)
		return k1 - x, k2
	}, math.Inf(-1), math.Inf(1), start)
}

// logMost returns ln of the probability of the largest value.
func (s bernoulliSum) logMost() float64 {
	sum := 0.0
	for _, b := range s {
		if b.w > 0 {
			sum += math.Log(b.p)
		} else {
			sum += math.Log1p(-b.p)
		}
	}
	return sum
}

// cumulant returns K(θ) = Σ ln(1 − p + p e^{θw}) and its first three derivatives.
func (s bernoulliSum) cumulant(theta float64) (k0, k1, k2, k3 float64) {
	for _, b := range s {
		k0 += bernoulliCumulant(theta*b.w, b.p)
		q, r := tilted(b.p, theta*b.w)
		v := q * r * b.w * b.w
		k1 += q * b.w
		k2 += v
		k3 += v * (r - q) * b.w
	}
	return k0, k1, k2, k3
}

// tilted returns p e^t / (1 − p + p e^t) and its complement.
func tilted(p, t float64) (hit, miss float64) {
	if t > 0 {
		e := (1 - p) * math.Exp(-t)
		return p / (p + e), e / (p + e)
	}
	e := p * math.Exp(t)
	return e / (1 - p + e), (1 - p) / (1 - p + e)
}

// equalWeights returns the exact ln P(S >= x) where all weights are one positive number.
func (s bernoulliSum) equalWeights(x float64) (float64, bool) {
	p := make([]float64, len(s))
	for i, b := range s {
		if b.w != s[0].w || !(b.w > 0) {
			return 0, false
		}
		p[i] = b.p
	}
	return PoissonBinomial(int(math.Ceil(x/s[0].w)), p), true
}
