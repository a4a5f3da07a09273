package evidence

import (
	"fmt"
	"math"
)

// LeastUses is how many first occurrences the suspect must have of a unit for it to be
// a cell of [Gains].
const LeastUses = 3

const (
	gainRidge = 1e-3 // variance of shares that no sample explains
	gainLimit = 6    // standard deviations beyond which a cell counts no more
)

// Gains returns the usual gains of a cell: by how many standard deviations the suspect
// prefers each option more than a reference does,
//
//	g(o) = (x − μ) / √(μ(1−μ)/m + μ(1−μ)/(b+1) + 0.001), clipped to ±6,
//	x = uses(o)/m,   μ = (base(o) + 1/k)/(b + 1),
//
// m and b being the sums of uses and base, k the number of options. Uses count the answers
// of the suspect whose first occurrence of the unit was o, base those of a reference
// model; nil stands for no reference, which leaves the bare shares against 1/k. They are
// functions of answers, reference and plan, as must be; so is ok, which is false
// where m is below LeastUses: the cell is left out then. With two options g(1) = −g(0). The
// same on every machine. An error names a negative count or two lengths that differ.
func Gains(uses, base []int) (gains []float64, ok bool, err error) {
	k := len(uses)
	if k < 2 {
		return nil, false, fmt.Errorf("evidence: there are %d options, want at least 2", k)
	}
	if base == nil {
		base = make([]int, k)
	}
	if len(base) != k {
		return nil, false, fmt.Errorf("evidence: the reference has %d options, want %d", len(base), k)
	}
	m, b := 0.0, 0.0
	for o := range uses {
		if uses[o] < 0 || base[o] < 0 {
			return nil, false, fmt.Errorf("evidence: option %d has %d uses and %d of the reference, want at least 0", o, uses[o], base[o])
		}
		m += float64(uses[o])
		b += float64(base[o])
	}
	if m < LeastUses {
		return nil, false, nil
	}
	gains = make([]float64, k)
	for o := range gains {
		gains[o] = gain(float64(uses[o]), m, float64(base[o]), b, float64(k))
	}
	return gains, true, nil
}

// gain is that of an option with so many of m uses, and so many of b of the reference. Products
// are rounded before they are added, on every machine.
func gain(uses, m, base, b, options float64) float64 {
	mu := (base + 1/options) / (b + 1)
	v := float64(mu * (1 - mu))
	return max(-gainLimit, min((uses/m-mu)/math.Sqrt(v/m+v/(b+1)+gainRidge), gainLimit))
}
