package synthid

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
)

// New returns the mark of a configuration. Sessions mark the padded head of an
// answer unless SkipFirstNgramCalls is set, detectors never score it; neither sees
// the prompt.
//
// LogP of the mark's detectors is exact under keys drawn from all of 64 bits, for
// the table hash by the law of [Null]; it is 0 where a table's size is no power of
// two or above 2^20. What goes by the mark's Law and not by its detectors, such as Localize, has
// for a table a bound that is proven and nearly powerless.
func New(c Config) (*watermark.Watermark, error) {
	s, err := newSource(c)
	if err != nil {
		return nil, err
	}
	w, err := watermark.Build(s, s.scheme(), s.config.rules())
	if err != nil {
		return nil, err
	}
	if s.lookup != nil {
		w = w.WithJoint(newNull(s.lookup).joint(s.depth))
	}
	return w, nil
}

// source is the engine's hash under a set of keys. Layer l of a word is bit 63−l%64 of
// stream l/64.
type source struct {
	config Config // its Keys are these
	info   watermark.SourceInfo
	lookup *lookup // nil for the table-free hash
	start  uint64  // of context hashes
	depth  int
	keys   []uint64

	// dense holds stream 0 of all states, for draws over a whole vocabulary.
	dense func() []uint64
}

func newSource(c Config) (*source, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &source{config: c}
	if s.lookup, err = c.table(); err != nil {
		return nil, err
	}
	s.info = watermark.SourceInfo{
		Name: fmt.Sprintf("synthid %s ngram_len=%d", c.Hash, c.NgramLen),
		Kind: watermark.Statistical,
	}
	if s.lookup != nil {
		s.info.Name += fmt.Sprintf(" table=%d ones=%d seed=%d", len(s.lookup.table), s.lookup.ones, c.SamplingTableSeed)
		if c.SamplingTable != nil {
			s.info.Name += fmt.Sprintf(" given=%x", mixAll(c.SamplingTable))
		}
	}
	s.setKeys(c.Keys)
	s.info.KeyID = c.Keys.ID()
	if c.Keys.public() {
		s.info.Kind = watermark.PublicKey
	}
	return s, nil
}

// mixAll returns a short name of a table.
func mixAll(table []byte) uint64 {
	h := uint64(len(table))
	for _, b := range table {
		h = mix(h*2 + uint64(b))
	}
	return h
}

func (s *source) setKeys(keys Keys) {
	s.config.Keys = keys
	s.depth, s.keys, s.start = keys.Len(), nil, 1
	for _, k := range keys.list() {
		s.keys = append(s.keys, uint64(k))
	}
	if s.lookup == nil {
		s.start = startValue(keys.list())
	}
	s.dense = sync.OnceValue(s.allWords)
}

// Info implements [watermark.Source].
func (s *source) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *source) Decoy(seed [32]byte) watermark.Source {
	d := &source{config: s.config, info: s.info, lookup: s.lookup}
	d.info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	d.info.Kind = watermark.Statistical
	d.setKeys(decoyKeys(seed, s.depth))
	return d
}

// Open implements [watermark.Source].
func (s *source) Open() watermark.Reader { return &reader{source: s} }

// word returns the g-values of the n-gram of state x, the accumulated hash of a
// context and a token.
func (s *source) word(stream int, x uint64) uint64 {
	keys := s.keys[min(64*stream, len(s.keys)):min(64*stream+64, len(s.keys))]
	switch {
	case s.lookup == nil:
		return tableFreeWord(x, keys)
	case s.lookup.shifted == nil:
		word := uint64(0)
		for i, k := range keys {
			word |= s.lookup.at(x, k) << (63 - i)
		}
		return word
	}
	shifted, mask, word := s.lookup.shifted, s.lookup.mask, uint64(0)
	for _, k := range keys {
		y := (x + k) & mask
		word = word<<1 | shifted[y/64]>>(y%64)&1
	}
	return word << ((64 - len(keys)) & 63)
}

func tableFreeWord(x uint64, keys []uint64) uint64 {
	word, n := uint64(0), len(keys)
	for ; len(keys) >= 4; keys = keys[4:] {
		word = word<<4 | tableFree4(accumulate(x, keys[0]), accumulate(x, keys[1]), accumulate(x, keys[2]), accumulate(x, keys[3]))
	}
	for _, k := range keys {
		word = word<<1 | tableFree(accumulate(x, k))
	}
	return word << ((64 - n) & 63)
}

// streams returns how many words a token has.
func (s *source) streams() int { return (s.depth + 63) / 64 }

// maxStates is the largest table whose words are held for all states at once: half
// a megabyte.
const maxStates = 1 << 16

func (s *source) allWords() []uint64 {
	words := make([]uint64, s.lookup.mask+1)
	for x := range words {
		words[x] = s.word(0, uint64(x))
	}
	return words
}

type reader struct {
	source  *source
	context uint64

	// Scratch of draws, kept from one to the next.
	order []int32
	words []uint64
}

// Seek implements [watermark.Reader].
func (r *reader) Seek(window []watermark.Token) (watermark.Place, bool) {
	if len(window) != r.source.config.NgramLen-1 {
		return watermark.Place{}, false
	}
	r.context = hashContext(r.source.start, window)
	return watermark.Place{Seed: mix(r.context)}, true
}

// Ahead implements [watermark.Reader]: the hash is too cheap to work ahead.
func (r *reader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader].
func (r *reader) Seed(watermark.Token) uint64 { return mix(r.context) }

// Word implements [watermark.Reader].
func (r *reader) Word(stream int, t watermark.Token) uint64 {
	return r.source.word(stream, accumulate(r.context, uint64(t)))
}

// Coarse implements [watermark.Reader]: high bytes are not cheaper than words.
func (r *reader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }

// ones returns the sum of a token's g-values.
func (r *reader) ones(t watermark.Token) int {
	n, x := 0, accumulate(r.context, uint64(t))
	for stream := range r.source.streams() {
		n += bits.OnesCount64(r.source.word(stream, x))
	}
	return n
}

// fill puts a stream's words of a draw's candidates into r.words, 0 for those of
// weight 0.
func (r *reader) fill(stream int, ids []watermark.Token, weight []float32) {
	r.words = r.words[:0]
	var dense []uint64
	if l := r.source.lookup; stream == 0 && l != nil && l.shifted != nil && len(l.table) <= maxStates && 8*len(weight) > len(l.table) {
		dense = r.source.dense()
	}
	for i, p := range weight {
		t := watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		word := uint64(0)
		switch x := accumulate(r.context, uint64(t)); {
		case !(p > 0):
		case dense != nil:
			word = dense[x&r.source.lookup.mask]
		default:
			word = r.source.word(stream, x)
		}
		r.words = append(r.words, word)
	}
}

// highest leaves of each id that is given more than once the highest logit.
func (r *reader) highest(ids []watermark.Token, row []float32) {
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
