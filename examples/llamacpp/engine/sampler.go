package engine

import (
	"errors"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
)

// A sampler turns rows of logits into tokens. It changes rows in place: they
// are llama.cpp's, and of no use to it any more. It is for one goroutine, does
// not allocate, and has no state of a request.
type sampler struct {
	truncator *truncator
	counts    []int32 // of tokens, all 0 between calls
	original  []float32
}

func newSampler(vocabulary int) *sampler {
	return &sampler{truncator: newTruncator(vocabulary), counts: make([]int32, vocabulary), original: make([]float32, vocabulary)}
}

// A drawer is what a choice, or its draft, draws a token with.
type drawer struct {
	sampling *Sampling
	biases   []candidate // the bias in the order of ids
	session  *watermark.Session
	grammar  *grammar // nil for none
	prompt   int      // how many of the history's tokens are the prompt's
}

// draw returns the token that follows history, and whether it carries the mark.
func (s *sampler) draw(row []float32, d *drawer, history []watermark.Token) (t watermark.Token, marked bool, err error) {
	s.adjust(row, d, history)
	if d.sampling.Temperature != 0 {
		scale(row, d.sampling.Temperature)
		marked = d.session.Marked()
	}
	for range tries {
		if t, err = s.pick(row, d); err != nil || d.grammar == nil || d.grammar.accepts(t) {
			return t, marked, err
		}
		row[t] = float32(math.Inf(-1))
	}
	d.grammar.mask(row)
	if t, err = s.pick(row, d); errors.Is(err, watermark.ErrNoToken) {
		err = errors.New("engine: no token of the model's vocabulary goes on from here within the grammar")
	}
	return t, marked, err
}

// tries is how many tokens that do not match the grammar are drawn before all
// are looked at. To look at one takes llama.cpp microseconds, at all of them
// milliseconds. In a Gumbel race the outcome is the same: the best of those that
// match.
const tries = 32

// pick draws a token from an adjusted row.
func (s *sampler) pick(row []float32, d *drawer) (watermark.Token, error) {
	switch {
	case d.sampling.Temperature == 0:
		return watermark.Argmax(nil, row)
	case !d.sampling.truncates(len(row)):
		return d.session.Sample(nil, row)
	}
	ids, logits := s.truncator.truncate(row, d.sampling)
	return d.session.Sample(ids, logits)
}

// adjust adds the bias and applies the penalties.
func (s *sampler) adjust(row []float32, d *drawer, history []watermark.Token) {
	for _, b := range d.biases {
		row[b.id] += b.logit
	}
	p := d.sampling
	if repeat := float32(p.RepeatPenalty); repeat != 0 && repeat != 1 {
		recent := history[len(history)-p.penaltyLast(len(history)):]
		for _, t := range recent {
			if s.counts[t]++; s.counts[t] > 1 {
				continue
			}
			if row[t] > 0 {
				row[t] /= repeat
			} else {
				row[t] *= repeat
			}
		}
		s.forget(recent)
	}
	if p.FrequencyPenalty != 0 || p.PresencePenalty != 0 {
		answer := history[d.prompt:]
		for _, t := range answer {
			if s.counts[t]++; s.counts[t] == 1 {
				row[t] -= float32(p.PresencePenalty)
			}
			row[t] -= float32(p.FrequencyPenalty)
		}
		s.forget(answer)
	}
}

func (s *sampler) forget(tokens []watermark.Token) {
	for _, t := range tokens {
		s.counts[t] = 0
	}
}

// scale divides logits by a temperature. Where it is so low that they could
// overflow, the greatest becomes 0 first, which changes no probability.
func scale(row []float32, temperature float64) {
	if temperature == 1 {
		return
	}
	inverse := float32(1 / temperature)
	shift := float32(0)
	if temperature < 0.01 {
		if shift = maximum(row); math.IsInf(float64(shift), 0) {
			shift = 0
		}
	}
	for i := range row {
		row[i] = (row[i] - shift) * inverse
	}
}
