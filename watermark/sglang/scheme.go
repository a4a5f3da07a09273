package sglang

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// gated is the engine's keyed Gumbel draw with its gate on the likeliest token.
type gated struct{ maxProbability float64 }

func (g gated) String() string { return fmt.Sprintf("gumbel(max_probability=%v)", g.maxProbability) }

// Choose takes the largest float32 ln u / p, the lowest id among equals.
func (g gated) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, top, ok := d.Row()
	if !ok {
		return 0, false
	}
	total := 0.0
	for _, l := range row {
		if l >= top-negligible {
			total += math.Exp(float64(l - top))
		}
	}
	if float64(float32(1/total)) > g.maxProbability {
		d.Decline()
		return d.RacePlain(d.Logits())
	}
	b := bout{r: d.Words().(*reader), stream: d.Place().Stream, top: top, total: total, winner: -1, least: math.Inf(-1)}
	ids := d.IDs()
	for i, l := range row {
		if l >= top-negligible {
			t := watermark.Token(i)
			if ids != nil {
				t = ids[i]
			}
			b.consider(t, l)
		}
	}
	return b.winner, true
}

// negligible is how far below the highest a logit has a float32 probability of 0.
const negligible = 104

// A bout is a race under way.
type bout struct {
	r      *reader
	stream int
	top    float32
	total  float64 // of the exponentials of logits less top
	winner watermark.Token
	best   float32 // ln u / p of the winner
	least  float64 // what logit − ln(−ln u) is to reach for a ratio that may be as large
}

// consider enters a candidate that its word leaves a chance: the ratios ln u / p are
// ordered as logit − ln(−ln u) but for rounding, so that one that falls short of the
// winner's by more than the margin needs no exponential.
func (b *bout) consider(t watermark.Token, logit float32) {
	word := b.r.word(b.stream, t)
	if float64(logit)+bounds[word>>24] < b.least {
		return
	}
	v := logUniform(word) / probability(logit, b.top, b.total)
	if b.winner < 0 || v > b.best || v == b.best && t < b.winner {
		b.winner, b.best = t, v
		b.least = float64(logit) - math.Log(float64(-logUniform(word))) - margin
	}
}

// probability returns the float32 softmax of a logit.
func probability(logit, top float32, total float64) float32 {
	return float32(math.Exp(float64(logit-top)) / total)
}

// Perturb writes −ln(−ln u), whose sums with the logits are ordered as the ratios. The
// gate looks at logits, which are not at hand here.
func (g gated) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	if g.maxProbability < 1 {
		return 0, fmt.Errorf("sglang: max_probability is %v, want 1 for a perturbation: the gate needs the logits", g.maxProbability)
	}
	r, stream, ids := d.Words(), d.Place().Stream, d.IDs()
	for i := range dst {
		t := watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		dst[i] = gumbel(uint32(r.Word(stream, t) >> 32))
	}
	return watermark.TakeLargest, nil
}

func (g gated) Score(r watermark.Reader, p watermark.Place, t watermark.Token) float64 {
	return score(uint32(r.Word(p.Stream, t) >> 32))
}

func (g gated) Law() (tail.Law, error) { return tail.Exponential(), nil }
