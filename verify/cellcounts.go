package verify

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
)

// treeTest counts what a test of a tree looks at in a transcript, and returns it with
// the number of answers.
func (c *Case) treeTest(t *collect.Transcript, tree string, test Test) (*treeTest, int, error) {
	var reference *collect.Transcript
	if name := c.Plan.Book.Baseline; name != "" {
		reference = c.Controls[c.control(name)].Transcript
	}
	counted, answers, err := c.counted(t, test)
	if err != nil {
		return nil, 0, err
	}
	var base []canary.Count
	if reference != nil {
		if base, _, err = c.counted(reference, test); err != nil {
			return nil, 0, err
		}
	}
	var drawn []canary.Unit
	if test.Reserve > 0 && test.carriers() {
		if drawn, err = c.Book.Draw(tree, test.Reserve, c.Plan.Nonce.Value); err != nil {
			return nil, 0, fmt.Errorf("verify: %w", err)
		}
	}
	out := &treeTest{book: c.Book}
	for _, u := range counted {
		if u.Unit.Tree != tree || u.Unit.Reserve != (test.Reserve > 0) || drawn != nil && !slices.Contains(drawn, u.Unit) {
			continue
		}
		if err := out.add(test, u, base, reference != nil); err != nil {
			return nil, 0, err
		}
	}
	if out.law, err = evidence.NewCells(out.cells); err != nil {
		return nil, 0, fmt.Errorf("verify: %w", err)
	}
	if test.Name == Picks {
		if out.picks, err = evidence.NewPicks(out.votes); err != nil {
			return nil, 0, fmt.Errorf("verify: %w", err)
		}
	}
	return out, answers, nil
}

// lawUses is how many uses the law of a book stands for where there is no reference.
const lawUses = 1 << 20

// add puts a unit in, if the suspect used it often enough.
func (t *treeTest) add(test Test, u canary.Count, base []canary.Count, reference bool) error {
	var uses []int
	if i := slices.IndexFunc(base, func(b canary.Count) bool { return b.Unit == u.Unit }); i >= 0 {
		uses = base[i].Options
	} else if !reference {
		for _, p := range u.Law {
			uses = append(uses, int(uint64(p)*lawUses>>32))
		}
	}
	gains, ok, err := t.gains(test, u, uses)
	if err != nil {
		return fmt.Errorf("verify: unit %s: %w", u.Unit, err)
	}
	if !ok {
		return nil
	}
	if test.Name == Picks {
		t.votes = append(t.votes, evidence.Pick{Law: u.Law, Votes: u.Options})
	}
	t.units = append(t.units, u.Unit)
	t.cells = append(t.cells, evidence.Cell{Law: u.Law, Gains: gains})
	t.uses = append(t.uses, u.N())
	t.share = append(t.share, shares(u.Options))
	t.base = append(t.base, shares(uses))
	return nil
}

// gains returns what each option of a unit adds to the statistic.
func (t *treeTest) gains(test Test, u canary.Count, base []int) ([]float64, bool, error) {
	switch test.Name {
	case Picks: // one vote an item, however often it was asked
		gains := make([]float64, len(u.Options))
		vote, ok := evidence.Plurality(u.Options)
		if ok {
			gains[vote] = 1
		}
		return gains, ok, nil
	case Cohort:
		return tardos(u.Options, base, u.Law), u.N() >= evidence.LeastUses, nil
	}
	return evidence.Gains(u.Options, base)
}

// tardos returns the symmetric score of each symbol of a code word: by how much more
// than the reference the suspect leans to it, the more the rarer it is (B. Škorić, S.
// Katzenbeisser, M. Celik 2008, equations 13 and 14, less a constant).
func tardos(options, base []int, law []uint32) []float64 {
	out := shares(options)
	for o, x := range shares(base) {
		out[o] -= x
	}
	for o := range out {
		p := float64(law[o]) * 0x1p-32
		out[o] /= math.Sqrt(p * (1 - p))
	}
	return out
}

// shares returns the share of each option.
func shares(uses []int) []float64 {
	n := 0
	for _, x := range uses {
		n += x
	}
	out := make([]float64, len(uses))
	for i, x := range uses {
		out[i] = float64(x) / float64(max(1, n))
	}
	return out
}

// counted returns the units that a kind of test looks at, with the options of a
// transcript's answers.
func (c *Case) counted(t *collect.Transcript, test Test) ([]canary.Count, int, error) {
	tally := c.Book.NewTally()
	answers := 0
	items := make(map[string]*canary.Count)
	for i, e := range t.Prompts {
		if e.Status != collect.Complete && e.Status != collect.Refused {
			continue
		}
		answers++
		var err error
		switch test.Name {
		case Picks:
			err = c.pick(items, e)
		case Order:
			c.order(items, e)
		default: // a suspect must not be able to end a case by one byte
			err = tally.Add(canary.Request{Prompt: e.Question}, strings.ToValidUTF8(e.Text, "\uFFFD"))
		}
		if err != nil {
			return nil, 0, fmt.Errorf("verify: answer %d: %w", i, err)
		}
	}
	if test.Name == Cells || test.Name == Cohort {
		return tally.Counts(), answers, nil
	}
	out := make([]canary.Count, 0, len(items))
	for _, n := range items {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b canary.Count) int { return cmp.Compare(a.Unit.String(), b.Unit.String()) })
	return out, answers, nil
}

// garbled returns the number of answers that are not UTF-8.
func garbled(t *collect.Transcript) (n int) {
	for _, e := range t.Prompts {
		if !utf8.ValidString(e.Text) {
			n++
		}
	}
	return n
}

// pick counts an answer to a question that has many.
func (c *Case) pick(items map[string]*canary.Count, e collect.Exchange) error {
	item, ok := c.Book.Asks(e.Question)
	if !ok {
		return nil
	}
	vote := item.Vote(e.Text)
	if vote < 0 {
		return nil
	}
	u := item.Unit()
	n := items[u.String()]
	if n == nil {
		law, err := c.Book.Law(u)
		if err != nil {
			return err
		}
		n = &canary.Count{Unit: u, Law: law, Options: make([]int, len(item.Options))}
		items[u.String()] = n
	}
	n.Options[vote]++
	return nil
}

// fair is the law of the order of two tools.
var fair = []uint32{1 << 31, 1 << 31}

// order counts the order of the tools of an answer that is a message with parallel
// calls; others have none.
func (c *Case) order(items map[string]*canary.Count, e collect.Exchange) {
	found, err := c.Book.ToolOrderings([]byte(e.Text))
	if err != nil { // no message
		return
	}
	for _, o := range found {
		n := items[o.Unit.String()]
		if n == nil {
			n = &canary.Count{Unit: o.Unit, Law: fair, Options: make([]int, 2)}
			items[o.Unit.String()] = n
		}
		n.Options[o.Option]++
	}
}
