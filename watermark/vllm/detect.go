package vllm

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/seen"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// DetectorOptions are the parameters of the engine's detector that a generator
// does not share. The zero value is the engine's default.
type DetectorOptions struct {
	// Threshold of EngineP, at or below which a text is called marked, in (0, 1].
	// Defaults to 0.01.
	Threshold float64
	// CountRepeats is the engine's deduplicate_contexts = false: a context counts
	// each time. The engine's figures are then no evidence on text that repeats
	// itself; LogP is as without.
	CountRepeats bool
	// VocabSize is that of the model's configuration: ids are to be below it. 0
	// leaves them unchecked.
	VocabSize int
}

const defaultThreshold = 0.01

// A Detection is what [Detector.Detect] finds. The zero Detection is no evidence,
// but for EngineP, which is 1 then.
type Detection struct {
	NumScored     int     // positions that the engine scores
	Score         float64 // sum of their scores, in nats
	EngineP       float64 // the engine's p-value: see the package comment for where it is wrong
	IsWatermarked bool    // EngineP <= Threshold
	// LogP is the natural logarithm of the exact p-value, of positions after
	// contexts that occur for the first time: what watermark.Detector says of the
	// same text.
	LogP float64
}

// A Detector computes the figures of the engine's detector. It is for one
// goroutine, and keeps its memory from text to text.
type Detector struct {
	law          tail.Law
	alpha        float64
	reader       func() *reader // a function for the reason of intkey.Key
	width        int
	threshold    float64
	countRepeats bool
	vocabulary   int
	contexts     seen.Set
	padded       []watermark.Token
}

// NewDetector returns a detector of the marks of a configuration, of which it uses
// key, algorithm, alpha and width. An error names a value that is out of range.
func NewDetector(c Config, o DetectorOptions) (*Detector, error) {
	w, err := New(c)
	if err != nil {
		return nil, err
	}
	if o.Threshold == 0 {
		o.Threshold = defaultThreshold
	}
	if !(o.Threshold > 0 && o.Threshold <= 1) {
		return nil, fmt.Errorf("vllm: threshold is %v, want above 0 to 1", o.Threshold)
	}
	if o.VocabSize < 0 {
		return nil, fmt.Errorf("vllm: vocab_size is %d, want 0 (unchecked) or more", o.VocabSize)
	}
	c = c.resolved()
	r := newSource(c).open()
	return &Detector{
		law: w.Law(), alpha: *c.Alpha, reader: func() *reader { return r }, width: c.ContextWidth,
		threshold: o.Threshold, countRepeats: o.CountRepeats, vocabulary: o.VocabSize,
	}, nil
}

// Detect is a [Detector] for one text.
func Detect(c Config, o DetectorOptions, tokens []watermark.Token) (Detection, error) {
	d, err := NewDetector(c, o)
	if err != nil {
		return Detection{}, err
	}
	return d.Detect(tokens)
}

// Detect scores a text: ids of a completion, without its prompt. The error names
// an id that is out of range.
func (d *Detector) Detect(tokens []watermark.Token) (Detection, error) {
	if err := checkIDs(tokens, d.vocabulary); err != nil {
		return Detection{}, err
	}
	d.padded = d.padded[:0]
	for range d.width {
		d.padded = append(d.padded, -1)
	}
	d.padded = append(d.padded, tokens...)
	d.contexts.Reset(len(tokens))
	reader := d.reader()
	var r Detection
	var sum uint64 // of first occurrences, in units of 2^-32, as watermark.Detector adds
	fresh := 0
	for i, t := range tokens {
		for j := range reader.n {
			reader.streams[j].seek(d.padded[i : i+d.width])
		}
		first := d.contexts.Add(reader.streams[0].seed())
		if !first && !d.countRepeats {
			continue
		}
		s := d.score(reader, t)
		r.NumScored++
		r.Score += s
		if first {
			fresh++
			sum += uint64(s * 0x1p32)
		}
	}
	r.EngineP = d.engineP(reader.n, r.Score, r.NumScored)
	r.IsWatermarked = r.NumScored > 0 && r.EngineP <= d.threshold
	r.LogP = d.law.LogTail(float64(sum)*0x1p-32, int64(fresh))
	return r, nil
}

func (d *Detector) score(r *reader, t watermark.Token) float64 {
	a := r.streams[0].word(t)
	if r.n == 1 {
		return score(a)
	}
	return dual{d.alpha}.score(a, r.streams[1].word(t))
}

// engineP returns the p-value that the engine reports: the tail of Gamma(n, 1)
// with one key, of Gamma(n/v, 1) at score/v with two, v = α² + (1−α)².
func (d *Detector) engineP(keys int, score float64, n int) float64 {
	if keys == 1 {
		return gammaP(score, float64(n))
	}
	return dualP(score, n, d.alpha)
}

func gammaP(score, shape float64) float64 { return math.Exp(tail.Gamma(score, shape)) }

func dualP(score float64, n int, alpha float64) float64 {
	v := alpha*alpha + (1-alpha)*(1-alpha)
	return gammaP(score/v, float64(n)/v)
}

func checkIDs(tokens []watermark.Token, vocabulary int) error {
	for i, t := range tokens {
		if vocabulary > 0 && (t < 0 || int(t) >= vocabulary) {
			return fmt.Errorf("vllm: token %d of the text is %d, want 0 to %d", i, t, vocabulary-1)
		}
		if t < 0 {
			return fmt.Errorf("vllm: token %d of the text is %d, want 0 to 2^31-1", i, t)
		}
	}
	return nil
}
