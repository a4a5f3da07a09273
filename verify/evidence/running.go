package evidence

import (
	"fmt"
	"math"
)

// running is the book-keeping of an e-process: an e-value that is one after every
// step, at whatever step one stops.
type running struct {
	n      int64
	logE   float64
	logMax float64
}

func (r *running) record(logE float64) {
	r.n++
	r.logE = logE
	r.logMax = max(r.logMax, logE)
}

// N returns how many steps there were.
func (r *running) N() int64 { return r.n }

// LogE returns ln e now: 0 at the start.
func (r *running) LogE() float64 { return r.logE }

// LogMax returns the largest ln e so far, at least 0. Under the null e ever reaches
// 1/α with probability at most α, so −LogMax is the ln of a p-value (J. Ville,
// 1939), however the number of steps was decided.
func (r *running) LogMax() float64 { return r.logMax }

// Stopped says whether to stop, e having reached 1/alpha or the number of steps
// the budget, and whether the null is rejected: whether e has ever reached 1/alpha.
// An error names an alpha outside (0, 1) or a budget below 1.
func (r *running) Stopped(alpha float64, budget int64) (stop, rejected bool, err error) {
	if !(alpha > 0 && alpha < 1) {
		return false, false, fmt.Errorf("evidence: alpha is %v, want more than 0 and less than 1", alpha)
	}
	if budget < 1 {
		return false, false, fmt.Errorf("evidence: budget is %d, want at least 1", budget)
	}
	rejected = r.logMax >= -math.Log(alpha)
	return rejected || r.n >= budget, rejected, nil
}
