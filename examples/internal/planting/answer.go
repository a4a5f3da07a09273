package planting

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// A leafRef is a planting in the ledger.
type leafRef struct {
	nonce ledger.Nonce
	index int64
}

// An Answer is what is planted in one answer, which holds one choice or several.
// It is for one goroutine.
type Answer struct {
	garden  *Garden
	plot    *Plot
	ledger  *Opened
	request Request
	name    ledger.Pseudonym // of the account

	choices []*Choice
	units   int
	failed  bool // the ledger did not take a leaf
	ended   bool // nothing more is planted, all is said
}

// Choice returns the choice with an index.
func (a *Answer) Choice(index int) *Choice {
	for _, c := range a.choices {
		if c.index == index {
			return c
		}
	}
	c := &Choice{index: index, plain: a.failed || a.ended}
	if !c.plain {
		if err := c.planter.Reset(sink{c}, a.plot.Choices, a.request.Of(index)); err != nil || c.planter.Off() {
			c.plain = true
		}
	}
	a.choices = append(a.choices, c)
	return c
}

// Orders reports whether calls of tools are ordered.
func (a *Answer) Orders() bool { return a.plot.Orders && !a.failed }

// Units returns how many units are in the ledger.
func (a *Answer) Units() int { return a.units }

// Failed reports whether the ledger did not take a leaf: nothing more is planted.
func (a *Answer) Failed() bool { return a.failed }

// Record puts what was planted since the last Take into the ledger. If that
// fails, the choices are reverted, and nothing more is planted in this answer. Whole
// says that the choices hold all of their texts: then no other leaf has their
// hashes.
func (a *Answer) Record(whole bool) {
	var leaves []ledger.Leaf
	var of []*Choice
	var err error
	for _, c := range a.choices {
		var output ledger.Digest
		if whole && len(c.fresh) > 0 && err == nil {
			output, err = a.digest(c, c.out)
		}
		for _, leaf := range a.leaves(c, output) {
			if a.request.Idempotency != "" && err == nil {
				leaf.Nonce, err = a.garden.Vendor.retryNonce(a.request.Idempotency, a.request.Account, c.index, leaf)
			}
			leaves = append(leaves, leaf)
			of = append(of, c)
		}
	}
	if len(leaves) == 0 {
		return
	}
	var receipts []ledger.Receipt
	if err == nil {
		receipts, err = a.garden.append(a.ledger, leaves)
	}
	if err != nil {
		a.failed = true
		for _, c := range a.choices {
			c.Revert()
		}
		return
	}
	for i, r := range receipts {
		of[i].leaves = append(of[i].leaves, leafRef{r.Leaf.Nonce, r.Index})
	}
	for _, c := range a.choices {
		for _, d := range c.fresh {
			a.garden.Metrics.Units.Add(d.unit.Tree, 1)
		}
		a.units += len(c.fresh)
		c.fresh = nil
	}
}

// leaves returns the leaves for what was planted in a choice and has none, one
// for each tree.
func (a *Answer) leaves(c *Choice, output ledger.Digest) []ledger.Leaf {
	var leaves []ledger.Leaf
	for _, d := range c.fresh {
		key := a.plot.keys[d.unit.Tree]
		unit := ledger.Unit{Unit: ledger.UnitNumber(d.unit.String()), Option: uint32(d.option)}
		i := slices.IndexFunc(leaves, func(l ledger.Leaf) bool {
			return l.KeyID == key && len(l.Units) < ledger.MaxUnits && !slices.ContainsFunc(l.Units, func(u ledger.Unit) bool { return u.Unit == unit.Unit })
		})
		if i < 0 {
			i = len(leaves)
			leaves = append(leaves, ledger.Leaf{
				Kind: ledger.KindPlanting, Epoch: a.garden.Vendor.Epoch, KeyID: key, Mode: a.garden.Vendor.mode,
				Cohort: a.plot.cohort, Account: a.name, Output: output,
			})
		}
		leaves[i].Units = append(leaves[i].Units, unit)
	}
	for _, l := range leaves {
		slices.SortFunc(l.Units, func(x, y ledger.Unit) int { return cmp.Compare(x.Unit, y.Unit) })
	}
	return leaves
}

// digest is the keyed hash of a choice as the client has it: its text and, if
// calls of tools were ordered, for each call in the order sent a NUL, its name,
// a NUL and its arguments.
func (a *Answer) digest(c *Choice, rest []byte) (ledger.Digest, error) {
	text := append(c.answer[:len(c.answer):len(c.answer)], rest...)
	return a.garden.Vendor.Names.Output(append(text, c.called...))
}

// Order returns in which order the calls of a choice are sent: the call that comes
// i-th is names[perm[i]]. It reports whether a key decided about any.
func (a *Answer) Order(c *Choice, names []string) (perm []int, decided bool) {
	perm, by := a.plot.Choices.Order(a.request.Of(c.index), names)
	for _, d := range by {
		c.fresh = append(c.fresh, decision{d.Unit, d.Option})
	}
	return perm, len(by) > 0
}

// Called appends a call to what the output's hash is of.
func (c *Choice) Called(name string, arguments []byte) {
	c.called = append(append(append(append(c.called, 0), name...), 0), arguments...)
}

// End puts the hashes of what was sent into the ledger, if leaves name this
// answer that do not say them, and counts the answer. It may be called twice.
func (a *Answer) End(streamed bool) {
	if a.ended {
		return
	}
	a.ended = true
	if streamed {
		a.recordOutputs()
	}
	decision := "nothing"
	switch {
	case a.units > 0:
		decision = "planted"
	case a.failed:
		decision = ReasonLedger
	}
	a.garden.Metrics.Answers.Add(decision, 1)
}

func (a *Answer) recordOutputs() {
	var leaves []ledger.Leaf
	for _, c := range a.choices {
		if len(c.leaves) == 0 || c.long {
			continue
		}
		d, err := a.digest(c, nil)
		for _, l := range c.leaves {
			leaf := ledger.Leaf{Kind: ledger.KindOutput, Of: l.nonce, Digest: d}
			if a.request.Idempotency != "" && err == nil {
				leaf.Nonce, err = a.garden.Vendor.retryNonce(a.request.Idempotency, a.request.Account, c.index, leaf)
			}
			leaves = append(leaves, leaf)
		}
		if err != nil { // the pseudonyms were erased meanwhile
			a.garden.Metrics.LedgerErrors.Add(1)
			return
		}
	}
	if len(leaves) > 0 {
		_, _ = a.garden.append(a.ledger, leaves) // counted and logged there
	}
}

// String says what was decided, as an item of RFC 9651.
func (a *Answer) String() string {
	if a.units == 0 {
		if a.failed {
			return "plain;reason=" + ReasonLedger
		}
		return "nothing"
	}
	var indexes []string
	for _, c := range a.choices {
		for _, l := range c.leaves {
			indexes = append(indexes, fmt.Sprint(l.index))
		}
	}
	return fmt.Sprintf("planted;units=%d;leaves=%q", a.units, strings.Join(indexes, " "))
}
