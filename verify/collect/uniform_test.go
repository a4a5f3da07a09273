package collect

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// In package collect: no frame is so large that a missing rejection would show.
func TestUniformRejects(t *testing.T) {
	read := func(m uint64, values ...uint64) uint64 {
		var b []byte
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return uniform(bytes.NewReader(b), m)
	}
	const half = 1 << 63
	assert.Equal(t, uint64(half), read(half+1, math.MaxUint64, half+1, half, 3))
	assert.Equal(t, uint64(math.MaxUint64), half+read(half, math.MaxUint64)) // a power of two rejects nothing
	assert.Equal(t, uint64(2), read(3, math.MaxUint64, 5), "2^64 = 1 mod 3: the last value is one too many")
	assert.Equal(t, uint64(0), read(1, math.MaxUint64))
}
