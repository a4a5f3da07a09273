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
// order given. It works on all cores. It fails for no candidates, a name given
// twice, a mark given twice, no mark and negative tokens.
func Search(texts []Text, candidates []Candidate) ([]Match, error) {
	if err := checkCandidates(candidates); err != nil {
		return nil, err
	}
	for i, t := range texts {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
	}
	matches := make([]Match, len(candidates))
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(candidates)) {
		workers.Go(func() {
			for i := range next {
				d := candidates[i].Mark.NewDetector()
				for _, t := range texts {
					_ = d.Add(t) // checked above
				}
				matches[i] = Match{Name: candidates[i].Name, Result: d.Result()}
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

func checkCandidates(candidates []Candidate) error {
	if len(candidates) == 0 {
		return fmt.Errorf("watermark: search among no candidates, want at least 1")
	}
	names, marks := map[string]bool{}, map[string]string{}
	for i, c := range candidates {
		if c.Mark == nil {
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
