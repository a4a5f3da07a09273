package watermark

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// DualGumbel is the exponential race with two keys, for speculative decoding
// that rejects: a draft is drawn with stream A, what replaces a rejected draft
// with stream B, independent of it, so that the target's distribution is kept.
// A reader, who cannot know the routes, scores (1−Alpha)·s_A + Alpha·s_B.
type DualGumbel struct {
	// Alpha is the share of positions that draw with stream B without
	// speculation, and the weight of B in the score, in [0, 1]. With
	// speculation choose it near the share of rejected drafts. vLLM's default
	// is 0.1.
	Alpha float64
}

// String returns "dualgumbel(alpha=0.1)" for Alpha 0.1.
func (g DualGumbel) String() string { return fmt.Sprintf("dualgumbel(alpha=%g)", g.Alpha) }

// stream returns the route of a draw: B for recovery and bonus tokens.
func (g DualGumbel) stream(d *Draw) int {
	switch d.role {
	case Draft:
		return 0
	case Recovery, Bonus:
		return 1
	}
	if d.Uniform() < g.Alpha {
		return 1
	}
	return 0
}

// Choose implements [Scheme].
func (g DualGumbel) Choose(d *Draw) (Token, bool) { return d.Race(d.logits, g.stream(d)) }

// Perturb implements [Scheme]: it writes −ln E(word) of the draw's stream, and
// the engine takes the largest sum.
func (g DualGumbel) Perturb(d *Draw, dst []float32) (Then, error) {
	perturbRace(d, d.words, g.stream(d), dst)
	return TakeLargest, nil
}

// Score implements [Scheme].
func (g DualGumbel) Score(r Reader, _ Place, t Token) float64 {
	a, b := raceScore(r.Word(0, t)), raceScore(r.Word(1, t))
	return float64((1-g.Alpha)*a) + float64(g.Alpha*b)
}

// Law implements [Scheme].
func (g DualGumbel) Law() (tail.Law, error) {
	if !(g.Alpha >= 0 && g.Alpha <= 1) {
		return nil, fmt.Errorf("watermark: dual Gumbel alpha is %g, want 0 to 1", g.Alpha)
	}
	return tail.DualExponential(g.Alpha)
}
