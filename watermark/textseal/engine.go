package textseal

import (
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// layerWeights returns the weights of a tournament's layers: 1, or from 10 down to
// 1 in equal steps, scaled to a mean of 1.
func layerWeights(c Config) []float32 {
	w := make([]float32, c.Depth)
	raw := rawWeights(c.Depth)
	sum := 0.0
	for _, v := range raw {
		sum += v
	}
	for i := range w {
		w[i] = 1
		if c.WatermarkType == SynthIDWeighted {
			w[i] = float32(raw[i] * float64(c.Depth) / sum)
		}
	}
	return w
}

// rawWeights returns numpy's linspace(10, 1, depth).
func rawWeights(depth int) []float64 {
	w := make([]float64, depth)
	step := -9 / float64(max(1, depth-1))
	for i := range w {
		w[i] = 10 + float64(float64(i)*step)
	}
	if depth > 1 {
		w[depth-1] = 1
	}
	return w
}

// layers returns the engine's score of a tournament, and this library's, the number
// of green layers, in units of 2^-32.
func (d *Detector) layers(x uint64) (engine float64, fixed uint64) {
	var g [maxDepth]float32
	n := uint64(0)
	for i, w := range d.weights {
		green := less(hash(x), d.green)
		g[i] = w * float32(green)
		n += green
		x += tokenPrime
	}
	if d.config.WatermarkType == SynthID {
		return float64(n), n << 32
	}
	return float64(sum32(g[:len(d.weights)])), n << 32
}

// sum32 adds up to 64 numbers in the order of torch's sum over a contiguous row, on
// a processor with registers of eight float32: as many columns are added row by row
// with four rows at a time, then the rest one by one, then the columns.
func sum32(x []float32) float32 {
	const lanes, rows = 8, 4
	var part [rows][lanes]float32
	whole := len(x) / lanes
	grouped := whole / rows * rows
	for r := range whole {
		k := 0
		if r < grouped {
			k = r % rows
		}
		for j := range lanes {
			part[k][j] += x[r*lanes+j]
		}
	}
	for k := 1; k < rows; k++ {
		for j := range lanes {
			part[0][j] += part[k][j]
		}
	}
	sum := float32(0)
	for _, v := range x[whole*lanes:] {
		sum += v
	}
	for _, v := range part[0] {
		sum += v
	}
	return sum
}

// p returns the engine's p-value of a sum of n scores.
func (d *Detector) p(score float64, n int) float64 {
	c := d.config
	switch c.WatermarkType {
	case TextSeal:
		return fittedP(score, float64(n), float64(n)*c.variance())
	case GreenList:
		return midP(score, n, c.Gamma)
	case SynthID:
		return midP(score, n*c.Depth, c.Gamma)
	case SynthIDWeighted:
		return d.normalP(score, n)
	}
	if n == 0 {
		return math.NaN() // as the engine's incomplete gamma function at (0, 0)
	}
	return max(leastP, math.Exp(tail.Gamma(score, float64(n))))
}

// variance returns that of a score of two keys.
func (c Config) variance() float64 {
	return c.MixingAlpha*c.MixingAlpha + (1-c.MixingAlpha)*(1-c.MixingAlpha)
}

// midP returns P(X > s) + ½ P(X = s) for X ~ Binomial(n, gamma).
func midP(score float64, n int, gamma float64) float64 {
	s, trials := int64(score), int64(n)
	lgamma := func(x int64) float64 {
		v, _ := math.Lgamma(float64(x) + 1)
		return v
	}
	point := lgamma(trials) - lgamma(s) - lgamma(trials-s) + float64(s)*math.Log(gamma) + float64(trials-s)*math.Log1p(-gamma)
	return max(leastP, math.Exp(tail.Binomial(s, trials, gamma))-0.5*math.Exp(point))
}

// normalP returns 1 − Φ of the standardised mean, as a difference in float64: it
// ends near 1e-16.
func (d *Detector) normalP(score float64, n int) float64 {
	if n == 0 {
		return 1
	}
	c := d.config
	raw, sum, squares := rawWeights(c.Depth), 0.0, 0.0
	for _, w := range raw {
		sum += w
	}
	for _, w := range raw {
		w *= float64(c.Depth) / sum
		squares += w * w
	}
	z := (score/float64(n) - c.Gamma*float64(c.Depth)) / math.Sqrt(c.Gamma*(1-c.Gamma)*squares/float64(n))
	below := 0.5 * math.Erfc(math.Abs(z)/math.Sqrt2)
	if z > 0 {
		below = 1 - below
	}
	return max(leastP, 1-below)
}

// fittedP returns the tail of the Gamma law that has a mean and a variance: the
// unreleased engine's p-value of two keys.
func fittedP(score, mean, variance float64) float64 {
	if variance < 1e-10 {
		return 1
	}
	scale := variance / mean
	return math.Exp(tail.Gamma(score/scale, mean/scale))
}
