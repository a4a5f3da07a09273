package watermark

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// A Candidate is a mark that may have made a text.
type Candidate struct {
	Name string // Required, of its own among the candidates
	Mark *Watermark
}

// A Match is what [Search] found of one candidate.
type Match struct {
	Name   string
	Result Result
	// LogPFamily is the ln p-value corrected for all candidates by Holm's
	// method: the chance that any candidate that did not make the text has one
	// of ln alpha or less is at most alpha.
	LogPFamily float64
}

// Search asks which of many marks and keys made the texts, taken together. It
// returns a match for every candidate, the most likely first, equal ones in the
// order given. It works on all cores, and finds what a corpus scores once for all
// keys of one kind of source under the same rules. It fails for no candidates, a
// name given twice, a mark given twice, no mark and negative tokens.
func Search(texts []Text, candidates []Candidate) ([]Match, error) {
	if err := checkCandidates(candidates); err != nil {
		return nil, err
	}
	for i, t := range texts {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
	}
	groups := map[kinship]*kin{}
	for _, c := range candidates {
		if k := c.Mark.kinship(); groups[k] == nil {
			groups[k] = &kin{first: c.Mark, texts: texts}
		} else {
			groups[k].several = true
		}
	}
	matches := make([]Match, len(candidates))
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(candidates)) {
		workers.Go(func() {
			for i := range next {
				c := candidates[i]
				matches[i] = Match{Name: c.Name, Result: groups[c.Mark.kinship()].result(c.Mark)}
			}
		})
	}
	for i := range candidates {
		next <- i
	}
	close(next)
	workers.Wait()
	holm(matches)
	return matches, nil
}

// A kinship is what marks have in common that score the same tokens.
type kinship struct {
	windows string
	rules   Rules
	gate    *gate
	layer   int
	alone   *Watermark // a mark that shares with no other
}

func (w *Watermark) kinship() kinship {
	windows := w.source.Info().Windows
	if windows == "" || w.joint != nil {
		return kinship{alone: w}
	}
	return kinship{windows: windows, rules: w.rules, gate: w.gate, layer: w.layer}
}

// kin are the candidates of one kinship.
type kin struct {
	first   *Watermark
	several bool
	texts   []Text

	once  sync.Once
	units []Unit
	found Result // of the first, for what does not depend on words
}

// result returns what a detector of w would find in the texts.
func (k *kin) result(w *Watermark) Result {
	if !k.several {
		return k.detect(w)
	}
	k.once.Do(func() {
		k.units, _ = k.first.Units(k.texts, nil) // the texts were checked
		k.found = k.detect(k.first)
	})
	scores := make([]uint64, len(k.units))
	if k.found.Scored != len(k.units) || w.NewScorer().Units(k.units, scores) != len(k.units) {
		return k.detect(w) // its source leaves out windows of its own
	}
	r, sum := k.found, fixedSum{}
	for _, s := range scores {
		sum.add(s)
	}
	r.Mark, r.Score = w.ID(), sum.float()
	r.LogP = w.law.LogTail(r.Score, int64(r.Scored))
	return r
}

func (k *kin) detect(w *Watermark) Result {
	d := w.NewDetector()
	for _, t := range k.texts {
		_ = d.Add(t) // checked before
	}
	return d.Result()
}

func checkCandidates(candidates []Candidate) error {
	if len(candidates) == 0 {
		return fmt.Errorf("watermark: search among no candidates, want at least 1")
	}
	names, marks := map[string]bool{}, map[string]string{}
	for i, c := range candidates {
		if c.Mark == nil || c.Mark.source == nil {
			return fmt.Errorf("watermark: candidate %d (%q) has no mark", i, c.Name)
		}
		if c.Name == "" || names[c.Name] {
			return fmt.Errorf("watermark: candidate %d is named %q, want a name that no other has", i, c.Name)
		}
		names[c.Name] = true
		if other, ok := marks[c.Mark.ID()]; ok {
			return fmt.Errorf("watermark: candidates %q and %q are the same mark", other, c.Name)
		}
		marks[c.Mark.ID()] = c.Name
	}
	return nil
}

// holm sorts matches and corrects them (Holm 1979): the j-th smallest of m
// p-values times m − j + 1, and not below that of a smaller one.
func holm(matches []Match) {
	slices.SortStableFunc(matches, func(a, b Match) int { return cmp.Compare(a.Result.LogP, b.Result.LogP) })
	least := math.Inf(-1)
	for j := range matches {
		p := matches[j].Result.LogP + math.Log(float64(len(matches)-j))
		least = math.Max(least, math.Min(0, p))
		matches[j].LogPFamily = least
	}
}
