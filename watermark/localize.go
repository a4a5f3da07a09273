package watermark

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Span is a part of a text that carries a mark.
type Span struct {
	Begin, End int     // tokens [Begin, End)
	Scored     int     // tokens scored in it
	Score      float64 // sum of their scores
	LogP       float64 // ln of the p-value of this span alone
	// LogPFamily is LogP corrected for every span that the text has: the
	// probability that an unmarked text has any span like this is at most its
	// exponential.
	LogPFamily float64
}

// Localize returns the spans of a text that carry the mark at family-wise error
// rate alpha, disjoint and in the order of the text. It corrects for every span
// that there is (Bonferroni over n(n+1)/2 spans of n scored tokens), so that it may
// search them in any way: the chance that it reports a span that lies wholly in
// unmarked text is at most alpha, whatever else is marked. It searches lengths that
// grow by about √2 at steps of an eighth of the length, keeps those that together
// say most, and moves their ends while that makes them stronger. It fails for
// alpha outside (0, 1) and negative tokens.
func (w *Watermark) Localize(t Text, alpha float64) ([]Span, error) {
	if !(alpha > 0 && alpha < 1) {
		return nil, fmt.Errorf("watermark: family-wise error rate is %g, want in (0, 1)", alpha)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	if w.source == nil {
		return nil, errZeroDetector
	}
	var at []int        // positions scored
	sums := []uint64{0} // sums[i] of the first i scores, in units of 2^-32
	for i, y := range w.NewDetector().positions(t) {
		at = append(at, i)
		sums = append(sums, sums[len(at)-1]+fixed(w.scheme.Score(y.reader, y.place, t.Tokens[i])))
	}
	f := finder{law: w.law, at: at, sums: sums}
	f.correction = math.Log(float64(len(at))) + math.Log(float64(len(at)+1)/2)
	kept := disjoint(f.scan(math.Log(alpha)))
	for i := range kept {
		low, high := 0, len(at)
		if i > 0 {
			low = kept[i-1].end
		}
		if i+1 < len(kept) {
			high = kept[i+1].begin
		}
		kept[i] = f.refine(kept[i], low, high)
	}
	return f.spans(f.join(kept)), nil
}

const shortestSpan = 8

// A finder knows the scored tokens of a text.
type finder struct {
	law        tail.Law
	at         []int    // their positions
	sums       []uint64 // of the first i scores, in units of 2^-32
	correction float64  // ln of the number of spans
}

// A stretch is the scored tokens [begin, end) with their ln p, uncorrected.
type stretch struct {
	begin, end int
	logP       float64
}

func (f *finder) score(begin, end int) float64 {
	return float64(f.sums[end]-f.sums[begin]) * 0x1p-32
}

// stretch measures a stretch. Below the mean of its law ln p is taken as 0: it is
// never reported.
func (f *finder) stretch(begin, end int) stretch {
	s, n := f.score(begin, end), end-begin
	if s <= float64(n)*f.law.Moments().Mean {
		return stretch{begin, end, 0}
	}
	return stretch{begin, end, f.law.LogTail(s, int64(n))}
}

// scan returns all stretches of the grid whose corrected ln p is at most level.
func (f *finder) scan(level float64) []stretch {
	var found []stretch
	grid(len(f.at), func(begin, end int) {
		if s := f.stretch(begin, end); s.logP+f.correction <= level {
			s.logP += f.correction
			found = append(found, s)
		}
	})
	return found
}

// refine moves the ends of a stretch within [low, high) while its p-value falls,
// by steps that halve.
func (f *finder) refine(s stretch, low, high int) stretch {
	s = f.stretch(s.begin, s.end)
	for step := (s.end - s.begin) / 4; step > 0; {
		best := s
		for _, move := range [...][2]int{{-step, 0}, {step, 0}, {0, -step}, {0, step}} {
			begin, end := s.begin+move[0], s.end+move[1]
			if begin < low || end > high || end-begin < shortestSpan {
				continue
			}
			if t := f.stretch(begin, end); t.logP < best.logP {
				best = t
			}
		}
		if best == s {
			step /= 2
		}
		s = best
	}
	return s
}

// join makes one stretch of neighbours with fewer tokens between them than a span
// has at least.
func (f *finder) join(kept []stretch) []stretch {
	var out []stretch
	for _, s := range kept {
		if n := len(out); n > 0 && s.begin-out[n-1].end < shortestSpan {
			if t := f.stretch(out[n-1].begin, s.end); t.logP < min(s.logP, out[n-1].logP) {
				out[n-1] = t
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

func (f *finder) spans(kept []stretch) []Span {
	var out []Span
	for _, s := range kept {
		out = append(out, Span{
			Begin: f.at[s.begin], End: f.at[s.end-1] + 1, Scored: s.end - s.begin, Score: f.score(s.begin, s.end),
			LogP: s.logP, LogPFamily: math.Min(0, s.logP+f.correction),
		})
	}
	return out
}

// grid calls f for the spans [begin, end) of n scored tokens that are looked at.
func grid(n int, f func(begin, end int)) {
	for i := 0; gridLength(i) <= int64(n); i++ {
		length := int(gridLength(i))
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
func gridLength(i int) int64 { return (int64(shortestSpan) << (i / 2)) * int64(128+53*(i%2)) / 128 }

// disjoint returns the stretches that do not overlap and have the greatest sum of
// −ln p, corrected, in the order of the text: two marked passages win over one
// stretch across both and what lies between, and a passage is not cut in two, since
// each part would pay for the correction.
func disjoint(found []stretch) []stretch {
	slices.SortFunc(found, func(a, b stretch) int { return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.begin, b.begin)) })
	best := make([]float64, len(found)+1) // of the first i
	before := make([]int, len(found))     // how many end where stretch i begins, or earlier
	for i, s := range found {
		before[i] = sort.Search(i, func(j int) bool { return found[j].end > s.begin })
		best[i+1] = max(best[i], best[before[i]]-s.logP)
	}
	var kept []stretch
	for i := len(found); i > 0; {
		if best[i] == best[i-1] {
			i--
			continue
		}
		kept = append(kept, found[i-1])
		i = before[i-1]
	}
	slices.Reverse(kept)
	return kept
}
