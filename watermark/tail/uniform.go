package tail

import "math"

// Gamma and beta tails near their mean, uniformly in the parameters.
//
// Both laws have a density proportional to e^{−rη²/2} f(η) dη after a change of variable, with f analytic and f(0) =
// 1: for Gamma(a) r = a and ½η² = λ − 1 − ln λ, λ = x/a. Their upper tail is then
//
//	Q = φ(z) [M(z) + S(η)/√r],   z = η√r,
//
// M being Mills' ratio, and differentiating shows S' − rηS = r(1 − f/G), G the correction to Stirling's formula in
// the normaliser. In powers of η, with S = Σ β_n η^n / G, this is
//
//	β_{n−1} = f_n + (n+1)/r · β_{n+1},   n = …, 3, 2, 1,   and G = 1 + β_1/r,
//
// so the coefficients follow from the top down, the normaliser included. (N. M. Temme, The asymptotic expansion of
// the incomplete gamma functions, 1979, and of the incomplete beta function, 1982; A. Gil, J. Segura, N. M. Temme,
// Efficient and accurate algorithms for the incomplete gamma function ratios, 2012.)

// uniformSum returns S(η) for the Taylor coefficients f of a law.
func uniformSum(f []float64, r, eta float64) float64 {
	var sum, above, here float64 // above is β_{n+1}, here is β_n
	rr := 1 / r
	for n := len(f) - 1; n >= 1; n-- {
		below := f[n] + float64(n+1)*rr*above
		sum = sum*eta + below
		above, here = here, below
	}
	return sum / (1 + above*rr)
}

// logUniform returns ln of the tail beyond z = ±√(2D) on the side away from the mean, without its factor e^{−D}: ln
// [M(|z|) ± S(η)/√r] − ½ ln 2π. The sign of eta says which tail: the upper one for eta >= 0.
func logUniform(f []float64, r, dev, eta float64) float64 {
	s := uniformSum(f, r, eta) / math.Sqrt(r)
	if eta < 0 {
		s = -s
	}
	return math.Log(mills(math.Sqrt(2*dev))+s) - halfLog2Pi
}
