//go:build !amd64 || purego

package lattice

func shifts(dst *[Block]byte, rows []byte, offsets []uint32) { shiftsGeneric(dst, rows, offsets) }
