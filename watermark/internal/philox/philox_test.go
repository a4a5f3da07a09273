package philox_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/watermark/internal/philox"
)

// The known answers of the authors' library Random123 1.14, file kat_vectors.
func TestKnownAnswers(t *testing.T) {
	for _, v := range []struct {
		counter, want [4]uint32
		key           [2]uint32
	}{
		{counter: [4]uint32{}, key: [2]uint32{}, want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{
			counter: [4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
			key:     [2]uint32{0xffffffff, 0xffffffff},
			want:    [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		},
		{
			counter: [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
			key:     [2]uint32{0xa4093822, 0x299f31d0},
			want:    [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		var got [4]uint32
		got[0], got[1], got[2], got[3] = philox.Block(v.counter[0], v.counter[1], v.counter[2], v.counter[3], v.key[0], v.key[1])
		assert.Equal(t, v.want, got)
	}
}

func BenchmarkBlock(b *testing.B) {
	c0, c1, c2, c3 := uint32(1), uint32(2), uint32(3), uint32(4)
	for b.Loop() {
		c0, c1, c2, c3 = philox.Block(c0, c1, c2, c3, 5, 6)
	}
}
