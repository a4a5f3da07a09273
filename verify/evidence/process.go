package evidence

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Process is the running e-value of the scores of single tokens under their law:
// after n scores that sum to S it is the law's LogE of S and n, which for every
// law of this kind is a martingale's value. It is for one goroutine.
type Process struct {
	running
	law     tail.Law
	bounded bool // scores have a largest
	sum     total
}

// NewProcess returns a process before the first score, e = 1. An error names a law
// whose words different windows share: their scores depend on those before, and
// e-values of their sums hold at a number of scores that was fixed, not wherever
// one stops.
func NewProcess(law tail.Law) (*Process, error) {
	if err := checkWindows(law); err != nil {
		return nil, err
	}
	_, hi := law.Domain()
	return &Process{law: law, bounded: math.IsInf(hi, 1)}, nil
}

// Add takes one more score. An error names a score that is not finite, or one that
// the law cannot have; e is then as before. Some 0.5 to 3 µs.
func (p *Process) Add(score float64) error {
	if math.IsNaN(score) || math.IsInf(score, 0) {
		return fmt.Errorf("evidence: score is %v, want a finite number", score)
	}
	if score < 0 || p.bounded && math.IsInf(p.law.LogTail(score, 1), -1) {
		return fmt.Errorf("evidence: score is %v, which %v cannot have", score, p.law)
	}
	p.sum.add(score)
	p.record(p.law.LogE(p.sum.value(), p.n+1))
	return nil
}

// Sum returns the sum of the scores.
func (p *Process) Sum() float64 { return p.sum.value() }
