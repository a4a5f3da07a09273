package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// maxDraws bounds Monte Carlo: counts stay integers in float64.
const maxDraws = 1 << 40

// MonteCarlo returns ln (1+k)/(1+J), k of J = draws redrawings of all options having a T
// of at least x: an exact p-value whatever the gains, never below 1/(1+J). The seed must be
// a hash of the sealed answers and a fixed label, not of anything the key decides, and
// used once. Words are those of ChaCha8 (C2SP, chacha8rand), so all machines count the
// same: each cell that has different gains takes the next 32 bits, the low half of a 64-bit word
// first, for its gains in ascending order. An error names a number of draws outside 1 to
// 2^40. Some 5 to 20 ns a two-way cell and draw.
func (c *Cells) MonteCarlo(x float64, seed [32]byte, draws int64) (lnP float64, err error) {
	if draws < 1 || draws > maxDraws {
		return 0, fmt.Errorf("evidence: number of draws is %d, want 1 to 2^40", draws)
	}
	if !(x > c.slack) {
		return 0, nil
	}
	bits := words{source: rand.NewChaCha8(seed)}
	reach, k := c.reached(x), int64(0)
	for range draws {
		if c.draw(&bits) >= reach {
			k++
		}
	}
	return math.Log(float64(1+k)) - math.Log(float64(1+draws)), nil
}

// drawn is a unit made ready for drawing: two gains are chosen without a branch, which the
// processor could not foresee.
type drawn struct {
	last  uint64 // word with the first gain
	h     [2]float64
	count []uint64 // nil for two gains
	all   []float64
}

func newDrawn(u unit) drawn {
	if len(u.h) == 2 {
		return drawn{last: u.count[0] - 1, h: [2]float64(u.h)}
	}
	return drawn{count: u.count, all: u.h}
}

// draw returns T for options drawn from their laws.
func (c *Cells) draw(bits *words) float64 {
	sum := 0.0
	for i := range c.draws {
		u := &c.draws[i]
		w := bits.next()
		if u.count == nil {
			sum += u.h[(u.last-w)>>63] // 1 where w is beyond last
			continue
		}
		o := 0
		for w >= u.count[o] {
			w -= u.count[o]
			o++
		}
		sum += u.all[o]
	}
	return sum
}

// words are 32-bit words of a source.
type words struct {
	source *rand.ChaCha8
	left   uint64
	more   bool
}

func (b *words) next() uint64 {
	if b.more {
		b.more = false
		return b.left >> 32
	}
	b.left, b.more = b.source.Uint64(), true
	return b.left & (whole - 1)
}
