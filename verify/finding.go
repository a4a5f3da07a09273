package verify

import (
	"fmt"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
)

// A Finding is what one test says under one key, or a product or pool over several.
// Logarithms are natural. The zero Finding is no evidence.
type Finding struct {
	Key  string         `json:"key"`  // name in the plan, of a key, a product or a pool
	Test string         `json:"test"` // [Test.String]
	Mark string         `json:"mark,omitempty"`
	Kind watermark.Kind `json:"kind,omitempty"` // of the words: what p-values can stand on
	Null string         `json:"null"`           // the hypothesis that LogP speaks against

	Raw     int     `json:"raw"`    // tokens of the answers, or positions of the passages
	Scored  int     `json:"scored"` // tokens or positions that count
	Dropped Dropped `json:"dropped"`
	Law     string  `json:"law,omitempty"` // of one score under the null
	// Statistic is the sum of the scores, and Sum the same as an integer in units
	// of 2^-32, each score rounded down; for R3 and R4 the sum of coefficients times
	// scores less their mean, and Sum that of coefficients times scores in units of
	// 2^-64; for sparse tests the higher criticism.
	Statistic float64 `json:"statistic"`
	Sum       string  `json:"sum,omitempty"`
	// LogP is what the finding stands on, at most 0: exact or a bound, as Tail says.
	LogP float64 `json:"ln_p"`
	Tail Tail    `json:"tail"`
	LogE float64 `json:"ln_e"` // of the e-value
	// LogTail is the null law's tail at Statistic for as many scores as there are.
	// Where the number of scores is fixed in advance it is LogP; where it is itself a
	// matter of the key, and for R3 and R4, whose tail is Lugannani and Rice's
	// approximation, it is what to compare figures by, and no evidence.
	LogTail float64 `json:"ln_tail"`
	// Stopped says that the test ended early: see [Test].
	Stopped bool `json:"stopped,omitempty"`

	Effect evidence.Effect `json:"effect"`
	Decoys *DecoyFinding   `json:"decoys,omitempty"` // nil for products and without decoys
	Power  *PowerFinding   `json:"power,omitempty"`  // nil for products, and for sparse tests
	// Canaries is what a finding of canaries stands on: Raw are then answers, Scored
	// cells, Statistic the sum of their gains less its mean.
	Canaries *CanaryFinding `json:"canaries,omitempty"`
	// Twins is what a finding of Rank stands on: Raw are then candidates, Scored items,
	// Statistic how many planted candidates are first.
	Twins *TwinsFinding `json:"twins,omitempty"`
	// Controls are what the test says of the plan's clean models.
	Controls []ControlFinding `json:"controls,omitempty"`

	// Void says why the finding is worth nothing, if it is: it then counts as
	// p = 1. Notes say what else to know.
	Void  []string `json:"void,omitempty"`
	Notes []string `json:"notes,omitempty"`

	thin int // of Void: reasons that a pool, having more to count, may not share

	// Adjusted is ln p corrected for the family, and Rejected says whether the
	// null hypothesis is rejected at the plan's Alpha.
	Adjusted float64 `json:"ln_p_adjusted"`
	Rejected bool    `json:"rejected"`
}

// tooLittle voids a finding for reasons that say nothing against a pool of which it is
// part: that it has too few scores, or decoys of its own that do not stand the test.
func (f *Finding) tooLittle(reasons ...string) {
	f.Void = append(f.Void, reasons...)
	f.thin += len(reasons)
}

// A Tail says what a p-value is.
type Tail string

const (
	// Exact is the probability itself (with scores rounded down by at most
	// 2^-32 each, so never below it).
	Exact Tail = "exact"
	// Bound is a proven upper bound of it.
	Bound Tail = "bound"
)

// Dropped counts tokens that do not count, by reason.
type Dropped struct {
	Head      int `json:"head"`       // at the head of an answer, where windows are too short
	Gated     int `json:"gated"`      // on another layer's windows
	Repeat    int `json:"repeat"`     // after a window that occurred before in the answer
	Prompt    int `json:"prompt"`     // after a window that occurs in a prompt
	Duplicate int `json:"duplicate"`  // scored already
	NotServed int `json:"not_served"` // after a window that does not occur in the served answers
	Beyond    int `json:"beyond"`     // after the first N
	// Of positions at which a suspect predicts:
	NoWord  int `json:"no_word"` // nothing was predicted, or the question failed
	Foreign int `json:"foreign"` // what was predicted is not one token of the marked model
	Ended   int `json:"ended"`   // the end of the turn was predicted, or just what the reference predicts
}

// sum returns how many do not count.
func (d *Dropped) sum() int {
	return d.Head + d.Gated + d.Repeat + d.Prompt + d.Duplicate + d.NotServed + d.Beyond + d.NoWord + d.Foreign + d.Ended
}

// count takes one more in.
func (d *Dropped) count(why reason) {
	switch why {
	case noWord:
		d.NoWord++
	case foreign:
		d.Foreign++
	case ended:
		d.Ended++
	}
}

// A DecoyFinding is a test under decoy keys.
type DecoyFinding struct {
	Keys            int     `json:"keys"`
	Spread          float64 `json:"spread"` // A = Σz²
	LogPSpread      float64 `json:"ln_p_spread"`
	Mean            float64 `json:"mean"` // of z
	LogPMean        float64 `json:"ln_p_mean"`
	Small           int     `json:"small"` // with p ≤ 0.01
	LogPSmall       float64 `json:"ln_p_small"`
	Dispersion      float64 `json:"dispersion"`       // √(A/J)
	DispersionLimit float64 `json:"dispersion_limit"` // its upper 99 % limit φ
	Sensitivity     float64 `json:"ln_p_sensitivity"` // the p-value at z/φ
	Rank            float64 `json:"ln_p_rank"`        // (1+k)/(1+J)
	// Diagnostic says that the rank is no p-value: what was read, or what windows were
	// picked by, was made under the key itself.
	Diagnostic bool `json:"rank_is_diagnostic,omitempty"`
}

// A ControlFinding is what a test says of a model that never saw the marked answers.
type ControlFinding struct {
	Name   string  `json:"name"`
	Test   string  `json:"test"` // R1 in place of a test that this model cannot answer
	Scored int     `json:"scored"`
	LogP   float64 `json:"ln_p"`
}

// A PowerFinding says what the test could have found.
type PowerFinding struct {
	Level      float64 `json:"ln_level"`             // at which the test is tested first: Alpha over the size of the family; with Hierarchy the key's share
	Power      float64 `json:"power"`                // probability
	Detectable float64 `json:"detectable,omitempty"` // least effect found with that power; none if unattainable
	Attainable bool    `json:"attainable"`           // whether any text of this length reaches the level
}

// power is the probability with which a stated effect is to be found.
const power = 0.8

func nullOf(key string) string {
	return fmt.Sprintf("the suspect is independent of key %s, given everything else it was trained on", key)
}
