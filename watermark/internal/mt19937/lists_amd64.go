//go:build !purego

package mt19937

import "github.com/dyetrace/dyetrace/watermark/internal/cpu"

// skip8 returns how many groups of 8 words from the pointers on hold none that
// skipGeneric would stop at, at most groups. Requires AVX2 and groups >= 1.
//
//go:noescape
func skip8(words, inverse, limit *uint32, groups int, rest uint32) int

func skip(words, inverse, limit []uint32, rest uint32) int {
	i := 0
	if groups := len(words) / 8; groups > 0 && cpu.AVX2 {
		i = 8 * skip8(&words[0], &inverse[0], &limit[0], groups, rest)
	}
	return i + skipGeneric(words[i:], inverse[i:len(words)], limit[i:len(words)], rest-uint32(i))
}
