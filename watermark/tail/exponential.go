package tail

import "math"

// Exponential is Exp(1), the law of a Gumbel score −ln(1−u). Its LogTail is Gamma's.
func Exponential() Law { return exponential{} }

type exponential struct{}

func (exponential) String() string           { return "Exponential(1)" }
func (exponential) Moments() Moments         { return Moments{Mean: 1, Variance: 1, Excess: 6} }
func (exponential) Domain() (lo, hi float64) { return math.Inf(-1), 1 }

func (exponential) Cumulant(theta float64) float64 {
	if !(theta < 1) {
		return math.Inf(1)
	}
	return -math.Log1p(-theta)
}

func (l exponential) Joint(theta float64, w []float64) float64 { return independent(l, theta, w) }

func (exponential) LogTail(sum float64, n int64) float64 {
	if n <= 0 {
		return 0
	}
	return Gamma(sum, float64(n))
}

func (exponential) LogE(sum float64, n int64) float64 {
	if n <= 0 {
		return 0
	}
	return GammaMixtureE(n, sum)
}
