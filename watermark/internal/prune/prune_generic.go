//go:build !amd64 || purego

package prune

// skip returns an index in [from, len(row)] before which no candidate can win.
func skip(row []float32, coarse []byte, from int, threshold float32) int {
	for i := from; i+8 <= len(row); i += 8 {
		l, c := row[i:i+8:i+8], coarse[i:i+8:i+8]
		if !(l[0] < threshold && l[1] < threshold && l[2] < threshold && l[3] < threshold &&
			l[4] < threshold && l[5] < threshold && l[6] < threshold && l[7] < threshold) ||
			c[0] == 255 || c[1] == 255 || c[2] == 255 || c[3] == 255 ||
			c[4] == 255 || c[5] == 255 || c[6] == 255 || c[7] == 255 {
			return i
		}
		from = i + 8
	}
	return from
}
