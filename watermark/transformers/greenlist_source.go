package transformers

import (
	"fmt"
	"math"
	"math/bits"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
)

// NewGreenList returns the mark of a configuration.
//
// Windows reach into the prompt, and repeats are marked, as the engine does it.
// Detectors of the mark score a seed of the generator once, however often and
// with whatever token it occurs, from token ContextWidth of an answer on, or from
// its first where a prompt of as many tokens is known.
func NewGreenList(c GreenListConfig) (*watermark.Watermark, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return watermark.Build(newGreenSource(c), newGreenScheme(c), watermark.Rules{
		Width:  c.ContextWidth,
		Prompt: true,
		Write:  watermark.WriteRules{Repeats: true},
		Read:   watermark.ReadRules{OnePerSeed: true},
	})
}

// greenSource makes the lists of a key: words are 0 for green tokens and 2^64−1
// for red ones.
type greenSource struct {
	info  watermark.SourceInfo
	key   uint64
	self  bool
	width int
	lists *mt19937.Lists
	cache int // bytes of lists that a reader keeps, 0 for its default
	// table returns table[x]+1 of selfhash for x < min(VocabSize, tableSize). It is
	// made when a reader first opens: marks of decoy keys are many and idle.
	table func() []int32
}

// tableSize is the size of the engine's table for selfhash.
const tableSize = 1_000_003

func newGreenSource(c GreenListConfig) *greenSource {
	s := &greenSource{
		key:   c.HashingKey.Value(),
		self:  c.SeedingScheme == SelfHash,
		width: c.ContextWidth,
		lists: mt19937.NewLists(c.VocabSize, c.greenlistSize()),
		cache: c.CacheBytes,
		info: watermark.SourceInfo{
			Name:  fmt.Sprintf("transformers %s context_width=%d vocab_size=%d greenlist_size=%d", c.SeedingScheme, c.ContextWidth, c.VocabSize, c.greenlistSize()),
			KeyID: c.HashingKey.ID(),
			Kind:  watermark.Statistical,
		},
	}
	if intkey.Public(s.key) {
		s.info.Kind = watermark.PublicKey
	}
	s.table = sync.OnceValue(selfTable(s.key, c.VocabSize))
	return s
}

// selfTable makes the part of the engine's table that a vocabulary reaches.
func selfTable(key uint64, vocab int) func() []int32 {
	return func() []int32 {
		var g mt19937.Generator
		g.Seed(key)
		p, n := make([]int32, tableSize), min(vocab, tableSize)
		g.PermHead(p, n)
		head := make([]int32, n)
		for i := range head {
			head[i] = p[i] + 1
		}
		return head
	}
}

// Info implements [watermark.Source].
func (s *greenSource) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *greenSource) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.key = intkey.Decoy(seed, 0) & math.MaxInt64 // so that selfhash takes it
	d.info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	d.info.Kind = watermark.Statistical
	d.table = sync.OnceValue(selfTable(d.key, s.lists.Size()))
	return &d
}

// Open implements [watermark.Source].
func (s *greenSource) Open() watermark.Reader {
	r := &greenReader{source: s, list: s.lists.NewReader()}
	if s.cache > 0 {
		r.list = s.lists.NewCachedReader(s.cache)
	}
	if s.self {
		r.table = s.table()
	}
	return r
}

type greenReader struct {
	source *greenSource
	list   *mt19937.ListReader
	table  []int32
	place  uint64
	// factors[:n] are those of the window of selfhash, without the candidate.
	factors [MaxContextWidth]uint64
	n       int
}

// Seek implements [watermark.Reader].
func (r *greenReader) Seek(window []watermark.Token) (watermark.Place, bool) {
	if len(window) != r.source.width {
		return watermark.Place{}, false
	}
	if !r.source.self {
		r.place = leftSeed(r.source.key, window[len(window)-1]) & math.MaxUint32
		r.list.Seek(r.place)
		return watermark.Place{Seed: r.place}, true
	}
	r.n = 0
	r.place = uint64(len(window))
	for _, id := range window[1:] {
		r.factors[r.n] = r.factor(id)
		r.n++
		r.place = mix(r.place, uint64(id))
	}
	return watermark.Place{Seed: r.place}, true
}

// Ahead implements [watermark.Reader]: nothing is faster so.
func (r *greenReader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader]: the low half of the engine's seed, which is
// all that its generator uses.
func (r *greenReader) Seed(t watermark.Token) uint64 {
	if !r.source.self {
		return r.place
	}
	return wrapSeed(r.least(t)) & math.MaxUint32
}

// Word implements [watermark.Reader].
func (r *greenReader) Word(_ int, t watermark.Token) uint64 {
	if r.source.self {
		r.list.Seek(r.Seed(t))
	}
	if r.list.Has(t) {
		return 0
	}
	return math.MaxUint64
}

// Coarse implements [watermark.Reader]. With selfhash each token has a list of its
// own: high bytes are not cheaper than words.
func (r *greenReader) Coarse(_ int, ids []watermark.Token, first watermark.Token, dst []byte) bool {
	if r.source.self {
		return false
	}
	for i := range dst {
		t := first + watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		dst[i] = byte(r.Word(0, t))
	}
	return true
}

// factor returns table[id mod tableSize] + 1, of an id outside the vocabulary that
// of its remainder by the part of the table that is held.
func (r *greenReader) factor(id watermark.Token) uint64 {
	return uint64(r.table[uint32(id)%tableSize%uint32(len(r.table))])
}

// least returns the engine's seed of selfhash for a candidate before it is made
// positive: the least of key·a·b over the factors a of the window with the candidate,
// whose own factor is b.
func (r *greenReader) least(t watermark.Token) int64 {
	b := r.factor(t)
	kb := r.source.key * b
	least := int64(kb * b)
	for _, a := range r.factors[:r.n] {
		least = min(least, int64(kb*a))
	}
	return least
}

// leftSeed returns key·id mod (2^64 − 1).
func leftSeed(key uint64, id watermark.Token) uint64 {
	hi, lo := bits.Mul64(key, uint64(id))
	sum, carry := bits.Add64(hi, lo, 0)
	if sum += carry; sum == math.MaxUint64 {
		return 0
	}
	return sum
}

// wrapSeed returns seed mod (2^64 − 1) of a seed that may be negative.
func wrapSeed(seed int64) uint64 {
	if seed < 0 {
		return uint64(seed) - 1
	}
	return uint64(seed)
}

// mix hashes a further word into a state: the finaliser of MurmurHash3 (Appleby,
// public domain) on a sum that no two words share.
func mix(state, word uint64) uint64 {
	x := state*0x9E3779B97F4A7C15 + word + 1
	x ^= x >> 33
	x *= 0xFF51AFD7ED558CCD
	x ^= x >> 33
	x *= 0xC4CEB9FE1A85EC53
	return x ^ x>>33
}
