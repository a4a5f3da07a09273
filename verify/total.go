package verify

import (
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// A total is what a test counts under one key.
type total struct {
	n         int64    // scores of windows that carry the mark
	sum       fixedSum // of a test that scores one token a position
	weighted  weightedSum
	criticism float64 // of a sparse test
	present   float64 // the same of the scores that there are
}

// add adds a sum over other tokens.
func (t *total) add(o *total) {
	t.n += o.n
	t.sum.addSum(o.sum)
}

// score adds the units up for every test, under the words of a mark: the
// reading's own or a decoy of it. It uses scratch, grown as needed, for the
// scores.
func (r *reading) score(mark *watermark.Watermark, scratch *[]uint64) []total {
	scores, carried := r.scores(mark, scratch)
	out := make([]total, len(r.tests))
	for i := range r.tests {
		s, t := &r.tests[i], &out[i]
		switch {
		case s.test.weighted():
			t.n = int64(len(s.ends))
			for k, p := range s.picks {
				t.weighted.add(s.coefs[k], scores[p])
			}
		default:
			for _, p := range s.picks {
				if carried == nil || carried[p] {
					t.sum.add(scores[p])
					t.n++
				}
			}
		}
		if s.test.Sparse {
			t.criticism, t.present = r.criticisms(s, scores)
		}
	}
	return out
}

// scores returns the score of every unit, and which windows carry the mark, nil for
// all: a source of which the key itself leaves out some windows.
func (r *reading) scores(mark *watermark.Watermark, scratch *[]uint64) (scores []uint64, carried []bool) {
	*scratch = slices.Grow((*scratch)[:0], len(r.units))[:len(r.units)]
	scores = *scratch
	scorer := mark.NewScorer()
	if scorer.Units(r.units, scores) == len(r.units) {
		return scores, nil
	}
	carried = make([]bool, len(r.units))
	for i, u := range r.units {
		_, carried[i] = scorer.Fixed(u.Window, u.Token)
	}
	return scores, carried
}

// score returns a score as a number, rounded down.
func score(fixed uint64) float64 { return float64(fixed) * 0x1p-32 }

// terms returns, for each position that a selection counts, its part of the
// statistic: a score, or for a weighted test the sum of coefficients times scores
// less their mean.
func (r *reading) terms(s *selection, scores []uint64) []float64 {
	out := make([]float64, 0, s.scored())
	if !s.test.weighted() {
		for _, p := range s.picks {
			out = append(out, score(scores[p]))
		}
		return out
	}
	mean, begin := r.law.Moments().Mean, int32(0)
	for _, end := range s.ends {
		var sum weightedSum
		c := int64(0)
		for k := begin; k < end; k++ {
			sum.add(s.coefs[k], scores[s.picks[k]])
			c += int64(s.coefs[k])
		}
		out = append(out, sum.float()-float64(mean*float64(float64(c)*0x1p-32)))
		begin = end
	}
	return out
}
