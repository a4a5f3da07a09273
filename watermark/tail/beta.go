package tail

import "math"

// A betaPoint is a question about I_x(a,b), the regularised incomplete beta function, with x + y = 1.
// d = a − (a+b)x is kept apart: whoever knows a, b and x exactly rounds it once.
type betaPoint struct{ a, b, x, y, d float64 }

// newBetaPoint fills in y and d. Requires a, b > 0 and 0 < x < 1.
func newBetaPoint(a, b, x float64) betaPoint {
	return betaPoint{a, b, x, 1 - x, -math.FMA(a+b, x, -a)}
}

// mirror exchanges x and y: I_x(a,b) = 1 − I_y(b,a).
func (p betaPoint) mirror() betaPoint { return betaPoint{p.b, p.a, p.y, p.x, -p.d} }

// deviance returns a ln(x₀/x) + b ln(y₀/y), x₀ = a/(a+b): how far x is from the mean, in nats.
func (p betaPoint) deviance() float64 {
	s := p.a + p.b
	return deviance(p.a, s*p.x, p.d) + deviance(p.b, s*p.y, -p.d)
}

// betaTail returns I_x(a,b) (upper) or 1 − I_x(a,b), whichever can be computed without cancellation.
// Its prefix is ln [x^a y^b / B(a,b)]. As the tail of a binomial law, upper is P(X >= k) for a = k, b = n−k+1, x = p.
func betaTail(p betaPoint) tailPart {
	dev := p.deviance()
	s, least := p.a+p.b, min(p.a, p.b)
	stirling := stirlingError(s) - stirlingError(p.a) - stirlingError(p.b)
	scale := 0.5 * math.Log(p.a/s*p.b)
	prefix := scale - halfLog2Pi - dev + stirling
	if least >= 40 && dev < 0.18*least {
		eta := math.Sqrt(2 * dev / s)
		if p.d > 0 {
			eta = -eta
		}
		var f [betaTerms]float64
		betaCoefficients(&f, (p.b-p.a)/math.Sqrt(p.a*p.b))
		ratio := logUniform(f[:], s, dev, eta)
		return tailPart{prefix, ratio - scale + halfLog2Pi - stirling, p.d > 0}
	}
	if p.d > 0 {
		return tailPart{prefix, math.Log(betaFraction(p)), true}
	}
	return tailPart{prefix, math.Log(betaFraction(p.mirror())), false}
}

const betaTerms = 20

// betaCoefficients fills f with the Taylor coefficients of η √(x₀y₀)/(x−x₀) for −½η² = x₀ ln(x/x₀) + y₀ ln(y/y₀) and
// skew = (y₀−x₀)/√(x₀y₀). Differentiating the definition gives f − ηf' = f³ + skew·ηf² − η²f. They converge for η² <
// 4π min(x₀,y₀).
func betaCoefficients(f *[betaTerms]float64, skew float64) {
	var square [betaTerms]float64
	f[0], square[0] = 1, 1
	for n := 1; n < betaTerms; n++ {
		inner := 0.0 // Σ f_i f_{n−i} without the two terms that hold f_n
		for i := 1; i < n; i++ {
			inner += f[i] * f[n-i]
		}
		rest := skew*square[n-1] + inner
		for i := 1; i < n; i++ {
			rest += f[i] * square[n-i]
		}
		if n >= 2 {
			rest -= f[n-2]
		}
		f[n] = -rest / float64(n+2)
		square[n] = inner + 2*f[n]
	}
}

// betaFraction returns I_x(a,b) B(a,b) / (x^a y^b), for x below the mean a/(a+b), by the continued fraction 1/(β₁ +
// α₂/(β₂ + α₃/(β₃ + …))) with
//
//	α_{n+1} = (a+n−1)(a+b+n−1) n(b−n) x² / (a+2n−1)²,
//	β_{n+1} = n + n(b−n)x/(a+2n−1) + (a+n)(d + 1 + n(1+y))/(a+2n+1)
//
// (A. R. DiDonato, A. H. Morris, Significant digit computation of the incomplete beta function ratios, 1992, their
// BFRAC) and Lentz's method.
func betaFraction(p betaPoint) float64 {
	a, b := p.a, p.b
	c, d := math.Inf(1), (a+1)/(a*(p.d+1))
	h := d
	for n := 1.0; n < 100000; n++ {
		r := 1 / (a + 2*n - 1)
		t := n * (b - n) * p.x * r
		alpha := (a + n - 1) * (a + b + n - 1) * r * p.x * t
		beta := n + t + (a+n)/(a+2*n+1)*(p.d+1+n*(1+p.y))
		d = 1 / (beta + alpha*d)
		c = beta + alpha/c
		delta := c * d
		h *= delta
		if math.Abs(delta-1) < 2e-16 {
			break
		}
	}
	return h
}
