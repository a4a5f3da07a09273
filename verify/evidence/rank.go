package evidence

import (
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// maxTwins bounds the twins of an item: a thousand items of a thousand twins take seconds.
const maxTwins = 1023

// TwinRank returns the rank, 1 to m+1, of the log-probability that a suspect gives to a
// planted text among m twins, of which the key could have planted any: 1 + #{twins ≥
// planted}. Ties count against the claim, and so does NaN. Its p-value alone is rank/(1+m),
// which [Rank] gives.
func TwinRank(planted float64, twins []float64) int {
	rank := 1
	for _, x := range twins {
		if !(x < planted) {
			rank++
		}
	}
	return rank
}

// Ranks is the null law of items of m twins each: the key plants one of m+1 candidates, all
// alike to it, so the rank of the planted one is uniform on 1 … m+1, or larger where there
// are ties. Two tests: how many items rank first, strictly, which is Poisson-binomial with
// 1/(m+1), and the sum of all ranks less one, the excess. Both tails are exact without
// ties and above the truth with them.
//
// It is immutable and safe for concurrent use.
type Ranks struct {
	twins []int
	first []float64
	sum   uniforms
}

// NewRanks returns the law of items with the given numbers of twins, 1 to 1,023 each. There
// may be no item.
func NewRanks(twins []int) (*Ranks, error) {
	r := &Ranks{twins: slices.Clone(twins)}
	for i, m := range twins {
		if m < 1 || m > maxTwins {
			return nil, fmt.Errorf("evidence: item %d has %d twins, want 1 to %d", i, m, maxTwins)
		}
		r.first = append(r.first, 1/float64(m+1))
	}
	r.sum = newUniforms(r.twins)
	return r, nil
}

// Len returns the number of items.
func (r *Ranks) Len() int { return len(r.twins) }

// Count returns how many ranks are 1, and the sum of all ranks less one. An error names a
// rank that the item cannot have.
func (r *Ranks) Count(ranks []int) (firsts, excess int, err error) {
	if len(ranks) != len(r.twins) {
		return 0, 0, fmt.Errorf("evidence: there are %d ranks, want %d, one for each item", len(ranks), len(r.twins))
	}
	for i, rank := range ranks {
		if rank < 1 || rank > r.twins[i]+1 {
			return 0, 0, fmt.Errorf("evidence: rank of item %d is %d, want 1 to %d", i, rank, r.twins[i]+1)
		}
		if rank == 1 {
			firsts++
		}
		excess += rank - 1
	}
	return firsts, excess, nil
}

// LogTailFirsts returns ln P(k or more items rank first).
func (r *Ranks) LogTailFirsts(k int) float64 { return tail.PoissonBinomial(k, r.first) }

// LogTail returns ln P(excess ≤ d): of the sum of all ranks less one.
func (r *Ranks) LogTail(d int) float64 { return r.sum.logLow(d) }

// LogLeast returns ln P of all items ranking first, −Σ ln(m+1).
func (r *Ranks) LogLeast() float64 { return r.sum.least }

// Mean returns the expected excess, Σ m/2.
func (r *Ranks) Mean() float64 { return r.sum.mean }

// Variance returns that of the excess, Σ m(m+2)/12.
func (r *Ranks) Variance() float64 { return r.sum.variance }

// Standard returns by how many standard deviations an excess lies below its mean.
func (r *Ranks) Standard(d int) float64 { return r.sum.standard(d) }

// LogE returns the logarithm of an e-value of an excess, with the bets of [Cells.LogE] on
// the mean less the excess.
func (r *Ranks) LogE(d int) float64 { return r.sum.logE(d) }

// Critical returns the largest excess whose ln p is at most logP, and false where not even 0
// is that rare, or logP is no level.
func (r *Ranks) Critical(logP float64) (excess int, ok bool) { return r.sum.critical(logP) }

// Decoys returns the decoys of the test, given the excess under each decoy key. An error
// says that there are none, or that no excess has p ≤ 0.01. Ties make decoys rank lower
// than the law says.
func (r *Ranks) Decoys(excesses []int) (Decoys, error) { return r.sum.decoys(excesses) }
