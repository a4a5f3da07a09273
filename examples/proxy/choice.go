package main

import "github.com/dyetrace/dyetrace/canary"

// maxAnswer is how much of a streamed answer is kept for its hash, in bytes.
const maxAnswer = 16 << 20

// A choice is one of the answers to a request, on its way out. Between take and
// take it has text whose plantings are not in the ledger yet; revert gives the
// text as the model wrote it instead.
type choice struct {
	index   int
	planter canary.Planter
	plain   bool // nothing is planted any more
	done    bool // it has ended
	ordered bool // its calls were sent, ordered or not

	out    []byte // what the planter wrote since the last take
	wrote  int64  // what it wrote altogether, in bytes
	tail   []byte // bytes [sent, …) of what the model wrote
	sent   int64
	carry  []byte // half of a pair that the model's next piece may complete
	listed int    // how many of the planter's units were recorded
	fresh  []decision

	answer []byte // as the client has it, for its hash
	long   bool   // longer than maxAnswer: it gets none
	called []byte // names and arguments of calls that were ordered
	leaves []leafRef
}

// A decision is a unit that was planted and has no leaf yet.
type decision struct {
	unit   canary.Unit
	option int
}

// Write takes what the planter writes.
func (c *choice) Write(b []byte) (int, error) {
	c.out = append(c.out, b...)
	c.wrote += int64(len(b))
	return len(b), nil
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
	if _, ok := endsInHigh(text); ok && !c.plain {
		c.carry = append([]byte(nil), text[len(text)-3:]...)
		text = text[:len(text)-3]
	}
	c.feed(text)
}

func (c *choice) feed(text []byte) {
	if c.plain {
		c.out = append(c.out, text...)
		return
	}
	c.tail = append(c.tail, text...)
	_, _ = c.planter.Write(text) // it writes to c, which does not fail
	c.list()
}

// end says that the model wrote nothing more.
func (c *choice) end() {
	if c.done {
		return
	}
	c.done = true
	carry := c.carry
	c.carry = nil
	c.feed(carry)
	if !c.plain {
		_ = c.planter.Close()
		c.list()
	}
}

// list notes what was planted since it was called last.
func (c *choice) list() {
	planted := c.planter.Planted()
	for _, p := range planted[c.listed:] {
		c.fresh = append(c.fresh, decision{p.Unit, p.Option})
	}
	c.listed = len(planted)
}

// take returns the next piece to send, in whole characters, after what was
// planted in it was recorded. The slice is valid until the next call.
func (c *choice) take() []byte {
	n := len(c.out)
	if !c.done {
		n -= incomplete(c.out)
	}
	piece := c.out[:n]
	if c.long = c.long || len(c.answer)+n > maxAnswer; c.long {
		c.answer = nil
	} else {
		c.answer = append(c.answer, piece...)
	}
	c.out = c.out[n:]
	if !c.plain {
		// All that was written behind the last planted form is as it came.
		at := c.wrote - int64(len(c.out))
		if p := c.planter.Planted(); len(p) > 0 {
			last := p[len(p)-1]
			at += last.End - last.NewEnd
		}
		c.tail = c.tail[at-c.sent:]
		c.sent = at
	}
	return piece
}

// revert takes back everything since the last take: what comes next is as the
// model wrote it, and so is the rest.
func (c *choice) revert() {
	c.fresh = nil
	if c.plain {
		return
	}
	c.plain = true
	c.out = append(append(c.out[:0:0], c.tail...), c.carry...)
	c.tail, c.carry = nil, nil
}
