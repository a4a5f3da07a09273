package watermark

import (
	"math"
	"math/bits"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/internal/prune"
)

// chunk is how many coarse bytes a draw holds at once. It divides by 16 and
// keeps a session small; larger chunks were not faster.
const chunk = 1024

// A raceScratch is what a race needs besides its arguments.
type raceScratch struct{ coarse [chunk]byte }

// race returns the token that maximises float64(logit) − ln E(word), the
// exponential race (Gumbel-max) with the key's words as its noise. Candidates
// are token ids[i], or i where ids is nil, by the rules of [Session.Sample].
// It returns ok false where there is no candidate.
//
// The coarse byte b bounds a candidate from above by logit + hi[b], and only
// b = 255 lies far above b = 254. So a candidate with another byte cannot win
// when its logit is below the best value so far less hi[254]: one comparison
// decides nearly all of them, and fine words are read for the few others.
func race(sc *raceScratch, ids []Token, logits []float32, w Reader, stream int) (t Token, ok bool) {
	b := bout{w: w, stream: stream}
	b.reset()
	for base := 0; base < len(logits) && !b.infinite; base += chunk {
		row := logits[base:min(base+chunk, len(logits))]
		var part []Token
		if ids != nil {
			part = ids[base : base+len(row)]
		}
		coarse := sc.coarse[:len(row)]
		if w.Coarse(stream, part, Token(base), coarse) {
			b.pruned(part, Token(base), row, coarse)
		} else {
			b.plain(part, Token(base), row)
		}
	}
	if b.infinite {
		b.reset()
		b.onlyInfinite = true
		for i, l := range logits {
			if math.IsInf(float64(l), 1) {
				b.enter(tokenAt(ids, 0, i), 0)
			}
		}
	}
	return b.winner, b.winner >= 0
}

// A bout is a race under way.
type bout struct {
	w            Reader
	stream       int
	winner       Token   // −1: none yet
	best         float64 // the winner's value
	low          float32 // best rounded down
	threshold    float32 // a logit below it cannot win unless its coarse byte is 255
	infinite     bool    // a logit is +Inf
	onlyInfinite bool
}

func (b *bout) reset() {
	b.winner, b.best = -1, math.Inf(-1)
	b.low, b.threshold = float32(math.Inf(-1)), float32(math.Inf(-1))
	b.infinite = false
}

func (b *bout) pruned(ids []Token, first Token, row []float32, coarse []byte) {
	for i := prune.Next(row, coarse, 0, b.threshold); i < len(row); i = prune.Next(row, coarse, i+1, b.threshold) {
		if l := row[i]; !(l+bounds.hi[coarse[i]] < b.low) {
			b.consider(tokenAt(ids, first, i), l)
		}
		if b.infinite {
			return
		}
	}
}

func (b *bout) plain(ids []Token, first Token, row []float32) {
	for i, l := range row {
		if b.consider(tokenAt(ids, first, i), l); b.infinite {
			return
		}
	}
}

// consider enters a candidate unless its logit is NaN or infinite.
func (b *bout) consider(t Token, l float32) {
	switch {
	case l != l || l < -math.MaxFloat32: // NaN and −Inf are no candidates
	case l > math.MaxFloat32:
		b.infinite = true
	default:
		b.enter(t, float64(l))
	}
}

func (b *bout) enter(t Token, logit float64) {
	word := b.w.Word(b.stream, t)
	if logit+drawBound(word) < b.best {
		return
	}
	v := logit - logRate(word)
	if v < b.best || v == b.best && t >= b.winner && b.winner >= 0 {
		return
	}
	b.winner = t
	if v == b.best {
		return
	}
	b.best = v
	b.low = roundDown(v)
	// Lower by far more than the rounding of the subtraction and of the sum it
	// stands for, so that l < threshold proves float64(l) + hi[254] < best.
	b.threshold = roundDown(v - float64(bounds.hi[254]) - 1e-9 - 1e-12*math.Abs(v))
}

func tokenAt(ids []Token, first Token, i int) Token {
	if ids != nil {
		return ids[i]
	}
	return first + Token(i)
}

// drawBound returns an upper bound of −ln E(word) that takes no logarithm: with k
// leading ones, E >= 1 − u >= 2^−(k+1).
func drawBound(word uint64) float64 {
	const ln2 = 0.69314719 // rounded up
	return float64(bits.LeadingZeros64(^word)+1) * ln2
}

// logRate returns ln E(word), E the exponential variate of the race:
// E = −ln u at u = (word + ½)/2^64, in [2^−65, 45.1], without ever rounding u
// to 0 or 1.
func logRate(word uint64) float64 { return math.Log(exponential(word)) }

func exponential(word uint64) float64 {
	if word < 1<<63 {
		return 64*math.Ln2 - math.Log(float64(word)+0.5)
	}
	return -math.Log1p(-(float64(^word) + 0.5) * 0x1p-64)
}

// bounds holds for each coarse byte an upper bound of the draw value −ln E.
var bounds = newBounds()

type boundTable struct{ hi [256]float32 }

// newBounds rounds outward, by one unit more than needed: the logarithms of the
// standard library are accurate, not provably monotone, to the last bit.
func newBounds() *boundTable {
	var t boundTable
	for b := range t.hi {
		top := uint64(b)<<56 | (1<<56 - 1)
		t.hi[b] = math.Nextafter32(roundUp(-logRate(top)), float32(math.Inf(1)))
	}
	return &t
}

func roundUp(x float64) float32 {
	f := float32(x)
	if float64(f) < x {
		f = math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}

// roundDown returns the largest float32 at most x.
func roundDown(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// plainWords are a request's own words: how a position is drawn that carries no
// mark. The key that hashes them is public, their positions are the request's.
type plainWords struct {
	r    *prf.Reader
	seed uint64
}

func (p *plainWords) Seek([]Token) (Place, bool) { return Place{Seed: p.seed}, true }
func (p *plainWords) Ahead([][]Token)            {}
func (p *plainWords) Seed(Token) uint64          { return p.seed }
func (p *plainWords) Word(_ int, t Token) uint64 { return p.r.Word(t) }
func (p *plainWords) Coarse(_ int, ids []Token, first Token, dst []byte) bool {
	p.r.Coarse(ids, first, dst)
	return true
}
