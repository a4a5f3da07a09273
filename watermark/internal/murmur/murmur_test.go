package murmur_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/watermark/internal/murmur"
)

// Known values of MurmurHash3_x86_32 with seed 0.
func TestKnownAnswers(t *testing.T) {
	for text, want := range map[string]uint32{"": 0, "test": 0xba6bd213, "abcd": 0x43ed676a} {
		state, n := uint32(0), 0
		for b := []byte(text); len(b) > 0; b = b[4:] {
			state = murmur.Mix(state, binary.LittleEndian.Uint32(b))
			n++
		}
		assert.Equal(t, want, murmur.Sum(state, n), text)
	}
}
