package synthid

import "math"

// layerWeights returns the weights of layers: from 10 down to 1 in equal steps, scaled
// to a sum of depth.
func layerWeights(depth int) []float64 {
	w, sum := make([]float64, depth), 0.0
	for l := range w {
		w[l] = 10
		if depth > 1 {
			w[l] -= 9 * float64(l) / float64(depth-1)
		}
		sum += w[l]
	}
	for l := range w {
		w[l] *= float64(depth) / sum
	}
	return w
}

// A layerCount counts the ones of each layer of words of 64. Plane i holds bit i of
// all 64 counts.
type layerCount struct{ planes [32]uint64 }

func (c *layerCount) add(word uint64) {
	for i := 0; word != 0 && i < len(c.planes); i++ {
		c.planes[i], word = c.planes[i]^word, c.planes[i]&word
	}
}

// at returns the count of layer l < 64.
func (c *layerCount) at(l int) int {
	n := 0
	for i, p := range c.planes {
		n |= int(p>>(63-l)&1) << i
	}
	return n
}

// means fills in the scores of what was counted.
func (d *Detector) means(r *Result) {
	cells := float64(r.depth) * float64(r.NumUnmasked)
	weighted := 0.0
	for l, w := range d.weights {
		first := d.first[l/64].at(l % 64)
		all := first + d.again[l/64].at(l%64)
		r.sum += int64(first)
		r.SumG += all
		r.weighted += float64(float64(first) * w)
		weighted += float64(float64(all) * w)
	}
	r.Mean = float64(r.SumG) / cells
	r.WeightedMean = weighted / cells
	r.MeanFloat32 = float32(r.SumG) / float32(cells)
	r.WeightedMeanFloat32 = float32(r.WeightedMean)
	if r.NumUnmasked == 0 {
		r.MeanFloat32, r.WeightedMeanFloat32 = float32(math.NaN()), float32(math.NaN())
	}
}
