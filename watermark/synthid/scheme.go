package synthid

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

var negativeInfinity = float32(math.Inf(-1))

// tournament is the engine's, in float32.
type tournament struct {
	depth, leaves int
	// share of ones in the table through which the layers of different n-grams
	// depend on each other; without meaning for the table-free hash.
	table bool
	share float64
}

func (s *source) scheme() watermark.Scheme {
	g := tournament{depth: s.depth, leaves: s.config.NumLeaves}
	if s.lookup != nil {
		g.table, g.share = true, float64(s.lookup.ones)/float64(len(s.lookup.table))
	}
	return g
}

func (g tournament) String() string {
	return fmt.Sprintf("synthid(depth=%d,num_leaves=%d)", g.depth, g.leaves)
}

// Choose implements [watermark.Scheme]: the draw from the last layer is the
// request's own, where the engine has torch's.
func (g tournament) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, top, ok := d.Row()
	if !ok {
		return -1, false
	}
	r := d.Words().(*reader) // schemes of this package have no other
	r.highest(d.IDs(), row)
	softmax(row, top)
	g.play(r, d.IDs(), row)
	return d.RacePlain(row)
}

// softmax replaces logits by probabilities in float32.
func softmax(row []float32, top float32) {
	sum := 0.0
	for i, l := range row {
		e := float32(math.Exp(float64(l - top)))
		row[i] = e
		sum += float64(e)
	}
	for i := range row {
		row[i] /= float32(sum)
	}
}

// play replaces probabilities by the logarithms of those after the last layer, −Inf
// where nothing is left; the engine has its lowest float32 or −1e12 there.
func (g tournament) play(r *reader, ids []watermark.Token, row []float32) {
	for layer := range g.depth {
		if layer%64 == 0 {
			r.fill(layer/64, ids, row)
		}
		mass := 0.0
		for i, w := range r.words {
			mass += float64(row[i]) * float64(w<<(layer%64)>>63)
		}
		factor := g.factors(float32(mass))
		for i, w := range r.words {
			row[i] *= factor[w<<(layer%64)>>63]
		}
	}
	for i, p := range row {
		row[i] = negativeInfinity
		if p > 0 {
			row[i] = float32(math.Log(float64(p)))
		}
	}
}

// factors returns by what a layer multiplies probabilities whose g-value is 0 or 1, m
// being the probability of a 1.
func (g tournament) factors(m float32) [2]float32 {
	if g.leaves == 2 {
		return [2]float32{1 - m, 2 - m}
	}
	n, left := float64(g.leaves), float64(1-m)
	f := [2]float32{float32(math.Pow(left, n-1))}
	if m > 0 {
		f[1] = (1 - float32(math.Pow(left, n))) / m
	}
	return f
}

// Perturb implements [watermark.Scheme] with an error: what the tournament adds to
// a logit depends on all other candidates.
func (g tournament) Perturb(*watermark.Draw, []float32) (watermark.Then, error) {
	return 0, fmt.Errorf("synthid: %s has no additive perturbation", g)
}

// Score implements [watermark.Scheme]: the sum of the g-values.
func (g tournament) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	return float64(r.(*reader).ones(t))
}

// Law implements [watermark.Scheme].
func (g tournament) Law() (tail.Law, error) {
	if !g.table {
		return tail.Binomials(g.depth, 0.5)
	}
	return entangled{g.depth, g.share}, nil
}
