package tail

import "math"

// Normal returns ln P(Z >= x) for a standard normal Z, exact at any x: −1e6 is as good as −1. NaN gives 0.
//
// No test of this library takes its p-value from a normal law; it is here for diagnostics and for the approximations
// that say so.
func Normal(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return 0
	case x < 0:
		return log1mexp(Normal(-x))
	case x < 5:
		return math.Log(0.5 * math.Erfc(x/math.Sqrt2))
	}
	return -0.5*x*x - halfLog2Pi + math.Log(mills(x))
}

// mills returns Mills' ratio P(Z >= z)/φ(z) for z >= 0. From z = 5 on by Laplace's continued fraction 1/(z + 1/(z +
// 2/(z + 3/(z + …)))) (NIST DLMF 7.9.3), of which 16 terms are then enough for every digit.
func mills(z float64) float64 {
	if z < 5 {
		return math.Sqrt(math.Pi/2) * math.Exp(0.5*z*z) * math.Erfc(z/math.Sqrt2)
	}
	tail := z
	for k := 16.0; k >= 1; k-- {
		tail = z + k/tail
	}
	return 1 / tail
}
