package watermark

// aheadWindows is how many windows a reader is told of ahead, and aheadTokens how
// many positions are looked at to find them: of a layer, few are its own.
const (
	aheadWindows = 8
	aheadTokens  = 32
)

// A walker visits the positions of texts as a session of the mark would have
// drawn them: whatever such a session draws plainly, it passes over.
type walker struct {
	loc     *locator
	rules   *Rules
	seen    seedSet
	joined  []Token // prompt and answer, for marks that reach into the prompt
	history []Token
	start   int // index in history where the answer begins
	head    int // positions of the answer before it cannot be scored

	// Positions found ahead: of index i of the answer at ahead[i−from].
	ahead   [aheadTokens]foundAhead
	from    int
	until   int
	gated   int // positions whose gates are known ahead end here
	windows [aheadWindows][]Token
}

type foundAhead struct {
	window []Token
	what   verdict
}

func newWalker(w *Watermark) *walker {
	return &walker{loc: newLocator(w.gate, true, w), rules: &w.rules}
}

// open begins a text. Its positions are 0 to len(t.Tokens)−1.
func (k *walker) open(t Text) {
	k.history, k.start, k.head = t.Tokens, 0, 0
	if k.rules.Prompt {
		k.joined = append(append(k.joined[:0], t.Prompt...), t.Tokens...)
		k.history, k.start = k.joined, len(t.Prompt)
		if !t.PromptKnown {
			k.head = k.rules.Width - len(t.Prompt)
		}
	}
	k.seen.reset(len(t.Tokens))
	k.from, k.until = 0, 0
	k.loc.lanes[0].reader.Ahead(nil)
	k.gatesAhead(0)
}

// at moves to position i of the text. Positions are to be visited in order.
func (k *walker) at(i int) (*lane, verdict) {
	if i < k.head {
		return nil, atHead
	}
	if i >= k.until {
		k.look(i)
	}
	f := &k.ahead[i-k.from]
	if f.what != marked {
		return nil, f.what
	}
	y, what := k.loc.lanes[0].seek(f.window)
	if what == marked && !k.seen.add(y.reader.Seed(k.history[k.start+i])) {
		what = repeats
	}
	return y, what
}

// look finds the positions from i on and tells the reader of their windows.
func (k *walker) look(i int) {
	k.from = i
	n := 0
	for i < len(k.history)-k.start && i-k.from < aheadTokens && n < aheadWindows {
		if i >= k.gated {
			k.gatesAhead(i)
		}
		_, window, what := k.loc.find(k.history[:k.start+i], k.start)
		k.ahead[i-k.from] = foundAhead{window, what}
		i++
		if what == marked && len(window) < k.rules.Width || k.start+i-1 < k.rules.Width {
			break // padded windows share their memory: one at a time
		}
		if what == marked {
			k.windows[n] = window
			n++
		}
	}
	k.until = i
	k.loc.lanes[0].reader.Ahead(k.windows[:n])
}

// gatesAhead tells the gate of the windows at positions i and on.
func (k *walker) gatesAhead(i int) {
	g := k.loc.gate
	if g == nil {
		k.gated = len(k.history)
		return
	}
	var windows [aheadWindows][]Token
	n := 0
	for ; n < aheadWindows && i < len(k.history)-k.start; i++ {
		if end := k.start + i; i >= g.width {
			windows[n] = k.history[end-g.width : end]
			n++
		}
	}
	k.gated = i
	k.loc.gates.Ahead(windows[:n])
}
