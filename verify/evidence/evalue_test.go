package evidence_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

var (
	inf = math.Inf(1)
	nan = math.NaN()
)

// Mutants killed here: the sum in place of the mean, a mean over the numbers
// left after dropping NaN, ln p = −ln e above 0, exp without a common factor.
func TestEValues(t *testing.T) {
	assert.Equal(t, 0.0, evidence.Product())
	assert.Equal(t, 3.5, evidence.Product(1, 2, 0.5))
	assert.Equal(t, -inf, evidence.Product(1, nan))
	assert.Equal(t, -inf, evidence.Product(inf, -inf), "a bet that is lost stays lost")

	assert.Equal(t, 0.0, evidence.Average())
	assert.InDelta(t, math.Log(2.5), evidence.Average(0, math.Log(4)), 1e-15)
	assert.InDelta(t, math.Log(2), evidence.Average(nan, math.Log(4)), 1e-15)
	assert.InDelta(t, math.Log(2), evidence.Average(-inf, math.Log(4)), 1e-15)
	assert.Equal(t, -inf, evidence.Average(nan, -inf))
	assert.InDelta(t, 5000-math.Ln2, evidence.Average(5000, 10), 1e-9)
	assert.InDelta(t, -5000, evidence.Average(-5000, -5000), 1e-9)

	assert.Equal(t, -7.0, evidence.LogPOfE(7))
	for _, x := range []float64{0, -1, -inf, nan} {
		assert.Zero(t, evidence.LogPOfE(x))
	}
}
