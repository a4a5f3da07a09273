package conformance

import (
	"math"
	"testing"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// FalseAlarm is ln of the rate at which a statistical check fails although what it
// checks is true: 1e-6.
const FalseAlarm = -6 * math.Ln10

// AtMost checks that an event of probability at most p, seen k times in n independent
// trials, was not seen too often.
func AtMost(t testing.TB, k, n int, p float64) {
	t.Helper()
	if !(tail.Binomial(int64(k), int64(n), p) > FalseAlarm) {
		t.Errorf("%d of %d, want about %.1f or fewer", k, n, p*float64(n))
	}
}

// Divergence returns KL(q, p) in nats for q > p, else 0. The mean of n independent
// values in [0, 1] whose expectations are at most p is q or more with probability at
// most exp(−n·KL(q, p)) (Hoeffding 1963, theorem 1).
func Divergence(q, p float64) float64 {
	if q <= p {
		return 0
	}
	return q*math.Log(q/p) + (1-q)*math.Log((1-q)/(1-p))
}

// MeanAtMost checks that the mean of independent values in [0, 1] whose expectations
// are at most mu is not above mu by more than chance allows, by [Divergence].
func MeanAtMost(t testing.TB, values []float64, mu float64, what string) {
	t.Helper()
	mean := Mean(values)
	if n := float64(len(values)); !(Divergence(mean, mu)*n < -FalseAlarm) {
		t.Errorf("%s: mean %v of %d keys, want about %v or less", what, mean, len(values), mu)
	}
	t.Logf("%s: mean %.4f", what, mean)
}

// Mean returns the mean of values, 0 of none.
func Mean(values []float64) float64 {
	mean := 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	return mean
}

// Calibrated checks p-values, logP[i][j] = ln p of key i and text j. Texts share
// phrases, so that only keys are independent: each text's count of p < 0.01 over the
// keys is at most binomial, and the keys' shares are a mean of independent numbers from
// 0 to 1 whose expectation is at most 0.01, for [Divergence].
func Calibrated(t testing.TB, logP [][]float64, what string) {
	t.Helper()
	const level = 0.01
	keys, texts := len(logP), len(logP[0])
	total := 0
	for j := range texts {
		k := 0
		for i := range keys {
			if logP[i][j] < math.Log(level) {
				k++
			}
		}
		total += k
		if !(tail.Binomial(int64(k), int64(keys), level) > FalseAlarm-math.Log(float64(texts))) {
			t.Errorf("%s: text %d has p < %v under %d of %d keys", what, j, level, k, keys)
		}
	}
	share := float64(total) / float64(keys*texts)
	if !(-float64(keys)*Divergence(share, level) > FalseAlarm) {
		t.Errorf("%s: share of p < %v is %.4f", what, level, share)
	}
	t.Logf("%s: share of p < %v is %.4f", what, level, share)
}
