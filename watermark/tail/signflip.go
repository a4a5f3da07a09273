package tail

import "math"

// MaxSignFlip is the largest number of non-zero terms for which SignFlip is exact; it then takes some 30 ms and 32 MB.
const MaxSignFlip = 40

// SignFlip returns ln P(Σ ±t_i >= Σ t_i), the signs independent and fair: how rare a total as large as the one
// observed is when each term could as well have had the other sign. With differences d_i and observed signs s_i, t_i
// = s_i·d_i.
//
// It is exact for at most MaxSignFlip non-zero terms, by meeting in the middle; beyond that it is the bound
// SignFlipBound. Totals that tie within rounding count as ties, against the claim. A term that is not finite is an
// error of the caller and gives 0, no evidence.
func SignFlip(terms []float64) float64 {
	live := make([]float64, 0, len(terms))
	slack := 0.0
	for _, t := range terms {
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return 0
		}
		if t != 0 {
			live = append(live, t)
			slack += math.Abs(t)
		}
	}
	if len(live) > MaxSignFlip {
		return SignFlipBound(terms)
	}
	slack *= float64(len(live)) * 0x1p-52
	half := len(live) / 2
	left, right := subsetSums(live[:half]), subsetSums(live[half:])
	// Flipping the terms of a set A lowers the total by 2 Σ_A t: count the sets with Σ_A t <= 0.
	count, j := 0, len(right)
	for _, a := range left {
		for j > 0 && a+right[j-1] > slack {
			j--
		}
		count += j
	}
	return math.Log(float64(count)) - float64(len(live))*ln2
}

// subsetSums returns the sums of all subsets, ascending.
func subsetSums(terms []float64) []float64 {
	sums := make([]float64, 1, 1<<len(terms))
	for _, t := range terms {
		with := make([]float64, len(sums))
		for i, v := range sums {
			with[i] = v + t
		}
		sums = merge(sums, with)
	}
	return sums
}

// merge returns the elements of two ascending slices, ascending.
func merge(a, b []float64) []float64 {
	out := make([]float64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// SignFlipBound returns Hoeffding's bound on SignFlip, −T²/(2 Σ t²) for a positive total T and 0 otherwise (W.
// Hoeffding, 1963, theorem 2). A term that is not finite is an error of the caller and gives 0, no evidence.
func SignFlipBound(terms []float64) float64 {
	largest := 0.0
	for _, t := range terms {
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return 0
		}
		largest = max(largest, math.Abs(t))
	}
	if largest == 0 {
		return 0
	}
	total, squares := 0.0, 0.0
	for _, t := range terms {
		total += t / largest
		squares += t / largest * (t / largest)
	}
	if total <= 0 {
		return 0
	}
	return -total * total / (2 * squares)
}
