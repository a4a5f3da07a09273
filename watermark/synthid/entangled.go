package synthid

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// entangled is the law of the sum of a token's g-values where those of one layer may
// depend on each other across tokens in any way: they share a table. Layers are
// independent. Its moments and cumulants are those of one token; of sums it knows
// only what holds under every dependence.
//
// With S_l the sum of layer l over n tokens and Hölder's inequality, E e^{θS_l/n} <=
// 1 − p + p e^θ whatever the dependence, so that ln P(S >= s) <= −D·KL(s/nD ‖ p): at
// most D ln 1/p, however long the text. [Null] is the exact law.
type entangled struct {
	depth int
	share float64 // p
}

func (l entangled) String() string { return fmt.Sprintf("Entangled(%d,%v)", l.depth, l.share) }

func (l entangled) single() tail.Law {
	law, err := tail.Binomials(l.depth, l.share)
	if err != nil { // a table of zeros or of ones
		return nil
	}
	return law
}

// Moments implements [tail.Law].
func (l entangled) Moments() tail.Moments {
	if law := l.single(); law != nil {
		return law.Moments()
	}
	return tail.Moments{Mean: float64(l.depth) * l.share}
}

// Cumulant implements [tail.Law].
func (l entangled) Cumulant(theta float64) float64 {
	if law := l.single(); law != nil {
		return law.Cumulant(theta)
	}
	return float64(l.depth) * l.share * theta
}

// Joint implements [tail.Law]: windows share the table, so nothing is known.
func (entangled) Joint(theta float64, w []float64) float64 {
	if theta == 0 || len(w) == 0 {
		return 0
	}
	return math.Inf(1)
}

// Domain implements [tail.Law].
func (entangled) Domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

// LogTail implements [tail.Law] with the bound above.
func (l entangled) LogTail(sum float64, n int64) float64 {
	if n <= 0 || math.IsNaN(sum) {
		return 0
	}
	d := float64(l.depth)
	mean := sum / (float64(n) * d)
	switch {
	case !(mean > l.share):
		return 0
	case mean > 1 || l.share == 0:
		return math.Inf(-1)
	case mean == 1:
		return d * math.Log(l.share)
	}
	return -d * (mean*math.Log(mean/l.share) + (1-mean)*math.Log((1-mean)/(1-l.share)))
}

// LogE implements [tail.Law]: the mean of e^{θS/n} over its bound, for θ = 4, 2, 1, …
// 2^-9.
func (l entangled) LogE(sum float64, n int64) float64 {
	d := float64(l.depth)
	switch {
	case n <= 0:
		return 0
	case !(sum >= 0 && sum <= float64(n)*d):
		return math.Inf(-1)
	}
	const bets = 12
	var exponents [bets]float64
	theta, top := 4.0, math.Inf(-1)
	for i := range exponents {
		exponents[i] = theta*sum/float64(n) - d*math.Log1p(l.share*math.Expm1(theta))
		top = max(top, exponents[i])
		theta /= 2
	}
	e := 0.0
	for _, x := range exponents {
		e += math.Exp(x - top)
	}
	return top + math.Log(e/bets)
}
