package collect

import (
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/verify/internal/portable"
)

// maxTop is beyond the size of any vocabulary.
const maxTop = 1 << 20

// slack is how far the probabilities of the listed tokens may exceed 1 in sum:
// services round ln p to three or four decimals.
const slack = 1e-3

// checkPredictions reports what is wrong with an answer to q.
func checkPredictions(at []Prediction, q Reading, reference bool) error {
	if len(at) != q.End-q.Begin {
		return fmt.Errorf("answer has %d predictions, want %d, for positions [%d, %d)", len(at), q.End-q.Begin, q.Begin, q.End)
	}
	for i := range at {
		if err := at[i].check(q.Want, reference); err != nil {
			return fmt.Errorf("prediction at position %d: %w", q.Begin+i, err)
		}
	}
	return nil
}

func (p *Prediction) check(w Want, reference bool) error {
	if err := checkToken("most likely token", p.Argmax, w.Argmax, w); err != nil {
		return err
	}
	if err := checkToken("sampled token", p.Sample, w.Sample, w); err != nil {
		return err
	}
	switch {
	case len(p.IDs) > w.Top:
		return fmt.Errorf("lists %d tokens, want at most %d", len(p.IDs), w.Top)
	case len(p.LogProbs) != len(p.IDs):
		return fmt.Errorf("lists %d tokens with %d log-probabilities", len(p.IDs), len(p.LogProbs))
	}
	sum := 0.0
	for i, id := range p.IDs {
		l := p.LogProbs[i]
		switch {
		case id < 0:
			return fmt.Errorf("token %d of the list is %d, want at least 0", i, id)
		case w.foreign(id):
			return fmt.Errorf("token %d of the list is %d, want less than %d, the size of the vocabulary", i, id, w.Vocabulary)
		case !(l <= 0) || math.IsInf(l, 0):
			return fmt.Errorf("ln p of token %d is %v, want a finite number of at most 0", id, l)
		case i > 0 && l > p.LogProbs[i-1]:
			return fmt.Errorf("token %d is listed after the less likely token %d", id, p.IDs[i-1])
		case i > 0 && l == p.LogProbs[i-1] && id < p.IDs[i-1]:
			return fmt.Errorf("token %d is listed after token %d, which is as likely, want them by id", id, p.IDs[i-1])
		}
		sum += portable.Exp(l)
	}
	if id, twice := repeated(p.IDs); twice {
		return fmt.Errorf("token %d is listed twice", id)
	}
	if sum > 1+slack {
		return fmt.Errorf("probabilities of the listed tokens have sum %.6g, want at most %v", sum, 1+slack)
	}
	if err := p.checkOwn(w); err != nil {
		return err
	}
	if p.contradicts(w) {
		return fmt.Errorf("most likely token is %d, but the list says %d", p.Argmax, p.IDs[0])
	}
	if !reference {
		if len(p.Reference) != 0 {
			return fmt.Errorf("has %d figures of a reference, want none", len(p.Reference))
		}
		return nil
	}
	return checkReference(p.Reference, p.IDs)
}

func (p *Prediction) checkOwn(w Want) error {
	switch {
	case p.Own == nil:
	case !w.Own:
		return fmt.Errorf("ln p of the passage's own token is %v, want none: it was not asked for", *p.Own)
	case !(*p.Own <= 0) || math.IsInf(*p.Own, 0):
		return fmt.Errorf("ln p of the passage's own token is %v, want a finite number of at most 0", *p.Own)
	}
	return nil
}

// contradicts reports whether Argmax cannot be the most likely token if the list
// is right: it is listed as less likely than the first, or not listed where only
// less likely ones are left.
func (p *Prediction) contradicts(w Want) bool {
	if !w.Argmax || p.Argmax == NoToken || len(p.IDs) == 0 {
		return false
	}
	l := p.LogProbs[len(p.IDs)-1]
	if i := slices.Index(p.IDs, p.Argmax); i >= 0 {
		l = p.LogProbs[i]
	}
	return l < p.LogProbs[0]
}

func checkToken(name string, id int32, wanted bool, w Want) error {
	switch {
	case !wanted && id != NoToken:
		return fmt.Errorf("%s is %d, want %d: it was not asked for", name, id, NoToken)
	case id < NoToken:
		return fmt.Errorf("%s is %d, want at least 0, or %d for none", name, id, NoToken)
	case w.foreign(id):
		return fmt.Errorf("%s is %d, want less than %d, the size of the vocabulary", name, id, w.Vocabulary)
	}
	return nil
}

func checkReference(r []float64, ids []int32) error {
	if len(r) != len(ids) {
		return fmt.Errorf("%d figures of the reference for %d tokens", len(r), len(ids))
	}
	for i, l := range r {
		if !(l <= 0) || math.IsInf(l, 0) {
			return fmt.Errorf("ln p of token %d to the reference is %v, want a finite number of at most 0", ids[i], l)
		}
	}
	return nil
}

// repeated returns an id that occurs twice.
func repeated(ids []int32) (int32, bool) {
	if len(ids) > 32 {
		ids = slices.Clone(ids)
		slices.Sort(ids)
		for i := 1; i < len(ids); i++ {
			if ids[i] == ids[i-1] {
				return ids[i], true
			}
		}
		return 0, false
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return id, true
		}
	}
	return 0, false
}
