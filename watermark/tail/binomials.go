package tail

import (
	"fmt"
	"math"
)

// Bernoulli is the law of a green-list hit, 1 with probability p. Its LogTail is Binomial's. An error names a p
// outside (0, 1).
func Bernoulli(p float64) (Law, error) { return Binomials(1, p) }

// Binomials is the law of the number of hits among m bits, each 1 with probability p, as one token of a tournament of
// depth m has them. Its LogTail is Binomial's over n·m bits. An error names an m outside [1, 65536] or a p outside
// (0, 1).
func Binomials(m int, p float64) (Law, error) {
	if m < 1 || m > 1<<16 {
		return nil, fmt.Errorf("tail: bits per unit is %d, want 1 to 65536", m)
	}
	if !(p > 0 && p < 1) {
		return nil, fmt.Errorf("tail: probability of a hit is %v, want more than 0 and less than 1", p)
	}
	return binomials{m, p}, nil
}

type binomials struct {
	m int
	p float64
}

func (l binomials) String() string {
	if l.m == 1 {
		return fmt.Sprintf("Bernoulli(%v)", l.p)
	}
	return fmt.Sprintf("Binomial(%d,%v)", l.m, l.p)
}

func (l binomials) Moments() Moments {
	m, pq := float64(l.m), l.p*(1-l.p)
	return Moments{Mean: m * l.p, Variance: m * pq, Excess: (1 - 6*pq) / (m * pq)}
}

func (binomials) Domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

func (l binomials) Cumulant(theta float64) float64 {
	return float64(l.m) * bernoulliCumulant(theta, l.p)
}

func (l binomials) Joint(theta float64, w []float64) float64 { return independent(l, theta, w) }

// LogTail counts whole hits: P(S >= ⌈sum⌉).
func (l binomials) LogTail(sum float64, n int64) float64 {
	bits, ok := l.bits(n)
	if !ok || !(sum > 0) {
		return 0
	}
	if sum > float64(bits) {
		return math.Inf(-1)
	}
	return Binomial(int64(math.Ceil(sum)), bits, l.p)
}

func (l binomials) LogE(sum float64, n int64) float64 {
	bits, ok := l.bits(n)
	if !ok {
		return 0
	}
	if !(sum >= 0 && sum <= float64(bits)) {
		return math.Inf(-1)
	}
	return BernoulliE(bits, int64(sum), l.p, 1, 1)
}

// bits returns n·m, and whether that is a count this package can hold and more than none.
func (l binomials) bits(n int64) (int64, bool) {
	if n <= 0 || n > maxCount/int64(l.m) {
		return 0, false
	}
	return n * int64(l.m), true
}

// bernoulliCumulant returns ln(1 − p + p e^θ), p inside (0, 1).
func bernoulliCumulant(theta, p float64) float64 {
	switch change := p * math.Expm1(theta); {
	case math.IsNaN(theta):
		return math.Inf(1)
	case theta > 700:
		return theta + math.Log(p+(1-p)*math.Exp(-theta))
	case change > -0.5:
		return math.Log1p(change)
	}
	return math.Log(1 - p + p*math.Exp(theta))
}
