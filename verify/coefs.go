package verify

import (
	"math"
	"math/big"
	"math/bits"
)

// A coef is the coefficient of a score in a weighted sum, in units of 2^-32.
type coef int64

// coefOf rounds a coefficient: in [−1, 1], and up to 16 in size with a ridge.
func coefOf(x float64) coef { return coef(math.Floor(float64(x*0x1p32) + 0.5)) }

func (c coef) float() float64 { return float64(c) * 0x1p-32 }

// exponential returns e^x for x ≤ 0, the same on every machine: it takes no step in
// which some of them multiply and add at once. Its relative error is below 1e-15.
func exponential(x float64) float64 {
	const log2e, ln2hi, ln2lo = 1.4426950408889634, 6.93147180369123816490e-01, 1.90821492927058770002e-10
	if x < -700 {
		return 0
	}
	k := math.Floor(float64(x*log2e) + 0.5)
	r := float64(x-float64(k*ln2hi)) - float64(k*ln2lo)
	sum := 1.0 // Taylor's series to r^14/14!, |r| ≤ ln 2 / 2
	for i := 14.0; i > 0; i-- {
		sum = 1 + float64(float64(r/i)*sum)
	}
	return math.Ldexp(sum, int(k))
}

// A weightedSum is Σ coef·score in units of 2^-64, in 128 bits with a sign: the same
// on every machine and in every order. Scores are rounded down to units of 2^-32
// where they count for the claim and up where they count against it, so that the
// sum is never above that of the scores themselves.
type weightedSum struct {
	hi int64
	lo uint64
}

func (s *weightedSum) add(c coef, score uint64) {
	if c >= 0 {
		hi, lo := bits.Mul64(uint64(c), score)
		var carry uint64
		s.lo, carry = bits.Add64(s.lo, lo, 0)
		s.hi += int64(hi + carry)
		return
	}
	hi, lo := bits.Mul64(uint64(-c), score+1)
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, lo, 0)
	s.hi -= int64(hi + borrow)
}

func (s *weightedSum) float() float64 {
	return float64(float64(s.hi)) + float64(float64(s.lo)*0x1p-64)
}

// String returns the sum as a decimal integer, in units of 2^-64.
func (s *weightedSum) String() string {
	n := big.NewInt(s.hi)
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(s.lo)).String()
}
