package markllm

import (
	"fmt"
	"math"
	"math/bits"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// NewKGW returns the mark KGW of a configuration. Detectors of the mark score each
// of its VocabSize seeds once.
func NewKGW(c KGWConfig) (*watermark.Watermark, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return watermark.Build(newKGWSource(c), newGreenScheme("kgw", c.Gamma, c.Delta, c.VocabSize), prefixRules(c.PrefixLength))
}

// prefixRules are those of marks whose windows reach into the prompt and that mark
// repeats.
func prefixRules(width int) watermark.Rules {
	return watermark.Rules{
		Width: width, Prompt: true,
		Write: watermark.WriteRules{Repeats: true},
		Read:  watermark.ReadRules{OnePerSeed: true},
	}
}

// kgwSource makes the lists of a key: words are 0 for green tokens and 2^64−1 for red
// ones.
type kgwSource struct {
	info  watermark.SourceInfo
	key   uint64
	f     FScheme
	width int
	lists *mt19937.Lists
	// prf returns the permutation of the vocabulary that hashes windows. It is made
	// when a reader first opens: marks of decoy keys are many and idle.
	prf func() []int32
}

func newKGWSource(c KGWConfig) *kgwSource {
	return &kgwSource{
		info: infoOf(c.HashKey, fmt.Sprintf("markllm kgw f_scheme=%s prefix_length=%d vocab_size=%d greenlist_size=%d",
			c.FScheme, c.PrefixLength, c.VocabSize, listSize(c.Gamma, c.VocabSize))),
		key: c.HashKey.Value(), f: c.FScheme, width: c.PrefixLength,
		lists: mt19937.NewLists(c.VocabSize, listSize(c.Gamma, c.VocabSize)),
		prf:   sync.OnceValue(permutation(c.HashKey.Value(), c.VocabSize)),
	}
}

func infoOf(key HashKey, name string) watermark.SourceInfo {
	info := watermark.SourceInfo{Name: name, KeyID: key.ID(), Kind: watermark.Statistical}
	if intkey.Public(key.Value()) {
		info.Kind = watermark.PublicKey
	}
	return info
}

func decoyInfo(info watermark.SourceInfo, seed [32]byte) watermark.SourceInfo {
	info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	info.Kind = watermark.Statistical
	return info
}

func permutation(key uint64, n int) func() []int32 {
	return func() []int32 {
		var g mt19937.Generator
		g.Seed(key)
		p := make([]int32, n)
		g.Perm(p)
		return p
	}
}

// Info implements [watermark.Source].
func (s *kgwSource) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *kgwSource) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.info, d.key = decoyInfo(s.info, seed), intkey.Decoy(seed, 0)
	d.prf = sync.OnceValue(permutation(d.key, s.lists.Size()))
	return &d
}

// Open implements [watermark.Source].
func (s *kgwSource) Open() watermark.Reader {
	n := uint64(s.lists.Size())
	return &kgwReader{source: s, prf: s.prf(), n: n, key: s.key % n, list: s.lists.NewReader()}
}

type kgwReader struct {
	source *kgwSource
	prf    []int32
	n, key uint64 // key modulo n
	list   *mt19937.ListReader
	seed   uint64
}

// Seek implements [watermark.Reader].
func (r *kgwReader) Seek(window []watermark.Token) (watermark.Place, bool) {
	if len(window) != r.source.width {
		return watermark.Place{}, false
	}
	f, ok := r.hash(window)
	if !ok {
		return watermark.Place{}, false
	}
	r.seed = r.key * uint64(f) % r.n
	r.list.Seek(r.seed)
	return watermark.Place{Seed: r.seed}, true
}

// hash returns f of a window, or false where it holds an id outside the vocabulary
// for which the engine has no value.
func (r *kgwReader) hash(window []watermark.Token) (f int32, ok bool) {
	switch r.source.f {
	case Time:
		return r.prf[product(window, r.n)], true
	case Additive:
		sum := uint64(0)
		for _, id := range window {
			sum += uint64(uint32(id))
		}
		return r.prf[sum%r.n], true
	case Skip:
		if window = window[:1]; uint64(window[0]) >= r.n {
			return 0, false
		}
		return r.prf[window[0]], true
	}
	f = math.MaxInt32
	for _, id := range window {
		if uint64(id) >= r.n {
			return 0, false
		}
		f = min(f, r.prf[id])
	}
	return f, true
}

// product returns the product of a window's ids modulo n.
func product(window []watermark.Token, n uint64) uint64 {
	p := uint64(1)
	for _, id := range window {
		hi, lo := bits.Mul64(p, uint64(uint32(id)))
		_, p = bits.Div64(hi, lo, n) // hi < n, as p < n and id < 2^32
	}
	return p
}

// Ahead implements [watermark.Reader]: nothing is faster so.
func (r *kgwReader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader].
func (r *kgwReader) Seed(watermark.Token) uint64 { return r.seed }

// Word implements [watermark.Reader].
func (r *kgwReader) Word(_ int, t watermark.Token) uint64 { return wordOf(r.list.Has(t)) }

// Coarse implements [watermark.Reader].
func (r *kgwReader) Coarse(_ int, ids []watermark.Token, first watermark.Token, dst []byte) bool {
	for i := range dst {
		dst[i] = byte(r.Word(0, tokenOf(ids, first, i)))
	}
	return true
}

// raise adds delta to green tokens.
func (r *kgwReader) raise(ids []watermark.Token, row []float32, delta float32) {
	r.list.Raise(ids, row, delta)
}

func wordOf(green bool) uint64 {
	if green {
		return 0
	}
	return math.MaxUint64
}

func tokenOf(ids []watermark.Token, first watermark.Token, i int) watermark.Token {
	if ids != nil {
		return ids[i]
	}
	return first + watermark.Token(i)
}

// greenScheme raises green tokens. The draw itself is the request's own.
type greenScheme struct {
	name         string
	gamma, delta float64
	green, size  int
	one          bool // list for all positions
}

func newGreenScheme(name string, gamma, delta float64, size int) greenScheme {
	return greenScheme{name, gamma, delta, listSize(gamma, size), size, name == "unigram"}
}

// A raiser is a reader that adds to its list's tokens faster than word by word.
type raiser interface {
	raise(ids []watermark.Token, row []float32, delta float32)
}

// String implements [watermark.Scheme].
func (s greenScheme) String() string {
	return fmt.Sprintf("%s(gamma=%g,delta=%g)", s.name, s.gamma, s.delta)
}

// Choose implements [watermark.Scheme].
func (s greenScheme) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, _, ok := d.Row()
	if !ok {
		return -1, false
	}
	s.raise(d, row)
	return d.RacePlain(row)
}

// raise adds delta to green candidates.
func (s greenScheme) raise(d *watermark.Draw, row []float32) {
	if r, ok := d.Words().(raiser); ok {
		r.raise(d.IDs(), row, float32(s.delta))
		return
	}
	for i := range row {
		if d.Words().Word(0, tokenOf(d.IDs(), 0, i)) == 0 {
			row[i] += float32(s.delta)
		}
	}
}

// Perturb implements [watermark.Scheme]: it writes delta or 0, and the engine
// samples.
func (s greenScheme) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	clear(dst)
	s.raise(d, dst)
	return watermark.SampleSum, nil
}

// Score implements [watermark.Scheme]: 1 for a green token, else 0.
func (s greenScheme) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	if r.Word(0, t) == 0 {
		return 1
	}
	return 0
}

// Law implements [watermark.Scheme].
func (s greenScheme) Law() (tail.Law, error) {
	if s.one {
		return tail.FixedList(s.green, s.size)
	}
	return tail.FixedLists(s.green, s.size)
}
