package tail

import "math"

// WeightedBernoulli returns the tails of S = Σ w_i B_i at x, B_i independent and 1 with probability p[i], weights of
// either sign. Sums that reach x within rounding count as reaching it.
//
// Approx takes S for continuous. On 16 or more weights of one order and all different it is within 0.1 nats of the
// truth down to −5 and 0.5 nats down to −10; on few or equal weights it can be off by a factor of 2 and more, either
// way. For the truth itself, where it is cheap, see WeightedBernoulliExact.
//
// len(p) other than len(w), a weight that is not finite, a probability outside [0, 1] or x NaN is an error of the
// caller and gives 0 for both.
func WeightedBernoulli(x float64, w, p []float64) Tails {
	sum, x := newBernoulliSum(x, w, p)
	if answer, done := sum.settled(x); done {
		return Tails{answer, answer}
	}
	theta := sum.saddle(x)
	k0, _, k2, k3 := sum.cumulant(theta)
	return chernoff(theta, max(theta*x-k0, 0), k2, k3)
}

// maxEnumerated is the number of terms up to which all 2^n sums are visited, in some 10 ms.
const maxEnumerated = 20

// WeightedBernoulliExact returns ln P(S >= x) for the sum of WeightedBernoulli, and true, where that is cheap: for
// equal weights, and for at most 20 terms that have a weight other than 0 and a probability inside (0, 1). Otherwise
// it returns the Chernoff bound and false. Invalid arguments give 0 and true.
func WeightedBernoulliExact(x float64, w, p []float64) (lnP float64, exact bool) {
	sum, x := newBernoulliSum(x, w, p)
	if answer, done := sum.settled(x); done {
		return answer, true
	}
	if count, ok := sum.counts(x); ok {
		return PoissonBinomial(count, sum.probabilities()), true
	}
	theta := sum.saddle(x)
	k0, _, _, _ := sum.cumulant(theta)
	if len(sum) > maxEnumerated {
		return min(k0-theta*x, 0), false
	}
	upper := theta >= 0
	part := tailPart{k0 - theta*x, math.Log(sum.enumerate(x, theta, upper)), upper}
	return part.logUpper(), true
}

// A bernoulliTerm is one summand w·B, w != 0, B = 1 with probability p inside (0, 1).
type bernoulliTerm struct{ w, p float64 }

type bernoulliSum []bernoulliTerm

// newBernoulliSum returns the terms that are open, and x less those that are sure and less what rounding may take
// from a sum, both scaled by the power of two that brings the largest weight to between ½ and 1. x is −Inf, which
// every sum reaches, where an argument is invalid.
func newBernoulliSum(x float64, w, p []float64) (bernoulliSum, float64) {
	exponent, ok := unitScale(w)
	if !ok || len(w) != len(p) || math.IsNaN(x) {
		return nil, math.Inf(-1)
	}
	sum := make(bernoulliSum, 0, len(w))
	sure, size := 0.0, 0.0
	for i, v := range w {
		v = math.Ldexp(v, -exponent)
		switch {
		case !(p[i] >= 0 && p[i] <= 1):
			return nil, math.Inf(-1)
		case p[i] == 1:
			sure += v
		case v != 0 && p[i] > 0:
			sum = append(sum, bernoulliTerm{v, p[i]})
		}
		size += math.Abs(v)
	}
	slack := size * float64(len(w)) * 0x1p-52
	return sum, math.Ldexp(x, -exponent) - sure - slack
}

// settled answers where x is at an end of the support or beyond.
func (s bernoulliSum) settled(x float64) (lnP float64, done bool) {
	least, most, last := 0.0, 0.0, math.Inf(1)
	for _, b := range s {
		least += min(b.w, 0)
		most += max(b.w, 0)
		last = min(last, math.Abs(b.w))
	}
	switch {
	case x <= least:
		return 0, true
	case x > most:
		return math.Inf(-1), true
	case x > most-last: // only the largest sum is left
		return s.logMost(), true
	}
	return 0, false
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
	var sum total
	for _, b := range s {
		if b.w > 0 {
			sum.add(ln(b.p))
		} else {
			sum.add(math.Log1p(-b.p))
		}
	}
	return sum.value()
}

// cumulant returns K(θ) = Σ ln(1 − p + p e^{θw}) and its first three derivatives.
func (s bernoulliSum) cumulant(theta float64) (k0, k1, k2, k3 float64) {
	var cumulant total
	for _, b := range s {
		cumulant.add(bernoulliCumulant(theta*b.w, b.p))
		q, r := tilted(b.p, theta*b.w)
		v := q * r * b.w * b.w
		k1 += q * b.w
		k2 += v
		k3 += v * (r - q) * b.w
	}
	return cumulant.value(), k1, k2, k3
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

// counts returns the number of successes that reach x, where all weights are one positive number.
func (s bernoulliSum) counts(x float64) (k int, ok bool) {
	for _, b := range s {
		if b.w != s[0].w || b.w < 0 {
			return 0, false
		}
	}
	return int(math.Ceil(x / s[0].w)), true
}

func (s bernoulliSum) probabilities() []float64 {
	p := make([]float64, len(s))
	for i, b := range s {
		p[i] = b.p
	}
	return p
}

// enumerate returns E e^{−θ(S−x)} over S >= x (or S < x) under the law tilted by θ, which is P(S >= x) (or P(S < x))
// without its factor e^{K(θ) − θx}.
func (s bernoulliSum) enumerate(x, theta float64, upper bool) float64 {
	values, weights := make([]float64, 1, 1<<len(s)), make([]float64, 1, 1<<len(s))
	weights[0] = 1
	for _, b := range s {
		hit, miss := tilted(b.p, theta*b.w)
		for i, n := 0, len(values); i < n; i++ {
			values = append(values, values[i]+b.w)
			weights = append(weights, weights[i]*hit)
			weights[i] *= miss
		}
	}
	sum := 0.0
	for i, v := range values {
		if (v >= x) == upper {
			sum += weights[i] * math.Exp(-theta*(v-x))
		}
	}
	return sum
}
