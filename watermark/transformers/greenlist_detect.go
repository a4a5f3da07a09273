package transformers

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// GreenListDetectorOptions are the arguments of the engine's WatermarkDetector and
// of its call. The zero value is the engine's default for a model without a bos
// token.
type GreenListDetectorOptions struct {
	// BOSTokenID is bos_token_id of the model's configuration, nil where there is
	// none. Where it is the first token of a text it is dropped.
	BOSTokenID *watermark.Token
	// IgnoreRepeatedNgrams is "ignore_repeated_ngrams": count an n-gram once.
	IgnoreRepeatedNgrams bool
	// ZThreshold is "z_threshold", which z has to exceed. Defaults to 3.
	ZThreshold float64
}

// GreenListDetection is what the engine's detector says of one text, with what
// this library says beside it.
type GreenListDetection struct {
	// The engine's figures, as WatermarkDetectorOutput has them. They count
	// repeated n-grams as independent evidence, take greenlist_ratio for the share
	// of a list, and a normal law for the binomial one.
	NumTokensScored  int
	NumGreenTokens   int
	GreenFraction    float64
	ZScore           float64
	EnginePValue     float64 // ½ erfc(z/√2)
	EngineConfidence float64 // 1 − EnginePValue: not a probability of anything
	Prediction       bool    // z > ZThreshold

	// Seeds is how many seeds of the generator the text has, each scored with the
	// token after its first occurrence; Green is how many of those are green, and
	// LogP the natural logarithm of the p-value of that, exact. It is what the
	// Detector of [NewGreenList] gives for the text.
	Seeds, Green int
	LogP         float64
}

// A GreenListDetector is the engine's WatermarkDetector. It is for one goroutine.
type GreenListDetector struct {
	config GreenListConfig
	opt    GreenListDetectorOptions
	reader *greenReader
	law    tail.Law
	grams  []gram
}

// A gram is an n-gram of a text.
type gram struct {
	seed   uint64 // the generator's
	target watermark.Token
	pos    int // of the target
}

// NewGreenListDetector returns a detector of texts marked with a configuration.
func NewGreenListDetector(c GreenListConfig, opt GreenListDetectorOptions) (*GreenListDetector, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if opt.ZThreshold == 0 {
		opt.ZThreshold = 3
	}
	if math.IsNaN(opt.ZThreshold) {
		return nil, fmt.Errorf("transformers: z_threshold is NaN, want a number")
	}
	law, err := newGreenScheme(c).Law()
	if err != nil {
		return nil, err
	}
	reader := newGreenSource(c).Open().(*greenReader)
	return &GreenListDetector{config: c, opt: opt, reader: reader, law: law}, nil
}

// Detect scores a batch of texts of equal length, each at least ContextWidth+1
// tokens without a leading bos token. Texts begin all with the bos token or none.
// Tokens are those of the completion; a prompt in front of it is scored as if it
// were marked, as the engine does. The first ContextWidth tokens are not scored,
// with SelfHash the first ContextWidth−1.
func (d *GreenListDetector) Detect(texts ...[]watermark.Token) ([]GreenListDetection, error) {
	if err := d.check(texts); err != nil {
		return nil, err
	}
	out := make([]GreenListDetection, len(texts))
	for i, text := range texts {
		if d.begins(text) {
			text = text[1:]
		}
		out[i] = d.detect(text)
	}
	return out, nil
}

// begins reports whether a text begins with the bos token.
func (d *GreenListDetector) begins(text []watermark.Token) bool {
	return d.opt.BOSTokenID != nil && text[0] == *d.opt.BOSTokenID
}

func (d *GreenListDetector) check(texts [][]watermark.Token) error {
	need := d.config.ContextWidth + 1
	for i, text := range texts {
		switch {
		case len(text) == 0:
			return fmt.Errorf("transformers: text %d is empty, want at least %d tokens", i, need)
		case len(text) != len(texts[0]):
			return fmt.Errorf("transformers: text %d has %d tokens and text 0 has %d, want as many", i, len(text), len(texts[0]))
		case d.begins(text) != d.begins(texts[0]):
			return fmt.Errorf("transformers: text %d and text 0 do not both begin with the bos token, want all or none", i)
		}
		n := len(text)
		if d.begins(text) {
			n--
		}
		if n < need {
			return fmt.Errorf("transformers: text %d has %d tokens without bos, want at least %d", i, n, need)
		}
		for j, t := range text {
			if t < 0 || int(t) >= d.config.VocabSize {
				return fmt.Errorf("transformers: token %d of text %d is %d, want 0 to %d", j, i, t, d.config.VocabSize-1)
			}
		}
	}
	return nil
}

func (d *GreenListDetector) detect(text []watermark.Token) GreenListDetection {
	before := d.before()
	d.grams = d.grams[:0]
	for pos := before; pos < len(text); pos++ {
		d.grams = append(d.grams, gram{d.seed(text, pos), text[pos], pos})
	}
	// Equal n-grams, equal targets and equal seeds lie side by side, each in the
	// order of the text.
	slices.SortFunc(d.grams, func(a, b gram) int {
		return cmp.Or(cmp.Compare(a.seed, b.seed), cmp.Compare(a.target, b.target),
			slices.Compare(text[a.pos-before:a.pos], text[b.pos-before:b.pos]), cmp.Compare(a.pos, b.pos))
	})
	var r GreenListDetection
	for from := 0; from < len(d.grams); {
		to := from + 1
		for to < len(d.grams) && d.grams[to].seed == d.grams[from].seed {
			to++
		}
		d.seeded(&r, text, d.grams[from:to])
		from = to
	}
	d.figures(&r)
	return r
}

// before returns how many tokens of an n-gram stand before its target.
func (d *GreenListDetector) before() int {
	if d.reader.source.self {
		return d.config.ContextWidth - 1
	}
	return d.config.ContextWidth
}

func (d *GreenListDetector) seed(text []watermark.Token, pos int) uint64 {
	r := d.reader
	if !r.source.self {
		return leftSeed(r.source.key, text[pos-1]) & math.MaxUint32
	}
	r.n = 0
	for _, id := range text[pos-d.before() : pos] {
		r.factors[r.n] = r.factor(id)
		r.n++
	}
	return r.Seed(text[pos])
}

// seeded counts the n-grams of one seed.
func (d *GreenListDetector) seeded(r *GreenListDetection, text []watermark.Token, grams []gram) {
	list, before := d.reader.list, d.before()
	list.Seek(grams[0].seed)
	green, first, firstGreen := false, len(text), false
	for i, g := range grams {
		if i == 0 || g.target != grams[i-1].target {
			green = list.Has(g.target)
		}
		// The writer leaves the first ContextWidth tokens alone, and so does the
		// Detector of the mark.
		if g.pos < first && g.pos >= d.config.ContextWidth {
			first, firstGreen = g.pos, green
		}
		if d.opt.IgnoreRepeatedNgrams && i > 0 && g.target == grams[i-1].target &&
			slices.Equal(text[g.pos-before:g.pos], text[grams[i-1].pos-before:grams[i-1].pos]) {
			continue
		}
		r.NumTokensScored++
		if green {
			r.NumGreenTokens++
		}
	}
	if first < len(text) {
		r.Seeds++
		if firstGreen && (grams[0].seed != 0 || d.reader.source.self) { // see greenScheme.Score
			r.Green++
		}
	}
}

// figures computes what follows from the counts, in the engine's order.
func (d *GreenListDetector) figures(r *GreenListDetection) {
	ratio, total := d.config.GreenlistRatio, float64(r.NumTokensScored)
	r.GreenFraction = float64(r.NumGreenTokens) / total
	r.ZScore = (float64(r.NumGreenTokens) - float64(ratio*total)) / math.Sqrt(total*ratio*(1-ratio))
	r.EnginePValue = 0.5 * math.Erfc(r.ZScore/math.Sqrt2)
	r.EngineConfidence = 1 - r.EnginePValue
	r.Prediction = r.ZScore > d.opt.ZThreshold
	r.LogP = d.law.LogTail(float64(r.Green), int64(r.Seeds))
}
