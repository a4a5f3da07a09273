package evidence

import "math"

// NormalQuantile returns the z with ln P(Z ≥ z) = logP for a standard normal Z, −Inf
// for logP = 0: how a p-value is shown as a number of standard deviations. No test
// takes its p-value from it.
func NormalQuantile(logP float64) float64 { return normalQuantile(logP) }

// StandardEffect returns the effect that a statistic shows which lies z standard
// deviations of its null law above its mean, over n units.
func StandardEffect(z float64, n int) Effect {
	if n < 1 {
		return Effect{}
	}
	root := math.Sqrt(float64(n))
	return Effect{D: z / root, Low: (z - z95) / root, High: (z + z95) / root}
}
