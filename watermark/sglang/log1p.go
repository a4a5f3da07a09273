package sglang

import "math"

// log1p returns ln(1+d) in float32 as the engine's reference code gets it from torch:
// by the function log1pf with an error below one unit in the last place of SLEEF
// (Shibata and Petrogalli, IEEE TPDS 2020), of which a few in a hundred answers are
// not the nearest float32. Requires −½ <= d <= 0.
func log1p(d float32) float32 {
	const ratio = 1 / 0.75
	_, e := math.Frexp(float64(float32((d + 1) * ratio)))
	e-- // 1+d = 2^e·(1+m), 1+m in [0.75, 1.5)
	scale := float32(math.Ldexp(1, -e))
	m := fma(d, scale, scale-1)

	// x + xe = m/(2+m), from a sum and a quotient with their errors.
	y := 2 + m
	ye := float32(2-y) + m
	r := 1 / y
	x := m * r
	xe := fma(x, fma(-ye, r, fma(-y, r, 1)), fma(0, r, fma(r, m, -x)))

	// ln(1+m) = 2x + x³·p(x²).
	x2 := x * x
	p := fma(fma(0.3027294874, x2, 0.3996108174), x2, 0.6666694880)

	const ln2, ln2e = 0.69314718246459960938, -1.904654323148236017e-09
	s := float32(ln2 * float32(e))
	se := fma(ln2e, float32(e), fma(ln2, float32(e), -s))
	s, se = add(s, se, 2*x, 2*xe)
	s, se = add(s, se, float32(float32(x2*x)*p), 0)
	return s + se
}

// add returns the sum of two numbers with errors, |a| >= |b| or a = 0.
func add(a, ae, b, be float32) (sum, e float32) {
	sum = a + b
	return sum, float32(float32(float32(a-sum)+b)+ae) + be
}

// fma returns a·b + c rounded once to float32. The product is exact in float64; the sum
// is rounded there to odd, after which the rounding to float32 is right (Boldo and
// Melquiond 2008).
func fma(a, b, c float32) float32 {
	p, z := float64(a)*float64(b), float64(c)
	s := p + z
	t := s - p
	lost := (p - (s - t)) + (z - t)
	if bits := math.Float64bits(s); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}
