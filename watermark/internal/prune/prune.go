// Package prune finds the few candidates of a row that can still win a race.
package prune

// Next returns the first index i in [from, len(row)) with coarse[i] == 255 or a
// logit not below threshold, NaN included, or len(row) where there is none.
// Requires len(coarse) >= len(row) and 0 <= from <= len(row).
func Next(row []float32, coarse []byte, from int, threshold float32) int {
	coarse = coarse[:len(row)]
	i := skip(row, coarse, from, threshold)
	for ; i < len(row); i++ {
		if !(row[i] < threshold) || coarse[i] == 255 {
			break
		}
	}
	return i
}
