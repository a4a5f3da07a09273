//go:build !purego

package prune

import "github.com/dyetrace/dyetrace/watermark/internal/cpu"

// skip32 returns how many groups of 32 candidates from the pointers on hold none
// that can win, at most groups. Requires AVX2 and groups >= 1.
//
//go:noescape
func skip32(row *float32, coarse *byte, groups int, threshold float32) int

// skip returns an index in [from, len(row)] before which no candidate can win.
func skip(row []float32, coarse []byte, from int, threshold float32) int {
	groups := (len(row) - from) / 32
	if !cpu.AVX2 || groups == 0 {
		return from
	}
	return from + 32*skip32(&row[from], &coarse[from], groups, threshold)
}
