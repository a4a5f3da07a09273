package vllm

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// single is the algorithm gumbel.
type single struct{ targetOnly bool }

func (s single) String() string {
	if s.targetOnly {
		return "gumbel(target only)"
	}
	return "gumbel"
}

// marks reports whether the algorithm marks what a role draws.
func (s single) marks(r watermark.Role) bool {
	switch r {
	case watermark.Target:
		return true
	case watermark.Recovery, watermark.Bonus:
		return s.targetOnly
	}
	return false
}

func (s single) Choose(d *watermark.Draw) (watermark.Token, bool) {
	if !s.marks(d.Role()) {
		d.Decline()
		return d.RacePlain(d.Logits())
	}
	return largest(d, 0)
}

func (s single) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	if !s.marks(d.Role()) {
		d.Decline()
		return d.PerturbPlain(dst), nil
	}
	return perturb(d, 0, dst)
}

func (s single) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	return score(uint32(r.Word(0, t) >> 32))
}

func (s single) Law() (tail.Law, error) { return tail.Exponential(), nil }

// dual is the algorithm dual_key_gumbel.
type dual struct{ alpha float64 }

func (s dual) String() string { return fmt.Sprintf("dual_key_gumbel(alpha=%v)", s.alpha) }

// stream returns the route of a draw: by the request's own variate, which no
// detector knows, or in speculative decoding by the role.
func (s dual) stream(d *watermark.Draw) int {
	switch d.Role() {
	case watermark.Draft:
		return 0
	case watermark.Recovery, watermark.Bonus:
		return 1
	}
	if d.Uniform() < s.alpha {
		return 1
	}
	return 0
}

func (s dual) Choose(d *watermark.Draw) (watermark.Token, bool) { return largest(d, s.stream(d)) }

func (s dual) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	return perturb(d, s.stream(d), dst)
}

func (s dual) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	return s.score(uint32(r.Word(0, t)>>32), uint32(r.Word(1, t)>>32))
}

func (s dual) score(a, b uint32) float64 {
	return float64((1-s.alpha)*score(a)) + float64(s.alpha*score(b))
}

func (s dual) Law() (tail.Law, error) { return tail.DualExponential(s.alpha) }

func perturb(d *watermark.Draw, stream int, dst []float32) (watermark.Then, error) {
	r, ids := d.Words(), d.IDs()
	for i := range dst {
		t := watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		dst[i] = gumbel(uint32(r.Word(stream, t) >> 32))
	}
	return watermark.TakeLargest, nil
}

// largest returns the candidate of the largest float32(logit) + float32 Gumbel
// variate, the lowest id among equals, as the engine does. NaN and −Inf are no
// candidates; +Inf plus a variate is +Inf, so that the lowest id of such wins.
//
// Sums are monotone under rounding: a candidate whose logit with a bound of the
// variate stays below the best sum cannot win, and needs no logarithm. The first
// bound needs no word either, and is best after the candidate of the highest logit
// was looked at: so that one comes first.
func largest(d *watermark.Draw, stream int) (watermark.Token, bool) {
	ids, logits := d.IDs(), d.Logits()
	top, at := float32(math.Inf(-1)), -1
	for i, l := range logits {
		if l > top {
			top, at = l, i
		}
	}
	if at < 0 {
		return 0, false
	}
	r := d.Words().(*reader)
	b := bout{s: &r.streams[stream], best: float32(math.Inf(-1))}
	b.enter(tokenAt(ids, at), top)
	for i, l := range logits {
		if l+maxGumbel >= b.best {
			b.consider(tokenAt(ids, i), l)
		}
	}
	return b.winner, true
}

// A bout is a race under way. Its first entry is not −Inf.
type bout struct {
	s      *stream
	winner watermark.Token
	best   float32
}

// consider enters a candidate that its word leaves a chance.
func (b *bout) consider(t watermark.Token, logit float32) {
	if logit+bounds[b.s.word(t)>>24] >= b.best {
		b.enter(t, logit)
	}
}

func (b *bout) enter(t watermark.Token, logit float32) {
	v := logit + gumbel(b.s.word(t))
	if v > b.best || v == b.best && t < b.winner {
		b.winner, b.best = t, v
	}
}

func tokenAt(ids []watermark.Token, i int) watermark.Token {
	if ids != nil {
		return ids[i]
	}
	return watermark.Token(i)
}
