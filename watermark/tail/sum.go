package tail

import "math"

// A total is a running sum that carries its rounding errors along: a hundred thousand terms are as accurate as two.
// (A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, 1974.)
type total struct{ sum, lost float64 }

func (t *total) add(v float64) {
	next := t.sum + v
	if math.Abs(t.sum) >= math.Abs(v) {
		t.lost += (t.sum - next) + v
	} else {
		t.lost += (v - next) + t.sum
	}
	t.sum = next
}

func (t *total) value() float64 {
	if math.IsInf(t.sum, 0) {
		return t.sum
	}
	return t.sum + t.lost
}
