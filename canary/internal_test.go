package canary

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"
)

// TestRemainder: the words that would make small remainders likelier are refused.
func TestRemainder(t *testing.T) {
	for _, c := range []struct {
		w, n uint64
		want int
		ok   bool
	}{
		{0, 5, 0, true}, {7, 5, 2, true}, {math.MaxUint64, 5, 0, false}, {math.MaxUint64 - 1, 5, 4, true}, // 2⁶⁴ mod 5 = 1
		{math.MaxUint64, 4, 3, true}, {math.MaxUint64, 1, 0, true}, {math.MaxUint64, 3, 0, false}, {math.MaxUint64 - 1, 3, 2, true},
		{1 << 63, 1<<63 + 1, 0, true}, {1<<63 + 1, 1<<63 + 1, 0, false},
	} {
		got, ok := remainder(c.w, c.n)
		assert.Equal(t, c.ok, ok, "%d mod %d", c.w, c.n)
		if ok && c.n < 1<<32 {
			assert.Equal(t, c.want, got, "%d mod %d", c.w, c.n)
		}
	}
}

// TestHashHoldsClassifier recomputes the hash as its comment says.
func TestHashHoldsClassifier(t *testing.T) {
	b, err := English()
	require.NoError(t, err)
	h := blake3.NewDeriveKey(contextBook)
	_, _ = h.Write(append(b.Text(), classRules...))
	var want [32]byte
	h.Sum(want[:0])
	assert.Equal(t, want, b.Hash())
}

func TestTakesAn(t *testing.T) {
	for form, want := range map[string]bool{
		"essential": true, "crucial": false, "hour": true, "house": false, "useful": false, "unit": false, "unimportant": true,
		"uninteresting": true, "one of": false, "only": true, "once": false, "honest": true, "Excellent": true, "European": false, "utility": false, "usual": false, "us": true,
	} {
		assert.Equal(t, want, takesAn(form), form)
	}
}
