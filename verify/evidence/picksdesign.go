package evidence

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A PicksDesign plans a test of picks with even laws: items of so many options, of which a
// student names the key's with probability δ + (1−δ)/k.
type PicksDesign struct {
	// Options is k, at least 2. Required.
	Options int
	// Shift is δ, the part of its mass that the student moved to the key's option, in (0, 1].
	// Required.
	Shift float64
	// Tests is the number of tests in the family. Defaults to 1.
	Tests int
	// Alpha is the error rate of the family, in (0, 1). Required.
	Alpha float64
	// Power is the probability with which to find. Defaults to 0.8.
	Power float64
}

func (d PicksDesign) checked() (PicksDesign, Design, error) {
	if d.Options < 2 || d.Options > maxOptions {
		return d, Design{}, fmt.Errorf("evidence: number of options is %d, want 2 to %d", d.Options, maxOptions)
	}
	if !(d.Shift > 0 && d.Shift <= 1) {
		return d, Design{}, fmt.Errorf("evidence: shift is %v, want more than 0 and at most 1", d.Shift)
	}
	plan, err := Design{Alpha: d.Alpha, Tests: d.Tests, Power: d.Power}.withDefaults()
	return d, plan, err
}

// PowerOf returns the probability to find the student with so many items, exact: 0 where not
// even a match on each reaches the level.
func (d PicksDesign) PowerOf(items int) (float64, error) {
	d, plan, err := d.checked()
	if err != nil {
		return 0, err
	}
	if items < 1 {
		return 0, fmt.Errorf("evidence: number of items is %d, want at least 1", items)
	}
	return d.power(items, plan.level()), nil
}

func (d PicksDesign) power(items int, level float64) float64 {
	chance := 1 / float64(d.Options)
	k, ok := criticalCount(level, items, func(k int) float64 { return tail.Binomial(int64(k), int64(items), chance) })
	if !ok {
		return 0
	}
	return math.Exp(tail.Binomial(int64(k), int64(items), d.Shift+(1-d.Shift)*chance))
}

// maxItems bounds what Items looks through.
const maxItems = 1 << 20

// Items returns the least number of items that find the student with the stated power. As
// counts jump, a few more can find it less often: look at PowerOf. An error says that a million
// are too few. Some 10 µs an item.
func (d PicksDesign) Items() (int, error) {
	d, plan, err := d.checked()
	if err != nil {
		return 0, err
	}
	for n := 1; n <= maxItems; n++ {
		if d.power(n, plan.level()) >= plan.Power {
			return n, nil
		}
	}
	return 0, fmt.Errorf("evidence: shift %v needs more than %d items", d.Shift, maxItems)
}
