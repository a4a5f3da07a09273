package synthid

import (
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// Bayes is the engine's trained classifier: the probability of a text's g-values under
// a mark of D layers, learnt from marked text, against that of fair coins. It belongs
// to the keys, the model and the sampling that it was trained with. Its posterior is no
// p-value: what it says of a text depends on a prior, and how often it errs on
// unmarked text nobody knows. It is immutable and safe for concurrent use.
type Bayes struct {
	depth int
	prior float64
	beta  []float64 // D
	delta []float64 // D·D, row by row; δ_lj counts for j < l
}

// NewBayes returns the classifier with the given parameters: a prior in [0, 1], β of D
// layers and δ of D·D, row by row, of which only entries left of the diagonal count.
// The slices are copied.
func NewBayes(prior float64, beta, delta []float64) (*Bayes, error) {
	if !(prior >= 0 && prior <= 1) {
		return nil, fmt.Errorf("synthid: prior is %v, want 0 to 1", prior)
	}
	n := len(beta)
	if n < 1 || n > maxDepth {
		return nil, fmt.Errorf("synthid: beta has %d layers, want 1 to %d", n, maxDepth)
	}
	if len(delta) != n*n {
		return nil, fmt.Errorf("synthid: delta has %d entries, want %d for %d layers", len(delta), n*n, n)
	}
	for name, values := range map[string][]float64{"beta": beta, "delta": delta} {
		for i, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("synthid: entry %d of %s is %v, want a finite number", i, name, v)
			}
		}
	}
	return &Bayes{n, prior, slices.Clone(beta), slices.Clone(delta)}, nil
}

// ParseBayes reads the parameters that transformers' BayesianDetectorModel saves as
// model.safetensors: the tensors prior [1], likelihood_model_watermarked.beta [1, 1, D]
// and likelihood_model_watermarked.delta [1, 1, D, D] in F64, F32 or BF16, and no
// others.
func ParseBayes(data []byte) (*Bayes, error) {
	tensors, err := parseSafetensors(data)
	if err != nil {
		return nil, err
	}
	const model = "likelihood_model_watermarked."
	found := map[string]tensor{}
	for _, t := range tensors {
		switch t.name {
		case "prior", model + "beta", model + "delta":
			found[t.name] = t
		default:
			return nil, fmt.Errorf("synthid: unknown tensor %q, want prior, %sbeta and %sdelta", t.name, model, model)
		}
	}
	n := int64(len(found[model+"beta"].values))
	for name, shape := range map[string][]int64{"prior": {1}, model + "beta": {1, 1, n}, model + "delta": {1, 1, n, n}} {
		t, ok := found[name]
		if !ok {
			return nil, fmt.Errorf("synthid: tensor %q is missing", name)
		}
		if !slices.Equal(t.shape, shape) {
			return nil, fmt.Errorf("synthid: tensor %q has shape %v, want %v", name, t.shape, shape)
		}
	}
	return NewBayes(found["prior"].values[0], found[model+"beta"].values, found[model+"delta"].values)
}

// Depth returns D, the number of layers.
func (b *Bayes) Depth() int { return b.depth }

// A Posterior is what the classifier says of a text.
type Posterior struct {
	// LogOdds is ln of P(marked | g-values) / P(not marked | g-values), in nats.
	LogOdds float64
	// Probability is P(marked | g-values), as the engine has it in float64.
	Probability float64
	// ProbabilityFloat32 is that of the engine's float32, but for the order in which
	// it adds up.
	ProbabilityFloat32 float32
}

// Posterior returns the classifier's verdict on a text as the engine's detector gets
// at it: over the positions that [Detector.Detect] counts. It fails where Detect fails
// and for a mark of another depth.
func (b *Bayes) Posterior(d *Detector, tokens []watermark.Token, eos watermark.Token) (Posterior, error) {
	if d.source.depth != b.depth {
		return Posterior{}, fmt.Errorf("synthid: the classifier has %d layers, the mark %d", b.depth, d.source.depth)
	}
	r, err := d.Detect(tokens, eos)
	if err != nil {
		return Posterior{}, err
	}
	g, err := d.GValues(tokens)
	if err != nil {
		return Posterior{}, err
	}
	odds, odds32 := b.logPrior(), float64(float32(b.logPrior()))
	for i, counted := range r.Mask {
		if counted {
			x, y := b.logOdds(g[i*b.depth : (i+1)*b.depth])
			odds += x
			odds32 += y
		}
	}
	return Posterior{odds, sigmoid(odds), float32(sigmoid(float64(float32(odds32))))}, nil
}

// logPrior returns the log-odds of the prior, which the engine keeps off 0 and 1.
func (b *Bayes) logPrior() float64 {
	p := math.Max(1e-5, math.Min(1-1e-5, b.prior))
	return math.Log(p) - math.Log(1-p)
}

// logOdds returns Σ_l ln P(g_l | marked) / ½ of one n-gram, with
//
//	q_l = σ(β_l + Σ_{j<l} δ_lj g_j),   P(g_l | marked) = ½ ((g_l + ½) q_l + 1 − q_l),
//
// and the same with every step rounded to float32.
func (b *Bayes) logOdds(g []byte) (odds, odds32 float64) {
	for l, bit := range g {
		x := 0.0
		for j, v := range b.delta[l*b.depth : l*b.depth+l] {
			x += v * float64(g[j])
		}
		q := sigmoid(x + b.beta[l])
		p := 0.5 * ((float64(bit)+0.5)*q + (1 - q))
		odds += math.Log(math.Max(p, 1e-30)) - math.Log(0.5)

		q32 := float32(sigmoid(float64(float32(x) + float32(b.beta[l]))))
		p32 := 0.5 * (float32((float32(bit)+0.5)*q32) + (1 - q32))
		odds32 += float64(float32(math.Log(math.Max(float64(p32), 1e-30))) - float32(math.Log(0.5)))
	}
	return odds, odds32
}

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}
