package evidence

import (
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Higher criticism asks whether there are too many small p-values among those of
// single tokens, and finds a mark that few tokens carry, strongly, where the sum of
// all scores does not. It is a companion of the sum, fixed in the plan: two tests.
//
// Of the p-values p_(1) ≤ … ≤ p_(n) of n tokens the K = min(n/2, 200) smallest
// count:
//
//	HC = max_{i ≤ K} √n (i/n − q_i) / √(q_i (1 − q_i)),   q_i = max(p_(i), 1/n)
//
// (D. Donoho, J. Jin, Higher criticism for detecting sparse heterogeneous
// mixtures, 2004, who leave p-values below 1/n out; here they count as 1/n). The
// floor keeps one accident among n from deciding: below it HC counts how many
// there are.

// mostCriticised is the largest K.
const mostCriticised = 200

// HigherCriticism returns HC of the scores of single tokens and its exact ln p. For
// discrete laws, whose p-values are at least as large as uniform ones, ln p is an
// upper bound; for tests on hits it is worth little. A score of NaN has p = 1. An error
// names a law whose words different windows share, or fewer than 2 scores.
//
// Some 20 ms, nearly all of it the law of HC.
func HigherCriticism(law tail.Law, scores []float64) (statistic, logP float64, err error) {
	statistic, err = HigherCriticismOf(law, scores)
	if err != nil {
		return 0, 0, err
	}
	return statistic, HigherCriticismTail(len(scores), statistic), nil
}

// HigherCriticismOf returns HC alone, as for many decoy keys.
func HigherCriticismOf(law tail.Law, scores []float64) (statistic float64, err error) {
	if err := checkWindows(law); err != nil {
		return 0, err
	}
	if len(scores) < 2 {
		return 0, fmt.Errorf("evidence: number of scores is %d, want at least 2", len(scores))
	}
	logPs := make([]float64, len(scores))
	for i, s := range scores {
		logPs[i] = law.LogTail(s, 1)
	}
	slices.Sort(logPs)
	n := float64(len(scores))
	for i, x := range logPs[:criticised(len(scores))] {
		q := max(math.Exp(x), 1/n)
		statistic = max(statistic, math.Sqrt(n)*(float64(i+1)/n-q)/math.Sqrt(q*(1-q)))
	}
	return statistic, nil
}

// HigherCriticismLeast returns the least ln p that n scores can have: a level below
// it is out of reach, and the test void.
func HigherCriticismLeast(n int) float64 {
	if n < 2 {
		return 0
	}
	most := float64(criticised(n)-1) / math.Sqrt(1-1/float64(n))
	return HigherCriticismTail(n, most)
}

func criticised(n int) int { return min(n/2, mostCriticised) }

// HigherCriticismTail returns ln P(HC ≥ h) for n independent uniform p-values: exact,
// with a relative error of the logarithm below 1e-9, and without a floor. n < 2, h ≤ 0 or
// NaN gives 0, more than HC can be −Inf.
//
// HC ≥ h means that for some i at least i p-values are at most b_i, the root of
// √n(i/n − b)/√(b(1−b)) = h, where b_i ≥ 1/n. So the count N(b) of p-values up to b
// crosses a boundary, and P is the sum of the chances to cross it for the first time
// at b_i. Before that, the chance of N(b_i) = j is n!/(n−j)! (1−b_i)^{n−j} c_i(j),
// with c_{i+1}(k) = Σ_j c_i(j) (b_{i+1} − b_i)^{k−j}/(k−j)!. All terms are positive.
// (M. Noé, The calculation of distributions of two-sided Kolmogorov–Smirnov type
// statistics, 1972, for one side.)
func HigherCriticismTail(n int, h float64) float64 {
	if n < 2 || !(h > 0) {
		return 0
	}
	c := crossing{n: n}
	for i := 1; i <= criticised(n); i++ {
		// A statistic whose q_i is the floor itself has b_i = 1/n but for rounding,
		// which counts against the claim.
		if b := boundary(float64(i), float64(n), h); b*float64(n) > 1-1e-9 {
			c.step(i, max(b, 1/float64(n)))
		}
	}
	return min(0, logSum(c.crossed))
}

// boundary returns the smaller root b of n(i/n − b)² = h² b(1 − b), without
// cancellation.
func boundary(i, n, h float64) float64 {
	return 2 * i * i / n / (2*i + h*h + h*math.Sqrt(h*h+4*i*(1-i/n)))
}

// A crossing follows the count of p-values along a boundary. Everything is a natural
// logarithm.
type crossing struct {
	n       int
	at      float64
	open    []float64 // c(j) for the counts j that have not crossed
	falling []float64 // n!/(n−j)!
	fact    []float64 // j!
	crossed []float64 // terms of P
}

// step moves to b ≥ at, where counts of i and more cross. Requires i to grow.
func (c *crossing) step(i int, b float64) {
	for len(c.fact) <= i {
		j := len(c.fact)
		if j == 0 {
			c.fact, c.falling, c.open = []float64{0}, []float64{0}, []float64{0}
			continue
		}
		c.fact = append(c.fact, c.fact[j-1]+math.Log(float64(j)))
		c.falling = append(c.falling, c.falling[j-1]+math.Log(float64(c.n-j+1)))
	}
	stays, step := math.Log1p(-c.at), (b-c.at)/(1-c.at)
	for j, open := range c.open {
		alive := open + c.falling[j] + float64(c.n-j)*stays
		c.crossed = append(c.crossed, alive+tail.Binomial(int64(i-j), int64(c.n-j), step))
	}
	move := math.Log(b - c.at)
	next := make([]float64, i)
	terms := make([]float64, 0, i)
	for k := range next {
		terms = terms[:0]
		for j := 0; j <= k && j < len(c.open); j++ {
			t := c.open[j] - c.fact[k-j]
			if k > j {
				t += float64(k-j) * move
			}
			terms = append(terms, t)
		}
		next[k] = logSum(terms)
	}
	c.open, c.at = next, b
}

// logSum returns ln Σ e^x, −Inf for no x.
func logSum(xs []float64) float64 {
	most := math.Inf(-1)
	for _, x := range xs {
		most = max(most, x)
	}
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for _, x := range xs {
		if x > most-40 {
			sum += math.Exp(x - most)
		}
	}
	return most + math.Log(sum)
}
