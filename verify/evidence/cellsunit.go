package evidence

import (
	"cmp"
	"math"
	"slices"
)

// newUnit gathers the options of a cell by their gains.
func newUnit(cell Cell, centred []float64) unit {
	order := make([]int, 0, len(centred))
	for o, h := range centred {
		if !math.IsNaN(h) {
			order = append(order, o)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(centred[a], centred[b]) })
	var u unit
	for _, o := range order {
		h, count := centred[o], uint64(cell.Law[o])
		if n := len(u.h); n > 0 && u.h[n-1] == h {
			u.count[n-1] += count
			continue
		}
		u.h, u.count = append(u.h, h), append(u.count, count)
		u.size = max(u.size, math.Abs(h))
	}
	for _, count := range u.count {
		u.p = append(u.p, float64(count)/whole)
	}
	return u
}

// spread is how far the gains are apart.
func (u unit) spread() float64 { return u.h[len(u.h)-1] - u.h[0] }

// cumulants returns the second and the fourth.
func (u unit) cumulants() (second, fourth float64) {
	m2, m4 := 0.0, 0.0
	for i, h := range u.h {
		square := h * h
		m2 += u.p[i] * square
		m4 += u.p[i] * square * square
	}
	return m2, m4 - 3*m2*m2
}

// proxy returns v with ln E exp(θh) ≤ v θ²/2 for all θ. Two gains: the least such v
// (M. Kearns, L. Saul, Large deviation methods for approximate probabilistic
// inference, 1998, lemma 1), d² (1−2π)/(2 ln((1−π)/π)) = d² x/(4 atanh x) with x = 1−2π,
// d²/4 where the cell is fair. More gains: range²/4 (W. Hoeffding, 1963, theorem 2).
func (u unit) proxy() float64 {
	d := u.spread()
	if len(u.h) > 2 {
		return d * d / 4
	}
	x := math.Abs(u.p[0] - u.p[1])
	if x == 0 {
		return d * d / 4
	}
	return d * d * x / (4 * math.Atanh(x))
}

// tilt adds the unit's part of K and its derivatives at θ.
func (u unit) tilt(theta float64, scratch []float64) (k, mean, k2, k3 float64) {
	top := theta * u.h[len(u.h)-1]
	if theta < 0 {
		top = theta * u.h[0]
	}
	sum, near := 0.0, 0.0
	for i, h := range u.h {
		w := u.p[i] * math.Exp(theta*h-top)
		scratch[i] = w
		sum += w
		mean += w * h
	}
	mean /= sum
	for i, h := range u.h {
		d := h - mean
		q := scratch[i] / sum
		k2 += q * d * d
		k3 += q * d * d * d
	}
	if math.Abs(theta)*u.size > 0.5 {
		return top + math.Log(sum), mean, k2, k3
	}
	for i, h := range u.h { // without the 1 that would swallow small θh
		near += u.p[i] * math.Expm1(theta*h)
	}
	return math.Log1p(near), mean, k2, k3
}
