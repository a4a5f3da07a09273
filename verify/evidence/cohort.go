package evidence

import (
	"fmt"
	"math"
)

// A CohortUnit is one unit of the cohort tree, in which every cohort has an option of its own
// key: a position of a fingerprinting code.
type CohortUnit struct {
	// Law is the committed bias π: the probability of each option for any one cohort, in
	// counts of 2⁻³², at least 1 each (2 to 65,536 options that sum to 2³²).
	Law []uint32
	// Lean is how much the suspect leans to each option: shares of first occurrences, less
	// those of a reference or not, or the [Gains]. Any function of the sealed answers, reference
	// models and the plan, never of a key. At most 1e30 in size.
	Lean []float64
}

// Cohorts scores cohorts of accounts by the symmetric score of Tardos codes (G. Tardos, Optimal
// probabilistic fingerprint codes, 2003; B. Škorić, S. Katzenbeisser, M. Celik, Symmetric Tardos
// fingerprinting codes for arbitrary alphabet sizes, 2008, equations 13 and 14), linear in the
// suspect's lean y:
//
//	T_c = Σ_u Σ_o y_u(o) · (√((1−π_u(o))/π_u(o)) if c's option is o, else −√(π_u(o)/(1−π_u(o))))
//
// A rare option that the suspect and the cohort share counts more than a common one. Under
// the null hypothesis that the suspect did not learn from cohort c, its code word is fresh from the
// bias given everything else, the code words of all other cohorts and the answers included. So T_c has
// the law of [Cells] with these scores as gains, the same for every cohort, and needs no model of
// how accused cohorts combine. [Family] decides among them: one test a cohort that there is.
//
// It is immutable and safe for concurrent use.
type Cohorts struct{ law *Cells }

// NewCohorts returns the scores of units, which may be none. An error names a bias that does not sum
// to 2³² or has an option that no cohort gets, or a lean that is missing, not finite or beyond
// 1e30. Nothing is kept of the slices.
func NewCohorts(units []CohortUnit) (*Cohorts, error) {
	cells := make([]Cell, len(units))
	for i, u := range units {
		if err := checkOptions(u.Law, u.Lean, "lean"); err != nil {
			return nil, fmt.Errorf("%w in cohort unit %d", err, i)
		}
		gains := make([]float64, len(u.Law))
		for o, y := range u.Lean {
			if u.Law[o] == 0 {
				return nil, fmt.Errorf("evidence: option %d has probability 0, want more, in cohort unit %d", o, i)
			}
			if math.Abs(y) > 1e30 {
				return nil, fmt.Errorf("evidence: lean to option %d is %v, want at most 1e30 in size, in cohort unit %d", o, y, i)
			}
			// What all options share, −Σ_o y(o)√(π/(1−π)), goes when Cells centres.
			odds := math.Sqrt(float64(whole-uint64(u.Law[o])) / float64(u.Law[o]))
			gains[o] = y * (odds + 1/odds)
		}
		cells[i] = Cell{u.Law, gains}
	}
	law, err := NewCells(cells)
	return &Cohorts{law}, err
}

// Law returns the null law of the score of any one cohort.
func (c *Cohorts) Law() *Cells { return c.law }

// Score returns T of a cohort: its code word is one option a unit.
func (c *Cohorts) Score(word []int) (float64, error) { return c.law.Sum(word) }

// Holm scores every cohort that there is and decides among them: scores, decisions
// and p-values are in the order of words. The family's Others are tests elsewhere. The
// p-values are [Cells.LogTail]'s.
func (c *Cohorts) Holm(f Family, words [][]int) (scores []float64, decisions []Decision, err error) {
	logP := make([]float64, len(words))
	scores = make([]float64, len(words))
	for i, word := range words {
		if scores[i], err = c.law.Sum(word); err != nil {
			return nil, nil, fmt.Errorf("%w, of cohort %d", err, i)
		}
		logP[i] = c.law.LogTail(scores[i])
	}
	decisions, err = f.Holm(logP)
	return scores, decisions, err
}
