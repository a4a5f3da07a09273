package markllm

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// GreenDetection is what the engine's detector says of a text marked with KGW or
// Unigram, with what this library says beside it.
type GreenDetection struct {
	// The engine's figures, which count repeats as independent evidence.
	NumScored     int
	NumGreen      int
	ZScore        float64 // "score"
	IsWatermarked bool    // z > ZThreshold

	// Units is how many seeds the text has (Unigram: different tokens), each scored
	// with the token after its first occurrence; Green is how many of those are
	// green, and LogP the natural logarithm of the p-value of that, exact. It is
	// what the Detector of the mark gives for the text.
	Units, Green int
	LogP         float64
}

// figures computes what follows from the counts, in the engine's order.
func (r *GreenDetection) figures(gamma, threshold float64, law tail.Law) {
	t := float64(r.NumScored)
	r.ZScore = (float64(r.NumGreen) - float64(gamma*t)) / math.Sqrt(t*gamma*(1-gamma))
	r.IsWatermarked = r.ZScore > threshold
	r.LogP = law.LogTail(float64(r.Green), int64(r.Units))
}

// A seeded is a position of a text with the generator's seed.
type seeded struct {
	seed  uint64
	token watermark.Token
	pos   int
}

// bySeed sorts positions so that equal seeds, and in them equal tokens, lie side by
// side, each in the order of the text.
func bySeed(list []seeded) {
	slices.SortFunc(list, func(a, b seeded) int {
		return cmp.Or(cmp.Compare(a.seed, b.seed), cmp.Compare(a.token, b.token), cmp.Compare(a.pos, b.pos))
	})
}

// groups yields the runs of equal seeds.
func groups(list []seeded) func(func([]seeded) bool) {
	return func(yield func([]seeded) bool) {
		for from := 0; from < len(list); {
			to := from + 1
			for to < len(list) && list[to].seed == list[from].seed {
				to++
			}
			if !yield(list[from:to]) {
				return
			}
			from = to
		}
	}
}

func checkText(text []watermark.Token, vocab int) error {
	for i, t := range text {
		if t < 0 || int(t) >= vocab {
			return fmt.Errorf("markllm: token %d of the text is %d, want 0 to %d", i, t, vocab-1)
		}
	}
	return nil
}

// A KGWDetector is the engine's detector of KGW. It is for one goroutine.
type KGWDetector struct {
	config KGWConfig
	reader *kgwReader
	law    tail.Law
	list   []seeded
}

// NewKGWDetector returns a detector of texts marked with a configuration.
func NewKGWDetector(c KGWConfig) (*KGWDetector, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	law, err := newGreenScheme("kgw", c.Gamma, c.Delta, c.VocabSize).Law()
	if err != nil {
		return nil, err
	}
	return &KGWDetector{config: c, reader: newKGWSource(c).Open().(*kgwReader), law: law}, nil
}

// Detect scores a text of at least PrefixLength+1 tokens, from token PrefixLength on.
func (d *KGWDetector) Detect(text []watermark.Token) (GreenDetection, error) {
	m := d.config.PrefixLength
	if len(text) <= m {
		return GreenDetection{}, fmt.Errorf("markllm: text has %d tokens, want at least %d with prefix_length %d", len(text), m+1, m)
	}
	if err := checkText(text, d.config.VocabSize); err != nil {
		return GreenDetection{}, err
	}
	d.list = d.list[:0]
	for pos := m; pos < len(text); pos++ {
		f, _ := d.reader.hash(text[pos-m : pos])
		d.list = append(d.list, seeded{d.reader.key * uint64(f) % d.reader.n, text[pos], pos})
	}
	bySeed(d.list)
	r := GreenDetection{NumScored: len(d.list)}
	for group := range groups(d.list) {
		d.reader.list.Seek(group[0].seed)
		green, first, firstGreen := false, len(text), false
		for i, p := range group {
			if i == 0 || p.token != group[i-1].token {
				green = d.reader.list.Has(p.token)
			}
			if green {
				r.NumGreen++
			}
			if p.pos < first {
				first, firstGreen = p.pos, green
			}
		}
		r.Units++
		if firstGreen {
			r.Green++
		}
	}
	r.figures(d.config.Gamma, d.config.ZThreshold, d.law)
	return r, nil
}

// A UnigramDetector is the engine's detector of Unigram. It is safe for concurrent
// use.
type UnigramDetector struct {
	config UnigramConfig
	reader unigramReader
	law    tail.Law
}

// NewUnigramDetector returns a detector of texts marked with a configuration.
func NewUnigramDetector(c UnigramConfig) (*UnigramDetector, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	law, err := newGreenScheme("unigram", c.Gamma, c.Delta, c.VocabSize).Law()
	if err != nil {
		return nil, err
	}
	return &UnigramDetector{c, newUnigramSource(c).Open().(unigramReader), law}, nil
}

// Detect scores every token of a text, at least 1.
func (d *UnigramDetector) Detect(text []watermark.Token) (GreenDetection, error) {
	if len(text) == 0 {
		return GreenDetection{}, fmt.Errorf("markllm: text has 0 tokens, want at least 1")
	}
	if err := checkText(text, d.config.VocabSize); err != nil {
		return GreenDetection{}, err
	}
	r := GreenDetection{NumScored: len(text)}
	types := slices.Clone(text)
	slices.Sort(types)
	for i, t := range types {
		fresh, green := i == 0 || t != types[i-1], d.reader.has(t)
		if green {
			r.NumGreen++
		}
		if fresh {
			r.Units++
		}
		if fresh && green {
			r.Green++
		}
	}
	r.figures(d.config.Gamma, d.config.ZThreshold, d.law)
	return r, nil
}

// EXPDetection is what the engine's detector says of a text marked with EXP, with
// what this library says beside it.
type EXPDetection struct {
	// The engine's figures, which count repeats as independent evidence. For a
	// text of at most PrefixLength tokens NumScored is 0 or negative and
	// EnginePValue NaN.
	NumScored     int
	EngineScore   float64
	EnginePValue  float64 // "score": the gamma law's
	IsWatermarked bool    // EnginePValue < Threshold

	// Scored is how many seeds the text has, each scored with the token after its
	// first occurrence; Score is the sum, rounded down to 2^-32 each, and LogP the
	// natural logarithm of its p-value, an upper bound that is as good as exact. It
	// is what the Detector of the mark gives for the text.
	Scored int
	Score  float64
	LogP   float64
}

// An EXPDetector is the engine's detector of EXP. It is for one goroutine.
type EXPDetector struct {
	config EXPConfig
	reader *expReader
	list   []seeded
	scores []float64 // the engine's, by position
}

// NewEXPDetector returns a detector of texts marked with a configuration.
func NewEXPDetector(c EXPConfig) (*EXPDetector, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &EXPDetector{config: c, reader: newEXPSource(c).Open().(*expReader)}, nil
}

// Detect scores a text from token PrefixLength on.
func (d *EXPDetector) Detect(text []watermark.Token) (EXPDetection, error) {
	if err := checkText(text, d.config.VocabSize); err != nil {
		return EXPDetection{}, err
	}
	m := d.config.PrefixLength
	d.list = d.list[:0]
	d.scores = append(d.scores[:0], make([]float64, len(text))...)
	for pos := m; pos < len(text); pos++ {
		d.list = append(d.list, seeded{d.reader.source.engineSeed(text[pos-m:pos]) & math.MaxUint32, text[pos], pos})
	}
	bySeed(d.list)
	r := EXPDetection{NumScored: len(text) - m}
	sum := uint64(0) // in units of 2^-32, a score being less than 17
	for group := range groups(d.list) {
		d.reader.seed, d.reader.asked = uint32(group[0].seed), 0
		first, score, u := len(text), 0.0, 0.0
		for i, p := range group {
			if i == 0 || p.token != group[i-1].token {
				u = float64(d.reader.Word(0, p.token)) * 0x1p-64
			}
			d.scores[p.pos] = engineScore(u)
			if p.pos < first {
				first, score = p.pos, -math.Log1p(-u)
			}
		}
		r.Scored++
		if group[0].seed != 0 { // see expScheme.Score
			sum += uint64(score * 0x1p32)
		}
	}
	for _, s := range d.scores {
		r.EngineScore += s
	}
	r.Score = float64(sum) * 0x1p-32
	r.EnginePValue = math.NaN()
	if r.NumScored > 0 {
		r.EnginePValue = math.Exp(tail.Gamma(r.EngineScore, float64(r.NumScored)))
	}
	r.IsWatermarked = r.EnginePValue < d.config.Threshold
	r.LogP = tail.Exponential().LogTail(r.Score, int64(r.Scored))
	return r, nil
}

// engineScore returns ln(1/(1−u)), the quotient in float32.
func engineScore(u float64) float64 {
	return math.Log(float64(1 / (1 - float32(u))))
}
