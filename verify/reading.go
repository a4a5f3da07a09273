package verify

import (
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// A reading is which tokens of the answers a mark scores, and which of them each
// test counts. It depends on the key only as far as the source's windows do, so
// that a mark's decoys share it, and so do other keys of the same kind.
type reading struct {
	units  []watermark.Unit  // that some test counts
	counts []uint8           // per unit: bit i set if test i counts it
	found  watermark.Dropped // before the tests
	raw    int
	tests  []selection
}

// A selection is what one test counts of a reading.
type selection struct {
	scored int
	absent int // windows that do not occur in the served answers
	beyond int // after the first N
	// inexact says that the source's seeds depend on the candidate, so that
	// whether a window was served depends on what follows it.
	inexact bool
}

// A total is a test's statistic: the sum over the units that carry the mark.
type total struct {
	sum fixedSum
	n   int64
}

// read applies the rules of a mark and the tests of a plan to the answers. It
// never scores a window that occurs in a prompt: the suspect may have copied
// what followed it there.
func read(mark *watermark.Watermark, texts []watermark.Text, prompts [][]watermark.Token, served []watermark.Text, tests []Test) (*reading, error) {
	units, err := mark.Units(texts, prompts)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	r := &reading{units: units, counts: make([]uint8, len(units)), tests: make([]selection, len(tests))}
	if r.found, r.raw, err = dropped(mark, texts, prompts, len(units)); err != nil {
		return nil, err
	}
	for i, t := range tests {
		sel := &r.tests[i]
		if t.Name == G1 {
			sel.scored = len(units)
			for u := range r.counts {
				r.counts[u] |= 1 << i
			}
			continue
		}
		picks, exact, err := present(mark, units, served)
		if err != nil {
			return nil, err
		}
		sel.inexact = !exact
		sel.absent = len(units) - len(picks)
		if t.First > 0 && len(picks) > t.First {
			sel.beyond = len(picks) - t.First
			picks = picks[:t.First]
		}
		sel.scored = len(picks)
		for _, u := range picks {
			r.counts[u] |= 1 << i
		}
	}
	r.compact()
	return r, nil
}

// dropped says why tokens are not among the n units, by the detector's account.
func dropped(mark *watermark.Watermark, texts []watermark.Text, prompts [][]watermark.Token, n int) (watermark.Dropped, int, error) {
	d := mark.NewDetector()
	for _, p := range prompts {
		if err := d.Skip(p); err != nil {
			return watermark.Dropped{}, 0, fmt.Errorf("verify: prompt: %w", err)
		}
	}
	for _, t := range texts {
		if err := d.Add(t); err != nil {
			return watermark.Dropped{}, 0, fmt.Errorf("verify: %w", err)
		}
	}
	res := d.Result()
	if res.Scored != n {
		return watermark.Dropped{}, 0, fmt.Errorf("verify: detector scores %d tokens, its units are %d: the mark contradicts itself", res.Scored, n)
	}
	return res.Dropped, res.Raw, nil
}

// score adds the units up for every test, under the words of a mark: the
// reading's own or a decoy of it. It uses scratch, grown as needed, for the
// scores.
func (r *reading) score(mark *watermark.Watermark, scratch *[]uint64) []total {
	*scratch = slices.Grow((*scratch)[:0], len(r.units))[:len(r.units)]
	scores, scorer := *scratch, mark.NewScorer()
	all := scorer.Units(r.units, scores) == len(r.units)
	out := make([]total, len(r.tests))
	for i, u := range r.units {
		if !all { // the mark's own key leaves out some windows
			if _, ok := scorer.Fixed(u.Window, u.Token); !ok {
				continue
			}
		}
		for t := range out {
			if r.counts[i]>>t&1 != 0 {
				out[t].sum.add(scores[i])
				out[t].n++
			}
		}
	}
	return out
}

// compact drops the units that no test counts.
func (r *reading) compact() {
	n := 0
	for i, c := range r.counts {
		if c != 0 {
			r.units[n], r.counts[n] = r.units[i], c
			n++
		}
	}
	r.units, r.counts = r.units[:n], r.counts[:n]
}

// same reports whether two readings score the same tokens for the same tests.
func (r *reading) same(o *reading) bool {
	return slices.Equal(r.counts, o.counts) && slices.EqualFunc(r.units, o.units, func(a, b watermark.Unit) bool {
		return a.Text == b.Text && a.Pos == b.Pos
	})
}
