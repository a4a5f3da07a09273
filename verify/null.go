package verify

import (
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A null is the law of a test's statistic under the null hypothesis, for as many
// scores as the selection has.
type null interface {
	// value returns the statistic of a total.
	value(t *total) float64
	// tail returns ln P(statistic ≥ v), exact, or an approximation for weighted sums.
	tail(v float64) float64
	// decoys prepares a calibration: standardised statistics and p-values.
	decoys(totals []total) (evidence.Decoys, error)
	// stretched returns the tail of v if the law were wider by a factor.
	stretched(v, factor float64) float64
}

// nullOf returns the null law of a selection.
func (r *reading) nullOf(mark *watermark.Watermark, s *selection) (null, error) {
	n := int64(s.scored())
	switch {
	case s.test.weighted():
		w, err := evidence.NewWeighted(r.law, s.floats(), s.bounds())
		return weightedNull{w, r.law.Moments().Mean, s}, err
	case s.test.Sparse:
		n := max(s.test.First, int(n))
		_, err := evidence.HigherCriticismOf(r.law, make([]float64, n))
		return sparseNull{n, s.scored()}, err
	case mark.Entangled():
		scorer := mark.NewScorer()
		scored := make([]watermark.Scored, 0, n)
		for _, p := range s.picks {
			u := r.units[p]
			if seed, ok := scorer.Seed(u.Window, u.Token); ok {
				scored = append(scored, watermark.Scored{Seed: seed, Token: u.Token})
			}
		}
		return jointNull{mark, scored}, nil
	}
	return sumOf(r.law, n, s.test), nil
}

// floats returns the coefficients of a weighted test.
func (s *selection) floats() []float64 {
	out := make([]float64, len(s.coefs))
	for i, c := range s.coefs {
		out[i] = c.float()
	}
	return out
}

func (s *selection) bounds() []int {
	out := make([]int, len(s.ends))
	for i, e := range s.ends {
		out[i] = int(e)
	}
	return out
}

// sumNull is the law of a sum of n independent scores.
type sumNull struct {
	law tail.Law
	n   int64
	// counted is what the p-value is a tail of, among so many scores: the law, or
	// its bet; those that are missing of the first N count as 0.
	counted tail.Law
	among   int64
	kind    Tail
}

// sumOf returns the law of a sum of n scores for a test.
func sumOf(law tail.Law, n int64, test Test) sumNull {
	l := sumNull{law, n, law, n, Exact}
	switch first := int64(test.First); {
	case test.Name == G1 || first == n && !test.Stop:
	case first > 0 && !test.Stop:
		l.among, l.kind = first, Bound
	default:
		l.counted, l.kind = evidence.ByE(law), Bound
	}
	return l
}

func (l sumNull) value(t *total) float64 { return t.sum.float() }
func (l sumNull) tail(v float64) float64 { return l.law.LogTail(v, l.n) }

func (l sumNull) decoys(totals []total) (evidence.Decoys, error) {
	scores := make([]evidence.Score, len(totals))
	for j := range totals {
		scores[j] = evidence.Score{Sum: totals[j].sum.float(), N: totals[j].n}
	}
	return evidence.DecoysOf(l.law, scores)
}

func (l sumNull) stretched(v, factor float64) float64 {
	mean := float64(l.among) * l.law.Moments().Mean
	if v > mean {
		v = mean + (v-mean)/factor
	}
	return l.counted.LogTail(v, l.among)
}

// jointNull is the law of a sum of scores whose words depend on each other.
type jointNull struct {
	mark   *watermark.Watermark
	scored []watermark.Scored
}

func (l jointNull) value(t *total) float64 { return t.sum.float() }
func (l jointNull) tail(v float64) float64 { return l.mark.LogTail(l.scored, v) }

func (l jointNull) decoys(totals []total) (evidence.Decoys, error) {
	return byTail(totals, func(t *total) float64 { return l.tail(l.value(t)) }), nil
}

func (l jointNull) stretched(v, factor float64) float64 {
	return tail.Normal(evidence.NormalQuantile(l.tail(v)) / factor)
}

// jointLaw is the law of one score with the tail of the sum of those that were scored.
type jointLaw struct {
	tail.Law
	null null
}

func (l jointLaw) LogTail(sum float64, n int64) float64 {
	if n < 1 {
		return 0
	}
	return l.null.tail(sum)
}

// byTail standardises statistics by their tails: exact for a continuous law, for a
// discrete one on the safe side.
func byTail(totals []total, tailOf func(*total) float64) evidence.Decoys {
	d := evidence.Decoys{Level: 0.01, Bound: true}
	for j := range totals {
		logP := tailOf(&totals[j])
		d.LogP = append(d.LogP, logP)
		d.Z = append(d.Z, max(-8, evidence.NormalQuantile(logP)))
	}
	return d
}

// weightedNull is the law of a weighted sum.
type weightedNull struct {
	w    *evidence.Weighted
	mean float64 // of a score
	s    *selection
}

// value takes from the sum what it has on average.
func (l weightedNull) value(t *total) float64 {
	c := int64(0)
	for _, x := range l.s.coefs {
		c += int64(x)
	}
	return t.weighted.float() - float64(l.mean*float64(float64(c)*0x1p-32))
}

func (l weightedNull) tail(v float64) float64 { return l.w.Tails(v).Approx }

func (l weightedNull) stretched(v, factor float64) float64 { return l.tail(max(0, v) / factor) }

func (l weightedNull) decoys(totals []total) (evidence.Decoys, error) {
	sums := make([]float64, len(totals))
	for j := range totals {
		sums[j] = l.value(&totals[j])
	}
	return l.w.Decoys(sums)
}
