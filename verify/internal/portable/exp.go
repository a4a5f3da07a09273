// Package portable computes functions to the same bits on every machine, so that all
// of them accept the same files and count the same.
package portable

import "math"

// Exp returns e^x for x ≤ 0. It takes no step in which some machines multiply and add
// at once. Its relative error is below 1e-15, and it is 0 below −700.
func Exp(x float64) float64 {
	const log2e, ln2hi, ln2lo = 1.4426950408889634, 6.93147180369123816490e-01, 1.90821492927058770002e-10
	if x < -700 {
		return 0
	}
	k := math.Floor(float64(x*log2e) + 0.5)
	r := float64(x-float64(k*ln2hi)) - float64(k*ln2lo)
	sum := 1.0 // Taylor's series to r^14/14!, |r| ≤ ln 2 / 2
	for i := 14.0; i > 0; i-- {
		sum = 1 + float64(float64(r/i)*sum)
	}
	return math.Ldexp(sum, int(k))
}
