package tail

import "math"

// maxCount is the largest count accepted: up to here float64 holds every integer.
const maxCount = 1 << 53

// Binomial returns ln P(X >= k) for X ~ Binomial(n, p), exact like Gamma.
//
// k <= 0 gives 0 and k > n gives −Inf. n < 0, n > 2^53, p outside [0, 1] or NaN is an error of the caller and gives
// 0, no evidence.
func Binomial(k, n int64, p float64) float64 {
	switch {
	case n < 0 || n > maxCount || !(p >= 0 && p <= 1) || k <= 0:
		return 0
	case k > n:
		return math.Inf(-1)
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return 0
	case k == n:
		return float64(n) * ln(p)
	case k == 1:
		return log1mexp(float64(n) * math.Log1p(-p))
	}
	return betaTail(newBetaPoint(float64(k), float64(n-k+1), p)).logUpper()
}
