package tail

import (
	"fmt"
	"math"
)

// DualGamma returns ln P(S >= x) for S = Σ_{i<=n} (1−α)A_i + αB_i with A_i, B_i independent Exp(1): the score of a
// dual-key Gumbel mark. It is exact for every α in [0, 1], also near ½, where the partial fractions of its density
// cancel, and for n up to 1e6 and more.
//
// Engines report the tail of Gamma(n/v) at x/v, v = α²+(1−α)², which matches the mean and variance and is wrong in
// the tail.
//
// x <= 0 gives 0. n < 1, α outside [0, 1] or NaN is an error of the caller and gives 0, no evidence.
func DualGamma(x float64, n int64, alpha float64) float64 {
	switch {
	case n < 1 || !(alpha >= 0 && alpha <= 1) || !(x > 0):
		return 0
	case math.IsInf(x, 1):
		return math.Inf(-1)
	case alpha == 0 || alpha == 1:
		return Gamma(x, float64(n))
	case alpha == 0.5:
		return Gamma(2*x, 2*float64(n))
	}
	m := float64(n)
	return gammaSum{{max(1-alpha, faintest), m}, {max(alpha, faintest), m}}.logTail(x, false)
}

// DualExponential is the law of one score of a dual-key Gumbel mark, (1−α)A + αB with A, B ~ Exp(1). Its LogTail is
// DualGamma's. An error names an α outside [0, 1].
func DualExponential(alpha float64) (Law, error) {
	if !(alpha >= 0 && alpha <= 1) {
		return nil, fmt.Errorf("tail: mixing weight α is %v, want 0 to 1", alpha)
	}
	return dualExponential{alpha}, nil
}

type dualExponential struct{ alpha float64 }

func (l dualExponential) String() string { return fmt.Sprintf("DualExponential(%v)", l.alpha) }

func (l dualExponential) Moments() Moments {
	a, b := l.alpha, 1-l.alpha
	v := a*a + b*b
	return Moments{Mean: 1, Variance: v, Excess: 6 * (a*a*a*a + b*b*b*b) / (v * v)}
}

func (l dualExponential) Domain() (lo, hi float64) {
	return math.Inf(-1), 1 / max(l.alpha, 1-l.alpha)
}

func (l dualExponential) Cumulant(theta float64) float64 {
	if _, hi := l.Domain(); !(theta < hi) {
		return math.Inf(1)
	}
	if math.IsInf(theta, -1) {
		return theta
	}
	return -math.Log1p(-(1-l.alpha)*theta) - math.Log1p(-l.alpha*theta)
}

func (l dualExponential) Joint(theta float64, w []float64) float64 { return independent(l, theta, w) }

func (l dualExponential) LogTail(sum float64, n int64) float64 { return DualGamma(sum, n, l.alpha) }

func (l dualExponential) LogE(sum float64, n int64) float64 { return gridE(l, sum, n) }
