package evidence

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// ByE returns the law with the p-value min(1, 1/e) of its e-value in place of its
// tail: a bound that holds wherever one stops. Its strings, moments and
// cumulants are those of law.
func ByE(law tail.Law) tail.Law { return byE{law} }

type byE struct{ tail.Law }

func (l byE) LogTail(sum float64, n int64) float64 {
	if n < 1 {
		return 0
	}
	if math.IsInf(l.Law.LogTail(sum, n), -1) {
		return math.Inf(-1) // a sum that cannot be
	}
	return LogPOfE(l.LogE(sum, n))
}
