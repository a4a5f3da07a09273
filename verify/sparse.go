package verify

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// sparseNull is the law of higher criticism among n scores, those beyond the scored
// ones missing with p = 1.
type sparseNull struct{ n, scored int }

func (l sparseNull) value(t *total) float64 { return t.criticism }
func (l sparseNull) tail(v float64) float64 { return evidence.HigherCriticismTail(l.n, v) }

func (l sparseNull) stretched(v, factor float64) float64 {
	return tail.Normal(evidence.NormalQuantile(l.tail(v)) / factor)
}

// decoys compares the criticism of the scores that there are with its own law: missing
// ones would make every decoy look too harmless.
func (l sparseNull) decoys(totals []total) (evidence.Decoys, error) {
	if l.scored < 2 {
		return evidence.Decoys{}, fmt.Errorf("higher criticism of %d score has no spread, want at least 2 scores", l.scored)
	}
	values := make([]float64, len(totals))
	for j := range totals {
		values[j] = totals[j].present
	}
	d := evidence.Decoys{Level: 0.01, LogP: spread(l.scored, values)}
	for _, logP := range d.LogP {
		d.Z = append(d.Z, max(-8, evidence.NormalQuantile(logP)))
	}
	return d, nil
}

// spread returns ln p-values of criticisms of n scores that are uniform under the null.
// The law has atoms at i/√(1−1/n), i = 0, 1, 2, …, where the (i+1)-th smallest p-value
// lies at the floor 1/n or below: equal statistics share the atom's mass evenly. Between
// atoms the logarithm is read off lines through few exact tails, each of which takes a
// while: decoys are a diagnostic.
func spread(n int, values []float64) []float64 {
	const (
		knots = 8
		after = 1e-6 // beyond the rounding of an atom
	)
	step := 1 / math.Sqrt(1-1/float64(n))
	lines := make(map[int]*[knots + 1]float64) // after atom i, up to the next
	line := func(i int) *[knots + 1]float64 {
		if lines[i] == nil {
			l := new([knots + 1]float64)
			from, to := float64(i)*step+after, float64(i+1)*step
			for k := range l {
				l[k] = evidence.HigherCriticismTail(n, from+(to-from)*float64(k)/knots)
			}
			lines[i] = l
		}
		return lines[i]
	}
	out := make([]float64, len(values))
	equal := make(map[int][]int) // decoys at atom i
	for j, v := range values {
		i := int(math.Round(v / step))
		if math.Abs(v-float64(i)*step) < after {
			equal[i] = append(equal[i], j)
			continue
		}
		i = int(v / step)
		l := line(i)
		x := (v - float64(i)*step - after) / (step - after) * knots
		k := min(max(0, int(x)), knots-1)
		out[j] = l[k] + (x-float64(k))*(l[k+1]-l[k])
	}
	for i, tied := range equal {
		least, most := math.Exp(line(i)[0]), 1.0
		if i > 0 {
			most = math.Exp(line(i - 1)[knots])
		}
		for k, j := range tied {
			out[j] = math.Log(least + (most-least)*(float64(k)+0.5)/float64(len(tied)))
		}
	}
	return out
}

// criticisms returns the higher criticism of a sparse test, scores that are missing of the
// first N counting as 0, and that of the scores that there are.
func (r *reading) criticisms(s *selection, scores []uint64) (all, present float64) {
	x := make([]float64, max(s.test.First, len(s.picks)))
	for i, p := range s.picks {
		x[i] = score(scores[p])
	}
	of := func(x []float64) float64 {
		h, err := evidence.HigherCriticismOf(r.law, x)
		if err != nil { // said where the null law is asked for
			return 0
		}
		return h
	}
	all = of(x)
	present = all
	if len(s.picks) < len(x) {
		present = of(x[:len(s.picks)])
	}
	return all, present
}
