package sglang

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// MaxContexts is how many contexts the engine's detector scores at most.
const MaxContexts = 4096

// DetectorOptions are the parameters of the engine's detector that a generator does
// not share. The zero value is the engine's default.
type DetectorOptions struct {
	// MaxContexts is "max_contexts": the detector stops after as many, 1 to 4096.
	// Defaults to 4096.
	MaxContexts int
	// VocabSize is that of the model's configuration: ids are to be below it. 0
	// leaves them unchecked.
	VocabSize int
}

// A Statistic is one of the sums that the engine reports.
type Statistic struct {
	N         int     // positions
	Score     float64 // sum of their scores, in nats
	ZScore    float64 // (Score − N)/√N, 0 for none. No p-value follows from it
	PValue    float64 // exp(LogPValue)
	LogPValue float64 // ln of the tail of Gamma(N, 1), exact where the engine's is noisy
}

// A Detection is what [Detector.Detect] finds, in the engine's terms. Its statistics
// answer one question each: look at Combined, or choose another before.
type Detection struct {
	Combined         Statistic // each position with the key that its coin chose
	KeyAAllPositions Statistic
	// With two keys, else nil: all positions with key B, and the positions of
	// each key by the coin.
	KeyBAllPositions, KeyAPartition, KeyBPartition *Statistic

	PrefixLimitReached   bool // MaxContexts were scored, so that the rest was not looked at
	TokensExamined       int  // of the completion, skipped initial ones too
	RepeatedContexts     int
	SkippedInitialTokens int
	// LogP is the natural logarithm of the exact p-value of Combined: what
	// watermark.Detector says of the same text but for the cases that the package
	// comment names.
	LogP float64
}

// A Detector computes the figures of the engine's detector. It is for one goroutine,
// and keeps its memory from text to text.
type Detector struct {
	reader      func() *reader // a function for the reason of intkey.Key
	dual        bool
	width       int
	maxContexts int
	vocabulary  int
	contexts    contexts
	joined      []watermark.Token
}

// NewDetector returns a detector of the marks of a configuration, of which it uses
// keys, window and mixing probability. An error names a value that is out of range.
func NewDetector(c Config, o DetectorOptions) (*Detector, error) {
	if _, err := New(c); err != nil {
		return nil, err
	}
	if o.MaxContexts == 0 {
		o.MaxContexts = MaxContexts
	}
	if o.MaxContexts < 1 || o.MaxContexts > MaxContexts {
		return nil, fmt.Errorf("sglang: max_contexts is %d, want 1 to %d", o.MaxContexts, MaxContexts)
	}
	if o.VocabSize < 0 {
		return nil, fmt.Errorf("sglang: vocab_size is %d, want 0 (unchecked) or more", o.VocabSize)
	}
	c = c.resolved()
	r := newSource(c).open()
	return &Detector{
		reader: func() *reader { return r }, dual: !c.KeyB.IsZero(), width: c.ContextWindow,
		maxContexts: o.MaxContexts, vocabulary: o.VocabSize,
	}, nil
}

// Detect is a [Detector] for one text.
func Detect(c Config, o DetectorOptions, t watermark.Text) (Detection, error) {
	d, err := NewDetector(c, o)
	if err != nil {
		return Detection{}, err
	}
	return d.Detect(t)
}

// Detect scores a completion, of which a prompt that is known gives the first
// contexts; without one, as the engine does with an empty one too, it skips the
// first tokens of the completion, as many as the window. The error names an id that
// is out of range.
func (d *Detector) Detect(t watermark.Text) (Detection, error) {
	if err := d.check("text", t.Tokens); err != nil {
		return Detection{}, err
	}
	if err := d.check("prompt", t.Prompt); err != nil {
		return Detection{}, err
	}
	prompt := t.Prompt[max(0, len(t.Prompt)-d.width):]
	if !t.PromptKnown {
		prompt = nil
	}
	d.joined = append(append(d.joined[:0], prompt...), t.Tokens...)
	d.contexts.reset(d.joined, d.width, min(len(t.Tokens), d.maxContexts))
	var r Detection
	if len(prompt) == 0 {
		r.SkippedInitialTokens = min(d.width, len(t.Tokens))
	}
	d.scan(&r, len(prompt))
	return r, nil
}

// scan fills in r from the joined tokens, the first start of which are the prompt's.
func (d *Detector) scan(r *Detection, start int) {
	reader := d.reader()
	var a, b, partA, partB sum
	var fixed uint64 // of the combined scores, in units of 2^-32, as watermark.Detector adds
	n, i := 0, start+r.SkippedInitialTokens
	for ; i < len(d.joined) && n < d.maxContexts; i++ {
		stream := reader.seek(d.contexts.at(i))
		if !d.contexts.add(i, reader.context) {
			r.RepeatedContexts++
			continue
		}
		n++
		own := score(reader.word(0, d.joined[i]))
		a.add(own)
		if d.dual {
			other := score(reader.word(1, d.joined[i]))
			b.add(other)
			if stream == 0 {
				partA.add(own)
			} else {
				partB.add(other)
				own = other
			}
		}
		fixed += uint64(own * 0x1p32)
	}
	r.TokensExamined = i - start
	r.PrefixLimitReached = n == d.maxContexts
	r.KeyAAllPositions = a.statistic()
	r.Combined = r.KeyAAllPositions
	if d.dual {
		parts := &[3]Statistic{b.statistic(), partA.statistic(), partB.statistic()}
		r.KeyBAllPositions, r.KeyAPartition, r.KeyBPartition = &parts[0], &parts[1], &parts[2]
		partA.join(partB)
		r.Combined = partA.statistic()
	}
	r.LogP = tail.Gamma(float64(fixed)*0x1p-32, float64(n))
}

func (d *Detector) check(what string, tokens []watermark.Token) error {
	most := math.MaxInt32
	if d.vocabulary > 0 {
		most = d.vocabulary - 1
	}
	for i, t := range tokens {
		if t < 0 || int(t) > most {
			return fmt.Errorf("sglang: token %d of the %s is %d, want 0 to %d", i, what, t, most)
		}
	}
	return nil
}

// sum adds numbers with the rounding errors beside it (Neumaier 1974): it is nearly
// always the exact sum rounded once, as the engine's is.
type sum struct {
	n           int
	value, lost float64
}

func (s *sum) add(x float64) {
	s.n++
	s.plus(x)
}

func (s *sum) plus(x float64) {
	t := s.value + x
	if s.value >= x {
		s.lost += (s.value - t) + x
	} else {
		s.lost += (x - t) + s.value
	}
	s.value = t
}

// join adds another sum.
func (s *sum) join(o sum) {
	s.n += o.n
	s.plus(o.value)
	s.lost += o.lost
}

func (s *sum) statistic() Statistic {
	r := Statistic{N: s.n, Score: s.value + s.lost, PValue: 1}
	if s.n == 0 {
		return r
	}
	n := float64(s.n)
	r.ZScore = (r.Score - n) / math.Sqrt(n)
	r.LogPValue = tail.Gamma(r.Score, n)
	r.PValue = math.Exp(r.LogPValue)
	return r
}
