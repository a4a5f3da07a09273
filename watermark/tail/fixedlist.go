package tail

import (
	"fmt"
	"math"
	"math/bits"
)

// FixedLists is the law of a hit, 1 or 0, in a keyed list that holds green of the size tokens of a vocabulary, drawn without replacement, one list a seed.
//
// A token that does not depend on the key is in a list with probability γ = green/size, and in the lists of different seeds independently. So the count S of
// n tokens scored with n different seeds is Binomial(n, γ), exactly. Where seeds are scored with several different tokens each, S is a sum of independent
// hypergeometric counts. Each of those is a sum of independent unlike trials (V. A. Vatutin, V. G. Mikhailov, 1982), so S is one too, with mean nγ; and such a sum has
// P(S >= s) <= P(Binomial(n, γ) >= s) for s >= nγ + 1 (W. Hoeffding, On the distribution of the number of successes in independent trials, 1956, theorem 4), but not below: 9 tokens
// of a list of 3 of 10 have S >= 3 with probability 0.7, the binomial law with 0.54.
//
// LogTail is therefore the binomial tail from nγ + 1 on, exact for one token a seed and an upper bound for any distinct (seed, token) pairs, and 0, no evidence, below.
// It does not hold for a pair counted twice, nor for seeds that all keys share.
//
// Joint is exact for up to 64 tokens of one list, the lists of different seeds being independent. Beyond it is a bound: for weights of one sign that of independent
// hits, as hits are negatively associated (K. Joag-Dev, F. Proschan, 1983); for others that of drawing with replacement, m·ln((1/V) Σ_v e^{θw_v}) over all V tokens
// (W. Hoeffding, 1963, theorem 4).
//
// Hypergeometric counts are below binomial ones in the convex order (W. Hoeffding, 1963, theorem 4): LogE is an e-value and n·Cumulant an upper bound for any distinct pairs. Moments are those
// of one hit; the variance of the sum is at most n times it.
//
// An error names a size outside [2, 2^31) or a green outside [1, size−1].
func FixedLists(green, size int) (Law, error) {
	if err := checkList(green, size); err != nil {
		return nil, err
	}
	return fixedLists{list{int64(green), int64(size)}}, nil
}

// FixedList is the law of hits of different tokens in one list of green of size tokens that all of them share: the count of n is hypergeometric, and LogTail its
// tail, exact. More than size tokens cannot differ and give 0, no evidence. Joint knows no bound, as all windows share the list. The rest is as for [FixedLists].
func FixedList(green, size int) (Law, error) {
	if err := checkList(green, size); err != nil {
		return nil, err
	}
	return fixedList{list{int64(green), int64(size)}}, nil
}

func checkList(green, size int) error {
	if size < 2 || int64(size) > math.MaxInt32 {
		return fmt.Errorf("tail: vocabulary has %d tokens, want 2 to 2^31-1", size)
	}
	if green < 1 || green >= size {
		return fmt.Errorf("tail: list holds %d of %d tokens, want 1 to %d", green, size, size-1)
	}
	return nil
}

// A list holds green of size tokens.
type list struct{ green, size int64 }

func (l list) share() float64 { return float64(l.green) / float64(l.size) }

func (l list) Moments() Moments {
	m := binomials{1, l.share()}.Moments()
	m.Correlation = -1 / float64(l.size-1)
	return m
}

func (list) Domain() (lo, hi float64) { return math.Inf(-1), math.Inf(1) }

func (l list) Cumulant(theta float64) float64 { return bernoulliCumulant(theta, l.share()) }

func (l list) LogE(sum float64, n int64) float64 { return binomials{1, l.share()}.LogE(sum, n) }

type fixedLists struct{ list }

func (l fixedLists) Joint(theta float64, w []float64) float64 { return l.joint(theta, w) }

func (l fixedLists) String() string { return fmt.Sprintf("FixedLists(%d/%d)", l.green, l.size) }

func (l fixedLists) LogTail(sum float64, n int64) float64 {
	if n <= 0 || n > maxCount || !(sum > 0) {
		return 0
	}
	if sum > float64(n) {
		return math.Inf(-1)
	}
	k := int64(math.Ceil(sum))
	if product(k-1, l.size).less(product(n, l.green)) {
		return 0
	}
	return Binomial(k, n, l.share())
}

// A wide is a product of two counts, in 128 bits.
type wide struct{ hi, lo uint64 }

func product(a, b int64) wide {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return wide{hi, lo}
}

func (w wide) less(o wide) bool { return w.hi < o.hi || w.hi == o.hi && w.lo < o.lo }

type fixedList struct{ list }

func (l fixedList) String() string { return fmt.Sprintf("FixedList(%d/%d)", l.green, l.size) }

func (fixedList) Joint(theta float64, w []float64) float64 { return shared(theta, w) }

func (l fixedList) LogTail(sum float64, n int64) float64 {
	if n <= 0 || n > l.size || !(sum > 0) {
		return 0
	}
	if sum > float64(min(n, l.green)) {
		return math.Inf(-1)
	}
	k := int64(math.Ceil(sum))
	if k <= n-(l.size-l.green) {
		return 0
	}
	if product(k, l.size).less(product(n, l.green)) {
		return log1mexp(min(l.sum(k-1, n, -1), 0))
	}
	return min(l.sum(k, n, 1), 0)
}

// sum returns ln of the probabilities of k hits, k+step, k+2·step, … among n tokens, which fall away from the mean.
func (l fixedList) sum(k, n int64, step int64) float64 {
	sum, term := 1.0, 1.0
	red := l.size - l.green
	for j := k; ; j += step {
		// P(j+1)/P(j) = (green−j)(n−j) / ((j+1)(red−n+j+1)), and of j−1 the inverse one step down.
		ratio := 0.0
		if step > 0 {
			ratio = float64(l.green-j) / float64(j+1) * (float64(n-j) / float64(red-n+j+1))
		} else {
			ratio = float64(j) / float64(l.green-j+1) * (float64(red-n+j) / float64(n-j+1))
		}
		if term *= ratio; !(term > 1e-18*sum) {
			break
		}
		sum += term
	}
	return l.point(k, n) + math.Log(sum)
}

// point returns ln P(k hits among n tokens) = ln b(k; green, p) + ln b(n−k; red, p) − ln b(n; size, p) for any p, here n/size, where b(n; size, p) has no deviance.
// (C. Loader, 2000.)
func (l fixedList) point(k, n int64) float64 {
	if n == l.size {
		return 0 // k is green
	}
	return binomialPoint(k, l.green, n, l.size) + binomialPoint(n-k, l.size-l.green, n, l.size) - binomialPoint(n, l.size, n, l.size)
}

// binomialPoint returns ln b(k; n, p) for p = a/b inside (0, 1), 0 <= k <= n.
func binomialPoint(k, n, a, b int64) float64 {
	switch {
	case n == 0:
		return 0
	case k == 0:
		return float64(n) * math.Log1p(-float64(a)/float64(b))
	case k == n:
		return float64(n) * math.Log(float64(a)/float64(b))
	}
	x, y, total := float64(k), float64(n-k), float64(n)
	mean := total * (float64(a) / float64(b))
	d := float64(k*b-n*a) / float64(b) // k − mean; counts are below 2^31
	return stirlingError(total) - stirlingError(x) - stirlingError(y) -
		deviance(x, mean, d) - deviance(y, total-mean, -d) - halfLog2Pi - 0.5*math.Log(x/total*y)
}
