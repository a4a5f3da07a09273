package textseal

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/seen"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Levels at which the engine's own tools speak of a detection: a p-value below
// them.
const (
	Threshold         = 1e-3 // of the released evaluator
	ThresholdTextSeal = 0.01 // of the unreleased detector of two keys
)

// leastP is the floor of the released engine's p-values.
const leastP = 1e-200

// A Result is what the engine says of a text, and beside it what this library
// says.
type Result struct {
	NumScored int
	// Mask holds for positions Ngram+1 to the last whether the engine scored them.
	Mask []bool
	// Score is the sum of the scores, Mean what the engine's evaluator reports as
	// "score": NaN where nothing was scored.
	Score, Mean float64
	// EngineP is the engine's p-value, its floor of 1e-200 included: a mid-p for
	// green lists and tournaments, a normal tail with weights, a fitted Gamma tail
	// for two keys, NaN for gumbelmax with nothing scored. None of these is what
	// evidence should rest on.
	EngineP float64
	// Detected is the engine's verdict at its default threshold.
	Detected bool

	// Distinct is how many words LogP rests on: each once, from position Ngram on.
	Distinct int
	// LogP is ln of this library's p-value, that of the detector of [New] for a
	// text of unknown prompt. It is exact for green lists, tournaments and two keys,
	// and a close bound for gumbelmax.
	LogP float64
}

// Seen is what a detector's scoring method has scored already, in this text or in
// earlier ones. The zero Seen is empty.
type Seen struct{ keys map[uint64]struct{} }

func (s *Seen) add(key uint64) bool {
	if s.keys == nil {
		s.keys = make(map[uint64]struct{})
	}
	n := len(s.keys)
	s.keys[key] = struct{}{}
	return len(s.keys) > n
}

// A Detector reads texts as the engine's detectors do. It is for one goroutine.
type Detector struct {
	config  Config
	source  *source
	law     tail.Law
	table   *scores
	green   int       // values of the hash that are green
	weights []float32 // of a tournament's layers

	engine, distinct seen.Set
}

// NewDetector returns a detector of a configuration.
func NewDetector(c Config) (*Detector, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	law, err := c.scheme().Law()
	if err != nil {
		return nil, fmt.Errorf("textseal: %w", err)
	}
	return &Detector{config: c, source: newSource(c), law: law, table: scoreTable(),
		green: greens(c.Gamma), weights: layerWeights(c)}, nil
}

// Detect is [Detector.Detect] with a detector of its own: for a single text.
func Detect(c Config, tokens []watermark.Token) (Result, error) {
	d, err := NewDetector(c)
	if err != nil {
		return Result{}, err
	}
	return d.Detect(tokens)
}

// Detect reads a text, its ids without special tokens, as the engine's evaluator
// does: with a set of what was scored that is empty at first.
func (d *Detector) Detect(tokens []watermark.Token) (Result, error) {
	d.engine.Reset(len(tokens))
	return d.detect(tokens, d.engine.Add)
}

// DetectSeen reads a text with the caller's set of what was scored. Without one,
// which is nil, the engine scores repeats again, whatever the scoring method.
func (d *Detector) DetectSeen(tokens []watermark.Token, s *Seen) (Result, error) {
	if s == nil {
		return d.detect(tokens, func(uint64) bool { return true })
	}
	return d.detect(tokens, s.add)
}

func (d *Detector) detect(tokens []watermark.Token, fresh func(uint64) bool) (Result, error) {
	if err := d.check(tokens); err != nil {
		return Result{}, err
	}
	var r Result
	n := d.config.Ngram
	r.Mask = make([]bool, max(0, len(tokens)-n-1))
	if d.config.ScoringMethod == None {
		fresh = func(uint64) bool { return true }
	}
	d.distinct.Reset(len(tokens))
	var sum fixedSum
	for i := n; i < len(tokens); i++ {
		window, t := tokens[i-n:i], tokens[i]
		w := windowSum(window)
		x := w + tokenPrime*uint64(t)
		score, fixed := d.score(x)
		if i > n && fresh(d.key(window, t)) {
			r.Mask[i-n-1] = true
			r.NumScored++
			r.Score += score
		}
		seed := mix(x)
		if d.source.depth > 0 {
			seed = mix(w)
		}
		if d.distinct.Add(seed) {
			r.Distinct++
			sum.add(fixed)
		}
	}
	r.Mean = r.Score / float64(r.NumScored)
	r.EngineP = d.p(r.Score, r.NumScored)
	r.Detected = r.EngineP < d.threshold()
	r.LogP = d.law.LogTail(sum.float(), int64(r.Distinct))
	return r, nil
}

func (d *Detector) threshold() float64 {
	if d.config.WatermarkType == TextSeal {
		return ThresholdTextSeal
	}
	return Threshold
}

func (d *Detector) check(tokens []watermark.Token) error {
	limit := int64(math.MaxInt32) + 1
	if d.config.VocabSize > 0 {
		limit = int64(d.config.VocabSize)
	}
	for i, t := range tokens {
		if t < 0 || int64(t) >= limit {
			return fmt.Errorf("textseal: token %d of the text is %d, want 0 to %d", i, t, limit-1)
		}
	}
	return nil
}

// key returns a hash of the tuple that the scoring method scores once.
func (d *Detector) key(window []watermark.Token, t watermark.Token) uint64 {
	h := uint64(len(window))
	if d.config.ScoringMethod == V2 {
		h = mix(h ^ uint64(t)<<8)
	}
	for _, w := range window {
		h = mix(h*0x9E3779B97F4A7C15 + uint64(w))
	}
	return h
}

// score returns the engine's score of x = windowSum + tokenPrime·token, and this
// library's in units of 2^-32.
func (d *Detector) score(x uint64) (engine float64, fixed uint64) {
	s := d.source
	switch d.config.WatermarkType {
	case GreenList:
		green := less(hash(x+s.base[0]), d.green)
		return float64(green), green << 32
	case SynthID, SynthIDWeighted:
		return d.layers(x + s.base[0])
	case TextSeal:
		a, b, alpha := hash(x+s.base[0]), hash(x+s.base[1]), d.config.MixingAlpha
		exact := float64(alpha*d.table.exact[a]) + float64((1-alpha)*d.table.exact[b])
		return float64(alpha*d.table.engine[a]) + float64((1-alpha)*d.table.engine[b]), uint64(exact * 0x1p32)
	}
	k := hash(x + s.base[0])
	return d.table.engine[k], d.table.fixed[k]
}

// fixedSum is a sum of scores in units of 2^-32. Scores are below 2^7, so that it
// holds 2^25 of them in its low word and all others in its high one.
type fixedSum struct{ hi, lo uint64 }

func (s *fixedSum) add(x uint64) {
	s.lo += x
	s.hi += s.lo >> 62
	s.lo &= 1<<62 - 1
}

func (s *fixedSum) float() float64 {
	return float64(float64(s.hi)*0x1p30) + float64(float64(s.lo)*0x1p-32)
}
