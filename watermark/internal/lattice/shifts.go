package lattice

import "encoding/binary"

// Block is how many sums Shifts makes at once.
const Block = 256

// Shifts writes Σ_i rows[offsets[i]+j] to dst[j] for j < Block, in bytes that wrap.
// Requires len(rows) >= offsets[i]+Block.
func Shifts(dst *[Block]byte, rows []byte, offsets []uint32) {
	for _, o := range offsets {
		_ = rows[int(o)+Block-1] // the last that is read
	}
	shifts(dst, rows, offsets)
}

// shiftsGeneric is Shifts with eight bytes in a word. Carries run from byte to byte only
// where a byte wraps; masking the high bits keeps them apart.
func shiftsGeneric(dst *[Block]byte, rows []byte, offsets []uint32) {
	const high = 0x8080808080808080
	var words [Block / 8]uint64
	for _, o := range offsets {
		row := rows[o : o+Block]
		for i := range words {
			x, y := words[i], binary.LittleEndian.Uint64(row[8*i:])
			words[i] = (x&^high + y&^high) ^ (x^y)&high
		}
	}
	for i, w := range words {
		binary.LittleEndian.PutUint64(dst[8*i:], w)
	}
}
