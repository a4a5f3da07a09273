package textseal

import (
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
)

// New returns the mark of a configuration.
//
// Windows reach into the prompt and repeats are marked, as the engine does it.
// Detectors of the mark score each (window, token) pair once, and tournaments, in
// which the bits of one token are the next token's too, each window once. They
// score from token Ngram of an answer on, or from its first token where the prompt
// is known.
func New(c Config) (*watermark.Watermark, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return watermark.Build(newSource(c), c.scheme(), watermark.Rules{
		Width:  c.Ngram,
		Prompt: true,
		Write:  watermark.WriteRules{Repeats: true},
		Read:   watermark.ReadRules{OnePerSeed: true},
	})
}

// source is the engine's hash under one key or two. Words of k are k<<51; words of
// a tournament have layer d at bit 63−d.
type source struct {
	info  watermark.SourceInfo
	base  [2]uint64 // keyPrime·key
	ngram int
	depth int // of a tournament, else 0
	green int // values of the hash that are green
}

func newSource(c Config) *source {
	s := &source{ngram: c.Ngram, info: watermark.SourceInfo{
		Name:  fmt.Sprintf("textseal ngram=%d", c.Ngram),
		KeyID: c.SecretKey.ID(),
		Kind:  watermark.Statistical,

		Windows: "textseal sums of pairs",
	}}
	s.base[0], s.base[1] = keyPrime*c.SecretKey.Value(), keyPrime*c.SecretKeyB.Value()
	switch c.WatermarkType {
	case SynthID, SynthIDWeighted:
		s.depth, s.green = c.Depth, greens(c.Gamma)
		s.info.Windows = "textseal sums of windows"
	case TextSeal:
		s.info.Name = fmt.Sprintf("textseal unreleased ngram=%d", c.Ngram)
		s.info.KeyID += "+" + c.SecretKeyB.ID()
	}
	if intkey.Public(c.SecretKey.Value()) || c.WatermarkType == TextSeal && intkey.Public(c.SecretKeyB.Value()) {
		s.info.Kind = watermark.PublicKey
	}
	return s
}

// Info implements [watermark.Source].
func (s *source) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *source) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	d.info.Kind = watermark.Statistical
	for i := range d.base {
		d.base[i] = keyPrime * intkey.Decoy(seed, uint32(i))
	}
	return &d
}

// Open implements [watermark.Source].
func (s *source) Open() watermark.Reader { return &reader{source: s} }

type reader struct {
	source *source
	sum    uint64 // of the window
	seed   uint64 // mix(sum)

	// Scratch of draws, kept from one to the next.
	order []int32
	words []uint64
}

// Seek implements [watermark.Reader].
func (r *reader) Seek(window []watermark.Token) (watermark.Place, bool) {
	if len(window) != r.source.ngram {
		return watermark.Place{}, false
	}
	r.sum = windowSum(window)
	r.seed = mix(r.sum)
	return watermark.Place{Seed: r.seed}, true
}

// Ahead implements [watermark.Reader]: the hash is too cheap to work ahead.
func (r *reader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader]. What is hashed is a sum that different pairs
// of a window and a token may share.
func (r *reader) Seed(t watermark.Token) uint64 {
	if r.source.depth > 0 {
		return r.seed
	}
	return mix(r.sum + tokenPrime*uint64(t))
}

// value returns k of a token under a key.
func (r *reader) value(stream int, t watermark.Token) int {
	return hash(r.sum + tokenPrime*uint64(t) + r.source.base[stream&1])
}

// Word implements [watermark.Reader].
func (r *reader) Word(stream int, t watermark.Token) uint64 {
	if r.source.depth == 0 {
		return uint64(r.value(stream, t)) << 51
	}
	word := uint64(0)
	x := r.sum + tokenPrime*uint64(t) + r.source.base[stream&1]
	for d := range r.source.depth {
		word |= less(hash(x), r.source.green) << (63 - d)
		x += tokenPrime
	}
	return word
}

// Coarse implements [watermark.Reader]: high bytes are not cheaper than words.
func (r *reader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }

// highest leaves of each id that is given more than once the highest logit.
func (r *reader) highest(ids []watermark.Token, row []float32) {
	if ids == nil {
		return
	}
	r.order = r.order[:0]
	for i := range ids {
		r.order = append(r.order, int32(i))
	}
	slices.SortFunc(r.order, func(a, b int32) int { return int(ids[a]) - int(ids[b]) })
	for i := 1; i < len(r.order); i++ {
		a, b := r.order[i-1], r.order[i]
		if ids[a] != ids[b] {
			continue
		}
		if row[a] > row[b] {
			r.order[i], a, b = a, b, a
		}
		row[a] = negativeInfinity
	}
}
