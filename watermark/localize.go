package watermark

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Span is a part of a text that carries a mark.
type Span struct {
	Begin, End int     // tokens [Begin, End)
	Scored     int     // tokens scored in it
	Score      float64 // sum of their scores
	LogP       float64 // ln of the p-value of this span alone
	// LogPFamily is LogP corrected for every span that was looked at: the
	// probability that an unmarked text has any span like this is at most its
	// exponential.
	LogPFamily float64
}

// Localize returns the spans of a text that carry the mark at family-wise error
// rate alpha, disjoint and in the order of the text. It looks at spans of 8
// scored tokens and more, in lengths that grow by about √2 and at steps of an
// eighth of the length, and corrects for their number (Bonferroni): the chance
// that it reports any span that lies wholly in unmarked text is at most alpha.
// Ends of spans are as exact as these steps. It fails for alpha outside (0, 1)
// and negative tokens.
func (w *Watermark) Localize(t Text, alpha float64) ([]Span, error) {
	if !(alpha > 0 && alpha < 1) {
		return nil, fmt.Errorf("watermark: family-wise error rate is %g, want in (0, 1)", alpha)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	var at []int        // positions scored
	sums := []uint64{0} // sums[i] of the first i scores, in units of 2^-32
	for i, y := range w.NewDetector().scored(t) {
		at = append(at, i)
		sums = append(sums, sums[len(at)-1]+fixed(w.scheme.Score(y.reader, y.place, t.Tokens[i])))
	}
	found := w.scan(at, sums, math.Log(alpha))
	return disjoint(found), nil
}

const shortestSpan = 8

// scan returns all spans of the grid whose corrected ln p is at most level.
func (w *Watermark) scan(at []int, sums []uint64, level float64) []Span {
	n, looked := len(at), 0
	grid(n, func(int, int) { looked++ })
	correction, mean := math.Log(float64(looked)), w.law.Moments().Mean
	var found []Span
	grid(n, func(begin, end int) {
		size := end - begin
		score := float64(sums[end]-sums[begin]) * 0x1p-32
		if score <= float64(size)*mean {
			return
		}
		p := w.law.LogTail(score, int64(size))
		if family := math.Min(0, p+correction); family <= level {
			found = append(found, Span{at[begin], at[end-1] + 1, size, score, p, family})
		}
	})
	return found
}

// grid calls f for the spans [begin, end) of n scored tokens that are looked at.
func grid(n int, f func(begin, end int)) {
	for i := 0; gridLength(i) <= n; i++ {
		length := gridLength(i)
		step := length / shortestSpan
		end := 0
		for begin := 0; begin+length <= n; begin += step {
			end = begin + length
			f(begin, end)
		}
		if end < n {
			f(n-length, n)
		}
	}
	if n >= shortestSpan {
		f(0, n)
	}
}

// gridLength returns 8, 11, 16, 22, 32, …: powers of √2, nearly.
func gridLength(i int) int { return (shortestSpan << (i / 2)) * (128 + 53*(i%2)) / 128 }

// disjoint keeps the strongest spans that do not overlap a stronger one.
func disjoint(found []Span) []Span {
	slices.SortStableFunc(found, func(a, b Span) int { return cmp.Compare(a.LogP, b.LogP) })
	var kept []Span
	for _, s := range found {
		if !slices.ContainsFunc(kept, func(k Span) bool { return s.Begin < k.End && k.Begin < s.End }) {
			kept = append(kept, s)
		}
	}
	slices.SortFunc(kept, func(a, b Span) int { return cmp.Compare(a.Begin, b.Begin) })
	return kept
}
