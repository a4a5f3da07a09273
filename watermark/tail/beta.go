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
		return tailPart{prefix, math.Log(betaFraction(p) / p.a), true}
	}
	return tailPart{prefix, math.Log(betaFraction(p.mirror()) / p.b), false}
}

const betaTerms = 20

// betaCoefficients fills f with the Taylor coefficients of η √(x₀y₀)/(x−x₀) for −½η² = x₀ ln(x/x₀) + y₀ ln(y/y₀) and skew = (y₀−x₀)/√(x₀y₀).
// Differentiating the definition gives f − ηf' = f³ + skew·ηf² − η²f. They converge for η² < 4π min(x₀,y₀).
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

// betaFraction returns a I_x(a,b) B(a,b) / (x^a y^b) by the continued fraction of NIST DLMF 8.17.22 and Lentz's method. Converges fast for x below the mean.
func betaFraction(p betaPoint) float64 {
	a, b, x := p.a, p.b, p.x
	c := 1.0
	d := 1 / (1 - (a+b)/(a+1)*x)
	h := d
	for m := 1.0; m < 100000; m++ {
		t := m * (b - m) / (a + 2*m - 1) * x / (a + 2*m)
		d = 1 / (1 + t*d)
		c = 1 + t/c
		h *= c * d
		t = -(a + m) / (a + 2*m) * (a + b + m) / (a + 2*m + 1) * x
		d = 1 / (1 + t*d)
		c = 1 + t/c
		delta := c * d
		h *= delta
		if math.Abs(delta-1) < 2e-16 {
			break
		}
	}
	return h
}
