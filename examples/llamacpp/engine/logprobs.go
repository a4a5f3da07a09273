package engine

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark"
)

// logTotal returns ln Σ exp(logit), −Inf where there is no candidate.
func logTotal(row []float32) float64 {
	top := maximum(row)
	if math.IsInf(float64(top), 0) {
		return float64(top)
	}
	total := 0.0
	for _, l := range row {
		if l > -math.MaxFloat32 {
			total += expNeg(top - l)
		}
	}
	return float64(top) + math.Log(total)
}

// likeliest returns the n likeliest tokens of a row, likeliest first, the lower
// id first among equals.
func (v *vocabulary) likeliest(row []float32, total float64, n int) []Alternative {
	list := make([]Alternative, 0, n+1)
	for i, l := range row {
		lp := float64(l) - total
		if n == 0 || !(l > -math.MaxFloat32) || len(list) == n && lp <= list[n-1].LogProb {
			continue
		}
		at := len(list)
		for at > 0 && list[at-1].LogProb < lp {
			at--
		}
		list = append(list, Alternative{})
		copy(list[at+1:], list[at:])
		list[at] = Alternative{ID: watermark.Token(i), LogProb: lp}
		list = list[:min(n, len(list))]
	}
	for i := range list {
		list[i].Bytes = v.piece(list[i].ID)
	}
	return list
}
