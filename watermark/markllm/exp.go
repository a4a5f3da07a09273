package markllm

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// NewEXP returns the mark EXP of a configuration. Detectors of the mark score each
// (seed, token) pair once.
func NewEXP(c EXPConfig) (*watermark.Watermark, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	rules := prefixRules(c.PrefixLength)
	rules.Read.OnePerSeed = false
	return watermark.Build(newEXPSource(c), expScheme{}, rules)
}

// expSource makes the uniform variates of a key: words are k<<40 for u = k/2^24.
type expSource struct {
	info  watermark.SourceInfo
	key   uint64
	width int
	size  int
}

func newEXPSource(c EXPConfig) *expSource {
	return &expSource{
		info: infoOf(c.HashKey, fmt.Sprintf("markllm exp prefix_length=%d vocab_size=%d", c.PrefixLength, c.VocabSize)),
		key:  c.HashKey.Value(), width: c.PrefixLength, size: c.VocabSize,
	}
}

// Info implements [watermark.Source].
func (s *expSource) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *expSource) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.info, d.key = decoyInfo(s.info, seed), intkey.Decoy(seed, 0)
	return &d
}

// Open implements [watermark.Source].
func (s *expSource) Open() watermark.Reader { return &expReader{source: s} }

// patience is how many single words a reader makes at a seed before it makes all.
const patience = 2

type expReader struct {
	source *expSource
	g      mt19937.Generator
	seed   uint32
	asked  int
	row    []uint32 // the generator's words for rowSeed, once they were made
	ready  bool
	at     uint32 // seed of row
}

// Seek implements [watermark.Reader].
func (r *expReader) Seek(window []watermark.Token) (watermark.Place, bool) {
	if len(window) != r.source.width {
		return watermark.Place{}, false
	}
	r.seed = uint32(r.source.engineSeed(window))
	r.asked = 0
	return watermark.Place{Seed: uint64(r.seed)}, true
}

// engineSeed returns hash_key·(Π ids mod vocab_size), of which the generator uses the low
// 32 bits.
func (s *expSource) engineSeed(window []watermark.Token) uint64 {
	return s.key * product(window, uint64(s.size))
}

// Ahead implements [watermark.Reader]: nothing is faster so.
func (r *expReader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader].
func (r *expReader) Seed(watermark.Token) uint64 { return uint64(r.seed) }

// Word implements [watermark.Reader]: the t-th word of the generator, 0 for tokens
// outside the vocabulary.
func (r *expReader) Word(_ int, t watermark.Token) uint64 {
	if t < 0 || int(t) >= r.source.size {
		return 0
	}
	if !r.ready || r.at != r.seed {
		if r.asked++; r.asked <= patience {
			r.g.Seed(uint64(r.seed))
			r.g.Skip(int(t))
			return uint64(r.g.Uint32()) << 40
		}
		r.fill()
	}
	return uint64(r.row[t]) << 40
}

// fill makes the words of all tokens.
func (r *expReader) fill() {
	if r.row == nil {
		r.row = make([]uint32, r.source.size)
	}
	r.g.Seed(uint64(r.seed))
	r.g.Fill(r.row)
	r.ready, r.at = true, r.seed
}

// Coarse implements [watermark.Reader].
func (r *expReader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }

// expScheme takes the token of the largest u^(1/p), p from the softmax of all
// candidates.
type expScheme struct{}

// String implements [watermark.Scheme].
func (expScheme) String() string { return "exp" }

// Choose implements [watermark.Scheme], in the engine's float32: p is rounded, 1/p is,
// and u^(1/p). Ties go to the lowest id.
func (expScheme) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, top, ok := d.Row()
	if !ok {
		return -1, false
	}
	sum := 0.0
	for _, l := range row {
		sum += math.Exp(float64(l) - float64(top))
	}
	best, logBest, winner := float32(-1), math.Inf(-1), watermark.Token(-1)
	for i, l := range row {
		if !(l >= -math.MaxFloat32) {
			continue
		}
		t := tokenOf(d.IDs(), 0, i)
		inverse := 1 / float32(math.Exp(float64(l)-float64(top))/sum)
		u := float64(d.Words().Word(0, t)) * 0x1p-64
		// ln u <= u − 1: most candidates take no power. The margin is more than the
		// rounding of a power.
		if (u-1)*float64(inverse) < logBest-1e-6 {
			continue
		}
		v := float32(math.Pow(u, float64(inverse)))
		if v > best || v == best && t < winner {
			best, winner = v, t
			logBest = math.Log(float64(v))
		}
	}
	return winner, winner >= 0
}

// Perturb implements [watermark.Scheme]: it writes −ln(−ln u), and the engine takes
// the largest sum.
func (expScheme) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	for i := range dst {
		u := float64(d.Words().Word(0, tokenOf(d.IDs(), 0, i))) * 0x1p-64
		dst[i] = float32(-math.Log(-math.Log(u)))
	}
	return watermark.TakeLargest, nil
}

// Score implements [watermark.Scheme]: −ln(1−u), in nats, stochastically below an
// Exponential(1) variate. Seed 0 is what a product of 0 gives under every key: it is no
// evidence.
func (expScheme) Score(r watermark.Reader, p watermark.Place, t watermark.Token) float64 {
	if p.Seed == 0 {
		return 0
	}
	return -math.Log1p(-float64(r.Word(0, t)) * 0x1p-64)
}

// Law implements [watermark.Scheme].
func (expScheme) Law() (tail.Law, error) { return tail.Exponential(), nil }
