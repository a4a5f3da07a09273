package planting

import (
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
)

// maxAnswer is how much of a streamed answer is kept for its hash, in bytes.
const maxAnswer = 16 << 20

// A Choice is one of the answers to a request, on its way out. Between Take and
// Take it has text whose plantings are not in the ledger yet; Revert gives the
// text as the model wrote it instead. It is for one goroutine.
type Choice struct {
	index   int
	planter canary.Planter
	plain   bool // nothing is planted any more
	done    bool // it has ended

	out    []byte // what the planter wrote since the last Take
	wrote  int64  // what it wrote altogether, in bytes
	tail   []byte // bytes [sent, …) of what the model wrote
	sent   int64
	listed int // how many of the planter's units were recorded
	fresh  []decision

	answer []byte // as the client has it, for its hash
	long   bool   // longer than maxAnswer: it gets none
	called []byte // names and arguments of calls that were ordered
	leaves []leafRef
}

// Index returns the choice's number in its answer.
func (c *Choice) Index() int { return c.index }

// Plain reports whether nothing is planted any more.
func (c *Choice) Plain() bool { return c.plain }

// Done reports whether the choice has ended.
func (c *Choice) Done() bool { return c.done }

// A decision is a unit that was planted and has no leaf yet.
type decision struct {
	unit   canary.Unit
	option int
}

// Feed takes the next piece of what the model wrote.
func (c *Choice) Feed(text []byte) {
	if c.plain {
		c.out = append(c.out, text...)
		return
	}
	c.tail = append(c.tail, text...)
	_, _ = c.planter.Write(text) // it writes to the choice, which does not fail
	c.list()
}

// Pass takes text that came after the end: it is sent as it is.
func (c *Choice) Pass(text []byte) {
	c.plain = true
	c.out = append(c.out, text...)
}

// End says that the model wrote nothing more.
func (c *Choice) End() {
	if c.done {
		return
	}
	c.done = true
	if !c.plain {
		_ = c.planter.Close()
		c.list()
	}
}

// A sink takes what the planter of a choice writes.
type sink struct{ c *Choice }

// Write implements io.Writer.
func (s sink) Write(b []byte) (int, error) {
	s.c.out = append(s.c.out, b...)
	s.c.wrote += int64(len(b))
	return len(b), nil
}

// list notes what was planted since it was called last.
func (c *Choice) list() {
	planted := c.planter.Planted()
	for _, p := range planted[c.listed:] {
		c.fresh = append(c.fresh, decision{p.Unit, p.Option})
	}
	c.listed = len(planted)
}

// Take returns the next piece to send, in whole characters, after what was
// planted in it was recorded. The slice is valid until the next call.
func (c *Choice) Take() []byte {
	n := len(c.out)
	if !c.done {
		n -= Incomplete(c.out)
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

// Revert takes back everything since the last Take: what comes next is as the
// model wrote it, and so is the rest.
func (c *Choice) Revert() {
	c.fresh = nil
	if c.plain {
		return
	}
	c.plain = true
	c.out = append(c.out[:0:0], c.tail...)
	c.tail = nil
}

// Incomplete returns how many bytes at the end of text begin a character that
// does not end there.
func Incomplete(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if c := text[len(text)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(text[len(text)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
