package verify

import (
	"math/big"
	"math/bits"
)

// A fixedSum is a sum of scores in units of 2^-32, each rounded down, in 128
// bits: the same on every machine and in every order, and never above the sum of
// the scores themselves.
type fixedSum struct{ hi, lo uint64 }

func (s *fixedSum) add(x uint64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, x, 0)
	s.hi += carry
}

func (s *fixedSum) addSum(o fixedSum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + carry
}

func (s *fixedSum) float() float64 {
	return float64(float64(s.hi)*0x1p32) + float64(float64(s.lo)*0x1p-32)
}

// String returns the sum as a decimal integer, in units of 2^-32.
func (s *fixedSum) String() string {
	n := new(big.Int).SetUint64(s.hi)
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(s.lo)).String()
}
