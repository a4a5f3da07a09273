// Package lattice has the upper tails of sums of independent integers of any
// laws, exact far out, and the transform that they need.
package lattice

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// A Part is Count independent integers with one law: P(X = First+i) = P[i].
type Part struct {
	P     []float64
	First int64
	Count int64
}

// maxLength bounds the transform of LogTail: 2^20 complex numbers are 16 MB.
const maxLength = 1 << 20

// LogTail returns ln P(S >= s) for the sum S of all parts.
//
// The law is tilted until s is its mean (F. Esscher, 1932), P(S = x) =
// P̃(S = x) e^{K(θ) − θx}, and the tilted law is the inverse transform of its
// characteristic function, on as many points as it has mass on. So nothing small
// is ever the difference of large numbers: the answer is off by about 1e-15 for
// each of the integers, and by 1e-11 of itself. Where the law is wider than 2^20
// points, the answer is Chernoff's bound K(θ) − θs, which is never below the truth.
//
// Requires probabilities that sum to 1 in each part, and |First·Count| sums below
// 2^53. No part, or none with a Count above 0, is the sum 0.
func LogTail(s int64, parts []Part) float64 {
	law := newLaw(parts)
	switch {
	case s <= law.min:
		return 0
	case s > law.max:
		return math.Inf(-1)
	case s == law.max:
		return law.logMost()
	}
	k0, mean, variance := law.cumulant(0)
	theta := 0.0
	if float64(s) > mean {
		theta = law.saddle(float64(s), variance)
		k0, mean, variance = law.cumulant(theta)
	}
	bound := min(0, k0-theta*float64(s-law.min))
	// Bernstein's inequality: the tilted law has less than e^−50 beyond reach.
	r := float64(law.spread)
	reach := 50*r/3 + math.Sqrt(50*r/3*50*r/3+100*variance)
	if mean-float64(s) > reach {
		return 0 // less than e^−50 of the law lies below s
	}
	length := min(2*reach+4, float64(law.max-law.min+1))
	if length > maxLength {
		return bound
	}
	n := 1 << bits.Len(uint(math.Ceil(length))-1)
	end := min(law.max-s, int64(mean+reach-float64(s))+1)
	return min(0, bound+math.Log(law.sumAbove(s, end, theta, n)))
}

// A law is the parts that are random, without zeros at their ends.
type law struct {
	parts    []Part
	min, max int64
	spread   int64 // of the widest part
}

func newLaw(parts []Part) law {
	var l law
	for _, p := range parts {
		if p.Count <= 0 {
			continue
		}
		for len(p.P) > 0 && !(p.P[0] > 0) {
			p.P, p.First = p.P[1:], p.First+1
		}
		for len(p.P) > 0 && !(p.P[len(p.P)-1] > 0) {
			p.P = p.P[:len(p.P)-1]
		}
		if len(p.P) == 0 {
			continue
		}
		width := int64(len(p.P) - 1)
		l.parts = append(l.parts, p)
		l.min += p.Count * p.First
		l.max += p.Count * (p.First + width)
		l.spread = max(l.spread, width)
	}
	return l
}

// logMost returns ln of the probability of the largest value.
func (l *law) logMost() float64 {
	sum := 0.0
	for _, p := range l.parts {
		sum += float64(p.Count) * math.Log(p.P[len(p.P)-1])
	}
	return sum
}

// cumulant returns ln E e^{θ(S − min)}, and K'(θ) and K”(θ).
func (l *law) cumulant(theta float64) (k0, k1, k2 float64) {
	for _, p := range l.parts {
		a, b, c := p.cumulant(theta)
		count := float64(p.Count)
		k0 += count * a
		k1 += count * (b + float64(p.First))
		k2 += count * c
	}
	return k0, k1, k2
}

// cumulant returns those of one integer less First.
func (p Part) cumulant(theta float64) (k0, k1, k2 float64) {
	top := math.Max(0, theta*float64(len(p.P)-1))
	var sum, first, second float64
	for i, v := range p.P {
		if v > 0 {
			e := v * math.Exp(theta*float64(i)-top)
			sum += e
			first += e * float64(i)
			second += e * float64(i) * float64(i)
		}
	}
	mean := first / sum
	if second = second/sum - mean*mean; second < 0 {
		second = 0
	}
	return top + math.Log(sum), mean, second
}

// saddle returns θ > 0 with K'(θ) = s, for s between the mean and the maximum.
func (l *law) saddle(s, variance float64) float64 {
	_, mean, _ := l.cumulant(0)
	low, high := 0.0, math.Inf(1)
	theta := (s - mean) / variance
	for range 200 {
		_, k1, k2 := l.cumulant(theta)
		switch {
		case k1 < s:
			low = theta
		case k1 > s:
			high = theta
		}
		next := theta + (s-k1)/k2
		if math.Abs(s-k1) <= 1e-9*math.Sqrt(k2) || next == theta {
			return theta
		}
		if !(next > low && next < high) {
			if next = 2*theta + 1e-9; !math.IsInf(high, 1) {
				next = 0.5 * (low + high)
			}
		}
		theta = next
	}
	return theta
}

// sumAbove returns Σ P̃(S = x) e^{−θ(x−s)} over s <= x <= s+end, the tilted law
// being taken modulo n.
func (l *law) sumAbove(s, end int64, theta float64, n int) float64 {
	t := NewTransform(n)
	all := make([]complex128, n)
	part := make([]complex128, n)
	for i := range all {
		all[i] = 1
	}
	for _, p := range l.parts {
		clear(part)
		k0, _, _ := p.cumulant(theta)
		for i, v := range p.P {
			part[i&(n-1)] += complex(v*math.Exp(theta*float64(i)-k0), 0)
		}
		t.Forward(part)
		for k, z := range part {
			all[k] *= power(z, p.Count)
		}
	}
	for k, z := range all { // a real sequence: the inverse is the transform of the conjugate
		all[k] = cmplx.Conj(z)
	}
	t.Forward(all)
	sum := 0.0
	for j := int64(0); j <= end; j++ {
		e := math.Exp(-theta * float64(j))
		sum += real(all[(s-l.min+j)&int64(n-1)]) * e
		if theta > 0 && e < 1e-20 {
			break
		}
	}
	return sum / float64(n)
}

// power returns z^count.
func power(z complex128, count int64) complex128 {
	if count <= 64 {
		out := complex128(1)
		for ; count > 0; count >>= 1 {
			if count&1 == 1 {
				out *= z
			}
			z *= z
		}
		return out
	}
	r, phase := cmplx.Polar(z)
	r = math.Exp(float64(count) * math.Log(r)) // 0 for r = 0
	sin, cos := math.Sincos(float64(count) * phase)
	return complex(r*cos, r*sin)
}
