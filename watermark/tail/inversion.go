package tail

import (
	"math"
	"math/cmplx"
)

// A gammaTerm is one summand w·Gamma(m, 1), w != 0 of either sign, m > 0.
type gammaTerm struct{ w, m float64 }

// gammaSum is a sum of independent gammaTerms. Its moment generating function is Π (1 − w t)^{−m}.
type gammaSum []gammaTerm

// domain is the interval on which the moment generating function is finite.
func (s gammaSum) domain() (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	for _, g := range s {
		if g.w > 0 {
			hi = min(hi, 1/g.w)
		} else {
			lo = max(lo, 1/g.w)
		}
	}
	return lo, hi
}

// mean returns the mean and the variance.
func (s gammaSum) mean() (mean, variance float64) {
	for _, g := range s {
		mean += g.m * g.w
		variance += g.m * g.w * g.w
	}
	return mean, variance
}

// slopes returns K', K”, K”' at θ inside the domain.
func (s gammaSum) slopes(theta float64) (k1, k2, k3 float64) {
	for _, g := range s {
		v := g.w / -math.FMA(g.w, theta, -1)
		k1 += g.m * v
		k2 += g.m * v * v
		k3 += 2 * g.m * v * v * v
	}
	return k1, k2, k3
}

// excess returns K(θ) − θx with both linear parts taken out first: off = x − mean.
func (s gammaSum) excess(theta, off float64) float64 {
	sum := -theta * off
	for _, g := range s {
		if gap := -math.FMA(g.w, theta, -1); gap < 0.5 {
			sum -= g.m * (math.Log(gap) + g.w*theta)
		} else {
			sum -= g.m * log1pmx(-g.w*theta)
		}
	}
	return sum
}

// tail returns the tail of the sum at x >= 0 away from the mean: P(S >= x) above it, P(S < x) below it. Requires at least one positive weight, and x > 0 unless a weight is negative.
//
// It is the inversion integral (1/2πi) ∫ e^{K(t) − tx} dt/t through the saddle point θ of the integrand, pole included: on the near side of the pole θ > 0 gives
// the upper tail, θ < 0 the lower one (S. O. Rice, Distribution of quadratic forms in normal random variables, 1980; C. W. Helstrom, Calculating error
// probabilities for intersymbol and cochannel interference, 1986). The path is Helstrom's parabola t = θ + c(is + βs²), c = ψ”^{−½}, β = c³ψ”'/6, which
// follows the steepest descent and ends where e^{−tx} vanishes; with s = sinh v the integrand is analytic in a strip of half-width about 0.8 about
// the real v, so that the trapezoidal rule with step h errs by e^{−5/h}. Nothing cancels: the answer is as accurate as the exponent.
func (s gammaSum) tail(x float64) tailPart {
	mean, variance := s.mean()
	off := x - mean
	lo, hi := s.domain()
	root := math.Sqrt(off*off + 4*variance)
	start := (off + root) / (2 * variance)
	if off >= 0 {
		lo, start = 0, min(start, hi/2)
	} else {
		hi, start = 0, max((off-root)/(2*variance), lo/2)
	}
	theta := saddle(func(t float64) (float64, float64) {
		k1, k2, _ := s.slopes(t)
		return k1 - x - 1/t, k2 + 1/(t*t)
	}, lo, hi, start)
	return tailPart{s.excess(theta, off), math.Log(s.contour(theta, x)), off >= 0}
}

// contour returns the integral along the path through theta, without e^{K(θ) − θx}.
func (s gammaSum) contour(theta, x float64) float64 {
	_, k2, k3 := s.slopes(theta)
	curve2 := k2 + 1/(theta*theta)
	c := 1 / math.Sqrt(curve2)
	beta := max((k3-2/(theta*theta*theta))*c*c*c/6, 0.05)
	const h = 0.1
	sum := 0.0
	for k := 0; k < 400; k++ {
		sinh, cosh := math.Sinh(h*float64(k)), math.Cosh(h*float64(k))
		delta := complex(c*beta*sinh*sinh, c*sinh)
		power := -complex(x, 0) * delta
		for _, g := range s {
			power -= complex(g.m, 0) * clog1p(delta*complex(g.w/math.FMA(g.w, theta, -1), 0))
		}
		value := cmplx.Exp(power) / (1 + delta/complex(theta, 0)) * complex(cosh, -2*beta*sinh*cosh)
		if k == 0 {
			sum = 0.5 * real(value)
			continue
		}
		sum += real(value)
		if math.Abs(real(value))+math.Abs(imag(value)) < 1e-18*sum {
			break
		}
	}
	return sum * h / math.Pi * c / math.Abs(theta)
}

// clog1p returns ln(1+z) for |arg(1+z)| < π.
func clog1p(z complex128) complex128 {
	a, b := real(z), imag(z)
	return complex(0.5*math.Log1p(a*(2+a)+b*b), math.Atan2(b, 1+a))
}
