package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A reading is which tokens of a record a mark scores, and which of them each test
// counts, with which coefficient. It depends on the key only as far as the source's
// windows do, so that a mark's decoys share it, and so do other keys of the same
// kind.
type reading struct {
	law   tail.Law
	units []watermark.Unit // that some test counts
	tests []selection
	place map[watermark.Token]int32 // of the units of a position with many
}

// A selection is what one test counts of a reading.
type selection struct {
	test    Test
	raw     int     // tokens of the texts, or positions of the passages
	dropped Dropped // by reason
	void    []string

	picks []int32 // units in the order in which they count
	coefs []coef  // of a weighted test: one a pick
	ends  []int32 // of a weighted test: position t is picks[ends[t−1]:ends[t]]
}

// scored returns how many tokens, or positions, count.
func (s *selection) scored() int {
	if s.test.weighted() {
		return len(s.ends)
	}
	return len(s.picks)
}

// cut leaves the first n.
func (s *selection) cut(n int) {
	if !s.test.weighted() {
		s.picks = s.picks[:n]
		return
	}
	s.ends = s.ends[:n]
	end := int32(0)
	if n > 0 {
		end = s.ends[n-1]
	}
	s.picks, s.coefs = s.picks[:end], s.coefs[:end]
}

// limit applies First.
func (s *selection) limit() {
	if n := s.test.First; n > 0 && s.scored() > n {
		s.dropped.Beyond = s.scored() - n
		s.cut(n)
	}
}

// read applies the rules of a mark and the tests of a plan to a record.
func read(mark *watermark.Watermark, rec *Record, tests []Test) (*reading, error) {
	if err := rec.check(); err != nil {
		return nil, err
	}
	r := &reading{law: mark.Law()}
	pairs, fresh, reads := false, false, false
	for _, t := range tests {
		if err := t.check(); err != nil {
			return nil, err
		}
		r.tests = append(r.tests, selection{test: t})
		pairs = pairs || !t.reads() && !t.Fresh
		fresh = fresh || t.Fresh
		reads = reads || t.reads()
	}
	if pairs {
		if err := r.generation(mark, rec, false); err != nil {
			return nil, err
		}
	}
	if fresh {
		if err := r.generation(mark, rec, true); err != nil {
			return nil, err
		}
	}
	if reads {
		if err := r.predictions(mark, rec); err != nil {
			return nil, err
		}
	}
	for i := range r.tests {
		r.tests[i].limit()
	}
	r.compact()
	return r, nil
}

// candidateSeeds voids tests that need to know a window by itself.
const candidateSeeds = "the source's seeds depend on the token that follows, so that windows have no words of their own: the test is not exact"

// generation selects for the G tests: all of them, or those that are fresh. It never
// scores a window that occurs in the prompt of its text: the suspect may have copied
// what followed it there.
func (r *reading) generation(mark *watermark.Watermark, rec *Record, fresh bool) error {
	units, found, err := written(mark, rec.Texts, fresh)
	if err != nil {
		return err
	}
	raw := 0
	for _, t := range rec.Texts {
		raw += len(t.Tokens)
	}
	own, err := notCopied(mark, units, rec.Prompts)
	if err != nil {
		return err
	}
	found.Prompt = len(units) - len(own)
	base := int32(len(r.units))
	r.units = append(r.units, own...)
	for i := range r.tests {
		s := &r.tests[i]
		if s.test.reads() || s.test.Fresh != fresh {
			continue
		}
		s.raw, s.dropped = raw, found
		picks := identity(len(own))
		if s.test.Name == G2 {
			var exact bool
			if picks, exact, err = present(mark, own, rec.Served); err != nil {
				return err
			}
			if !exact {
				s.void = append(s.void, candidateSeeds)
			}
			s.dropped.NotServed = len(own) - len(picks)
		}
		for _, p := range picks {
			s.picks = append(s.picks, base+int32(p))
		}
	}
	return nil
}

// written lists the tokens of texts that a mark scores, each once.
func written(mark *watermark.Watermark, texts []watermark.Text, fresh bool) ([]watermark.Unit, Dropped, error) {
	if !fresh {
		units, found, err := mark.Pairs(texts)
		if err != nil {
			err = fmt.Errorf("verify: %w", err)
		}
		return units, droppedOf(found), err
	}
	units, err := mark.Units(texts, nil)
	if err != nil {
		return nil, Dropped{}, fmt.Errorf("verify: %w", err)
	}
	d := mark.NewDetector()
	for _, t := range texts {
		if err := d.Add(t); err != nil {
			return nil, Dropped{}, fmt.Errorf("verify: %w", err)
		}
	}
	return units, droppedOf(d.Result().Dropped), nil
}

// identity returns 0, 1, …, n−1.
func identity(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// notCopied returns the units whose window does not occur in the prompt of their
// text.
func notCopied(mark *watermark.Watermark, units []watermark.Unit, prompts [][]watermark.Token) ([]watermark.Unit, error) {
	scorer := mark.NewScorer()
	var out []watermark.Unit
	inPrompt, of := make(map[uint64]bool), -1
	for _, u := range units {
		if u.Text != of {
			of = u.Text
			clear(inPrompt)
			if len(prompts) > 0 {
				seeds, err := mark.Seeds(prompts[of])
				if err != nil {
					return nil, fmt.Errorf("verify: prompt %d: %w", of, err)
				}
				for _, s := range seeds {
					inPrompt[s] = true
				}
			}
		}
		if seed, ok := scorer.Seed(u.Window, u.Token); ok && !inPrompt[seed] {
			out = append(out, u)
		}
	}
	return out, nil
}

func droppedOf(d watermark.Dropped) Dropped {
	return Dropped{Head: d.Head, Gated: d.Gated, Repeat: d.Repeat, Prompt: d.Skipped, Duplicate: d.Duplicate}
}

// predictions selects for the R tests: one position for each window, the first at
// which it occurs in the passages.
func (r *reading) predictions(mark *watermark.Watermark, rec *Record) error {
	positions, found, err := mark.FirstWindows(rec.marked())
	if errors.Is(err, watermark.ErrCandidateSeeds) {
		for i := range r.tests {
			if s := &r.tests[i]; s.test.reads() {
				s.void = append(s.void, candidateSeeds)
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("verify: passages: %w", err)
	}
	raw := 0
	for _, p := range rec.Passages {
		raw += len(p.Tokens)
	}
	var served []int
	for i := range r.tests {
		s := &r.tests[i]
		if !s.test.reads() {
			continue
		}
		s.raw, s.dropped = raw, droppedOf(found)
		if s.test.Served && served == nil {
			var exact bool
			if served, exact, err = present(mark, positions, rec.Served); err != nil {
				return err
			}
			if !exact {
				return errors.New("verify: windows have seeds of their own in passages, but not in served answers: the mark contradicts itself")
			}
		}
	}
	ballots := make([]ballot, len(r.tests))
	for _, p := range positions {
		if len(r.units) > maxUnits {
			return fmt.Errorf("verify: %d positions list more than %d tokens, want fewer of either", len(positions), maxUnits)
		}
		first := len(r.units)
		clear(r.place)
		prediction := rec.at(p)
		for i := range r.tests {
			if s := &r.tests[i]; s.test.reads() {
				why := ballots[i].add(s.test, prediction, rec.End, func(t watermark.Token) int32 { return r.unit(first, p, t) })
				s.dropped.count(why)
			}
		}
	}
	for i := range r.tests {
		s := &r.tests[i]
		if !s.test.reads() {
			continue
		}
		order := served
		if !s.test.Served {
			order = identity(len(positions))
		}
		s.take(&ballots[i], order)
		s.dropped.NotServed = s.raw - s.dropped.sum() - s.scored()
	}
	return nil
}

// at returns the prediction at a position.
func (r *Record) at(p watermark.Unit) *collect.Prediction {
	if list := r.Predictions[p.Text]; len(list) > 0 {
		return &list[p.Pos]
	}
	return &missing
}

// maxUnits bounds the memory of a reading: some gigabytes.
const maxUnits = 1 << 26

// unit returns the place of a token among the units of a position, which begin at
// first.
func (r *reading) unit(first int, position watermark.Unit, t watermark.Token) int32 {
	if n, ok := r.place[t]; ok {
		return n
	}
	if len(r.place) == 0 {
		for i := first; i < len(r.units); i++ {
			if r.units[i].Token == t {
				return int32(i)
			}
		}
	}
	position.Token = t
	n := int32(len(r.units))
	r.units = append(r.units, position)
	if int(n)-first >= fewTokens { // from here on a search from the beginning takes longer
		if r.place == nil {
			r.place = make(map[watermark.Token]int32)
		}
		if len(r.place) == 0 {
			for i := first; i < int(n); i++ {
				r.place[r.units[i].Token] = int32(i)
			}
		}
		r.place[t] = n
	}
	return n
}

// take selects the positions of a ballot in order. Positions without a vote are
// none.
func (s *selection) take(b *ballot, order []int) {
	for _, n := range order {
		begin := int32(0)
		if n > 0 {
			begin = b.ends[n-1]
		}
		end := b.ends[n]
		if begin == end {
			continue
		}
		s.picks = append(s.picks, b.picks[begin:end]...)
		if s.test.weighted() {
			s.coefs = append(s.coefs, b.coefs[begin:end]...)
			s.ends = append(s.ends, int32(len(s.picks)))
		}
	}
}

// compact drops the units that no test counts.
func (r *reading) compact() {
	place := make([]int32, len(r.units))
	for _, s := range r.tests {
		for _, p := range s.picks {
			place[p] = 1
		}
	}
	n := int32(0)
	for i, used := range place {
		if used != 0 {
			r.units[n], place[i] = r.units[i], n
			n++
		}
	}
	r.units = r.units[:n]
	for _, s := range r.tests {
		for i, p := range s.picks {
			s.picks[i] = place[p]
		}
	}
}

// same reports whether two readings score the same tokens for the same tests.
func (r *reading) same(o *reading) bool {
	return slices.EqualFunc(r.tests, o.tests, func(a, b selection) bool {
		return a.test == b.test && slices.Equal(a.picks, b.picks) && slices.Equal(a.coefs, b.coefs) && slices.Equal(a.ends, b.ends)
	}) && slices.EqualFunc(r.units, o.units, func(a, b watermark.Unit) bool {
		return a.Token == b.Token && slices.Equal(a.Window, b.Window)
	})
}
