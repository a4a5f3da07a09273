package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
)

// A leafRef is a planting in the ledger.
type leafRef struct {
	nonce ledger.Nonce
	index int64
}

// An answer is what is planted in one answer of the upstream, which holds one
// choice or several.
type answer struct {
	proxy       *proxy
	plot        *plot
	ledger      *opened
	ask         ask
	account     account
	name        ledger.Pseudonym // of the account
	idempotency string

	choices []*choice
	units   int
	failed  bool // the ledger did not take a leaf
	ended   bool // nothing more is planted, all is said
}

// choice returns the answer with an index.
func (a *answer) choice(index int) *choice {
	for _, c := range a.choices {
		if c.index == index {
			return c
		}
	}
	c := &choice{index: index, plain: a.failed || a.ended}
	if !c.plain {
		if err := c.planter.Reset(c, a.plot.choices, a.ask.request(index)); err != nil || c.planter.Off() {
			c.plain = true
		}
	}
	a.choices = append(a.choices, c)
	return c
}

// record puts what was planted since the last take into the ledger. If that
// fails, the choices are reverted, and nothing more is planted in this answer.
func (a *answer) record(whole bool) {
	var leaves []ledger.Leaf
	var of []*choice
	var err error
	for _, c := range a.choices {
		var output ledger.Digest
		if whole && len(c.fresh) > 0 && err == nil {
			output, err = a.digest(c, c.out)
		}
		for _, leaf := range a.leaves(c, output) {
			if a.idempotency != "" && err == nil {
				leaf.Nonce, err = a.proxy.vendor.retryNonce(a.idempotency, a.account, c.index, leaf)
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
		receipts, err = a.proxy.append(a.ledger, leaves)
	}
	if err != nil {
		a.failed = true
		for _, c := range a.choices {
			c.revert()
		}
		return
	}
	for i, r := range receipts {
		of[i].leaves = append(of[i].leaves, leafRef{r.Leaf.Nonce, r.Index})
	}
	for _, c := range a.choices {
		for _, d := range c.fresh {
			a.proxy.metrics.units.add(d.unit.Tree, 1)
		}
		a.units += len(c.fresh)
		c.fresh = nil
	}
}

// leaves returns the leaves for what was planted in a choice and has none, one
// for each tree.
func (a *answer) leaves(c *choice, output ledger.Digest) []ledger.Leaf {
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
				Kind: ledger.KindPlanting, Epoch: a.proxy.vendor.epoch, KeyID: key, Mode: a.proxy.vendor.mode,
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
func (a *answer) digest(c *choice, rest []byte) (ledger.Digest, error) {
	text := append(c.answer[:len(c.answer):len(c.answer)], rest...)
	return a.proxy.vendor.names.Output(append(text, c.called...))
}

// order returns in which order the calls of a choice are sent, and notes what
// was decided.
func (a *answer) order(c *choice, names []string) []int {
	perm, decided := a.plot.choices.Order(a.ask.request(c.index), names)
	a.note(c, decided)
	return perm
}

func (a *answer) note(c *choice, decided []canary.Ordering) {
	for _, d := range decided {
		c.fresh = append(c.fresh, decision{d.Unit, d.Option})
	}
}

// call appends a call to what the output's hash is of.
func (c *choice) call(name string, arguments []byte) {
	c.called = append(append(append(append(c.called, 0), name...), 0), arguments...)
}

// end puts the hashes of what was sent into the ledger, if leaves name this
// answer that do not say them, and counts the answer.
func (a *answer) end(streamed bool) {
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
		decision = reasonLedger
	}
	a.proxy.metrics.answers.add(decision, 1)
}

func (a *answer) recordOutputs() {
	var leaves []ledger.Leaf
	for _, c := range a.choices {
		if len(c.leaves) == 0 || c.long {
			continue
		}
		d, err := a.digest(c, nil)
		for _, l := range c.leaves {
			leaf := ledger.Leaf{Kind: ledger.KindOutput, Of: l.nonce, Digest: d}
			if a.idempotency != "" && err == nil {
				leaf.Nonce, err = a.proxy.vendor.retryNonce(a.idempotency, a.account, c.index, leaf)
			}
			leaves = append(leaves, leaf)
		}
		if err != nil { // the pseudonyms were erased meanwhile
			a.proxy.metrics.ledgerErrors.Add(1)
			return
		}
	}
	if len(leaves) > 0 {
		_, _ = a.proxy.append(a.ledger, leaves) // counted and logged there
	}
}

// String says what was decided, as an item of RFC 9651.
func (a *answer) String() string {
	if a.units == 0 {
		if a.failed {
			return "plain;reason=" + reasonLedger
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
