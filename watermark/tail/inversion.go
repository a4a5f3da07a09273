package tail

import (
	"math"
	"math/cmplx"
)

// A gammaTerm is one summand w·Gamma(m, 1), w != 0 of either sign, m > 0.
type gammaTerm struct{ w, m float64 }

// A gammaSum is a sum of independent gammaTerms. Its moment generating function is Π (1 − w t)^{−m}.
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

// moments returns the mean, the variance and Σ m.
func (s gammaSum) moments() (mean, variance, count float64) {
	for _, g := range s {
		mean += g.m * g.w
		variance += g.m * g.w * g.w
		count += g.m
	}
	return mean, variance, count
}

// gap returns 1 − wθ, rounded once.
func (g gammaTerm) gap(theta float64) float64 { return -math.FMA(g.w, theta, -1) }

// slopes returns K', K”, K”' at θ inside the domain.
func (s gammaSum) slopes(theta float64) (k1, k2, k3 float64) {
	for _, g := range s {
		v := g.w / g.gap(theta)
		k1 += g.m * v
		k2 += g.m * v * v
		k3 += 2 * g.m * v * v * v
	}
	return k1, k2, k3
}

// exponent returns K(θ) − θx. Near the mean both linear parts are taken out first, as they are large and all but cancel.
func (s gammaSum) exponent(theta, x, mean float64) float64 {
	if x < 0.5*mean {
		sum := -theta * x
		for _, g := range s {
			sum -= g.m * math.Log(g.gap(theta))
		}
		return sum
	}
	sum := -theta * (x - mean)
	for _, g := range s {
		if gap := g.gap(theta); gap < 0.5 {
			sum -= g.m * (math.Log(gap) + g.w*theta)
		} else {
			sum -= g.m * log1pmx(-g.w*theta)
		}
	}
	return sum
}

// closest is the gap 1 − wθ below which a saddle point cannot be told from the pole in float64. It means a rate above 1e12 nats.
const closest = 1e-12

// saddle returns θ with K'(θ) = x + pole/θ: for pole = 0 the saddle point of the law, for pole = 1 that of the integrand of tail on the side where x lies.
func (s gammaSum) saddle(x, pole float64) float64 {
	mean, variance, count := s.moments()
	lo, hi := s.domain()
	lo, hi = lo*(1-closest/8), hi*(1-closest/8)
	off := x - mean
	start := 0.5 / variance * (off + math.Copysign(math.Sqrt(off*off+4*variance*pole), off))
	if off < 0 && x > 0 && math.IsInf(lo, -1) {
		start = max(start, -(count+pole)/x)
	}
	start = max(lo/2, min(start, hi/2))
	if pole > 0 {
		if off >= 0 {
			lo = 0
		} else {
			hi = 0
		}
	}
	return saddle(func(theta float64) (value, slope float64) {
		k1, k2, _ := s.slopes(theta)
		if pole > 0 {
			k1 -= pole / theta
			k2 += pole / (theta * theta)
		}
		return k1 - x, k2
	}, lo, hi, start)
}

// tail returns the tail of the sum at x >= 0 away from the mean: P(S >= x) above it, P(S < x) below it. Requires a positive weight, x > 0 unless one is negative,
// and weights of at most 1.
//
// It is the inversion integral (1/2πi) ∫ e^{K(t) − tx} dt/t along a path through the saddle point θ of its integrand, pole included: θ > 0 gives the upper tail, θ < 0
// the lower one. (S. O. Rice, Distribution of quadratic forms in normal random variables, 1980; C. W. Helstrom, Calculating error probabilities for intersymbol and
// cochannel interference, 1986.) The path is Helstrom's parabola, which follows the steepest descent and runs to where e^{−tx} vanishes, so nothing cancels and the
// answer is as accurate as its exponent. Beyond 1e12 nats the integral is left out: its exponent alone is Chernoff's bound, off by less than 1e-10 of itself.
func (s gammaSum) tail(x float64) tailPart {
	mean, _, _ := s.moments()
	theta := s.saddle(x, 1)
	part := tailPart{prefix: s.exponent(theta, x, mean), upper: x >= mean}
	if _, hi := s.domain(); theta < hi*(1-closest) {
		part.ratio = math.Log(s.contour(theta, x))
	}
	return part
}

// contour returns the integral along the path through theta, without e^{K(θ) − θx}. The step is halved until that changes nothing: halving squares the error.
func (s gammaSum) contour(theta, x float64) float64 {
	_, k2, k3 := s.slopes(theta)
	c := 1 / math.Sqrt(k2+1/(theta*theta))
	bend := k3 / (6 * k2)
	if lo, _ := s.domain(); lo > math.Inf(-1) {
		bend = max(bend, math.Sqrt(k2)/20)
	}
	path := helstromPath{law: s, theta: theta, x: x, c: c, beta: c * bend}
	step := 0.15
	integral := step * (0.5 + path.sum(step, step))
	for range 10 {
		finer := 0.5 * (integral + step*path.sum(0.5*step, step))
		settled := math.Abs(finer-integral) <= 1e-9*finer
		integral, step = finer, 0.5*step
		if settled {
			break
		}
	}
	return integral * c / (math.Pi * math.Abs(theta))
}

// A helstromPath is the contour t = θ + c(is + βs²), s = sinh v, on which the integrand falls like a Gaussian or faster in s and the trapezoidal rule in v converges
// exponentially. c = ψ”^{−½} for the whole exponent ψ, βc^{-1} = K”'/(6K”).
type helstromPath struct {
	law               gammaSum
	theta, x, c, beta float64
}

// sum adds up the real part of the integrand, 1 at v = 0, at first, first+step, … until it has died away.
func (p *helstromPath) sum(first, step float64) float64 {
	sum := 0.0
	for k := 0.0; ; k++ {
		v := first + k*step
		s, ds := math.Sinh(v), math.Cosh(v)
		delta := complex(p.c*p.beta*s*s, p.c*s)
		power := complex(-p.x*real(delta), -p.x*imag(delta))
		for _, g := range p.law {
			r := -g.w / g.gap(p.theta)
			l := clog1p(complex(r*real(delta), r*imag(delta)))
			power -= complex(g.m*real(l), g.m*imag(l))
		}
		value := cmplx.Exp(power) / (1 + complex(real(delta)/p.theta, imag(delta)/p.theta)) * complex(ds, -2*p.beta*s*ds)
		sum += real(value)
		if !(math.Abs(real(value))+math.Abs(imag(value)) > 1e-18) || v > 40 {
			return sum
		}
	}
}

// clog1p returns ln(1+z) for |arg(1+z)| < π.
func clog1p(z complex128) complex128 {
	a, b := real(z), imag(z)
	return complex(0.5*math.Log1p(a*(2+a)+b*b), math.Atan2(b, 1+a))
}
