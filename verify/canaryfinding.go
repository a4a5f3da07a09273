package verify

import (
	"cmp"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A CanaryFinding is what a finding of canaries stands on.
type CanaryFinding struct {
	Answers int `json:"answers"` // that were looked at
	Uses    int `json:"uses"`    // first occurrences in them of the units that count
	// LogClosed is the bound in closed form (M. Kearns, L. Saul 1998), LogDrawn the
	// Monte-Carlo p-value of 100,000 draws by the seal: beside LogP.
	LogClosed float64 `json:"ln_closed"`
	LogDrawn  float64 `json:"ln_drawn"`
	// Cells are those that say most for or against the key, at most twelve.
	Cells []CellFinding `json:"cells,omitempty"`
}

// A CellFinding is one unit: how often the suspect chose what the key decided.
type CellFinding struct {
	Unit     string  `json:"unit"`
	Option   string  `json:"option"` // that the key decided
	Uses     int     `json:"uses"`
	Share    float64 `json:"share"`    // of the option among the uses
	Baseline float64 `json:"baseline"` // its share to the reference, or by the law
	Gain     float64 `json:"gain"`     // what it adds to the statistic
}

// finding returns what the statistic stands on.
func (t *treeTest) finding(answers int, sum float64, key keys.Key) *CanaryFinding {
	f := &CanaryFinding{Answers: answers, LogClosed: t.law.Closed(sum)}
	options, err := t.options(key)
	if err != nil {
		return f
	}
	for i, u := range t.units {
		f.Uses += t.uses[i]
		names, err := t.book.Options(u)
		if err != nil {
			continue
		}
		o, cell := options[i], t.cells[i]
		mean := 0.0
		for k, p := range cell.Law {
			mean += float64(float64(p) * 0x1p-32 * cell.Gains[k])
		}
		c := CellFinding{Unit: u.String(), Option: names[o], Uses: t.uses[i], Share: t.share[i][o], Gain: cell.Gains[o] - mean}
		if o < len(t.base[i]) {
			c.Baseline = t.base[i][o]
		}
		f.Cells = append(f.Cells, c)
	}
	slices.SortStableFunc(f.Cells, func(a, b CellFinding) int { return cmp.Compare(math.Abs(b.Gain), math.Abs(a.Gain)) })
	return f
}
