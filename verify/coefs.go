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
