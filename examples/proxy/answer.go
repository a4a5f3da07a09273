package main

import "github.com/dyetrace/dyetrace/examples/internal/planting"

// An answer is what is planted in one answer of the upstream, which holds one
// choice or several.
type answer struct {
	*planting.Answer
	order   bool // calls of tools may be parallel
	metrics *metrics
	choices []*choice
}

// A choice is one of the answers to a request, as JSON brings it: in pieces that may
// end within a pair of surrogates.
type choice struct {
	*planting.Choice
	carry   []byte // half of a pair that the model's next piece may complete
	ordered bool   // its calls were sent, ordered or not
}

// choice returns the answer with an index.
func (a *answer) choice(index int) *choice {
	for _, c := range a.choices {
		if c.Index() == index {
			return c
		}
	}
	c := &choice{Choice: a.Choice(index)}
	a.choices = append(a.choices, c)
	return c
}

// record puts what was planted since the last take into the ledger. If that
// fails, the choices are reverted, and nothing more is planted in this answer.
func (a *answer) record(whole bool) {
	a.Record(whole)
	if a.Failed() {
		for _, c := range a.choices {
			c.drop()
		}
	}
}

// add takes the next piece of what the model wrote.
func (c *choice) add(text []byte) {
	if len(c.carry) > 0 {
		if u, ok := surrogate(text); ok && u >= 0xdc00 {
			text = append(appendUnit(c.carry, u), text[3:]...)
		} else {
			text = append(c.carry, text...)
		}
		c.carry = nil
	}
	if _, ok := endsInHigh(text); ok && !c.Plain() {
		c.carry = append([]byte(nil), text[len(text)-3:]...)
		text = text[:len(text)-3]
	}
	c.Feed(text)
}

// end says that the model wrote nothing more.
func (c *choice) end() {
	if c.Done() {
		return
	}
	c.drop()
	c.End()
}

// drop waits no longer for the other half of a pair.
func (c *choice) drop() {
	carry := c.carry
	c.carry = nil
	c.Feed(carry)
}

// revert takes back everything since the last take: what comes next is as the
// model wrote it, and so is the rest.
func (c *choice) revert() {
	c.Revert()
	c.drop()
}
