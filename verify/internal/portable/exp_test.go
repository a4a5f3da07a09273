package portable_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/verify/internal/portable"
)

// exp returns e^x to 200 bits, by the series of x/2^12 and twelve squarings.
func exp(x float64) *big.Float {
	const bits = 256
	r := new(big.Float).SetPrec(bits).SetFloat64(x)
	r.SetMantExp(r, -12)
	sum, term := big.NewFloat(1).SetPrec(bits), big.NewFloat(1).SetPrec(bits)
	for n := 1; n < 60; n++ {
		term.Mul(term, r)
		term.Quo(term, new(big.Float).SetPrec(bits).SetInt64(int64(n)))
		sum.Add(sum, term)
	}
	for range 12 {
		sum.Mul(sum, sum)
	}
	return sum
}

// Mutants killed: a term of the series left out, ln2lo left out, another cut than −700.
func TestExp(t *testing.T) {
	assert.Equal(t, 1.0, portable.Exp(0))
	assert.Zero(t, portable.Exp(-701))
	assert.Zero(t, portable.Exp(math.Inf(-1)))
	assert.Positive(t, portable.Exp(-700))
	rng := rand.New(rand.NewPCG(1, 2))
	h := fnv.New64a()
	for i := range 20_000 {
		x := -700 * rng.Float64()
		if i%2 == 0 {
			x = -rng.ExpFloat64()
		}
		got := portable.Exp(x)
		_ = binary.Write(h, binary.LittleEndian, math.Float64bits(got))
		if i%20 > 1 {
			continue
		}
		want := exp(x)
		miss, _ := new(big.Float).Quo(new(big.Float).Sub(new(big.Float).SetFloat64(got), want), want).Float64()
		assert.Less(t, math.Abs(miss), 1e-15, "%v", x)
	}
	// The same on every machine that runs this test.
	assert.Equal(t, "5afb0f248cd5c5b", fmt.Sprintf("%x", h.Sum64()))
}
