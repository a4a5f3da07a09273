package verify

import (
	"math"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/portable"
	"github.com/dyetrace/dyetrace/watermark"
)

// A ballot is what one test scores at each of the positions: no unit where there is
// nothing to score.
type ballot struct {
	picks []int32
	coefs []coef // of a weighted test
	ends  []int32
}

// A reason says why a position does not count.
type reason uint8

const (
	counts  reason = iota
	noWord         // nothing was predicted, or the question failed
	foreign        // what was predicted is not one token of the marked model
	ended          // what was predicted is the end of the turn
)

// add puts the next position in. No reason for leaving it out looks at words, at
// the text's own token, or at whether the prediction agrees with it.
func (b *ballot) add(t Test, p *collect.Prediction, end *watermark.Token, unit func(watermark.Token) int32) reason {
	defer func() { b.ends = append(b.ends, int32(len(b.picks))) }()
	if t.weighted() {
		return b.addWeighted(t, p, end, unit)
	}
	token, why := t.choice(p)
	switch {
	case why != counts:
		return why
	case end != nil && token == *end:
		return ended
	}
	b.picks = append(b.picks, unit(token))
	return counts
}

// choice returns the one token of a prediction that a test scores.
func (t Test) choice(p *collect.Prediction) (watermark.Token, reason) {
	token := collect.NoToken
	switch t.Name {
	case R1:
		token = p.Argmax
	case R2:
		token = p.Sample
	case R4h:
		if p.Reference == nil {
			return token, noWord
		}
		most := math.Inf(-1)
		for i, id := range p.IDs {
			if d := t.difference(p, i); d > most {
				token, most = id, d
			}
		}
	}
	switch {
	case token >= 0:
		return token, counts
	case p.Argmax < 0 && p.Sample < 0 && len(p.IDs) == 0:
		return token, noWord
	}
	return token, foreign
}

// difference returns by how much the suspect prefers its token i to the reference.
func (t Test) difference(p *collect.Prediction, i int) float64 {
	if t.Form == Difference {
		return portable.Exp(p.LogProbs[i]) - portable.Exp(p.Reference[i])
	}
	return portable.Exp(p.LogProbs[i]/2) - portable.Exp(p.Reference[i]/2)
}

// addWeighted puts in a position of R3 or R4: a coefficient for each token that the
// suspect's interface lists. They are functions of what the suspect and the
// reference predict, and so of the text before the position alone.
func (b *ballot) addWeighted(t Test, p *collect.Prediction, end *watermark.Token, unit func(watermark.Token) int32) reason {
	if len(p.IDs) == 0 || t.referenced() && p.Reference == nil {
		return noWord
	}
	weight := 1.0
	if t.Weight == Ridge {
		weight = ridgeWeight(t, p)
	}
	before := len(b.picks)
	for i, id := range p.IDs {
		if end != nil && id == *end {
			continue
		}
		a := portable.Exp(p.LogProbs[i])
		if t.referenced() {
			a = t.difference(p, i)
		}
		if c := coefOf(float64(weight * a)); c != 0 {
			b.picks = append(b.picks, unit(id))
			b.coefs = append(b.coefs, c)
		}
	}
	if len(b.picks) == before {
		return ended // the end of the turn, or the reference to the last digit, and nothing else
	}
	return counts
}

// ridgeWeight returns (1 − Σq²)/(Σd² + τ²).
func ridgeWeight(t Test, p *collect.Prediction) float64 {
	open, moved := 1.0, ridge
	for i := range p.IDs {
		q := portable.Exp(p.LogProbs[i])
		open -= float64(q * q)
		d := t.difference(p, i)
		moved += float64(d * d)
	}
	return max(0, open) / moved
}
