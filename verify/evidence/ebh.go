package evidence

import (
	"fmt"
	"math"
	"slices"
)

// EBH decides by the e-BH procedure (R. Wang, A. Ramdas, False discovery rate
// control with e-values, 2022): the k largest of n e-values are rejected for the
// largest k whose k-th is at least n/(k·Alpha). The expected share of false ones
// among the rejected is at most Alpha, whatever the dependence between them: for
// maps of which texts, cohorts or periods show a mark. It convicts nobody: one of
// twenty may be wrong at Alpha = 0.05, where [Family.Holm] and
// [Family.Hierarchical] hold for all at once.
//
// logE has one entry for every test, in any order; NaN counts as e = 0, and Others
// as further tests with e = 0. A decision's LogP is the ln of the least Alpha at
// which it is rejected, at most 0.
func (f Family) EBH(logE []float64) ([]Decision, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	e := slices.Clone(logE)
	order := make([]int, len(e))
	for i, x := range e {
		order[i] = i
		if math.IsInf(x, 1) {
			return nil, fmt.Errorf("evidence: ln e of test %d is %v, want a finite number", i, x)
		}
		if x != x {
			e[i] = math.Inf(-1)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case e[a] > e[b]:
			return -1
		case e[a] < e[b]:
			return 1
		}
		return 0
	})
	n := math.Log(float64(len(e) + f.Others))
	out := make([]Decision, len(e))
	least := 0.0
	for k := len(order); k >= 1; k-- {
		i := order[k-1]
		least = min(least, n-math.Log(float64(k))-e[i])
		out[i] = Decision{least, least <= math.Log(f.Alpha)}
	}
	return out, nil
}
