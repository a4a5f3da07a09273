package verify

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A TwinsFinding is what a finding of Rank stands on.
type TwinsFinding struct {
	// Missing is how many candidates have no log-probability, Tied how many items
	// have no candidate that is likelier than all others, for that reason or because
	// of a tie: their planted candidate is not first, whichever it is.
	Missing  int     `json:"missing"`
	Tied     int     `json:"tied"`
	Expected float64 `json:"expected"` // firsts, if the key says nothing
	// Excess is the sum of all ranks less one, and LogExcess ln P of one as small:
	// beside LogP, which is of the firsts.
	Excess         int     `json:"excess"`
	ExpectedExcess float64 `json:"expected_excess"`
	LogExcess      float64 `json:"ln_p_excess"`
	// Items are at most twelve, those first that say most for the key.
	Items []TwinFinding `json:"items"`
}

// A TwinFinding is one item: where the suspect ranks the candidate that the key planted.
type TwinFinding struct {
	Unit    string `json:"unit"`
	Planted string `json:"planted"`
	Rank    int    `json:"rank"` // 1 + how many others are at least as likely
	Of      int    `json:"of"`   // candidates
	// Lead is ln p of the planted candidate less that of the likeliest other; 0 where
	// one is missing.
	Lead float64 `json:"lead"`
}

const (
	mostTwins  = 12
	twinDecoys = "dyetrace 2026-11-25 verify twin decoys/1"
)

// A rankTest is a test of the twins of a tree with everything but the key.
type rankTest struct {
	book    *canary.Book
	items   []canary.Item
	logP    [][]float64 // of each item's candidates, NaN where there is none
	votes   []int       // the candidate that is likelier than all others, −1 for none
	raw     int
	missing int
	law     *evidence.Ranks
	// picks is the law of the same count over the items that have a vote, for what
	// evidence has only of matches: its probabilities are 1/(m+1), rounded up.
	picks *evidence.Picks
}

// rankTest ranks nothing yet: it adds up what a transcript says of the candidates.
func (c *Case) rankTest(t *collect.Transcript, tree string, test Test) (*rankTest, error) {
	begin := c.Plan.Reading.Frame.Ask
	sums := make([]float64, len(c.task.Passages)-begin)
	for i := range t.Readings {
		e := &t.Readings[i]
		if e.Passage < begin {
			continue
		}
		sum := &sums[e.Passage-begin]
		if e.Status != collect.Complete {
			*sum = math.NaN()
		}
		for _, p := range e.Predictions {
			if p.Own == nil {
				*sum = math.NaN()
				continue
			}
			*sum += *p.Own
		}
	}
	out := &rankTest{book: c.Book}
	var others []int
	var picks []evidence.Pick
	for _, item := range twins(c.Book) {
		n := len(item.Options)
		logP := sums[:n:n]
		if sums = sums[n:]; item.Unit().Tree != tree || item.Unit().Reserve != (test.Reserve > 0) {
			continue
		}
		out.items, out.logP, out.raw = append(out.items, item), append(out.logP, logP), out.raw+n
		for _, x := range logP {
			if math.IsNaN(x) {
				out.missing++
			}
		}
		vote := likeliest(logP)
		out.votes = append(out.votes, vote)
		others, picks = append(others, n-1), append(picks, pickOf(n, vote))
	}
	var err error
	if out.law, err = evidence.NewRanks(others); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if out.picks, err = evidence.NewPicks(picks); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	return out, nil
}

// likeliest returns the candidate that ranks first whatever the key planted, −1 where
// there is none.
func likeliest(logP []float64) int {
	for o := range logP {
		if rankOfTwin(logP, o) == 1 {
			return o
		}
	}
	return -1
}

// rankOfTwin returns the rank of a candidate among all of its item. What is missing
// counts against the claim: a twin as more likely, the planted one as less.
func rankOfTwin(logP []float64, planted int) int {
	others := slices.Delete(slices.Clone(logP), planted, planted+1)
	return evidence.TwinRank(logP[planted], others)
}

// pickOf returns an item of n candidates of which the suspect named one. The law's
// counts are rounded up at that one, and down at others.
func pickOf(n, vote int) evidence.Pick {
	p := evidence.Pick{Law: make([]uint32, n), Votes: make([]int, n)}
	over := int((1 << 32) % uint64(n))
	for i := range n {
		o := (i + max(0, vote)) % n
		p.Law[o] = uint32((1 << 32) / uint64(n))
		if i < over {
			p.Law[o]++
		}
	}
	if vote >= 0 {
		p.Votes[vote] = 1
	}
	return p
}

// planted returns the candidates that a key plants.
func (t *rankTest) planted(key keys.Key) ([]int, error) {
	out := make([]int, len(t.items))
	for i, item := range t.items {
		var err error
		if out[i], err = t.book.Option(key, item.Unit()); err != nil {
			return nil, fmt.Errorf("verify: unit %s: %w", item.Unit(), err)
		}
	}
	return out, nil
}

// count returns how many of the planted candidates rank first, and the sum of their
// ranks less one.
func (t *rankTest) count(planted []int) (firsts, excess int, err error) {
	ranks := make([]int, len(planted))
	for i, o := range planted {
		ranks[i] = rankOfTwin(t.logP[i], o)
	}
	if firsts, excess, err = t.law.Count(ranks); err != nil {
		return 0, 0, fmt.Errorf("verify: %w", err)
	}
	return firsts, excess, nil
}

// critical returns the least number of firsts that reaches the level, and whether any
// key could have so many.
func (t *rankTest) critical(level float64) (int, bool) {
	most := t.picks.Len()
	k := sort.Search(most+1, func(k int) bool { return t.law.LogTailFirsts(k) <= level })
	return k, k <= most
}

// rank makes the test under the key of a tree.
func (j *judgement) rank(k KeyPlan, key keys.Key, test Test) (Finding, error) {
	p := j.c.Plan
	f := k.finding(test)
	t, err := j.c.rankTest(j.c.Transcript, k.Tree, test)
	if err != nil {
		return f, err
	}
	if len(p.Twins.Prompts) == 1 || p.Nonce.IsZero() {
		f.Notes = append(f.Notes, "no nonce picked what stands before the candidates: the p-value holds if it was chosen without a look at what the suspect makes of it")
	}
	f.Raw, f.Scored = t.raw, len(t.items)
	if f.Scored == 0 {
		f.Void = append(f.Void, fmt.Sprintf("the book has no twins of tree %s in this half", printable(k.Tree)))
		return f, nil
	}
	if err := j.fillRank(&f, t, key); err != nil {
		return f, err
	}
	for _, name := range p.Controls {
		control, err := j.c.rankTest(j.c.Controls[j.c.control(name)].Transcript, k.Tree, test)
		if err != nil {
			return f, fmt.Errorf("control %q: %w", name, err)
		}
		planted, err := control.planted(key)
		if err != nil {
			return f, err
		}
		firsts, _, err := control.count(planted)
		if err != nil {
			return f, err
		}
		f.convict(ControlFinding{Name: name, Test: f.Test, Scored: len(control.items), LogP: control.law.LogTailFirsts(firsts)}, j.levels)
	}
	return f, nil
}

func (j *judgement) fillRank(f *Finding, t *rankTest, key keys.Key) error {
	planted, err := t.planted(key)
	if err != nil {
		return err
	}
	firsts, excess, err := t.count(planted)
	if err != nil {
		return err
	}
	level := j.levels.of(f)
	f.Statistic, f.LogP, f.LogE = float64(firsts), t.law.LogTailFirsts(firsts), t.picks.LogE(firsts)
	f.LogTail = f.LogP
	if f.Twins = t.finding(planted, excess); f.Twins.Tied == 0 {
		f.Tail = Exact
	}
	f.Effect = evidence.StandardEffect(t.picks.Standard(firsts), f.Scored)
	f.Power = &PowerFinding{Level: level, Power: power}
	if c, ok := t.critical(level); !ok {
		f.Void = append(f.Void, fmt.Sprintf("%d items, %d of them with one likeliest candidate, cannot reach the level 10^%.2f", f.Scored, t.picks.Len(), log10(level)))
	} else {
		f.Power.Attainable = true
		f.Power.Detectable = max(0, (t.picks.Standard(c)-evidence.NormalQuantile(math.Log(power)))/math.Sqrt(float64(f.Scored)))
	}
	return j.decoyTwins(f, t, firsts)
}

// decoyTwins writes what decoy keys say into f: each plants one of every item's
// candidates anew.
func (j *judgement) decoyTwins(f *Finding, t *rankTest, firsts int) error {
	n := j.c.Plan.Decoys
	if n == 0 {
		f.Void = append(f.Void, uncalibrated)
		return nil
	}
	h := blake3.NewDeriveKey(twinDecoys)
	h.Write(j.c.Seal.Digest[:])
	words := bufio.NewReader(h.Digest())
	matches, values := make([]int, n), make([]float64, n)
	for i := range matches {
		for u, vote := range t.votes {
			if drawTwin(words, len(t.logP[u])) == vote {
				matches[i]++
			}
		}
		values[i] = float64(matches[i])
	}
	d, err := t.picks.Decoys(matches)
	if err != nil {
		f.Void = append(f.Void, "decoy keys cannot be compared with the null law: "+err.Error())
		return nil
	}
	j.tell(&Detail{Key: f.Key, Test: f.Test, Z: t.picks.Standard(firsts), Decoys: slices.Clone(d.Z)})
	f.calibrated(d, values, float64(firsts), false, func(c evidence.Calibration) float64 {
		mean := t.picks.Mean()
		return t.law.LogTailFirsts(int(math.Floor(mean + (float64(firsts)-mean)/max(1, c.DispersionLimit))))
	})
	return nil
}

// drawTwin returns a number uniform on [0, n) from an endless stream of words.
func drawTwin(words io.Reader, n int) int {
	over := -uint64(n) % uint64(n) // 2⁶⁴ mod n
	for {
		var b [8]byte
		_, _ = io.ReadFull(words, b[:]) // the stream does not end
		if w := binary.LittleEndian.Uint64(b[:]); w <= ^over {
			return int(w % uint64(n))
		}
	}
}

// finding returns what the ranks of the planted candidates stand on.
func (t *rankTest) finding(planted []int, excess int) *TwinsFinding {
	f := &TwinsFinding{Missing: t.missing, Tied: len(t.items) - t.picks.Len(), Excess: excess,
		ExpectedExcess: t.law.Mean(), LogExcess: t.law.LogTail(excess)}
	for i, item := range t.items {
		f.Expected += 1 / float64(len(item.Options))
		logP, o := t.logP[i], planted[i]
		x := TwinFinding{Unit: item.Unit().String(), Planted: item.Options[o], Rank: rankOfTwin(logP, o), Of: len(logP)}
		best := math.Inf(-1)
		for other, l := range logP {
			if other != o {
				best = max(best, l) // NaN if one is
			}
		}
		if lead := logP[o] - best; !math.IsNaN(lead) {
			x.Lead = lead
		}
		f.Items = append(f.Items, x)
	}
	slices.SortStableFunc(f.Items, func(a, b TwinFinding) int {
		return cmp.Or(cmp.Compare(a.Rank*b.Of, b.Rank*a.Of), cmp.Compare(b.Lead, a.Lead))
	})
	f.Items = f.Items[:min(len(f.Items), mostTwins)]
	return f
}

func (f *TwinsFinding) writeText(p *page) {
	if f == nil {
		return
	}
	for i, x := range f.Items {
		label := ""
		if i == 0 {
			label = "planted"
		}
		p.row(label, "rank %s of %s, lead %+.2f  %s: %s", grouped(x.Rank), grouped(x.Of), x.Lead, printable(x.Unit), printable(x.Planted))
	}
}
