//go:build !purego

package mt19937

import "github.com/dyetrace/dyetrace/watermark/internal/cpu"

// blockAVX2 is blockGeneric. Requires AVX2.
//
//go:noescape
func blockAVX2(x *[2 * size]uint32, out *[size]uint32)

func block(x *[2 * size]uint32, out *[size]uint32) {
	if cpu.AVX2 {
		blockAVX2(x, out)
		return
	}
	blockGeneric(x, out)
}
