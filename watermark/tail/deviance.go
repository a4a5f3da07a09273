package tail

import "math"

const (
	halfLog2Pi = 0.91893853320467274178 // ½ ln 2π
	ln2        = math.Ln2
)

// log1pmx returns ln(1+x) − x to a few units in the last place, where the plain difference would lose everything that
// x has below its square. Requires x >= −1.
//
// With r = x/(2+x), ln(1+x) = 2 artanh r = 2r(1 + r²/3 + r⁴/5 + …) and 2r − x = −x·r.
func log1pmx(x float64) float64 {
	if x < -0.5 || x > 1 {
		return math.Log1p(x) - x
	}
	r := x / (2 + x)
	r2 := r * r
	sum, power := 1.0/3, r2
	for k := 5.0; power > 1e-18; k += 2 {
		sum += power / k
		power *= r2
	}
	return r * (2*r2*sum - x)
}

// deviance returns D(x, μ) = x ln(x/μ) − x + μ >= 0 given d = x − μ, which the caller knows better than this function
// could: it is where all the digits are lost. Requires x > 0 and μ > 0. (C. Loader, Fast and accurate computation of
// binomial probabilities, 2000: his bd0.)
func deviance(x, mu, d float64) float64 {
	if w := -d / x; w > -0.5 && w < 1 {
		return -x * log1pmx(w)
	}
	ratio := x / mu
	if math.IsInf(ratio, 1) {
		return x*(ln(x)-ln(mu)) - d
	}
	return x*math.Log(ratio) - d
}

// stirlingError returns δ(z) = ln Γ(z+1) − (z+½) ln z + z − ½ ln 2π, what Stirling's formula leaves out. Requires z >
// 0. (NIST DLMF 5.11.1; from z = 15 on the first term left out is below 3e-16.)
func stirlingError(z float64) float64 {
	if z < 15 {
		lg, _ := math.Lgamma(z + 1)
		return lg - (z+0.5)*math.Log(z) + z - halfLog2Pi
	}
	r := 1 / z
	r2 := r * r
	return r * (1./12 - r2*(1./360-r2*(1./1260-r2*(1./1680-r2/1188))))
}

// ln is math.Log, which on amd64 takes a subnormal number for one near 2^−1023.
func ln(x float64) float64 {
	if x < 0x1p-1022 {
		return math.Log(x*0x1p54) - 54*ln2
	}
	return math.Log(x)
}

// log1mexp returns ln(1 − e^t) for t <= 0 without cancellation at either end. (M. Mächler, Accurately computing log(1
// − exp(−|a|)), 2012.)
func log1mexp(t float64) float64 {
	if t > -ln2 {
		return math.Log(-math.Expm1(t))
	}
	return math.Log1p(-math.Exp(t)) + 0
}

// logAddExp returns ln(e^a + e^b).
func logAddExp(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) || math.IsInf(a, 1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
