package evidence

import (
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Pick is one item that a key decides, such as a number from 1 to 100, and how the
// suspect answered. However often it was asked, an item is one draw of the key and
// has one vote.
type Pick struct {
	// Law is π: the probability of each option in counts of 2⁻³², 2 to 65,536
	// options that sum to 2³².
	Law []uint32
	// Votes holds how many answers chose each option.
	Votes []int
}

// Picks is the null law of the number of items on which suspect and key agree: the
// suspect's option a_i is the one that most answers chose, the first of those in a
// tie ([Plurality]), and the key's is drawn from π_i, so matches are Poisson-binomial
// with probabilities π_i(a_i): exact, at any depth. Items without a vote do not count.
//
// Answers that scatter are worth more as shares: [Shares] makes gains for [Cells].
//
// It is immutable and safe for concurrent use.
type Picks struct {
	votes []int // of each item, −1 for none
	laws  []int // options of each item
	p     []float64
	mean  float64
	cells *Cells // with gain 1 for the vote
}

// NewPicks returns the law of items, of which there may be none. An error names a law
// that does not sum to 2³², or votes that are missing or negative. Nothing is kept of the
// slices.
func NewPicks(items []Pick) (*Picks, error) {
	p := &Picks{}
	var cells []Cell
	var mean total
	for i, item := range items {
		if len(item.Votes) != len(item.Law) {
			return nil, fmt.Errorf("evidence: there are %d votes, want %d, one for each option, in item %d", len(item.Votes), len(item.Law), i)
		}
		for o, n := range item.Votes {
			if n < 0 {
				return nil, fmt.Errorf("evidence: option %d has %d votes, want at least 0, in item %d", o, n, i)
			}
		}
		cell := Cell{Law: item.Law, Gains: make([]float64, len(item.Law))}
		vote, ok := Plurality(item.Votes)
		if ok {
			cell.Gains[vote] = 1
		}
		if err := cell.check(); err != nil {
			return nil, fmt.Errorf("%w in item %d", err, i)
		}
		p.votes, p.laws = append(p.votes, vote), append(p.laws, len(item.Law))
		if !ok {
			continue
		}
		match := float64(item.Law[vote]) / whole
		p.p = append(p.p, match)
		mean.add(match)
		cells = append(cells, cell)
	}
	p.mean = mean.value()
	var err error
	p.cells, err = NewCells(cells)
	return p, err
}

// Plurality returns the option with the most votes, the first in the order of options
// where several have as many: a rule that knows no key. It returns −1 and false if
// there is no vote.
func Plurality(votes []int) (option int, ok bool) {
	option = -1
	most := 0
	for o, n := range votes {
		if n > most {
			option, most = o, n
		}
	}
	return option, most > 0
}

// Shares returns the share of votes that each option of an item has, as the gains of a
// [Cell], and false where there is no vote: partial credit for answers that scatter.
// An error names a negative count.
func Shares(votes []int) (gains []float64, ok bool, err error) {
	sum := 0.0
	for o, n := range votes {
		if n < 0 {
			return nil, false, fmt.Errorf("evidence: option %d has %d votes, want at least 0", o, n)
		}
		sum += float64(n)
	}
	if sum == 0 {
		return nil, false, nil
	}
	gains = make([]float64, len(votes))
	for o, n := range votes {
		gains[o] = float64(n) / sum
	}
	return gains, true, nil
}

// Len returns the number of items with a vote.
func (p *Picks) Len() int { return len(p.p) }

// Matches returns on how many items the suspect's vote is the option of a key, one option
// an item, those without a vote included. An error names an option that there is not.
func (p *Picks) Matches(options []int) (int, error) {
	if len(options) != len(p.votes) {
		return 0, fmt.Errorf("evidence: there are %d options, want %d, one for each item", len(options), len(p.votes))
	}
	matches := 0
	for i, o := range options {
		if o < 0 || o >= p.laws[i] {
			return 0, fmt.Errorf("evidence: option of item %d is %d, want 0 to %d", i, o, p.laws[i]-1)
		}
		if o == p.votes[i] {
			matches++
		}
	}
	return matches, nil
}

// LogTail returns ln P(matches ≥ k), exact.
func (p *Picks) LogTail(k int) float64 { return tail.PoissonBinomial(k, p.p) }

// LogLeast returns ln P of a match on every item: a test whose level is below it is void.
func (p *Picks) LogLeast() float64 { return p.LogTail(len(p.p)) }

// Mean returns the expected number of matches.
func (p *Picks) Mean() float64 { return p.mean }

// Variance returns that of the number of matches.
func (p *Picks) Variance() float64 { return p.cells.Variance() }

// Standard returns by how many standard deviations k matches lie above their mean; 0
// where the variance is 0.
func (p *Picks) Standard(k int) float64 { return p.cells.Standard(float64(k) - p.mean) }

// LogE returns the logarithm of an e-value of k matches, as [Cells.LogE] does: it
// multiplies with e-values under independent keys.
func (p *Picks) LogE(k int) float64 { return p.cells.LogE(float64(k) - p.mean) }

// Critical returns the least number of matches whose ln p is at most logP, and false
// where not even a match on every item is that rare, or logP is no level.
func (p *Picks) Critical(logP float64) (k int, ok bool) {
	return criticalCount(logP, len(p.p), p.LogTail)
}

// criticalCount returns the least k of 0 to most with tail(k) ≤ logP, tail falling.
func criticalCount(logP float64, most int, tail func(k int) float64) (k int, ok bool) {
	if checkLevel(logP) != nil || !(tail(most) <= logP) {
		return 0, false
	}
	lo, hi := -1, most
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; tail(mid) <= logP {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, true
}

// Decoys returns the decoys of the test, given the number of matches of each decoy key. An
// error says that there are none, or that no number of matches has p ≤ 0.01.
func (p *Picks) Decoys(matches []int) (Decoys, error) {
	return countDecoys(matches, p.Len(), p.cells.Excess(), p.Standard, p.LogTail)
}

// countDecoys returns the decoys of a statistic that counts and whose tail is known.
func countDecoys(counts []int, most int, excess float64, standard, tail func(k int) float64) (Decoys, error) {
	if len(counts) == 0 {
		return Decoys{}, errors.New("evidence: there are no decoys, want at least 1")
	}
	at, ok := criticalCount(math.Log(small), most, tail)
	if !ok {
		return Decoys{}, fmt.Errorf("evidence: no result has p ≤ %v: decoys cannot be compared with the null law", small)
	}
	d := Decoys{Excess: excess, Level: math.Exp(tail(at)), SmallAt: standard(at) - 1e-9}
	for _, k := range counts {
		d.Z = append(d.Z, standard(k))
	}
	return d, nil
}
