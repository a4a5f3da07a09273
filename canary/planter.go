package canary

import (
	"errors"
	"io"
)

// A Planted says what a Planter decided in an answer: that a unit's option stands
// at [Begin, End) of the bytes it was given and at [NewBegin, NewEnd) of those
// that it wrote. Where the model had written that option itself, the bytes are
// equal, and the unit is planted all the same.
type Planted struct {
	Unit             Unit
	Option           int
	Begin, End       int64
	NewBegin, NewEnd int64
}

// A Planter rewrites one answer on its way out. The first use of each unit
// becomes the unit's option, in mode tilt if the coin says so; everything else
// passes through byte for byte: later uses, code, tables, quotations, URLs,
// mathematics, JSON, XML, YAML, patches, refusals, warnings, and carriers that the
// prompt contains. An answer that apologises or refuses within its first 200
// bytes is left alone from there to its end, and so is a carrier behind which that
// stands within what is held back: 63 bytes less the carrier's longest form, 16 at
// least. What was planted still earlier stays: it was written.
//
// Write takes the answer in pieces of any size, split anywhere; the bytes that
// come out are the same. It holds back at most 63 bytes until it can decide about
// them, and nothing after Close. Close does not close the underlying writer.
//
// The zero Planter is off: set one up with Choices.NewPlanter or Reset. A Planter
// that is off passes every Write on as it is and does not allocate. Not safe for
// use by several goroutines at once.
type Planter struct {
	w       io.Writer
	choices *Choices // nil: off
	class   string
	prompt  [32]byte
	scanner scanner
	silent  []uint64
	seen    []uint64
	planted []Planted

	buf   []byte // bytes [base, base+len(buf)) of the answer
	pos   int    // decided and written up to here
	base  int64
	out   []byte
	wrote int64
	err   error
}

var errClosed = errors.New("canary: planter is closed")

// NewPlanter returns a Planter for the answer to one request, which it writes to
// w. With structured output, or if c is nil, the Planter is off.
func (c *Choices) NewPlanter(w io.Writer, r Request) (*Planter, error) {
	p := new(Planter)
	return p, p.Reset(w, c, r)
}

// Reset makes p ready for another answer and keeps its memory. If the request has
// no class in the book, p is off and the error says why: the answer can be served
// through p all the same.
func (p *Planter) Reset(w io.Writer, c *Choices, r Request) error {
	*p = Planter{
		w: w, silent: p.silent[:0], seen: p.seen[:0], planted: p.planted[:0],
		buf: p.buf[:0], out: p.out[:0],
	}
	if c == nil || r.Structured {
		return nil
	}
	class, err := c.book.Classify(r)
	if err != nil {
		return err
	}
	p.choices, p.class = c, class
	prompt := Normalise(r.Prompt)
	p.prompt = promptDigest(prompt)
	p.silent = c.book.silence(prompt, p.silent)
	p.seen = append(p.seen, make([]uint64, (len(c.book.carriers)*c.book.buckets.count()+63)/64)...)
	p.scanner.reset(c.book, p.silent)
	return nil
}

// Off reports whether p passes everything on as it is.
func (p *Planter) Off() bool { return p.choices == nil }

// Planted returns what was planted so far, in the order of the text. The slice
// belongs to p and is valid until the next Write or Reset.
func (p *Planter) Planted() []Planted { return p.planted }

// piece is how much of a Write is looked at at once, in bytes.
const piece = 16 << 10

// Write takes the next bytes of the answer. It returns an error of the underlying
// writer, after which nothing more is written.
func (p *Planter) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if p.choices == nil {
		if p.w == nil {
			return 0, errClosed
		}
		return p.w.Write(b)
	}
	for done := 0; done < len(b); {
		n := min(piece, len(b)-done)
		p.buf = append(p.buf, b[done:done+n]...)
		done += n
		if err := p.scan(false); err != nil {
			return done, err
		}
	}
	return len(b), nil
}

// Close decides about the bytes that were held back and writes them. It may be
// called twice.
func (p *Planter) Close() error {
	if p.err == errClosed {
		return nil
	}
	if p.choices != nil && p.err == nil {
		_ = p.scan(true)
	}
	err := p.err
	p.err = errClosed
	return err
}

// scan reads what is there, and writes what is decided.
func (p *Planter) scan(eof bool) error {
	written := p.pos
	for {
		var u use
		next, outcome := p.scanner.next(p.buf, p.pos, p.base == 0, eof, &u)
		p.pos = next
		if outcome != found {
			break
		}
		if stop := p.plant(&u, written); stop >= 0 {
			written = stop
		}
	}
	p.out = append(p.out, p.buf[written:p.pos]...)
	if len(p.out) > 0 {
		n, err := p.w.Write(p.out)
		p.wrote += int64(n)
		if err == nil && n < len(p.out) {
			err = io.ErrShortWrite
		}
		p.out = p.out[:0]
		p.err = err
	}
	if drop := p.pos - lookBehind - 16; drop > 0 {
		p.buf = append(p.buf[:0], p.buf[drop:]...)
		p.pos -= drop
		p.base += int64(drop)
	}
	return p.err
}

// plant writes a use, and what stands before it from buf[written] on, if its unit
// is planted here. It returns where the next copy begins, −1 if it wrote nothing.
func (p *Planter) plant(u *use, written int) int {
	b := p.choices.book
	id := b.first(p.seen, p.class, u)
	if id < 0 {
		return -1
	}
	option := int(p.choices.options[id])
	if option < 0 || !p.choices.coin(&p.prompt, b.units[id]) {
		return -1
	}
	p.out = append(p.out, p.buf[written:u.article]...)
	c := &b.carriers[u.carrier]
	change := option != int(u.form)
	if change && u.article < u.begin {
		p.out = append(p.out, p.buf[u.article]) // a or A
		if c.render[option][0].an {
			p.out = append(p.out, 'n')
		}
		p.out = append(p.out, ' ')
	} else {
		p.out = append(p.out, p.buf[u.article:u.begin]...)
	}
	at := p.wrote + int64(len(p.out))
	if change {
		form := &c.render[option][0]
		if u.capital {
			form = &c.render[option][1]
		}
		if p.scanner.curly {
			p.out = append(p.out, form.curly...)
		} else {
			p.out = append(p.out, form.text...)
		}
	} else {
		p.out = append(p.out, p.buf[u.begin:u.end]...)
	}
	p.planted = append(p.planted, Planted{
		Unit: b.units[id], Option: option,
		Begin: p.base + int64(u.begin), End: p.base + int64(u.end),
		NewBegin: at, NewEnd: p.wrote + int64(len(p.out)),
	})
	return u.end
}
