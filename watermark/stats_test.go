package watermark_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// falseAlarm is ln of the rate at which a statistical assertion fails although
// what it asserts is true. Seeds are fixed, so that a test that passes once
// passes always: the rate says what a failure after a change means.
var falseAlarm = math.Log(1e-6)

// assertChiSquare checks counts of independent draws against probabilities, by
// Pearson's statistic with expected counts of at least 5.
func assertChiSquare(t testing.TB, counts []int, p []float64, what string) {
	t.Helper()
	x, df := chiSquare(counts, p)
	assert.Greater(t, logChiSquareTail(x, df), falseAlarm, "%s: chi-square %.1f at %d degrees of freedom", what, x, df)
}

func logChiSquareTail(x float64, df int) float64 { return tail.Gamma(x/2, float64(df)/2) }

// chiSquare pools the cells that expect fewer than 5.
func chiSquare(counts []int, p []float64) (x float64, df int) {
	n, total := 0, 0.0
	for i, c := range counts {
		n += c
		total += p[i]
	}
	restSeen, restWant := 0.0, 0.0
	add := func(seen, want float64) {
		x += (seen - want) * (seen - want) / want
		df++
	}
	for i, c := range counts {
		want := float64(n) * p[i] / total
		if want < 5 {
			restSeen, restWant = restSeen+float64(c), restWant+want
			continue
		}
		add(float64(c), want)
	}
	if restWant >= 5 {
		add(restSeen, restWant)
	}
	return x, df - 1
}

// assertAtMost checks that an event of probability at most p, seen k times in n
// independent trials, was not seen too often.
func assertAtMost(t testing.TB, k, n int, p float64, what string) {
	t.Helper()
	assert.Greater(t, tail.Binomial(int64(k), int64(n), p), falseAlarm, "%s: %d of %d, want about %.1f or fewer", what, k, n, p*float64(n))
}

// assertAtLeast is the other side.
func assertAtLeast(t testing.TB, k, n int, p float64, what string) {
	t.Helper()
	assert.Greater(t, tail.Binomial(int64(n-k), int64(n), 1-p), falseAlarm, "%s: %d of %d, want about %.1f or more", what, k, n, p*float64(n))
}

// softmax returns the probabilities of logits, among which are no NaN and +Inf.
func softmax(logits []float32) []float64 {
	top := math.Inf(-1)
	for _, l := range logits {
		top = math.Max(top, float64(l))
	}
	p, sum := make([]float64, len(logits)), 0.0
	for i, l := range logits {
		p[i] = math.Exp(float64(l) - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
