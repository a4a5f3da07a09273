package tail

import "math"

// GammaE returns ln of the e-value of n scores that sum to s, Exp(1) under the null, against the alternative
// (1−λ)e^{λs} a score, λ ~ Beta(1, b):
//
//	ln e = ln b + s − (n+b) ln s + ln Γ(n+b) + ln P(n+b, s).
//
// Large b bets on weak marks. n <= 0 gives 0. b not positive and finite, s negative or NaN is an error of the caller
// and gives −Inf, the e-value 0.
func GammaE(n int64, s, b float64) float64 {
	switch {
	case n <= 0:
		return 0
	case !(b > 0) || math.IsInf(b, 1) || !(s >= 0):
		return math.Inf(-1)
	case math.IsInf(s, 1):
		return s
	}
	a := float64(n) + b
	return math.Log(b/a) + gammaLowerRatio(s, a)
}

// gammaLowerRatio returns ln [P(a,x) Γ(a+1) e^x x^{−a}].
func gammaLowerRatio(x, a float64) float64 {
	if x == 0 {
		return 0
	}
	return gammaTail(x, a).lowerRatio()
}

// gammaPriors are the b of the default mixture, bets on λ of about 1/(b+1): from a mark that doubles the mean score
// to one that adds a thousandth.
var gammaPriors = [...]float64{1, 4, 16, 64, 256, 1024}

// GammaMixtureE is the default e-value of Exp(1) scores: the mean of GammaE over b = 1, 4, 16, 64, 256, 1024.
func GammaMixtureE(n int64, s float64) float64 {
	if n <= 0 {
		return 0
	}
	sum := math.Inf(-1)
	for _, b := range gammaPriors {
		sum = logAddExp(sum, GammaE(n, s, b))
	}
	return sum - math.Log(float64(len(gammaPriors)))
}

// BernoulliE returns ln of the e-value of s hits in n trials, each a hit with probability gamma under the null,
// against probability q ~ Beta(a, b) truncated to (gamma, 1):
//
//	ln e = ln B(a+s, b+n−s) + ln I_{1−γ}(b+n−s, a+s) − ln B(a, b) − ln I_{1−γ}(b, a) − s ln γ − (n−s) ln(1−γ).
//
// n <= 0 gives 0. s outside [0, n], n > 2^53, gamma outside (0, 1), a or b outside [0.001, 1e9] is an error of the
// caller and gives −Inf, the e-value 0.
func BernoulliE(n, s int64, gamma, a, b float64) float64 {
	switch {
	case n <= 0:
		return 0
	case n > maxCount || s < 0 || s > n || !(gamma > 0 && gamma < 1):
		return math.Inf(-1)
	case !(a >= 0.001 && a <= 1e9) || !(b >= 0.001 && b <= 1e9):
		return math.Inf(-1)
	}
	return betaUpperRatio(a+float64(s), b+float64(n-s), gamma) - betaUpperRatio(a, b, gamma)
}

// betaUpperRatio returns ln [∫_x^1 q^{a−1} (1−q)^{b−1} dq / (x^a (1−x)^b)].
func betaUpperRatio(a, b, x float64) float64 {
	return betaTail(newBetaPoint(a, b, x)).lowerRatio()
}

// gridSize is the number of bets in gridE: θ = hi/2, hi/4, … hi/4096, from the strongest mark to a mean shift of some
// 0.0002 a token.
const gridSize = 12

// gridE returns ln of the mean over the grid of exp(θS − nK(θ)), each of which has expectation 1 under the law.
func gridE(law Law, s float64, n int64) float64 {
	if n <= 0 {
		return 0
	}
	if !(s >= 0) {
		return math.Inf(-1)
	}
	_, theta := law.Domain()
	sum := math.Inf(-1)
	for range gridSize {
		theta /= 2
		sum = logAddExp(sum, theta*s-float64(n)*law.Cumulant(theta))
	}
	return sum - math.Log(gridSize)
}
