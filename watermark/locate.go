package watermark

import "github.com/dyetrace/dyetrace/watermark/internal/prf"

// A locator finds, for a position, the mark that it is given to and the seed of
// its window: the one rule by which sessions, detectors and scorers go.
type locator struct {
	gate  *gate       // nil: one mark for every window
	gates *prf.Reader // of the gate's values, nil without a gate
	lanes []lane
	reads bool // by the rules of reading, else of writing
	pad   [maxWidth]Token
}

// A lane is a mark with an open reader.
type lane struct {
	mark   *Watermark
	reader Reader
	place  Place // where the reader stands
}

func newLocator(g *gate, reads bool, marks ...*Watermark) *locator {
	l := &locator{gate: g, reads: reads}
	if g != nil {
		l.gates = g.key().NewGate()
	}
	for _, m := range marks {
		l.lanes = append(l.lanes, lane{mark: m, reader: m.source.Open()})
	}
	return l
}

// clone returns a locator with readers of its own.
func (l *locator) clone() *locator {
	var marks []*Watermark
	for _, y := range l.lanes {
		marks = append(marks, y.mark)
	}
	return newLocator(l.gate, l.reads, marks...)
}

// A verdict says what is to be done with a position.
type verdict uint8

const (
	marked  verdict = iota
	atHead          // too few tokens before it
	gated           // another layer's, or its source says that it carries no mark
	repeats         // its window occurred before
)

// at moves to the position after history, whose answer begins at index start.
// It returns the lane of the position, at its place, and whether it can be
// marked: repeats are for the caller to know. The lane is nil at other verdicts.
func (l *locator) at(history []Token, start int) (*lane, verdict) {
	y, window, what := l.find(history, start)
	if what == marked {
		return y.seek(window)
	}
	return nil, what
}

// find is [locator.at] without moving there.
func (l *locator) find(history []Token, start int) (*lane, []Token, verdict) {
	y := &l.lanes[0]
	if l.gate != nil {
		if len(history)-start < l.gate.width {
			return nil, nil, atHead
		}
		layer := l.gate.layer(l.gates.Seek(history[len(history)-l.gate.width:]))
		if y = l.lane(layer); y == nil {
			return nil, nil, gated
		}
	}
	head := y.mark.rules.Write.Head
	if l.reads {
		head = y.mark.rules.Read.Head
	}
	window, ok := y.mark.rules.window(history, start, head, &l.pad)
	if !ok {
		return nil, nil, atHead
	}
	return y, window, marked
}

func (y *lane) seek(window []Token) (*lane, verdict) {
	var ok bool
	if y.place, ok = y.reader.Seek(window); !ok {
		return nil, gated
	}
	return y, marked
}

// counted returns the seed that the position after history counts as seen with,
// if it does. It may leave a reader elsewhere than [locator.at].
func (l *locator) counted(history []Token, start int) (seed uint64, ok bool) {
	y := &l.lanes[0]
	if rules := y.mark.rules; rules.Write.PromptSeen {
		rules.Prompt = true
		window, _ := rules.window(history, start, HeadPadded, &l.pad)
		place, ok := y.reader.Seek(window)
		return place.Seed, ok
	}
	y, what := l.at(history, start)
	if what != marked {
		return 0, false
	}
	return y.place.Seed, true
}

func (l *locator) lane(layer int) *lane {
	for i := range l.lanes {
		if l.lanes[i].mark.layer == layer {
			return &l.lanes[i]
		}
	}
	return nil
}

// same reports whether two locators are of equal marks.
func (l *locator) same(o *locator) bool {
	if len(l.lanes) != len(o.lanes) {
		return false
	}
	for i := range l.lanes {
		if a, b := l.lanes[i].mark, o.lanes[i].mark; a != b && a.ID() != b.ID() {
			return false
		}
	}
	return true
}
