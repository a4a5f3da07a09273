package tail

import "math"

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
	var first total
	for _, g := range s {
		first.add(g.m * g.w)
		variance += g.m * g.w * g.w
		count += g.m
	}
	return first.value(), variance, count
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

// exponent returns K(θ) − θx. It is summed as it stands and with the linear parts, which all but cancel near the
// mean, taken out first; the answer is the sum whose terms were smaller.
func (s gammaSum) exponent(theta, x, mean float64) float64 {
	var plain, centred total
	plain.add(-theta * x)
	centred.add(-theta * (x - mean))
	plainSize, centredSize := math.Abs(plain.sum), math.Abs(centred.sum)
	for _, g := range s {
		gap := g.gap(theta)
		term := -g.m * math.Log(gap)
		plain.add(term)
		plainSize += math.Abs(term)
		if gap < 0.5 {
			term -= g.m * g.w * theta
		} else {
			term = -g.m * log1pmx(-g.w*theta)
		}
		centred.add(term)
		centredSize += math.Abs(term)
	}
	if plainSize < centredSize {
		return plain.value()
	}
	return centred.value()
}

// closest is the gap 1 − wθ below which a saddle point cannot be told from the pole in float64. It means a rate above
// 1e12 nats.
const closest = 1e-12

// saddle returns θ with K'(θ) = x + pole/θ: for pole = 0 the saddle point of the law, for pole = 1 that of the
// integrand of tail on the side where x lies.
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

// tail returns the tail of the sum at x >= 0 away from the mean: P(S >= x) above it, P(S < x) below it. Requires a
// positive weight, x > 0 unless one is negative, and weights of at most 1.
//
// It is the inversion integral (1/2πi) ∫ e^{K(t) − tx} dt/t along a path through the saddle point θ of its integrand,
// pole included: θ > 0 gives the upper tail, θ < 0 the lower one. (S. O. Rice, Distribution of quadratic forms in
// normal random variables, 1980; C. W. Helstrom, Calculating error probabilities for intersymbol and cochannel
// interference, 1986.) The path follows the steepest descent and runs to where e^{−tx} vanishes, so nothing cancels
// and the answer is as accurate as its exponent. exact is false where the integral is left out, beyond 1e12 nats or
// because it did not settle: the exponent alone is Chernoff's bound.
func (s gammaSum) tail(x float64) (part tailPart, exact bool) {
	mean, _, count := s.moments()
	lo, hi := s.domain()
	if math.IsInf(lo, -1) && x < tiniest {
		return s.tailAtZero(x, count), true
	}
	theta := s.saddle(x, 1)
	part = tailPart{prefix: s.exponent(theta, x, mean), upper: x >= mean}
	if theta > hi*(1-closest) {
		return part, false
	}
	integral, exact := s.contour(theta, x)
	if exact {
		part.ratio = math.Log(integral)
	}
	return part, exact
}

// tiniest is the x, in units of the largest weight, below which the lower tail of a sum of positive terms is its
// leading power.
const tiniest = 1e-100

// tailAtZero returns P(S < x) = Π (x/w)^m / Γ(1 + Σ m) for x next to 0.
func (s gammaSum) tailAtZero(x, count float64) tailPart {
	lg, _ := math.Lgamma(1 + count)
	part := tailPart{ratio: -lg}
	for _, g := range s {
		part.prefix += g.m * (ln(x) - math.Log(g.w))
	}
	return part
}

// logTail returns ln P(S >= x), or ln P(S < x) if below is set, for x and s as in tail. Where the integral is left
// out it is an upper bound.
func (s gammaSum) logTail(x float64, below bool) float64 {
	part, exact := s.tail(x)
	switch {
	case part.upper != below:
		return part.log()
	case exact:
		return log1mexp(part.log())
	}
	return 0
}

// contour returns the integral along a path through theta, without e^{K(θ) − θx}, and whether it could be found.
//
// On a straight path the integrand falls from the start, but maybe slowly and swinging; a path that bends to the
// right ends sooner, and if it follows the steepest descent the integrand falls on it too. With weights of both signs
// that descent may turn again further out, so a path that climbs is unbent until it does not.
func (s gammaSum) contour(theta, x float64) (integral float64, ok bool) {
	_, k2, k3 := s.slopes(theta)
	path := saddlePath{law: s, theta: theta, x: x, scale: 1 / math.Sqrt(k2+1/(theta*theta))}
	path.bend = path.scale * k3 / (6 * k2)
	if lo, _ := s.domain(); lo > math.Inf(-1) {
		path.bend = path.scale * max(k3/(6*k2), math.Sqrt(k2)/20)
	}
	for range 12 {
		if sum, ok := path.integrate(); ok {
			return sum * path.scale / (math.Pi * math.Abs(theta)), true
		}
		path.bend /= 4
	}
	return 0, false
}

// A saddlePath is the hyperbola t = θ + scale·(is + slope·(√(r² + s²) − r)), r = slope/(2·bend), near its vertex the
// parabola is + bend·s² of steepest descent. s = sinh v.
type saddlePath struct {
	law                   gammaSum
	theta, x, scale, bend float64
}

// slope of the ends of the path from the vertical. Up to 1 a cluster of many small weights, e^{t²} in effect, falls
// along it.
const slope = 0.6

// integrate returns the integral of the real part over v > 0, by the trapezoidal rule with a step that is halved
// until it no longer matters: the integrand is analytic about the real axis, so halving the step squares the error.
// ok is false if the path climbs or the sum does not settle.
func (p *saddlePath) integrate() (integral float64, ok bool) {
	step := 0.15
	sum, ok := p.sum(step, step)
	if !ok {
		return 0, false
	}
	integral = step * (0.5 + sum)
	for range 8 {
		sum, ok = p.sum(0.5*step, step)
		if !ok {
			return 0, false
		}
		finer := 0.5 * (integral + step*sum)
		if math.Abs(finer-integral) <= 1e-11*finer {
			return finer, true
		}
		integral, step = finer, 0.5*step
	}
	return 0, false
}

// sum adds up the real part of the integrand, 1 at v = 0, at first, first+step, … until it has died away.
func (p *saddlePath) sum(first, step float64) (sum float64, ok bool) {
	turn := 2 * p.bend / slope
	for k := 0.0; ; k++ {
		v := first + k*step
		s, ds := math.Sinh(v), math.Cosh(v)
		root := math.Sqrt(1 + turn*turn*s*s)
		right, up := p.scale*2*p.bend*s*s/(1+root), p.scale*s
		height, phase := p.logRatio(right, up)
		if height > 0.5 {
			return 0, false
		}
		sin, cos := math.Sincos(phase)
		size := math.Exp(height) * ds
		sum += size * (cos + sin*2*p.bend*s/root)
		if size*(1+slope) < 1e-18 || v > 40 {
			return sum, true
		}
	}
}

// logRatio returns ln of the integrand at θ + right + i·up over that at θ, as modulus and phase.
func (p *saddlePath) logRatio(right, up float64) (height, phase float64) {
	l, arg := logOnePlus(right/p.theta, up/p.theta)
	height, phase = -p.x*right-l, -p.x*up-arg
	for _, g := range p.law {
		r := -g.w / g.gap(p.theta)
		l, arg = logOnePlus(r*right, r*up)
		height -= g.m * l
		phase -= g.m * arg
	}
	return height, phase
}

// logOnePlus returns modulus and phase of ln(1 + a + ib).
func logOnePlus(a, b float64) (modulus, phase float64) {
	return 0.5 * math.Log1p(a*(2+a)+b*b), math.Atan2(b, 1+a)
}
