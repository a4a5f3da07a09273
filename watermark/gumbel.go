package watermark

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Gumbel is the exponential race of Aaronson and Kirchner (2022): the token
// that maximises logit − ln(−ln u) over the candidates' keyed uniform variates.
// Over the draw of the key it leaves the distribution of a token as it was. The
// score of a token is −ln(1−u), under the null at most an Exponential(1)
// variate. The zero value is ready.
type Gumbel struct{}

// String returns "gumbel".
func (Gumbel) String() string { return "gumbel" }

// Choose implements [Scheme].
func (Gumbel) Choose(d *Draw) (Token, bool) { return d.Race(d.logits, 0) }

// Perturb implements [Scheme]: it writes −ln E(word), and the engine takes the
// largest sum.
func (Gumbel) Perturb(d *Draw, dst []float32) (Then, error) {
	perturbRace(d, d.words, 0, dst)
	return TakeLargest, nil
}

// Score implements [Scheme].
func (Gumbel) Score(r Reader, _ Place, t Token) float64 { return raceScore(r.Word(0, t)) }

// Law implements [Scheme].
func (Gumbel) Law() (tail.Law, error) { return tail.Exponential(), nil }

// raceScore returns s = −ln(1 − word/2^64), in nats, from 0 to 64 ln 2. P(s >=
// s(w)) = e^{−s(w)} at the atoms, so a sum has at most the tail of a Gamma law.
func raceScore(word uint64) float64 {
	if word < 1<<63 {
		return -math.Log1p(-float64(word) * 0x1p-64)
	}
	return 64*math.Ln2 - math.Log(float64(-word))
}

func perturbRace(d *Draw, r Reader, stream int, dst []float32) {
	for i := range dst {
		dst[i] = float32(-logRate(r.Word(stream, tokenAt(d.ids, 0, i))))
	}
}
