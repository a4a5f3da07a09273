package watermark

import "fmt"

// A Text is one answer to look for a mark in.
type Text struct {
	// Prompt is what the answer followed, PromptKnown whether that is known: an
	// unknown prompt is not an empty one. Only marks whose windows reach into
	// the prompt look at them.
	Prompt      []Token
	PromptKnown bool
	// Tokens of the answer, in the ids of the marked model's tokenizer.
	Tokens []Token
}

func (t Text) check() error {
	for i, x := range t.Tokens {
		if x < 0 {
			return fmt.Errorf("watermark: token %d of the text is %d, want 0 to 2^31-1", i, x)
		}
	}
	for i, x := range t.Prompt {
		if x < 0 {
			return fmt.Errorf("watermark: token %d of the prompt is %d, want 0 to 2^31-1", i, x)
		}
	}
	return nil
}

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
}

// at moves to position i of the text. Positions are to be visited in order.
func (k *walker) at(i int) (*lane, verdict) {
	if i < k.head {
		return nil, atHead
	}
	y, what := k.loc.at(k.history[:k.start+i], k.start)
	if what == marked && !k.seen.add(y.reader.Seed(k.history[k.start+i])) {
		what = repeats
	}
	return y, what
}
