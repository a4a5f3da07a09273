package watermark

import (
	"fmt"
	"math/bits"
)

// A Detector looks for a mark in one text or in a corpus. Within a text it scores
// what a session of the mark would have marked: no head, no window that occurred
// before. Over a corpus it scores each (window, token) pair once, however often
// it occurs, since equal pairs have equal words. Its sums are integers, so that
// neither the order of texts nor their division over detectors matters.
//
// It is for one goroutine; several detectors of one mark can work side by side
// and be merged. It holds words of the mark: keep it as secret as the key.
type Detector struct {
	mark    *Watermark
	walk    *walker
	pairs   pairTable
	skipped seedSet
	raw     int // tokens offered
	dropped Dropped
}

// Dropped counts the tokens that were not scored, by reason.
type Dropped struct {
	Head      int // at the head of an answer, where windows are too short
	Gated     int // on another layer's windows
	Repeat    int // after a window that occurred before in its answer
	Skipped   int // after what [Detector.Skip] was given
	Duplicate int // a (window, token) pair that was scored already
}

// A Result is what a detector found. The zero Result is no evidence: p = 1.
type Result struct {
	Mark   string  // [Watermark.ID]
	Raw    int     // tokens offered
	Scored int     // tokens scored
	Score  float64 // sum of their scores, in the unit of the scheme, rounded down to 2^-32 each
	// LogP is the natural logarithm of the p-value, one-sided: 0 is no evidence,
	// and the further below the stronger. Divide by ln 10 for a log10.
	LogP    float64
	Dropped Dropped // Raw − Scored tokens, by reason
}

// NewDetector returns a detector that has seen nothing.
func (w *Watermark) NewDetector() *Detector {
	if w.source == nil {
		return new(Detector)
	}
	return &Detector{mark: w, walk: newWalker(w), pairs: pairTable{oncePerSeed: w.rules.Read.OnePerSeed}}
}

// Detect is a [Detector] over one text.
func (w *Watermark) Detect(t Text) (Result, error) {
	d := w.NewDetector()
	if err := d.Add(t); err != nil {
		return Result{}, err
	}
	return d.Result(), nil
}

// Reset forgets all texts and keeps the memory and what its reader has ready: for
// one text after another.
func (d *Detector) Reset() {
	d.pairs.reset()
	d.skipped, d.raw, d.dropped = seedSet{}, 0, Dropped{}
}

// Add scores one text. It fails for a negative token and then adds nothing. It
// keeps no slice of the text.
func (d *Detector) Add(t Text) error {
	if d.mark == nil {
		return errZeroDetector
	}
	if err := t.check(); err != nil {
		return err
	}
	d.raw += len(t.Tokens)
	d.walk.open(t)
	for i, token := range t.Tokens {
		y, what := d.walk.at(i)
		switch what {
		case marked:
			d.pairs.add(token, y)
		case atHead:
			d.dropped.Head++
		case gated:
			d.dropped.Gated++
		case repeats:
			d.dropped.Repeat++
		}
	}
	return nil
}

// Skip leaves out what a text has occurrences of, be it added before or after: a
// prompt or a quotation, which the author of an answer may have copied. What occurs
// is what the source hashes: a window, for nearly all marks, whatever follows it.
// It fails for a negative token and then skips nothing. A text of no tokens has no
// occurrences, that of a padded window at its head neither.
func (d *Detector) Skip(tokens []Token) error {
	if d.mark == nil {
		return errZeroDetector
	}
	if err := (Text{Tokens: tokens}).check(); err != nil {
		return err
	}
	if len(tokens) == 0 {
		return nil
	}
	if d.skipped.slots == nil {
		d.skipped = newSeedSet(len(tokens))
	}
	for i := range len(tokens) + 1 {
		if y, what := d.walk.loc.at(tokens[:i], 0); what == marked {
			next := Token(0) // after the last token any may follow
			if i < len(tokens) {
				next = tokens[i]
			}
			d.skipped.add(y.reader.Seed(next))
		}
	}
	return nil
}

// Merge adds what another detector of an equal mark has seen, as if d had seen
// it. The other is unchanged.
func (d *Detector) Merge(o *Detector) error {
	if d.mark == nil || o == nil || o.mark == nil {
		return errZeroDetector
	}
	if a, b := d.mark.ID(), o.mark.ID(); a != b {
		return fmt.Errorf("watermark: merge a detector of %q into one of %q", b, a)
	}
	for p := range o.pairs.all() {
		d.pairs.put(*p)
	}
	if o.skipped.slots != nil {
		if d.skipped.slots == nil {
			d.skipped = newSeedSet(o.skipped.n)
		}
		for seed := range o.skipped.all() {
			d.skipped.add(seed)
		}
	}
	d.raw += o.raw
	d.dropped.Head += o.dropped.Head
	d.dropped.Gated += o.dropped.Gated
	d.dropped.Repeat += o.dropped.Repeat
	return nil
}

// Result returns the evidence so far.
func (d *Detector) Result() Result {
	if d.mark == nil {
		return Result{}
	}
	r := Result{Mark: d.mark.ID(), Raw: d.raw, Dropped: d.dropped}
	sum, n := d.pairs.sum, d.pairs.n
	r.Dropped.Duplicate = int(d.pairs.occurrences) - n
	if d.skipped.slots != nil {
		for p := range d.pairs.all() {
			if d.skipped.has(p.seed) {
				sum.subtract(p.score)
				n--
				r.Dropped.Skipped += int(p.count)
				r.Dropped.Duplicate -= int(p.count) - 1
			}
		}
	}
	r.Scored, r.Score = n, sum.float()
	if d.mark.joint == nil {
		r.LogP = d.mark.law.LogTail(r.Score, int64(n))
	} else {
		r.LogP = d.mark.joint(d.scored(), r.Score)
	}
	return r
}

// scored returns the pairs that count.
func (d *Detector) scored() []Scored {
	var s []Scored
	for p := range d.pairs.all() {
		if d.skipped.slots == nil || !d.skipped.has(p.seed) {
			s = append(s, Scored{p.seed, p.token})
		}
	}
	return s
}

// fixedSum is a sum of scores in units of 2^-32, in 128 bits.
type fixedSum struct{ hi, lo uint64 }

func (s *fixedSum) add(x uint64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, x, 0)
	s.hi += carry
}

func (s *fixedSum) subtract(x uint64) {
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, x, 0)
	s.hi -= borrow
}

func (s *fixedSum) float() float64 {
	return float64(float64(s.hi)*0x1p32) + float64(float64(s.lo)*0x1p-32)
}

// fixed returns a score in units of 2^-32, rounded down: a sum of such is never
// above the sum of the scores. A score of a scheme that is NaN, negative or above
// the range counts against the claim: 0.
func fixed(score float64) uint64 {
	if score > 0 && score < 0x1p31 {
		return uint64(score * 0x1p32)
	}
	return 0
}
