package textseal

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// tournament is the engine's reading of SynthID: layer d of token t is whether t+d
// is green.
type tournament struct {
	depth, green int
	gamma        float64
}

func (g tournament) String() string {
	return fmt.Sprintf("synthid(depth=%d,gamma=%g)", g.depth, g.gamma)
}

func (g tournament) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, ok := softmax(d)
	if !ok {
		return -1, false
	}
	g.play(d, row)
	return d.RacePlain(row)
}

// play replaces probabilities by the logarithms of those after the last layer.
func (g tournament) play(d *watermark.Draw, row []float32) {
	r, ids := reading(d.Words()), d.IDs()
	r.words = r.words[:0]
	for i, p := range row {
		word := uint64(0)
		if t := watermark.Token(i); p > 0 {
			if ids != nil {
				t = ids[i]
			}
			word = r.Word(0, t)
		}
		r.words = append(r.words, word)
	}
	for layer := range g.depth {
		mass := 0.0
		for i, w := range r.words {
			mass += float64(row[i]) * float64(w<<layer>>63)
		}
		red := 1 - float32(mass)
		factor := [2]float32{red, 0}
		if mass > 0 {
			factor[1] = (1 - red*red) / float32(mass)
		}
		for i, w := range r.words {
			row[i] *= factor[w<<layer>>63]
		}
	}
	for i, p := range row {
		row[i] = negativeInfinity
		if p > 0 {
			row[i] = float32(math.Log(float64(p)))
		}
	}
}

// Perturb fails: what the tournament adds to a logit depends on all other
// candidates.
func (g tournament) Perturb(*watermark.Draw, []float32) (watermark.Then, error) {
	return 0, fmt.Errorf("textseal: %s has no additive perturbation", g)
}

func (g tournament) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	return float64(bits.OnesCount64(r.Word(0, t)))
}

func (g tournament) Law() (tail.Law, error) { return tail.Binomials(g.depth, float64(g.green)/modulus) }
