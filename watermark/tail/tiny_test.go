package tail_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Shapes near the smallest float64 against 40-digit values of ln(a·E₁(x)), mpmath.
// They kill the mutant that goes by gammaTail there, which loses all digits.
func TestGammaOfTinyShapes(t *testing.T) {
	for _, c := range []struct{ x, shape, want float64 }{
		{1.3333333333333333, 1.5e-323, -745.39200819168048853},
		{0.5, 1e-310, -714.38160170019895256},
		{40, 1e-320, -780.54024440107238531},
		{1e-300, 1e-250, -569.10929428318039448},
		{0.001, 3e-201, -459.87544801105624226},
		{2.5, 9e-200, -462.01208256512407991},
	} {
		got := tail.Gamma(c.x, c.shape)
		assert.False(t, math.IsNaN(got))
		assert.InEpsilon(t, c.want, got, 1e-12, "Gamma(%g, %g)", c.x, c.shape)
	}
}
