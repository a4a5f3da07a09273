package tail

import "math"

// PoissonBinomial returns ln P(X >= k) for the number X of successes in len(p) independent trials, success i having
// probability p[i]. It is exact, at any depth.
//
// The trials are tilted until k is the mean (F. Esscher, 1932), P(X = j) = P̃(X = j) e^{K(θ) − θj}, so the
// convolution that follows meets no small numbers where it matters. Time is of order len(p)·min(len(p), 40 standard
// deviations).
//
// k <= 0 gives 0 and k > len(p) gives −Inf. A probability outside [0, 1] or NaN is an error of the caller and gives
// 0, no evidence.
func PoissonBinomial(k int, p []float64) float64 {
	sum := make(bernoulliSum, 0, len(p))
	mean := 0.0
	for _, v := range p {
		switch {
		case !(v >= 0 && v <= 1):
			return 0
		case v == 1:
			k--
		case v > 0:
			sum = append(sum, bernoulliTerm{1, v})
			mean += v
		}
	}
	switch n := len(sum); {
	case k <= 0:
		return 0
	case k > n:
		return math.Inf(-1)
	case k == n:
		return sum.logMost()
	case k == 1:
		return log1mexp(sum.logLeast())
	case float64(k) > mean:
		return min(sum.countTail(k, true), 0)
	}
	return log1mexp(min(sum.countTail(k-1, false), 0))
}

// logLeast returns ln of the probability of no success.
func (s bernoulliSum) logLeast() float64 {
	var sum total
	for _, b := range s {
		sum.add(math.Log1p(-b.p))
	}
	return sum.value()
}

// countTail returns ln P(X >= k) or ln P(X <= k) of a sum whose weights are all 1, 0 < k < len(s), probabilities
// inside (0, 1).
func (s bernoulliSum) countTail(k int, upper bool) float64 {
	target := float64(k)
	theta := s.saddle(target)
	k0, _, _, _ := s.cumulant(theta)
	law, first := s.convolve(theta)
	sum := 0.0
	for i, v := range law {
		if j := first + i; j == k || (j > k) == upper {
			sum += v * math.Exp(theta*float64(k-j))
		}
	}
	return k0 - theta*target + math.Log(sum)
}

// negligible is the probability at which the ends of a convolution are cut off. The k that matters has more than
// 0.1/len(s), so 1e12 cuts change nothing.
const negligible = 1e-40

// convolve returns the law of the sum tilted by θ: law[i] = P̃(X = first+i).
func (s bernoulliSum) convolve(theta float64) (law []float64, first int) {
	law = make([]float64, 1, len(s)+1)
	law[0] = 1
	for _, b := range s {
		hit, miss := tilted(b.p, theta)
		law = append(law, law[len(law)-1]*hit)
		for j := len(law) - 2; j > 0; j-- {
			law[j] = law[j]*miss + law[j-1]*hit
		}
		law[0] *= miss
		for len(law) > 1 && law[0] < negligible {
			law, first = law[1:], first+1
		}
		for len(law) > 1 && law[len(law)-1] < negligible {
			law = law[:len(law)-1]
		}
	}
	return law, first
}
