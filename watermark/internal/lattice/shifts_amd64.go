//go:build !purego

package lattice

import "github.com/dyetrace/dyetrace/watermark/internal/cpu"

// shiftsAVX2 is shiftsGeneric. Requires AVX2.
//
//go:noescape
func shiftsAVX2(dst *[Block]byte, rows *byte, offsets *uint32, n int)

func shifts(dst *[Block]byte, rows []byte, offsets []uint32) {
	if cpu.AVX2 && len(offsets) > 0 {
		shiftsAVX2(dst, &rows[0], &offsets[0], len(offsets))
		return
	}
	shiftsGeneric(dst, rows, offsets)
}
