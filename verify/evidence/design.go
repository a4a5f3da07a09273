package evidence

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Design is what a planner knows of a test before it is made: how strong the mark
// shows in a suspect, how much of it the suspect has had, and among how many tests
// it has to stand out. It turns these into tokens, and tokens into what would be
// detected. [MeasuredEffects] says what effects a real student had.
type Design struct {
	// Law is that of one score. Nil stands for the normal approximation, for
	// weighted sums, whose law is known with their coefficients only. ByE(law)
	// plans for p-values that are 1/e.
	Law tail.Law
	// Effect is d at full dose: by how many standard deviations of the null law a
	// scored token lies above its mean. Required but for DetectableEffect.
	Effect float64
	// Dose is the share of marked text in what the suspect was trained on, in
	// (0, 1]. Effects are taken to be in proportion to it, which is an
	// assumption: measure, where it matters. Defaults to 1.
	Dose float64
	// Tests is the number of tests in the family; under the hierarchical rule of
	// [Family.Hierarchical] all leaves over those under the node. Defaults to 1.
	Tests int
	// Alpha is the error rate of the family. Required, in (0, 1).
	Alpha float64
	// Power is the probability with which to find. Defaults to 0.8.
	Power float64
	// Bets says that the p-value is the 1/e of a weighted sum ([Weighted.LogE]),
	// the headline in reading: the threshold is then √(2 ln(31/level)) standard
	// deviations. Without Law only.
	Bets bool
}

// withDefaults checks everything but Effect.
func (d Design) withDefaults() (Design, error) {
	if d.Dose == 0 {
		d.Dose = 1
	}
	if d.Tests == 0 {
		d.Tests = 1
	}
	if d.Power == 0 {
		d.Power = 0.8
	}
	if !(d.Dose > 0 && d.Dose <= 1) {
		return d, fmt.Errorf("evidence: dose is %v, want more than 0 and at most 1", d.Dose)
	}
	if d.Tests < 1 {
		return d, fmt.Errorf("evidence: number of tests is %d, want at least 1", d.Tests)
	}
	if d.Bets && d.Law != nil {
		return d, fmt.Errorf("evidence: bets on weighted sums are planned without a law, this is %v: want ByE of it for its own bets", d.Law)
	}
	if err := (Family{Alpha: d.Alpha}).Check(); err != nil {
		return d, err
	}
	return d, checkPower(d.Power)
}

// checked checks Effect too.
func (d Design) checked() (Design, error) {
	if !(d.Effect > 0) || math.IsInf(d.Effect, 1) {
		return d, fmt.Errorf("evidence: effect is %v, want more than 0", d.Effect)
	}
	return d.withDefaults()
}

// level is ln of the level of one test.
func (d Design) level() float64 { return math.Log(d.Alpha) - math.Log(float64(d.Tests)) }

// threshold is the z from which on a statistic that is normal under the null has a
// p-value of the level. Bets with the best θ have ln e = z²/2, of which the mean
// over the bets leaves a 31st.
func (d Design) threshold() float64 {
	if d.Bets {
		return math.Sqrt(2 * (math.Log(bets) - d.level()))
	}
	return normalQuantile(d.level())
}

// distance is by how many standard deviations the mark must move the statistic to
// pass the threshold with the stated power.
func (d Design) distance() (float64, error) {
	z := d.threshold() + normalQuantile(math.Log1p(-d.Power))
	if !(z > 0) {
		return 0, fmt.Errorf("evidence: power %v is not more than the level %v", d.Power, math.Exp(d.level()))
	}
	return z, nil
}

// Tokens returns how many tokens have to be scored to find the mark with the
// stated power.
func (d Design) Tokens() (int64, error) {
	d, err := d.checked()
	if err != nil {
		return 0, err
	}
	if d.Law != nil {
		return Tokens(d.Law, d.Effect*d.Dose, d.level(), d.Power)
	}
	z, err := d.distance()
	if err != nil {
		return 0, err
	}
	n := (z / (d.Effect * d.Dose)) * (z / (d.Effect * d.Dose))
	if n > 1e12 {
		return 0, fmt.Errorf("evidence: effect %v needs %.3g tokens, want at most 1e12", d.Effect*d.Dose, n)
	}
	return int64(math.Ceil(n)), nil
}

// PowerOf returns the probability to find the mark in n scored tokens.
func (d Design) PowerOf(n int64) (float64, error) {
	d, err := d.checked()
	if err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, fmt.Errorf("evidence: number of tokens is %d, want at least 1", n)
	}
	if d.Law != nil {
		return Power(d.Law, n, d.Effect*d.Dose, d.level())
	}
	return math.Exp(tail.Normal(d.threshold() - d.Effect*d.Dose*math.Sqrt(float64(n)))), nil
}

// DetectableEffect returns the least effect at full dose that n scored tokens show
// with the stated power at this dose: what "would have been detected". +Inf where
// the test cannot reach its level.
func (d Design) DetectableEffect(n int64) (float64, error) {
	d, err := d.withDefaults()
	if err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, fmt.Errorf("evidence: number of tokens is %d, want at least 1", n)
	}
	var least float64
	if d.Law != nil {
		least, err = Detectable(d.Law, n, d.level(), d.Power)
	} else {
		least, err = d.distance()
		least /= math.Sqrt(float64(n))
	}
	return least / d.Dose, err
}

// DetectableDose returns the least share of marked text that n scored tokens show
// with the stated power. It is more than 1, up to +Inf, where not even a suspect
// trained on nothing else would be found.
func (d Design) DetectableDose(n int64) (float64, error) {
	d, err := d.checked()
	if err != nil {
		return 0, err
	}
	d.Dose = 1
	least, err := d.DetectableEffect(n)
	return least / d.Effect, err
}

// Attainable says whether any score of n tokens reaches the level of one test: if
// not, the test is void and its answer says nothing. The normal approximation has
// no such limit.
func (d Design) Attainable(n int64) (bool, error) {
	d, err := d.withDefaults()
	if err != nil {
		return false, err
	}
	if d.Law == nil {
		return n >= 1, nil
	}
	_, ok := Critical(d.Law, n, d.level())
	return ok, nil
}
