package watermark

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Scheme is how words choose a token and how the word of a token testifies to
// the choice. Implementations are comparable values without state: keys,
// windows, repeats and sums are the business of sessions and detectors, once for
// all schemes. It has five methods, one more than is usual here, because an
// engine that samples elsewhere needs the perturbation instead of the token.
type Scheme interface {
	// String names the scheme and its parameters: "greenlist(gamma=0.25,delta=2)".
	String() string
	// Choose returns the token of one draw, or false where it has no candidate.
	Choose(d *Draw) (Token, bool)
	// Perturb writes to dst what an engine adds to each logit before it takes
	// the largest or samples, and says which of the two it is to do. Requires
	// len(dst) == len(d.IDs()).
	Perturb(d *Draw, dst []float32) (Then, error)
	// Score returns the evidence of token t at the reader's position, at least 0.
	Score(r Reader, p Place, t Token) float64
	// Law returns the null distribution of one score under a random key, or an
	// error where a parameter of the scheme is out of range.
	Law() (tail.Law, error)
}

// Then is what an engine does after it added a perturbation to its logits.
type Then uint8

const (
	// TakeLargest: the candidate with the largest sum is the token.
	TakeLargest Then = iota + 1
	// SampleSum: the token is sampled from the softmax of the sums.
	SampleSum
)

// A Role says which model of speculative decoding draws, and at what moment.
type Role uint8

const (
	// Target draws without speculation, or with drafts that are compared token by
	// token: then the draws of both models share their randomness.
	Target Role = iota
	// Draft proposes a token that may be rejected.
	Draft
	// Recovery draws from the residual distribution after a rejection.
	Recovery
	// Bonus draws after every draft was accepted.
	Bonus
)

// Purposes of a request's own randomness at one position. A role's plain draws
// are apart from another role's: a recovery must not depend on the draft.
const (
	purposePlain   = 0 // plus the role
	purposeUniform = 16
	purposeFork    = 32
	purposeDecoy   = 48
)

// A Draw is one position with its candidates: what a [Scheme] sees.
type Draw struct {
	ids    []Token
	logits []float32
	words  Reader
	place  Place
	role   Role
	plain  plainWords
	key    *prf.Key
	index  uint64
	sc     *scratch
	// declined is set where a scheme did not mark the position after all.
	declined bool
}

// Decline says that the scheme draws the position without the mark, for a reason
// that lies in its candidates, such as a token that is too likely.
func (d *Draw) Decline() { d.declined = true }

// IDs returns the candidates' tokens, nil where candidate i is token i. It is
// not to be changed or kept; so are Logits.
func (d *Draw) IDs() []Token { return d.ids }

// Logits returns the candidates' logits, in nats: NaN and −Inf are no
// candidates, and where one is +Inf only such are, with logit 0.
func (d *Draw) Logits() []float32 { return d.logits }

// Words returns the reader of the mark's words, at the position.
func (d *Draw) Words() Reader { return d.words }

// Place returns what the source says of the position.
func (d *Draw) Place() Place { return d.place }

// Role returns the role of the model that draws.
func (d *Draw) Role() Role { return d.role }

// Uniform returns the request's own uniform variate of the position, in [0, 1),
// unknown to any detector. It is the same however often it is asked for.
func (d *Draw) Uniform() float64 {
	return float64(d.key.Hash(d.index, purposeUniform)[0]>>11) * 0x1p-53
}

// Race returns the token that maximises logit − ln E(word) for candidates IDs
// with the given logits, as many as [Draw.Logits], and the words of a stream.
func (d *Draw) Race(logits []float32, stream int) (Token, bool) {
	return race(&d.sc.race, d.ids, logits, d.words, stream)
}

// RacePlain is [Draw.Race] with the request's own words: ordinary sampling from
// the softmax of logits.
func (d *Draw) RacePlain(logits []float32) (Token, bool) {
	d.seekPlain()
	return race(&d.sc.race, d.ids, logits, &d.plain, 0)
}

// PerturbPlain writes the request's own Gumbel noise: what a scheme does in
// Perturb at a position that it declines.
func (d *Draw) PerturbPlain(dst []float32) Then {
	d.seekPlain()
	perturbRace(d, &d.plain, 0, dst)
	return TakeLargest
}

func (d *Draw) seekPlain() {
	d.plain.seed = d.plain.r.SeekKey(d.key, d.index, purposePlain+uint32(d.role))
}

// Row returns a copy of the logits for a scheme to change, in which the rule of
// +Inf is already applied, and the greatest of them; ok is false where there is
// no candidate. The row is scratch of the session: it lasts until the next draw.
func (d *Draw) Row() (row []float32, top float32, ok bool) {
	d.sc.row = append(d.sc.row[:0], d.logits...)
	row, top = d.sc.row, float32(math.Inf(-1))
	for i, l := range row {
		if l != l {
			row[i] = float32(math.Inf(-1))
		}
		top = max(top, row[i])
	}
	if top > math.MaxFloat32 {
		for i, l := range row {
			row[i] = float32(math.Inf(-1))
			if l == top {
				row[i] = 0
			}
		}
		top = 0
	}
	return row, top, top >= -math.MaxFloat32
}

// scratch is what draws need besides a session's state. Rows are made when a
// scheme first asks for them.
type scratch struct {
	race   raceScratch
	row    []float32
	weight []float64
	words  []uint64
	order  []int32
}
