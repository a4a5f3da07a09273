package evidence

import (
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// VoidBelow is the two-sided p-value below which a diagnostic of decoy keys
// voids a finding: one part in 10^4 for the three together.
const VoidBelow = 1e-4 / 3

// small is the p-value below which a decoy counts as small.
const small = 0.01

// A Score is a statistic that is a sum over units.
type Score struct {
	Sum float64
	N   int64 // units
}

// Decoys are what a test yields under keys that nothing was made with. If its
// null law holds, they follow it.
type Decoys struct {
	// Z holds each decoy's statistic, standardised by the mean and variance of
	// the null law. Required.
	Z []float64
	// LogP holds each decoy's ln p, as many as Z. Required without SmallAt.
	LogP []float64
	// SmallAt is the z from which on p ≤ 0.01: more than 0 where LogP is nil,
	// and else without meaning.
	SmallAt float64
	// Excess is the excess kurtosis of one standardised statistic under the
	// null: 6/n for a sum of n exponential scores.
	Excess float64
	// Level is the probability of p ≤ 0.01 under the null: 0.01, or less for a
	// discrete law. Required.
	Level float64
	// Bound says that the p-values are upper bounds. Then fewer small ones than
	// Level promises are no fault.
	Bound bool
}

// DecoysOf returns the decoys of a test whose statistic is a sum of scores of
// the law. It fails where a decoy has no score.
func DecoysOf(law tail.Law, decoys []Score) (Decoys, error) {
	var d Decoys
	if len(decoys) == 0 {
		return d, errors.New("evidence: there are no decoys, want at least 1")
	}
	level := make(map[int64]float64) // by the number of scores: as a rule one number
	for j, s := range decoys {
		if s.N < 1 {
			return Decoys{}, fmt.Errorf("evidence: decoy %d has %d scores, want at least 1", j, s.N)
		}
		if _, ok := level[s.N]; !ok {
			level[s.N] = attained(law, s.N, math.Log(small))
		}
		d.Z = append(d.Z, standard(law, s.Sum, s.N))
		d.LogP = append(d.LogP, law.LogTail(s.Sum, s.N))
		d.Excess += law.Moments().Excess / float64(s.N) / float64(len(decoys))
		d.Level += level[s.N] / float64(len(decoys))
	}
	return d, nil
}

// attained returns P(p ≤ level) under the law: the level itself if the law is
// continuous, less if it jumps over it, 0 if no sum reaches it.
func attained(law tail.Law, n int64, logLevel float64) float64 {
	c, ok := Critical(law, n, logLevel)
	if !ok {
		return 0
	}
	return math.Exp(law.LogTail(c, n))
}

// A Calibration is how decoys compare with the null law. The three diagnostics
// have two-sided p-values, as natural logarithms; Void says that one of them is
// below [VoidBelow]: the finding it belongs to is void.
type Calibration struct {
	J int // decoys

	// Spread is A = Σz². Under the null it has mean J and variance J(2+κ₄); its
	// p-value is that of the gamma law with these two moments, which is exact
	// (χ²) where the statistic is normal.
	Spread     float64
	LogPSpread float64
	// Mean is the mean z; √J times it is standard normal under the null.
	Mean     float64
	LogPMean float64
	// Small is the number of decoys with p ≤ 0.01, binomial under the null.
	Small     int
	LogPSmall float64

	Void bool

	// Dispersion is √(A/J): how many times as wide as the null law the decoys
	// spread. DispersionLimit is its upper 99 % confidence limit φ.
	Dispersion      float64
	DispersionLimit float64
}

// Calibrate compares the decoys with the null law.
func (d Decoys) Calibrate() (Calibration, error) {
	if err := d.check(); err != nil {
		return Calibration{}, err
	}
	j := float64(len(d.Z))
	c := Calibration{J: len(d.Z)}
	for i, z := range d.Z {
		c.Spread += z * z
		c.Mean += z / j
		if d.small(i) {
			c.Small++
		}
	}
	// A/scale follows Gamma(shape, 1), about.
	scale, shape := 2+d.Excess, j/(2+d.Excess)
	upper := tail.Gamma(c.Spread/scale, shape)
	c.LogPSpread = twoSided(upper, log1mexp(upper))
	z := math.Abs(c.Mean) * math.Sqrt(j)
	c.LogPMean = min(0, math.Ln2+tail.Normal(z))
	upper = tail.Binomial(int64(c.Small), int64(c.J), d.Level)
	lower := log1mexp(tail.Binomial(int64(c.Small)+1, int64(c.J), d.Level))
	if d.Bound {
		lower = 0
	}
	c.LogPSmall = twoSided(upper, lower)
	c.Void = min(c.LogPSpread, c.LogPMean, c.LogPSmall) < math.Log(VoidBelow)

	c.Dispersion = math.Sqrt(c.Spread / j)
	c.DispersionLimit = math.Sqrt(c.Spread / (scale * gammaQuantile(small, shape)))
	return c, nil
}

// small says whether decoy i has p ≤ 0.01.
func (d Decoys) small(i int) bool {
	if d.LogP == nil {
		return d.Z[i] >= d.SmallAt
	}
	return d.LogP[i] <= math.Log(small)
}

func (d Decoys) check() error {
	switch {
	case len(d.Z) == 0:
		return errors.New("evidence: there are no decoys, want at least 1")
	case len(d.LogP) != len(d.Z) && !(d.LogP == nil && d.SmallAt > 0):
		return fmt.Errorf("evidence: decoys have %d p-values, want %d, one each", len(d.LogP), len(d.Z))
	case !(d.Excess > -2) || math.IsInf(d.Excess, 1):
		return fmt.Errorf("evidence: excess kurtosis is %v, want more than -2", d.Excess)
	case !(d.Level >= 0 && d.Level < 1):
		return fmt.Errorf("evidence: level of small p-values is %v, want 0 to less than 1", d.Level)
	}
	for i, z := range d.Z {
		if math.IsNaN(z) || math.IsInf(z, 0) {
			return fmt.Errorf("evidence: z of decoy %d is %v, want a finite number", i, z)
		}
		if d.LogP != nil && !(d.LogP[i] <= 0) {
			return fmt.Errorf("evidence: ln p of decoy %d is %v, want at most 0", i, d.LogP[i])
		}
	}
	return nil
}

// Reasons names the diagnostics that void, in words.
func (c Calibration) Reasons() []string {
	var out []string
	for _, d := range []struct {
		logP   float64
		format string
		args   []any
	}{
		{c.LogPSpread, "decoy keys spread %.3f times as wide as the null law", []any{c.Dispersion}},
		{c.LogPMean, "decoy keys have mean z %.3f instead of 0", []any{c.Mean}},
		{c.LogPSmall, "%d of %d decoy keys have p ≤ 0.01", []any{c.Small, c.J}},
	} {
		if d.logP < math.Log(VoidBelow) {
			out = append(out, fmt.Sprintf(d.format, d.args...)+fmt.Sprintf(" (two-sided p = 10^%.1f)", d.logP/math.Ln10))
		}
	}
	return out
}

// Sensitivity returns the ln p that a sum would have if the null law were as
// much wider as DispersionLimit allows: that of the sum at z/φ. A limit below 1
// counts as 1.
func (c Calibration) Sensitivity(law tail.Law, s Score) float64 {
	mean := float64(s.N) * law.Moments().Mean
	if s.N < 1 || s.Sum <= mean {
		return law.LogTail(s.Sum, s.N)
	}
	return law.LogTail(mean+(s.Sum-mean)/max(1, c.DispersionLimit), s.N)
}

// Rank returns the ln of the Monte-Carlo p-value (1+k)/(1+J), k the number of
// decoys whose statistic is at least this one: exact if under the null the true
// key is one like the decoys. Ties count against the claim, and so does NaN.
func Rank(statistic float64, decoys []float64) float64 {
	k := 0
	for _, x := range decoys {
		if !(x < statistic) {
			k++
		}
	}
	return math.Log(float64(1+k)) - math.Log(float64(1+len(decoys)))
}

// gammaQuantile returns the x with P(Gamma(shape, 1) < x) = p.
func gammaQuantile(p, shape float64) float64 {
	want := math.Log1p(-p)
	lo, hi := 0.0, shape+1
	for tail.Gamma(hi, shape) > want {
		lo, hi = hi, 2*hi
	}
	for range 100 {
		mid := lo + (hi-lo)/2
		if tail.Gamma(mid, shape) > want {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// twoSided returns ln min(1, 2 min(upper, lower)).
func twoSided(upper, lower float64) float64 { return min(0, math.Ln2+min(upper, lower)) }

// log1mexp returns ln(1 − e^x) for x ≤ 0: the other side of a tail.
func log1mexp(x float64) float64 {
	if x > -math.Ln2 {
		return math.Log(-math.Expm1(x))
	}
	return math.Log1p(-math.Exp(x))
}
