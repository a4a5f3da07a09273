package watermark

import "fmt"

// A Unit is a token that a corpus scores, with the window before it.
type Unit struct {
	Text, Pos int     // index of the text and of the token in it
	Window    []Token // oldest first; not to be changed
	Token     Token
}

// Units lists what a detector would score of the texts, each once, in corpus
// order, at the first occurrence. Windows of the skip texts are left out. The
// list does not depend on words, so that decoys of the mark share it. It fails
// for a negative token. Windows are parts of the texts, which are not to be
// changed while the list is in use.
func (w *Watermark) Units(texts []Text, skip [][]Token) ([]Unit, error) {
	d := w.NewDetector()
	if d.mark == nil {
		return nil, errZeroDetector
	}
	for i, tokens := range skip {
		if err := d.Skip(tokens); err != nil {
			return nil, fmt.Errorf("skipped text %d: %w", i, err)
		}
	}
	for i, t := range texts {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
	}
	if w.rules.Read.OnePerSeed { // which token a seed is scored with is known at the end
		for _, t := range texts {
			for i, y := range d.positions(t) {
				d.pairs.note(y.reader.Seed(t.Tokens[i]), t.Tokens[i])
			}
		}
	}
	var units []Unit
	for n, t := range texts {
		history, start := t.Tokens, 0
		if w.rules.Prompt {
			history, start = append(t.Prompt[:len(t.Prompt):len(t.Prompt)], t.Tokens...), len(t.Prompt)
		}
		for i, y := range d.positions(t) {
			token, end := t.Tokens[i], start+i
			if d.pairs.first(y.reader.Seed(token), token) {
				begin := max(0, end-w.rules.Width)
				units = append(units, Unit{Text: n, Pos: i, Token: token, Window: history[begin:end:end]})
			}
		}
	}
	return units, nil
}

// positions yields the positions of a text that can be scored, with the lane there.
func (d *Detector) positions(t Text) func(func(int, *lane) bool) {
	return func(yield func(int, *lane) bool) {
		d.walk.open(t)
		for i := range t.Tokens {
			y, what := d.walk.at(i)
			if what != marked || d.skipped.slots != nil && d.skipped.has(y.reader.Seed(t.Tokens[i])) {
				continue
			}
			if !yield(i, y) {
				return
			}
		}
	}
}
