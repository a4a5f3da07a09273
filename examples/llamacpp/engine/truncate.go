package engine

import (
	"cmp"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// A truncator selects the candidates that top-k, top-p and min-p leave of a row
// of logits. All three keep the likeliest tokens, more or fewer, so that the
// selection is the shortest of three beginnings of the sorted row, which is never
// sorted: a histogram of distances from the maximum says in which bin each ends,
// and only that bin is put in order. It is for one goroutine, and does not
// allocate once it is as large as the vocabulary.
type truncator struct {
	count [bins]int32
	mass  [bins]float64 // probability in the bin, relative to the likeliest token's
	ids   []watermark.Token
	row   []float32
	edge  []candidate
}

type candidate struct {
	id    watermark.Token
	logit float32
}

const (
	bins   = 1024
	perNat = 32 // bins a nat; what is more than 32 nats below the maximum shares the last bin
)

func newTruncator(vocabulary int) *truncator {
	return &truncator{
		ids: make([]watermark.Token, 0, vocabulary), row: make([]float32, 0, vocabulary),
		edge: make([]candidate, 0, vocabulary),
	}
}

// bin returns where a logit lies at a distance below the maximum.
func bin(distance float32) int {
	if !(distance < bins/perNat) { // or NaN
		return bins - 1
	}
	return int(distance * perNat)
}

// truncate returns the candidates that are kept, in no order. They last until
// the next call. NaN and −Inf are no candidates. Ties at the end go to the lower
// ids.
func (t *truncator) truncate(row []float32, s *Sampling) ([]watermark.Token, []float32) {
	top := maximum(row)
	if top == float32(math.Inf(-1)) {
		return t.ids[:0], t.row[:0]
	}
	clear(t.count[:])
	for _, l := range row {
		if l > -math.MaxFloat32 { // false for NaN
			t.count[bin(top-l)]++
		}
	}
	k := len(row)
	if s.TopK > 0 {
		k = min(k, s.TopK)
	}
	last, keep := t.end(k) // keep of bin last, all of those before
	if s.TopP > 0 && s.TopP < 1 {
		last, keep = t.nucleus(row, top, s.TopP, last, keep)
	}
	low := float32(math.Inf(-1))
	if s.MinP > 0 {
		low = top + s.minLogit()
	}
	return t.gather(row, top, low, last, keep)
}

// end returns the bin in which the k-th candidate lies and how many of it are
// among the first k.
func (t *truncator) end(k int) (last, keep int) {
	for b := range t.count {
		n := int(t.count[b])
		if n >= k || b == bins-1 {
			return b, min(n, k)
		}
		k -= n
	}
	panic("unreachable")
}

// nucleus shortens the selection of the first bins, and keep of bin last, to the
// fewest that have the share p of its probability.
func (t *truncator) nucleus(row []float32, top float32, p float64, last, keep int) (int, int) {
	clear(t.mass[:last+1])
	t.edge = t.edge[:0]
	for i, l := range row {
		if !(l > -math.MaxFloat32) {
			continue
		}
		b := bin(top - l)
		if b > last {
			continue
		}
		if b == last {
			t.edge = append(t.edge, candidate{watermark.Token(i), l})
			continue
		}
		t.mass[b] += expNeg(top - l)
	}
	if keep < len(t.edge) {
		sortCandidates(t.edge)
		t.edge = t.edge[:keep]
	}
	for _, c := range t.edge {
		t.mass[last] += expNeg(top - c.logit)
	}
	total := 0.0
	for _, m := range t.mass[:last+1] {
		total += m
	}
	want := p * total
	for b, m := range t.mass[:last] {
		if m >= want && t.count[b] > 0 {
			return b, t.within(row, top, b, want)
		}
		want -= m
	}
	sortCandidates(t.edge)
	return last, enough(t.edge, top, want)
}

// within returns how many of bin b have the mass want.
func (t *truncator) within(row []float32, top float32, b int, want float64) int {
	t.edge = t.edge[:0]
	for i, l := range row {
		if l > -math.MaxFloat32 && bin(top-l) == b {
			t.edge = append(t.edge, candidate{watermark.Token(i), l})
		}
	}
	sortCandidates(t.edge)
	return enough(t.edge, top, want)
}

// enough returns the length of the shortest beginning of sorted candidates, at
// least 1, that has the mass want.
func enough(sorted []candidate, top float32, want float64) int {
	for i, c := range sorted {
		if want -= expNeg(top - c.logit); want <= 0 {
			return i + 1
		}
	}
	return len(sorted)
}

// gather collects the bins before last and the first keep of it, at least low.
func (t *truncator) gather(row []float32, top, low float32, last, keep int) ([]watermark.Token, []float32) {
	t.ids, t.row, t.edge = t.ids[:0], t.row[:0], t.edge[:0]
	all := keep == int(t.count[last])
	for i, l := range row {
		if !(l > -math.MaxFloat32) || l < low {
			continue
		}
		switch b := bin(top - l); {
		case b < last || b == last && all:
			t.ids, t.row = append(t.ids, watermark.Token(i)), append(t.row, l)
		case b == last:
			t.edge = append(t.edge, candidate{watermark.Token(i), l})
		}
	}
	if keep < len(t.edge) {
		sortCandidates(t.edge)
		t.edge = t.edge[:keep]
	}
	for _, c := range t.edge {
		t.ids, t.row = append(t.ids, c.id), append(t.row, c.logit)
	}
	return t.ids, t.row
}

func sortCandidates(c []candidate) {
	slices.SortFunc(c, func(a, b candidate) int {
		if a.logit != b.logit {
			return cmp.Compare(b.logit, a.logit)
		}
		return cmp.Compare(a.id, b.id)
	})
}

// maximum returns the greatest logit, −Inf where there is none.
func maximum(row []float32) float32 {
	top := float32(math.Inf(-1))
	for _, l := range row {
		if l > top {
			top = l
		}
	}
	return top
}

// expNeg returns exp(−x) for x ≥ 0, within 3e-9 of it relatively: exp(−i/64)
// from a table times the series of the rest.
func expNeg(x float32) float64 {
	if !(x < 43) { // or NaN
		return 0
	}
	i := int(x * 64)
	r := float64(x) - float64(i)/64
	return expTable[i] * (1 - r*(1-r/2*(1-r/3)))
}

// expTable goes on until exp(−i/64) is below 1e-19.
var expTable = func() (t [64 * 44]float64) {
	for i := range t {
		t[i] = math.Exp(-float64(i) / 64)
	}
	return t
}()
