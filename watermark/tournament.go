package watermark

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Tournament is the two-leaf tournament of SynthID-Text (Dathathri et al. 2024,
// supplement C.1): Depth layers, in each of which a token's keyed bit g moves
// its probability from p to p·(1 + g − Σ g p). Over the draw of the key it
// leaves the distribution of a token as it was. The score is the number of ones
// among the token's Depth bits.
type Tournament struct {
	// Depth is the number of layers, 1 to 64. Required; SynthID-Text uses 30.
	Depth int
}

// String returns "tournament(depth=30)" for Depth 30.
func (g Tournament) String() string { return fmt.Sprintf("tournament(depth=%d)", g.Depth) }

// Choose implements [Scheme]: the draw from the last layer is the request's own.
func (g Tournament) Choose(d *Draw) (Token, bool) {
	row, top, ok := d.Row()
	if !ok {
		return -1, false
	}
	g.play(d, row, top)
	return d.RacePlain(row)
}

// Perturb implements [Scheme] with an error: what the tournament adds to a
// logit depends on all other candidates.
func (g Tournament) Perturb(d *Draw, dst []float32) (Then, error) {
	return 0, fmt.Errorf("watermark: %s has no additive perturbation", g)
}

// play replaces the logits of row by the logarithms of the weights after the
// last layer. Sums run in the order of ids, so that dense and sparse calls agree
// to the last bit; candidates of weight 0 and repeated ids do not play.
func (g Tournament) play(d *Draw, row []float32, top float32) {
	sc := d.sc
	sc.order, sc.weight, sc.words = sc.order[:0], sc.weight[:0], sc.words[:0]
	for i, l := range row {
		if l-top > -700 { // exp is normal
			sc.order = append(sc.order, int32(i))
		}
	}
	g.sort(d, row)
	all := 0.0
	for _, i := range sc.order {
		w := math.Exp(float64(row[i]) - float64(top))
		all += w
		sc.weight = append(sc.weight, w)
		sc.words = append(sc.words, d.words.Word(0, tokenAt(d.ids, 0, int(i))))
	}
	for l := range g.Depth {
		ones := 0.0
		for j, w := range sc.words {
			ones += float64(sc.weight[j] * float64(w>>(63-l)&1))
		}
		lost := max(0, 1-ones/all) // the weights keep their sum, but for rounding
		for j, w := range sc.words {
			sc.weight[j] *= lost + float64(w>>(63-l)&1)
		}
	}
	for i := range row {
		row[i] = float32(math.Inf(-1))
	}
	for j, i := range sc.order {
		row[i] = float32(math.Log(sc.weight[j]))
	}
}

// sort puts the candidates of a sparse call in the order of ids and leaves the
// highest logit of each.
func (g Tournament) sort(d *Draw, row []float32) {
	if d.ids == nil {
		return
	}
	slices.SortFunc(d.sc.order, func(a, b int32) int {
		if d.ids[a] != d.ids[b] {
			return int(d.ids[a]) - int(d.ids[b])
		}
		if row[a] > row[b] {
			return -1
		}
		return 1
	})
	d.sc.order = slices.CompactFunc(d.sc.order, func(a, b int32) bool { return d.ids[a] == d.ids[b] })
}

// Score implements [Scheme].
func (g Tournament) Score(r Reader, _ Place, t Token) float64 {
	return float64(bits.OnesCount64(r.Word(0, t) >> (64 - g.Depth)))
}

// Law implements [Scheme].
func (g Tournament) Law() (tail.Law, error) {
	if g.Depth < 1 || g.Depth > 64 {
		return nil, fmt.Errorf("watermark: tournament depth is %d, want 1 to 64", g.Depth)
	}
	return tail.Binomials(g.Depth, 0.5)
}
