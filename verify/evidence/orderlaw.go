package evidence

import "math"

// uniforms is the law of D = Σ U_j, U_j independent and uniform on 0 … top_j: how far
// orders and ranks are from what a key chose.
type uniforms struct {
	tops  []int
	least float64 // ln P(D = 0)
	most  int     // the largest D

	mean, variance, fourth float64 // cumulants
}

func newUniforms(tops []int) uniforms {
	u := uniforms{tops: tops}
	var least, mean, variance, fourth total
	for _, top := range tops {
		u.most += top
		n := float64(top) + 1
		least.add(-math.Log(n))
		mean.add(float64(top) / 2)
		variance.add((n*n - 1) / 12)
		fourth.add(-(n*n*n*n - 1) / 120)
	}
	u.least, u.mean, u.variance, u.fourth = least.value(), mean.value(), variance.value(), fourth.value()
	return u
}

// standard returns by how many standard deviations D lies below its mean.
func (u uniforms) standard(d int) float64 {
	if u.variance == 0 {
		return 0
	}
	return (u.mean - float64(d)) / math.Sqrt(u.variance)
}

func (u uniforms) excess() float64 {
	if u.variance == 0 {
		return 0
	}
	return u.fourth / u.variance / u.variance
}

// logLow returns ln P(D ≤ d), exact: each U is tilted by e^{−θ} so that d is the mean (F.
// Esscher, 1932), and the convolution up to d that follows meets no small numbers where it
// matters. The law is symmetric: above the mean it is the other side's complement. Time is of
// order len(tops)·d.
func (u uniforms) logLow(d int) float64 {
	switch {
	case d < 0:
		return math.Inf(-1)
	case d >= u.most:
		return 0
	case d == 0:
		return u.least
	case float64(d) > u.mean:
		return log1mexp(u.logLow(u.most - d - 1))
	}
	theta := u.saddle(d)
	q := math.Exp(-theta)
	law, next := make([]float64, d+1), make([]float64, d+1)
	law[0] = 1
	var k total // ln E e^{−θD}
	reach := 0
	for _, top := range u.tops {
		if top == 0 {
			continue
		}
		sum := -math.Expm1(-theta*float64(top+1)) / -math.Expm1(-theta) // Σ q^i
		if theta == 0 {
			sum = float64(top + 1)
		}
		k.add(math.Log(sum) - math.Log(float64(top+1)))
		reach = min(d, reach+top)
		drop := math.Exp(-theta * float64(top+1))
		window := 0.0 // Σ_{i=0..top} q^i law[j−i]
		for j := 0; j <= reach; j++ {
			window = law[j] + q*window
			if j > top {
				window = max(0, window-drop*law[j-top-1])
			}
			next[j] = window / sum
		}
		law, next = next, law
	}
	low := 0.0
	for j, p := range law {
		low += p * math.Exp(-theta*float64(d-j))
	}
	return min(0, k.value()+theta*float64(d)+math.Log(low))
}

// saddle returns θ ≥ 0 with d as the mean of D tilted by e^{−θD}, 0 < d ≤ mean.
func (u uniforms) saddle(d int) float64 {
	lo, hi := 0.0, 1.0
	for u.tilted(hi) > float64(d) {
		lo, hi = hi, 2*hi
	}
	for range 50 {
		if mid := lo + (hi-lo)/2; u.tilted(mid) > float64(d) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// tilted returns the mean of D tilted by e^{−θD}.
func (u uniforms) tilted(theta float64) float64 {
	var mean total
	for _, top := range u.tops {
		mean.add(tiltedUniform(theta, top))
	}
	return mean.value()
}

func tiltedUniform(theta float64, top int) float64 {
	n := float64(top) + 1
	if theta*n < 1e-4 { // both poles cancel
		return float64(top)/2 - theta*(n*n-1)/12
	}
	return 1/math.Expm1(theta) - n/math.Expm1(theta*n)
}

// cumulant returns ln E exp(θ(mean − D)), even in θ.
func (u uniforms) cumulant(theta float64) float64 {
	var k total
	theta = math.Abs(theta)
	for _, top := range u.tops {
		n := float64(top) + 1
		// ln [sinh(nθ/2) / (n sinh(θ/2))]
		k.add(logSinh(n*theta/2) - logSinh(theta/2) - math.Log(n))
	}
	return max(0, k.value())
}

// logSinh returns ln sinh x for x ≥ 0.
func logSinh(x float64) float64 { return x - math.Ln2 + math.Log(-math.Expm1(-2*x)) }

// logE is that of [Cells.LogE], of the statistic mean − D.
func (u uniforms) logE(d int) float64 {
	if u.variance == 0 {
		return 0
	}
	return betOnCells(u.mean-float64(d), u.variance, u.cumulant)
}
