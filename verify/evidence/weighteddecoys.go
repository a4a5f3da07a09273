package evidence

import (
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Decoys returns the decoys of the test, given each decoy's T over the same
// positions and coefficients: z is Standard's, and p is small where T reaches the
// approximation's critical value, found once. An error names a T that is not finite.
func (w *Weighted) Decoys(sums []float64) (Decoys, error) {
	if len(sums) == 0 {
		return Decoys{}, errors.New("evidence: there are no decoys, want at least 1")
	}
	_, at, ok := w.Critical(math.Log(small))
	if !ok {
		return Decoys{}, fmt.Errorf("evidence: no sum of %d positions has p ≤ %v: decoys cannot be compared with the null law", w.Len(), small)
	}
	d := Decoys{Excess: w.Excess(), Level: small, SmallAt: w.Standard(at)}
	d.Bound = w.at(0).k2 > 1.001*w.variance // a position with more than 64 tokens of a list
	for j, sum := range sums {
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return Decoys{}, fmt.Errorf("evidence: sum of decoy %d is %v, want a finite number", j, sum)
		}
		d.Z = append(d.Z, w.Standard(sum))
	}
	return d, nil
}

// Sensitivity returns the tails that T would have if the null law were as much
// wider as the calibration's DispersionLimit allows: those at T/φ. A limit below
// 1 counts as 1.
func (w *Weighted) Sensitivity(c Calibration, sum float64) tail.Tails {
	if sum > 0 {
		sum /= max(1, c.DispersionLimit)
	}
	return w.Tails(sum)
}
