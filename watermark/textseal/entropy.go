package textseal

import (
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A WeightedResult is what the unreleased detector of two keys says of a text
// whose positions have known entropies, and beside it what this library says.
type WeightedResult struct {
	Result
	// WeightedScore is Σ w·s over the scored positions, Weights their w.
	WeightedScore float64
	Weights       []float64
	// EnginePWeighted is the tail of the fitted Gamma law, EnginePBest the lesser of
	// it and EngineP: the engine's figure, not corrected for having two chances.
	EnginePWeighted, EnginePBest float64
	// LogPWeighted is ln of the exact p-value of the weighted sum. Weights come from
	// the text and a model, not from the key.
	LogPWeighted float64
	// LogPBest is the lesser of LogP and LogPWeighted, corrected for two chances.
	LogPBest float64
}

// DetectEntropies reads a text as the unreleased detector of two keys does where
// it has a model: entropies[i] is the entropy, in nats, of the model's
// distribution of token i given the tokens before it. Positions of high entropy
// weigh up to ten times those of low entropy. It wants a TextSeal configuration, an
// entropy for each token and none that is negative or not finite; entropies of
// tokens that are not scored do not matter.
//
// The words that LogPWeighted rests on are those that the engine scores; a word
// that occurs at several of them has the sum of their weights.
func (d *Detector) DetectEntropies(tokens []watermark.Token, entropies []float64) (WeightedResult, error) {
	if d.config.WatermarkType != TextSeal {
		return WeightedResult{}, fmt.Errorf("textseal: watermark_type is %q, want textseal for entropy weights", d.config.WatermarkType)
	}
	if len(entropies) != len(tokens) {
		return WeightedResult{}, fmt.Errorf("textseal: %d entropies for %d tokens, want as many", len(entropies), len(tokens))
	}
	for i, h := range entropies {
		if !(h >= 0) || math.IsInf(h, 1) {
			return WeightedResult{}, fmt.Errorf("textseal: entropy of token %d is %v nats, want a finite one, not negative", i, h)
		}
	}
	result, err := d.Detect(tokens)
	if err != nil {
		return WeightedResult{}, err
	}
	r := WeightedResult{Result: result, EnginePWeighted: 1}
	n := d.config.Ngram
	words := newWordWeights()
	var scored []float64
	for i, ok := range r.Mask {
		if ok {
			scored = append(scored, entropies[i+n+1])
		}
	}
	r.Weights = entropyWeights(scored)
	var mean, squares float64
	next := 0
	for i, ok := range r.Mask {
		if !ok {
			continue
		}
		w := r.Weights[next]
		next++
		at := i + n + 1
		x := windowSum(tokens[at-n:at]) + tokenPrime*uint64(tokens[at])
		score, _ := d.score(x)
		r.WeightedScore += w * score
		mean += w
		squares += w * w
		words.add(x+d.source.base[0], w*d.config.MixingAlpha)
		words.add(x+d.source.base[1], w*(1-d.config.MixingAlpha))
	}
	if r.NumScored > 0 {
		r.EnginePWeighted = fittedP(r.WeightedScore, mean, squares*d.config.variance())
	}
	r.EnginePBest = min(r.EngineP, r.EnginePWeighted)
	r.Detected = r.EnginePBest < ThresholdTextSeal
	r.LogPWeighted = words.logP(d.table)
	r.LogPBest = min(0, min(r.LogP, r.LogPWeighted)+math.Ln2)
	return r, nil
}

// entropyWeights returns 0.1 + 0.9·h, h scaled to [0, 1] by the least and the
// greatest of them, or by 0 and 5 nats where they are equal.
func entropyWeights(entropies []float64) []float64 {
	if len(entropies) == 0 {
		return nil
	}
	low, high := slices.Min(entropies), slices.Max(entropies)
	if high-low < 1e-6 {
		low, high = 0, 5
	}
	w := make([]float64, len(entropies))
	for i, h := range entropies {
		w[i] = 0.1 + 0.9*max(0, min(1, (h-low)/(high-low)))
	}
	return w
}

// wordWeights are the weights of distinct words, in the order in which they came.
type wordWeights struct {
	at      map[uint64]int
	inputs  []uint64
	weights []float64
}

func newWordWeights() *wordWeights { return &wordWeights{at: make(map[uint64]int)} }

func (w *wordWeights) add(input uint64, weight float64) {
	i, ok := w.at[input]
	if !ok {
		i = len(w.inputs)
		w.at[input] = i
		w.inputs, w.weights = append(w.inputs, input), append(w.weights, 0)
	}
	w.weights[i] += weight
}

// logP returns the tail of Σ w·E at the sum of the scores, by which the sum of
// scores that are a little below Exp(1) is bounded.
func (w *wordWeights) logP(table *scores) float64 {
	sum := 0.0
	for i, x := range w.inputs {
		sum += w.weights[i] * table.exact[hash(x)]
	}
	return tail.WeightedExponentialExact(sum*(1-1e-13), w.weights)
}
