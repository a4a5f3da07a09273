package evidence

// NormalQuantile returns the z with ln P(Z ≥ z) = logP for a standard normal Z, −Inf
// for logP = 0: how a p-value is shown as a number of standard deviations. No test
// takes its p-value from it.
func NormalQuantile(logP float64) float64 { return normalQuantile(logP) }
