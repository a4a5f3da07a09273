package evidence

import (
	"fmt"
	"math"
	"slices"
)

// A Family is the set of tests among which an error rate holds.
type Family struct {
	// Alpha is the probability, at most, that one or more true null hypotheses
	// of the family are rejected. Required, in (0, 1).
	Alpha float64
	// Others is how many further tests belong to the family whose p-values are
	// not at hand: those of earlier plans on the same suspect. They count as
	// p = 1. Defaults to 0.
	Others int
}

// A Decision is what a family says of one of its tests.
type Decision struct {
	// LogP is the natural logarithm of the adjusted p-value: the least Alpha at
	// which the test is rejected. At most 0.
	LogP     float64
	Rejected bool
}

// Check reports what is wrong with the family, or nil.
func (f Family) Check() error {
	switch {
	case !(f.Alpha > 0 && f.Alpha < 1):
		return fmt.Errorf("evidence: alpha is %v, want more than 0 and less than 1", f.Alpha)
	case f.Others < 0:
		return fmt.Errorf("evidence: number of other tests is %d, want at least 0", f.Others)
	}
	return nil
}

// Level returns the logarithm of the level at which each of n tests is tested
// first, Alpha/(n+Others): what a test must be able to reach to be worth its
// place.
func (f Family) Level(n int) float64 {
	return math.Log(f.Alpha) - math.Log(float64(max(1, n+f.Others)))
}

// Holm decides by Holm's step-down method (Holm 1979), which needs no
// assumption on the dependence between the tests. logP has one entry for every
// test of the family, in any order: a test that failed, is void or never ran
// stays in with ln p = 0. NaN counts as 0. A positive logarithm is an error.
func (f Family) Holm(logP []float64) ([]Decision, error) {
	p, err := f.clean(logP)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	out := make([]Decision, len(p))
	adjusted, limit := math.Inf(-1), math.Log(f.Alpha)
	for step, i := range order {
		left := len(p) + f.Others - step // hypotheses not rejected so far
		adjusted = max(adjusted, min(0, p[i]+math.Log(float64(left))))
		out[i] = Decision{adjusted, adjusted <= limit}
	}
	return out, nil
}

// Bonferroni decides by Bonferroni's bound: simpler than Holm's method, and
// never more powerful.
func (f Family) Bonferroni(logP []float64) ([]Decision, error) {
	p, err := f.clean(logP)
	if err != nil {
		return nil, err
	}
	out := make([]Decision, len(p))
	for i := range p {
		adjusted := min(0, p[i]+math.Log(float64(len(p)+f.Others)))
		out[i] = Decision{adjusted, adjusted <= math.Log(f.Alpha)}
	}
	return out, nil
}

func (f Family) clean(logP []float64) ([]float64, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	p := slices.Clone(logP)
	for i, x := range p {
		switch {
		case x > 0:
			return nil, fmt.Errorf("evidence: ln p of test %d is %v, want at most 0", i, x)
		case x != x:
			p[i] = 0
		}
	}
	return p, nil
}
