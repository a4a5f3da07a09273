package transformers

import (
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// greenScheme raises green tokens as the engine does. The draw itself is the
// request's own.
type greenScheme struct {
	ratio, bias float64
	green, size int
	self        bool
}

func newGreenScheme(c GreenListConfig) greenScheme {
	return greenScheme{c.GreenlistRatio, c.Bias, c.greenlistSize(), c.VocabSize, c.SeedingScheme == SelfHash}
}

// String implements [watermark.Scheme].
func (s greenScheme) String() string {
	return fmt.Sprintf("greenlist(greenlist_ratio=%g,bias=%g)", s.ratio, s.bias)
}

// Choose implements [watermark.Scheme].
func (s greenScheme) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, _, ok := d.Row()
	if !ok {
		return -1, false
	}
	if !s.self {
		s.raise(d, row)
		return d.RacePlain(row)
	}
	var best top
	for i, l := range row {
		best.offer(i, tokenOf(d.IDs(), i), l)
	}
	for _, c := range best.candidates() {
		if d.Words().Word(0, c.token) == 0 {
			row[c.index] += float32(s.bias)
		}
	}
	return d.RacePlain(row)
}

// raise adds the bias to green candidates.
func (s greenScheme) raise(d *watermark.Draw, row []float32) {
	if r, ok := d.Words().(*greenReader); ok && !s.self {
		r.list.Raise(d.IDs(), row, float32(s.bias))
		return
	}
	for i := range row {
		if d.Words().Word(0, tokenOf(d.IDs(), i)) == 0 {
			row[i] += float32(s.bias)
		}
	}
}

// Perturb implements [watermark.Scheme]: it writes Bias or 0, and the engine
// samples, or at temperature 0 takes the largest. With selfhash the candidates
// that are tested depend on their logits, which it does not see: it takes at most
// as many as the engine tests.
func (s greenScheme) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	if s.self && len(dst) > tested {
		return 0, fmt.Errorf("transformers: %d candidates with selfhash, which tests the %d most likely ones: give those, or use Sample", len(dst), tested)
	}
	clear(dst)
	s.raise(d, dst)
	return watermark.SampleSum, nil
}

// Score implements [watermark.Scheme]: 1 for a green token, else 0. Seed 0 of
// lefthash is what token 0 seeds under every key, so that its list is no evidence.
func (s greenScheme) Score(r watermark.Reader, p watermark.Place, t watermark.Token) float64 {
	if r.Word(0, t) != 0 || p.Seed == 0 && !s.self {
		return 0
	}
	return 1
}

// Law implements [watermark.Scheme].
func (s greenScheme) Law() (tail.Law, error) {
	if s.green < 1 {
		return nil, errors.New("transformers: the green list is empty")
	}
	return tail.FixedLists(s.green, s.size)
}

func tokenOf(ids []watermark.Token, i int) watermark.Token {
	if ids != nil {
		return ids[i]
	}
	return watermark.Token(i)
}

// tested is how many candidates the engine tests with selfhash.
const tested = 40

type candidate struct {
	index int
	token watermark.Token
	logit float32
}

// top holds the candidates of the highest logits, best first, each token once; of
// equals the lowest id. (The engine's sort leaves the order of equals open.)
type top struct {
	list [tested]candidate
	n    int
}

func (p *top) candidates() []candidate { return p.list[:p.n] }

func (p *top) offer(index int, token watermark.Token, logit float32) {
	c := candidate{index, token, logit}
	if logit < -3.4028235e38 || p.n == tested && !c.before(p.list[tested-1]) {
		return
	}
	for i, have := range p.candidates() { // an id may be given twice
		if have.token != token {
			continue
		}
		if !c.before(have) {
			return
		}
		copy(p.list[i:], p.list[i+1:p.n])
		p.n--
		break
	}
	i := min(p.n, tested-1)
	for ; i > 0 && c.before(p.list[i-1]); i-- {
		p.list[i] = p.list[i-1]
	}
	p.list[i] = c
	p.n = min(p.n+1, tested)
}

func (c candidate) before(o candidate) bool {
	return c.logit > o.logit || c.logit == o.logit && c.token < o.token
}
