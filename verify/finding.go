package verify

import (
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Finding is what one test says under one key, or a product over several keys.
// Logarithms are natural. The zero Finding is no evidence.
type Finding struct {
	Key  string         `json:"key"`  // name in the plan, of a key or a product
	Test string         `json:"test"` // G1, G2
	Mark string         `json:"mark,omitempty"`
	Kind watermark.Kind `json:"kind,omitempty"` // of the words: what p-values can stand on
	Null string         `json:"null"`           // the hypothesis that LogP speaks against

	Raw     int     `json:"raw"`    // tokens of the answers
	Scored  int     `json:"scored"` // tokens that count
	Dropped Dropped `json:"dropped"`
	Law     string  `json:"law,omitempty"` // of one score under the null
	// Statistic is the sum of the scores, Sum the same as an integer in units of
	// 2^-32, each score rounded down.
	Statistic float64 `json:"statistic"`
	Sum       string  `json:"sum,omitempty"`
	LogP      float64 `json:"ln_p"` // at most 0
	Tail      Tail    `json:"tail"`
	LogE      float64 `json:"ln_e"` // of the e-value

	Effect evidence.Effect `json:"effect"`
	Decoys *DecoyFinding   `json:"decoys,omitempty"` // nil for products and without decoys
	Power  *PowerFinding   `json:"power,omitempty"`  // nil for products

	// Void says why the finding is worth nothing, if it is: it then counts as
	// p = 1. Notes say what else to know.
	Void  []string `json:"void,omitempty"`
	Notes []string `json:"notes,omitempty"`

	// Adjusted is ln p corrected for the family, and Rejected says whether the
	// null hypothesis is rejected at the plan's Alpha.
	Adjusted float64 `json:"ln_p_adjusted"`
	Rejected bool    `json:"rejected"`
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
}

// A PowerFinding says what the test could have found.
type PowerFinding struct {
	Level      float64 `json:"ln_level"`             // Alpha over the size of the family
	Power      float64 `json:"power"`                // probability
	Detectable float64 `json:"detectable,omitempty"` // least effect found with that power; none if unattainable
	Attainable bool    `json:"attainable"`           // whether any text of this length reaches the level
}

// power is the probability with which a stated effect is to be found.
const power = 0.8

func nullOf(key string) string {
	return fmt.Sprintf("the suspect is independent of key %s, given everything else it was trained on", key)
}

// A trial is a test of one key with its numbers.
type trial struct {
	law   tail.Law
	test  Test
	got   total
	level float64 // ln
}

// counted returns what the p-value is a probability of: the law, or its bet, and
// the number of scores that it reckons with.
func (t trial) counted() (tail.Law, int64, Tail) {
	switch {
	case t.test.Name == G1:
		return t.law, t.got.n, Exact
	case t.test.First == 0:
		return evidence.ByE(t.law), t.got.n, Bound
	case t.got.n < int64(t.test.First): // those that are missing count as 0
		return t.law, int64(t.test.First), Bound
	}
	return t.law, t.got.n, Exact
}

// fill writes statistic, p-value, e-value, effect and power into f.
func (t trial) fill(f *Finding) error {
	if t.got.n == 0 {
		f.Void = append(f.Void, "no token could be scored")
		return nil
	}
	law, n, kind := t.counted()
	f.Law, f.Tail = t.law.String(), kind
	f.Statistic, f.Sum = t.got.sum.float(), t.got.sum.String()
	f.LogP, f.LogE = law.LogTail(f.Statistic, n), t.law.LogE(f.Statistic, t.got.n)
	f.Effect = evidence.EffectOf(t.law, f.Statistic, t.got.n)
	if math.IsInf(f.LogP, 0) || math.IsInf(f.LogE, 0) {
		return fmt.Errorf("verify: %s under key %s has sum %v of %d scores, which %v cannot have", f.Test, f.Key, f.Statistic, n, t.law)
	}
	f.Power = &PowerFinding{Level: t.level, Power: power}
	c, ok := evidence.Critical(law, n, t.level)
	if !ok {
		f.Void = append(f.Void, fmt.Sprintf("%d scored tokens cannot reach the level 10^%.2f", t.got.n, t.level/math.Ln10))
		return nil
	}
	f.Power.Attainable = true
	var err error
	f.Power.Detectable, err = evidence.DetectableAbove(t.law, c, t.got.n, power)
	return err
}

// calibrate writes the decoys into f.
func (t trial) calibrate(f *Finding, decoys []total) {
	if t.got.n == 0 {
		return
	}
	law, n, _ := t.counted()
	scores := make([]evidence.Score, len(decoys))
	sums := make([]float64, len(decoys))
	for j, d := range decoys {
		sums[j] = d.sum.float()
		scores[j] = evidence.Score{Sum: sums[j], N: d.n}
	}
	d, err := evidence.DecoysOf(law, scores)
	if err != nil { // a keyed gate that leaves a decoy no token
		f.Void = append(f.Void, err.Error())
		return
	}
	d.Bound = t.test.Name == G2 && t.test.First == 0
	c, err := d.Calibrate()
	if err != nil { // one flip of a fair coin has no spread to compare
		f.Void = append(f.Void, "decoy keys cannot be compared with the null law: "+err.Error())
		return
	}
	f.Void = append(f.Void, c.Reasons()...)
	f.Decoys = &DecoyFinding{
		Keys: c.J, Spread: c.Spread, LogPSpread: c.LogPSpread, Mean: c.Mean, LogPMean: c.LogPMean,
		Small: c.Small, LogPSmall: c.LogPSmall, Dispersion: c.Dispersion, DispersionLimit: c.DispersionLimit,
		Sensitivity: c.Sensitivity(law, evidence.Score{Sum: f.Statistic, N: n}),
		Rank:        evidence.Rank(f.Statistic, sums),
	}
	if f.LogP < math.Log(FarLevel) && c.J < FarDecoys {
		f.Notes = append(f.Notes, fmt.Sprintf("claims below 1e-9 need at least %d decoy keys, this one has %d", FarDecoys, c.J))
	}
}

// product joins findings under independent keys.
func product(q Product, parts []*Finding) (Finding, error) {
	f := Finding{Key: q.Name, Test: q.Test, Tail: Bound,
		Null: "the suspect is independent of all of the keys, given everything else it was trained on"}
	if len(parts) != len(q.Keys) {
		return f, errors.New("verify: a product lacks a part")
	}
	var bets []float64
	for _, p := range parts {
		if len(p.Void) > 0 {
			f.Void = append(f.Void, fmt.Sprintf("its part under key %s is void", p.Key))
		}
		f.Raw = p.Raw
		f.Scored += p.Scored
		bets = append(bets, p.LogE)
	}
	f.LogE = evidence.Product(bets...)
	f.LogP = evidence.LogPOfE(f.LogE)
	return f, nil
}
