package evidence

import (
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// The bets of LogE are θ = 2^(g/2) standard deviations of T to the minus one, g = −2 to
// 10: from ½ to 32.
const cellBets = 13

// LogE returns the logarithm of the e-value of T = x,
//
//	ln e = ln mean_θ exp(θx − K(θ)),   θ = 2^−1, 2^−½, … 2^5, over √Variance,
//
// a grid that depends on laws and gains only. It multiplies with e-values under
// independent keys. It is one e-value a seal: answers that come later change the
// gains, not another factor. −Inf for NaN.
func (c *Cells) LogE(x float64) float64 {
	if math.IsNaN(x) {
		return math.Inf(-1)
	}
	if c.variance == 0 {
		return 0
	}
	return betOnCells(x, c.variance, c.Cumulant)
}

// betOnCells returns the e-value of a statistic with mean 0.
func betOnCells(x, variance float64, cumulant func(theta float64) float64) float64 {
	var wealth [cellBets]float64
	for g := range wealth {
		theta := math.Exp2(float64(g-2)/2) / math.Sqrt(variance)
		wealth[g] = theta*x - cumulant(theta)
	}
	return Average(wealth[:]...)
}

// Decoys returns the decoys of the test, given each decoy key's T over the same cells:
// z is Standard's, and p is small where T reaches the critical value of the exact law
// where that is at hand, and else of the approximation. An error names a T that is not
// finite, or says that no T is that rare.
func (c *Cells) Decoys(sums []float64) (Decoys, error) {
	if len(sums) == 0 {
		return Decoys{}, errors.New("evidence: there are no decoys, want at least 1")
	}
	at, level, ok := c.smallAt()
	if !ok {
		return Decoys{}, fmt.Errorf("evidence: no sum of %d cells has p ≤ %v: decoys cannot be compared with the null law", c.Len(), small)
	}
	d := Decoys{Excess: c.Excess(), Level: level, SmallAt: c.Standard(at)}
	for j, sum := range sums {
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return Decoys{}, fmt.Errorf("evidence: sum of decoy %d is %v, want a finite number", j, sum)
		}
		d.Z = append(d.Z, c.Standard(sum))
	}
	return d, nil
}

// smallAt returns the least T that counts as small, less what rounding may do, and
// its probability.
func (c *Cells) smallAt() (at, level float64, ok bool) {
	_, approx, ok := c.Critical(math.Log(small))
	if !ok {
		return 0, 0, false
	}
	if _, exact := c.Exact(approx); !exact {
		return approx, small, true
	}
	lo, hi := 0.0, c.most
	for range 60 {
		mid := lo + (hi-lo)/2
		if p, _ := c.Exact(mid); p > math.Log(small) {
			lo = mid
		} else {
			hi = mid
		}
	}
	p, _ := c.Exact(hi)
	return hi - 2*c.slack, math.Exp(p), true
}

// Sensitivity returns the tails that T would have if the null law were as much wider as
// the calibration's DispersionLimit allows: those at T/φ. A limit below 1 counts as 1.
func (c *Cells) Sensitivity(cal Calibration, x float64) tail.Tails {
	return c.Tails(x / max(1, cal.DispersionLimit))
}
