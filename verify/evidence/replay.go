package evidence

import (
	"fmt"
	"math"
)

// A Replay is the running e-value of supervised reading of a Gumbel mark where the
// teacher's probability p of the suspect's token is known, recomputed from the
// text before the position: of the alternative that the suspect repeats what the
// teacher drew. If the teacher drew the token, its word r = 1 − e^{−score} has
// density (1/p) r^{1/p − 1}, else it is uniform, so with
//
//	φ = (1/p) r^{1/p − 1} − 1 ≥ −1
//
// a suspect that repeats a share ε of the draws multiplies e = Π (1 + εφ_t), which
// is averaged over ε = 2^−1, 2^−2, … 2^−12. Tokens that the teacher was sure of
// (p = 1) say nothing, unlikely ones much. Words of floor type, stochastically below
// uniform, only lower e. The zero Replay is ready, e = 1. It is for one goroutine.
type Replay struct {
	running
	wealth [replays]total
}

const replays = 12

// Add takes a position: the score of the suspect's token, −ln(1−r) ≥ 0, and the
// teacher's probability of that token, 0 to 1. A token with p = 0, which the teacher
// could not draw, costs its stake. An error names a score or probability out of range;
// e is then as before. p must not come from the teacher's log of its own draw
// (that is a function of the word), nor may positions be chosen by it.
func (r *Replay) Add(score, p float64) error {
	if !(score >= 0) || math.IsInf(score, 1) {
		return fmt.Errorf("evidence: score is %v, want a finite number of at least 0", score)
	}
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("evidence: probability of the token is %v, want 0 to 1", p)
	}
	ratio := replayRatio(score, p)
	var logE [replays]float64
	for g := range r.wealth {
		stake := math.Ldexp(1, -1-g)
		r.wealth[g].add(betOn(stake, ratio))
		logE[g] = r.wealth[g].value()
	}
	r.record(Average(logE[:]...))
	return nil
}

// replayRatio returns ln (1/p) r^{1/p − 1}.
func replayRatio(score, p float64) float64 {
	switch {
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return 0
	}
	word := log1mexp(-score)
	if word == 0 { // r = 1 to the last digit
		return -math.Log(p)
	}
	return (1/p-1)*word - math.Log(p)
}

// betOn returns ln (1 − stake + stake·e^ratio).
func betOn(stake, ratio float64) float64 {
	if ratio > 700 {
		return ratio + math.Log(stake)
	}
	return math.Log1p(stake * math.Expm1(ratio))
}
