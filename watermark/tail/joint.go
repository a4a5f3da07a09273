package tail

import "math"

// independent returns the joint cumulant of tokens whose words are independent.
func independent[L interface{ Cumulant(float64) float64 }](law L, theta float64, w []float64) float64 {
	if theta == 0 {
		return shared(theta, w)
	}
	var sum total
	for _, v := range w {
		if v == 0 {
			continue
		}
		k := law.Cumulant(theta * v)
		if math.IsInf(k, 1) {
			return k
		}
		sum.add(k)
	}
	return known(sum.value())
}

// shared is the joint cumulant where windows share their words: nothing is known of it but its value at 0.
func shared(theta float64, w []float64) float64 {
	if len(w) == 0 {
		return 0
	}
	for _, v := range w {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return math.Inf(1)
		}
	}
	if theta == 0 {
		return 0
	}
	return math.Inf(1)
}

// known is x, or +Inf for NaN.
func known(x float64) float64 {
	if math.IsNaN(x) {
		return math.Inf(1)
	}
	return x
}

// maxDrawn is the number of tokens up to which the joint cumulant of a list is exact: some 2,000 steps.
const maxDrawn = 64

// joint returns the joint cumulant of hits of different tokens in one list.
func (l list) joint(theta float64, w []float64) float64 {
	if theta == 0 {
		return shared(theta, w)
	}
	if int64(len(w)) > l.size {
		return math.Inf(1)
	}
	if len(w) <= maxDrawn {
		if k, ok := l.draw(theta, w); ok {
			return k
		}
	}
	least, most := 0.0, 0.0
	for _, v := range w {
		least, most = min(least, theta*v), max(most, theta*v) // NaN stays
	}
	switch {
	case math.IsNaN(least) || math.IsInf(most-least, 0):
		return math.Inf(1)
	case least == 0 || most == 0:
		return independent(l, theta, w)
	}
	return l.replaced(theta, w, most)
}

// draw goes through the tokens one by one. After v of them sums[j] is E[exp(θ Σ w·X); j hits], and the next is a hit
// with probability (green−j)/(size−v): all terms are positive. Each token's larger factor, 1 or e^{θw}, is kept apart;
// ok is false where what is left is too small for float64, or no number.
func (l list) draw(theta float64, w []float64) (k float64, ok bool) {
	var sums [maxDrawn + 1]float64
	sums[0] = 1
	var scale total
	for v, weight := range w {
		t := theta * weight
		hit, miss := 1.0, 1.0
		if t > 0 {
			scale.add(t)
			miss = math.Exp(-t)
		} else {
			hit = math.Exp(t)
		}
		left := float64(l.size - int64(v))
		for j := min(v, int(min(l.green, maxDrawn))); j >= 0; j-- {
			sums[j+1] += sums[j] * float64(l.green-int64(j)) / left * hit
			sums[j] *= float64(l.size-l.green-int64(v-j)) / left * miss
		}
	}
	sum := 0.0
	for _, s := range sums[:len(w)+1] {
		sum += s
	}
	return scale.value() + math.Log(sum), sum > 0x1p-900
}

// replaced returns green·ln((1/size) Σ_v e^{θw_v}) over all tokens, those without a weight having 0: the cumulant of
// drawing with replacement. Most is the largest θw, at least 0.
func (l list) replaced(theta float64, w []float64, most float64) float64 {
	if most > 1 {
		var sum total
		sum.add(float64(l.size-int64(len(w))) * math.Exp(-most))
		for _, v := range w {
			sum.add(math.Exp(theta*v - most))
		}
		return float64(l.green) * (most + math.Log(sum.value()/float64(l.size)))
	}
	var change total
	for _, v := range w {
		change.add(math.Expm1(theta * v))
	}
	return float64(l.green) * math.Log1p(change.value()/float64(l.size))
}
