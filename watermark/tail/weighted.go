package tail

import "math"

// Tails are two answers to one question, ln P(S >= x).
type Tails struct {
	Bound  float64 // a proven upper bound (H. Chernoff, 1952): what a finding may rest on
	Approx float64 // Lugannani and Rice's approximation: to show beside it, and never above it
}

// WeightedExponential returns the tails of S = Σ w_i E_i at x, E_i independent Exp(1) and weights of either sign.
// Bound exceeds the truth by the factor of a Chernoff bound, about 1 + ½ ln(1 + 2π·rate) nats. Approx is within 0.05 nats of the truth.
// For the truth itself see WeightedExponentialExact.
//
// Weights of 0 count for nothing. A weight that is not finite, or x NaN, is an error of the caller and gives 0 for both.
func WeightedExponential(x float64, w []float64) Tails {
	sum, ok := weightedTerms(w)
	if !ok || math.IsNaN(x) {
		return Tails{}
	}
	if answer, done := sum.settled(x); done {
		return Tails{answer, answer}
	}
	mean, variance := sum.mean()
	off := x - mean
	lo, hi := sum.domain()
	start := max(min(off/variance, hi/2), lo/2)
	theta := saddle(func(t float64) (float64, float64) {
		k1, k2, _ := sum.slopes(t)
		return k1 - x, k2
	}, lo, hi, start)
	rate := max(-sum.excess(theta, off), 0)
	_, k2, k3 := sum.slopes(theta)
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

// WeightedExponentialExact returns ln P(S >= x) for S = Σ w_i E_i, E_i independent Exp(1) and weights of either sign, equal ones included.
// It inverts the characteristic function along a path on which nothing cancels, in time proportional to some 40·len(w): a relative error below 1e-10, usually 1e-13.
//
// Invalid arguments as for WeightedExponential.
func WeightedExponentialExact(x float64, w []float64) float64 {
	sum, ok := weightedTerms(w)
	if !ok || math.IsNaN(x) {
		return 0
	}
	if answer, done := sum.settled(x); done {
		return answer
	}
	if x < 0 {
		for i := range sum {
			sum[i].w = -sum[i].w
		}
		part := sum.tail(-x)
		part.upper = !part.upper
		return logUpper(part)
	}
	return logUpper(sum.tail(x))
}

// weightedTerms drops zero weights; ok is false where a weight is not finite.
func weightedTerms(w []float64) (sum gammaSum, ok bool) {
	for _, v := range w {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
		if v != 0 {
			sum = append(sum, gammaTerm{v, 1})
		}
	}
	return sum, true
}

// settled answers where no integral is needed: x outside the support, an empty sum, a single term.
func (s gammaSum) settled(x float64) (lnP float64, done bool) {
	lo, hi := s.domain()
	switch {
	case math.IsInf(lo, -1) && x <= 0: // nothing below 0 can happen
		return 0, true
	case math.IsInf(hi, 1) && x >= 0, math.IsInf(x, 1): // nothing above 0 can
		return math.Inf(-1), true
	case math.IsInf(x, -1):
		return 0, true
	case len(s) == 1 && s[0].w > 0:
		return -x / s[0].w, true
	case len(s) == 1:
		return log1mexp(-x / s[0].w), true
	}
	return 0, false
}

// WeightedBernoulli returns the tails of S = Σ w_i B_i at x, B_i independent and 1 with probability p[i], weights of either sign.
// Approx takes S for continuous, which is right where the weights are many and unequal; where all are equal it is exact (PoissonBinomial).
// Sums that reach x within rounding count as reaching it.
//
// len(p) other than len(w), a weight that is not finite, a probability outside [0, 1] or x NaN is an error of the caller and gives 0 for both.
func WeightedBernoulli(x float64, w, p []float64) Tails {
	sum, ok := bernoulliTerms(w, p)
	if !ok || math.IsNaN(x) {
		return Tails{}
	}
	least, most, slack := sum.support()
	switch {
	case x <= least+slack:
		return Tails{}
	case x > most+slack:
		return Tails{math.Inf(-1), math.Inf(-1)}
	case x >= most-slack:
		top := sum.logMost()
		return Tails{top, top}
	}
	theta := saddle(func(t float64) (float64, float64) {
		_, k1, k2, _ := sum.cumulant(t)
		return k1 - x, k2
	}, math.Inf(-1), math.Inf(1), 0)
	k0, _, k2, k3 := sum.cumulant(theta)
	tails := chernoff(theta, max(theta*x-k0, 0), k2, k3)
	if exact, ok := sum.equalWeights(x - slack); ok {
		tails.Approx = exact
	}
	return tails
}

// A bernoulliTerm is one summand w·B, B = 1 with probability p.
type bernoulliTerm struct{ w, p float64 }

type bernoulliSum []bernoulliTerm

func bernoulliTerms(w, p []float64) (sum bernoulliSum, ok bool) {
	if len(w) != len(p) {
		return nil, false
	}
	for i, v := range w {
		if math.IsNaN(v) || math.IsInf(v, 0) || !(p[i] >= 0 && p[i] <= 1) {
			return nil, false
		}
		if v != 0 {
			sum = append(sum, bernoulliTerm{v, p[i]})
		}
	}
	return sum, true
}

// support returns the least and the largest value of the sum and how far off rounding may put them.
func (s bernoulliSum) support() (least, most, slack float64) {
	for _, b := range s {
		lo, hi := min(b.w, 0), max(b.w, 0)
		switch b.p {
		case 0:
			lo, hi = 0, 0
		case 1:
			lo, hi = b.w, b.w
		}
		least += lo
		most += hi
		slack += math.Abs(b.w)
	}
	return least, most, slack * float64(len(s)) * 0x1p-52
}

// logMost returns ln of the probability of the largest value.
func (s bernoulliSum) logMost() float64 {
	sum := 0.0
	for _, b := range s {
		switch {
		case b.p == 0 || b.p == 1:
		case b.w > 0:
			sum += math.Log(b.p)
		default:
			sum += math.Log1p(-b.p)
		}
	}
	return sum
}

// cumulant returns K(θ) = Σ ln(1 − p + p e^{θw}) and its first three derivatives.
func (s bernoulliSum) cumulant(theta float64) (k0, k1, k2, k3 float64) {
	for _, b := range s {
		k0 += bernoulliCumulant(theta*b.w, b.p)
		q := tilted(b.p, theta*b.w)
		v := q * (1 - q) * b.w * b.w
		k1 += q * b.w
		k2 += v
		k3 += v * (1 - 2*q) * b.w
	}
	return k0, k1, k2, k3
}

// tilted returns p e^t / (1 − p + p e^t).
func tilted(p, t float64) float64 {
	if t > 0 {
		return p / (p + (1-p)*math.Exp(-t))
	}
	e := p * math.Exp(t)
	return e / (1 - p + e)
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
