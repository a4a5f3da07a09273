package evidence

import "math"

// Product returns the logarithm of the product of e-values given by their
// logarithms. It is an e-value if they are independent, or if each bet was
// placed before its own data was seen (disjoint windows of one key for one
// suspect, independent keys on one suspect). An e-value of NaN counts as 0, and
// no e-value at all as 1.
func Product(logE ...float64) float64 {
	sum := 0.0
	for _, x := range logE {
		if math.IsNaN(x) || math.IsInf(x, -1) {
			return math.Inf(-1)
		}
		sum += x
	}
	return sum
}

// Average returns the logarithm of the mean of e-values given by their
// logarithms. It is an e-value whatever the dependence between them: two
// suspects read on the same windows, two statistics of one text. An e-value of
// NaN counts as 0, and no e-value at all gives 1.
func Average(logE ...float64) float64 {
	if len(logE) == 0 {
		return 0
	}
	most := math.Inf(-1)
	for _, x := range logE {
		if x > most { // false for NaN
			most = x
		}
	}
	if math.IsInf(most, 0) {
		return most
	}
	sum := 0.0
	for _, x := range logE {
		if x == x {
			sum += math.Exp(x - most)
		}
	}
	return most + math.Log(sum/float64(len(logE)))
}

// LogPOfE returns the logarithm of the p-value min(1, 1/e) that an e-value is
// worth (Markov's inequality).
func LogPOfE(logE float64) float64 {
	if logE > 0 {
		return -logE
	}
	return 0 // NaN too
}
