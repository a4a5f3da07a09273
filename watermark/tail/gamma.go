package tail

import "math"

// Gamma returns ln P(X >= x) for X ~ Gamma(shape, 1), shape any positive real. It is exact: the relative error of the
// answer is a few 1e-14 (1e-10 is promised), also where it is −1e6 or −1e-300.
//
// x <= 0 gives 0. A shape that is not positive and finite, or NaN anywhere, is an error of the caller and gives 0, no
// evidence.
func Gamma(x, shape float64) float64 {
	switch {
	case !(shape > 0) || math.IsInf(shape, 1) || !(x > 0):
		return 0
	case math.IsInf(x, 1):
		return math.Inf(-1)
	case shape < tinyShape:
		return gammaTail(x, tinyShape).logUpper() + (ln(shape) - ln(tinyShape))
	}
	return gammaTail(x, shape).logUpper()
}

// tinyShape is a shape below which P(X >= x) is in proportion to the shape, to the last bit: a factor 1 + O(a ln x).
// Far below it products with the shape would lose their digits.
const tinyShape = 1e-200

// A tailPart is one tail of a law, as the product of a factor that holds all of its smallness and a ratio that holds
// none.
type tailPart struct {
	prefix float64 // ln of the factor
	ratio  float64 // ln of the rest
	upper  bool    // which tail: P(X >= x), else P(X < x)
}

// log returns ln of the tail that was computed.
func (p tailPart) log() float64 { return min(p.prefix+p.ratio, 0) }

// logUpper returns ln P(X >= x).
func (p tailPart) logUpper() float64 {
	if p.upper {
		return p.log()
	}
	return log1mexp(p.log())
}

// lowerRatio returns ln P(X < x) − prefix.
func (p tailPart) lowerRatio() float64 {
	if p.upper {
		return log1mexp(p.log()) - p.prefix
	}
	return p.ratio
}

// gammaTail returns the tail of Gamma(a, 1) at x that can be computed without cancellation; the other one is then not
// small. Its prefix is ln [x^a e^{−x} / Γ(a+1)]. Requires a > 0 and 0 < x < ∞.
func gammaTail(x, a float64) tailPart {
	switch {
	case a < 1 && x < 1.5:
		return gammaSmall(x, a)
	case a >= 12 && x > 0.3*a && x < 2.36*a:
		return gammaUniform(x, a)
	case x < a || (a < 12 && x < a+1):
		return tailPart{gammaPrefix(x, a), math.Log(gammaSeries(x, a)), false}
	}
	return tailPart{gammaPrefix(x, a), math.Log(a * gammaFraction(x, a)), true}
}

// gammaPrefix returns ln [x^a e^{−x} / Γ(a+1)], by Loader's deviance where a difference of logarithms of Γ would lose
// digits.
func gammaPrefix(x, a float64) float64 {
	if a < 1 {
		return a*ln(x) - x + math.Log1p(a*reciprocalGamma(a))
	}
	return -deviance(a, x, a-x) - 0.5*math.Log(a) - halfLog2Pi - stirlingError(a)
}

// gammaSeries returns P(a,x) without the prefix, 1 + x/(a+1) + x²/((a+1)(a+2)) + … (NIST DLMF 8.7.1).
func gammaSeries(x, a float64) float64 {
	sum, term := 1.0, 1.0
	for n := a + 1; term > 1e-17*sum; n++ {
		term *= x / n
		sum += term
	}
	return sum
}

// gammaFraction returns Γ(a,x) e^x x^{−a}, by Legendre's continued fraction 1/(x+1−a − 1(1−a)/(x+3−a − 2(2−a)/(x+5−a
// − …))) (the even part of NIST DLMF 8.9.2), evaluated by Lentz's method (1976) as modified by Thompson and Barnett
// (1986). Requires x above the mean, or x >= 1.5 for a < 1.
func gammaFraction(x, a float64) float64 {
	b := x + 1 - a
	c, d := math.Inf(1), 1/b
	h := d
	for n := 1.0; n < 10000; n++ {
		an := n * (a - n)
		b += 2
		d = 1 / (b + an*d)
		c = b + an/c
		delta := c * d
		h *= delta
		if math.Abs(delta-1) < 2e-16 {
			break
		}
	}
	return h
}

// gammaUniform covers 0.3 < x/a < 2.36, which is |η| < 1.01, for a >= 12.
func gammaUniform(x, a float64) tailPart {
	unit := deviance(a, x, a-x) / a // ½η²
	eta := math.Sqrt(2 * unit)
	if x < a {
		eta = -eta
	}
	stirling := 0.5*math.Log(a) + stirlingError(a)
	ratio := logUniform(gammaCoefficients[:], a, a*unit, eta)
	return tailPart{-a*unit - halfLog2Pi - stirling, ratio + halfLog2Pi + stirling, x >= a}
}

// gammaSmall covers a < 1, x < 1.5, where P is near 1 although x is below it: with 1 + w = x^a/Γ(a+1) and 1 + v = 1 +
// a Σ_{n>=1} (−x)^n / ((a+n) n!), P = (1+w)(1+v) and Q = −(w + v + wv). (W. Gautschi, A computational procedure for
// incomplete gamma functions, 1979; NIST DLMF 8.7.1.)
func gammaSmall(x, a float64) tailPart {
	v, term := 0.0, a
	for n := 1.0; n < 40; n++ {
		term *= -x / n
		v += term / (a + n)
	}
	g := a * reciprocalGamma(a)
	power := a * ln(x)
	w := math.Expm1(power)
	w += g + w*g
	prefix := power - x + math.Log1p(g)
	if q := -(w + v + w*v); q < 0.5 {
		return tailPart{prefix, math.Log(q) - prefix, true}
	}
	return tailPart{prefix, math.Log1p(v) + x, false}
}

// reciprocalGamma returns (1/Γ(1+a) − 1)/a for 0 <= a <= 1, by its Taylor series (J. W. Wrench, 1968; NIST DLMF 5.7.1).
func reciprocalGamma(a float64) float64 {
	sum := 0.0
	for n := len(reciprocalGammaCoefficients) - 1; n >= 0; n-- {
		sum = sum*a + reciprocalGammaCoefficients[n]
	}
	return sum
}
