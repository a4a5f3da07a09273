package watermark

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// GreenList raises the logits of a keyed share of the vocabulary (Kirchenbauer
// et al. 2023, algorithm 2): each token is green on its own, when its word lies
// below Gamma·2^64. It changes the distribution of a token, by design.
type GreenList struct {
	// Gamma is the share of tokens that are green, in (0, 1). Required. A
	// multiple of 1/256 is fastest: the coarse byte alone decides.
	Gamma float64
	// Delta is added to a green token's logit, in nats, in (0, 100]. Required.
	Delta float64
}

// String returns "greenlist(gamma=0.25,delta=2)" for Gamma 0.25 and Delta 2.
func (g GreenList) String() string {
	return fmt.Sprintf("greenlist(gamma=%g,delta=%g)", g.Gamma, g.Delta)
}

// border returns Gamma·2^64, rounded down: words below it are green.
func (g GreenList) border() uint64 { return uint64(g.Gamma * 0x1p64) }

// Choose implements [Scheme]: the draw itself is the request's own.
func (g GreenList) Choose(d *Draw) (Token, bool) {
	row, _, ok := d.Row()
	if !ok {
		return -1, false
	}
	g.raise(d, row)
	return d.RacePlain(row)
}

// Perturb implements [Scheme]: it writes Delta or 0, and the engine samples.
func (g GreenList) Perturb(d *Draw, dst []float32) (Then, error) {
	clear(dst)
	g.raise(d, dst)
	return SampleSum, nil
}

// raise adds Delta to the green tokens of a row.
func (g GreenList) raise(d *Draw, row []float32) {
	border, delta := g.border(), float32(g.Delta)
	edge := byte(border >> 56)
	exact := border<<8 == 0 // no word of the edge's byte is green
	for base := 0; base < len(row); base += chunk {
		part := row[base:min(base+chunk, len(row))]
		var ids []Token
		if d.ids != nil {
			ids = d.ids[base : base+len(part)]
		}
		coarse := d.sc.race.coarse[:len(part)]
		if !d.words.Coarse(0, ids, Token(base), coarse) {
			for i := range part {
				if d.words.Word(0, tokenAt(ids, Token(base), i)) < border {
					part[i] += delta
				}
			}
			continue
		}
		for i, c := range coarse {
			if c < edge || c == edge && !exact && d.words.Word(0, tokenAt(ids, Token(base), i)) < border {
				part[i] += delta
			}
		}
	}
}

// Score implements [Scheme]: 1 for a green token, else 0.
func (g GreenList) Score(r Reader, _ Place, t Token) float64 {
	if r.Word(0, t) < g.border() {
		return 1
	}
	return 0
}

// Law implements [Scheme].
func (g GreenList) Law() (tail.Law, error) {
	switch {
	case !(g.Gamma > 0 && g.Gamma < 1):
		return nil, fmt.Errorf("watermark: green list gamma is %g, want in (0, 1)", g.Gamma)
	case g.border() == 0:
		return nil, fmt.Errorf("watermark: green list gamma is %g, want at least 2^-64", g.Gamma)
	case !(g.Delta > 0 && g.Delta <= 100):
		return nil, fmt.Errorf("watermark: green list delta is %g nats, want in (0, 100]", g.Delta)
	}
	return tail.Bernoulli(g.Gamma)
}
