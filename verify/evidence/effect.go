package evidence

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// An Effect describes how far above the null the scores lie: d, in standard
// deviations of the null law per scored token, with a 95 % interval. It is a
// description, by the normal approximation with the variance of the null law;
// nothing is decided by it.
type Effect struct {
	D    float64 `json:"d"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// z95 is the 97.5 % quantile of the standard normal law.
const z95 = 1.959963984540054

// EffectOf returns the effect that n scores with this sum show; the zero Effect
// for n < 1.
func EffectOf(law tail.Law, sum float64, n int64) Effect {
	if n < 1 {
		return Effect{}
	}
	root := math.Sqrt(float64(n))
	d := standard(law, sum, n) / root
	return Effect{D: d, Low: d - z95/root, High: d + z95/root}
}
