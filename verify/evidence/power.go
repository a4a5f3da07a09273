package evidence

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// The effect d of a mark is by how many standard deviations of the null law the
// mean score of a token lies above its mean under the null hypothesis.

// SampleSize returns how many scored tokens a one-sided test at level exp(logP)
// needs to be rejected with the given power at effect d:
//
//	n = ((z_p + z_power) / d)²
//
// the normal approximation, not rounded. d = 0.35, .11, .02, .0086 at 1e-6 and
// 80 % take 256, 2.6k, 78k, 423k tokens. It takes no account of the skewness of
// the law: below some thousand tokens [Power] is nearer to the truth.
func SampleSize(d, logP, power float64) (float64, error) {
	if !(d > 0) || math.IsInf(d, 1) {
		return 0, fmt.Errorf("evidence: effect is %v, want more than 0", d)
	}
	z, err := zSum(logP, power)
	if err != nil {
		return 0, err
	}
	return (z / d) * (z / d), nil
}

// DetectableBy is the inverse of [SampleSize]: the least effect that n tokens
// show with the given power.
func DetectableBy(n, logP, power float64) (float64, error) {
	if !(n > 0) {
		return 0, fmt.Errorf("evidence: number of tokens is %v, want more than 0", n)
	}
	z, err := zSum(logP, power)
	if err != nil {
		return 0, err
	}
	return z / math.Sqrt(n), nil
}

func zSum(logP, power float64) (float64, error) {
	if err := checkLevel(logP); err != nil {
		return 0, err
	}
	if err := checkPower(power); err != nil {
		return 0, err
	}
	z := normalQuantile(logP) + normalQuantile(math.Log1p(-power))
	if !(z > 0) {
		return 0, fmt.Errorf("evidence: power %v is not more than the level %v", power, math.Exp(logP))
	}
	return z, nil
}

func checkLevel(logP float64) error {
	if !(logP < 0) || math.IsInf(logP, -1) {
		return fmt.Errorf("evidence: ln of the level is %v, want less than 0 and finite", logP)
	}
	return nil
}

func checkPower(power float64) error {
	if !(power > 0 && power < 1) {
		return fmt.Errorf("evidence: power is %v, want more than 0 and less than 1", power)
	}
	return nil
}

// normalQuantile returns the z with ln P(Z ≥ z) = logP < 0. At 1/2 it flips to
// the small side, where logarithms are exact.
func normalQuantile(logP float64) float64 {
	if logP > -math.Ln2 {
		small := math.Log(-math.Expm1(logP))
		if math.IsInf(small, -1) {
			return math.Inf(-1)
		}
		return -normalQuantile(small)
	}
	lo, hi := 0.0, math.Sqrt(-2*logP) // ln P(Z ≥ x) ≤ −x²/2
	for range 100 {
		mid := lo + (hi-lo)/2
		if tail.Normal(mid) > logP {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// maxSum is the largest sum that is searched for: float64 is exact up to it.
const maxSum = 1 << 53

// Critical returns the least sum of n scores whose ln p under the law is at most
// logP. It returns false where no sum that the law can have reaches it, where that
// sum is beyond 2^53, from which on float64 skips integers, or n or logP are none:
// then the test is void, and nothing that it could have found is missing.
func Critical(law tail.Law, n int64, logP float64) (sum float64, ok bool) {
	if n < 1 || checkLevel(logP) != nil {
		return 0, false
	}
	m := law.Moments()
	lo := float64(n) * m.Mean
	step := math.Sqrt(float64(n)*m.Variance) + 1
	if law.LogTail(lo, n) <= logP {
		lo, step = 0, lo+1 // a level near 1, or a law far from symmetric
		if law.LogTail(lo, n) <= logP {
			return lo, true
		}
	}
	hi := lo + step
	for ; law.LogTail(hi, n) > logP; step *= 2 {
		if lo, hi = hi, hi+2*step; !(hi <= maxSum) {
			return 0, false
		}
	}
	for range 200 {
		mid := lo + (hi-lo)/2
		if mid <= lo || mid >= hi {
			break
		}
		if law.LogTail(mid, n) > logP {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi, !math.IsInf(law.LogTail(hi, n), -1)
}

// Power returns the probability that a test of n scores at level exp(logP)
// rejects at effect d. The threshold is exact for the law; the sum beyond it is
// taken for normal with the variance of the null law. It is 0 where the test
// cannot reach its level.
func Power(law tail.Law, n int64, d, logP float64) (float64, error) {
	if err := checkLevel(logP); err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, fmt.Errorf("evidence: number of tokens is %d, want at least 1", n)
	}
	c, ok := Critical(law, n, logP)
	if !ok {
		return 0, nil
	}
	return math.Exp(tail.Normal(standard(law, c, n) - d*math.Sqrt(float64(n)))), nil
}

// Detectable returns the least effect that n scores of the law show at level
// exp(logP) with the given power, as [Power] reckons it. It returns +Inf where
// the test cannot reach its level.
func Detectable(law tail.Law, n int64, logP, power float64) (float64, error) {
	if err := checkLevel(logP); err != nil {
		return 0, err
	}
	if err := checkPower(power); err != nil {
		return 0, err
	}
	c, ok := Critical(law, n, logP)
	if !ok {
		return math.Inf(1), nil
	}
	return DetectableAbove(law, c, n, power)
}

// DetectableAbove returns the least effect with which the sum of n scores of the
// law reaches a threshold with the given power, at least 0: for thresholds other
// than [Critical]'s for the same n.
func DetectableAbove(law tail.Law, threshold float64, n int64, power float64) (float64, error) {
	if err := checkPower(power); err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, fmt.Errorf("evidence: number of tokens is %d, want at least 1", n)
	}
	z := standard(law, threshold, n) + normalQuantile(math.Log1p(-power))
	return max(0, z/math.Sqrt(float64(n))), nil
}

// Tokens returns the least number of scores of the law that show effect d at
// level exp(logP) with the given power, as [Power] reckons it: the planner's
// answer to "how much text do I need?".
func Tokens(law tail.Law, d, logP, power float64) (int64, error) {
	first, err := SampleSize(d, logP, power)
	if err != nil {
		return 0, err
	}
	if first > 1e12 {
		return 0, fmt.Errorf("evidence: effect %v needs %.3g tokens, want at most 1e12", d, first)
	}
	enough := func(n int64) bool {
		need, err := Detectable(law, n, logP, power)
		return err == nil && need <= d
	}
	lo, hi := int64(0), max(1, int64(first))
	for !enough(hi) {
		if hi > 1e13 {
			return 0, fmt.Errorf("evidence: effect %v cannot be shown by any number of tokens under %v", d, law)
		}
		lo, hi = hi, 2*hi
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, nil
}

// DetectableAbove returns the least effect with which T reaches a threshold with
// the given power, at least 0: the threshold is one of [Weighted.Critical]'s, and the
// rest is as for the function of this name.
func (w *Weighted) DetectableAbove(threshold, power float64) (float64, error) {
	if err := checkPower(power); err != nil {
		return 0, err
	}
	z := w.Standard(threshold) + normalQuantile(math.Log1p(-power))
	return max(0, z/math.Sqrt(float64(w.Len()))), nil
}

// standard returns by how many standard deviations a sum of n scores lies above
// its mean.
func standard(law tail.Law, sum float64, n int64) float64 {
	m := law.Moments()
	return (sum - float64(n)*m.Mean) / math.Sqrt(float64(n)*m.Variance)
}
