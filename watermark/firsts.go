package watermark

import (
	"errors"
	"fmt"
	"iter"
)

// ErrCandidateSeeds is returned where windows have no words of their own: what
// the source hashes depends on the token that follows.
var ErrCandidateSeeds = errors.New("watermark: the source's seeds depend on the token that follows a window")

// Seeds lists what the source hashes for the windows that lie whole in a list of
// tokens, each with the token after it, or after the last with token 0: how to tell
// whether a window occurs there, a prompt say, from which a model may copy what
// followed. It fails for a negative token.
func (w *Watermark) Seeds(tokens []Token) ([]uint64, error) {
	if w.source == nil {
		return nil, errZeroDetector
	}
	if err := (Text{Tokens: tokens}).check(); err != nil {
		return nil, err
	}
	return newLocator(w.gate, true, w).seeds(tokens), nil
}

func (l *locator) seeds(tokens []Token) []uint64 {
	var out []uint64
	for i := l.lanes[0].mark.rules.Width; i <= len(tokens); i++ {
		if y, what := l.at(tokens[:i], 0); what == marked {
			next := Token(0)
			if i < len(tokens) {
				next = tokens[i]
			}
			out = append(out, y.reader.Seed(next))
		}
	}
	return out
}

// FirstWindows lists the positions at which a test may look at what a model
// predicts when it reads texts that were made under the mark: those whose window
// occurs there for the first time in the corpus, in the order of the texts, and not
// in the text's own prompt. The words after such a window are fresh, whatever the
// text before it; those of any later occurrence are not, since a model that has seen
// the first can repeat what followed it. A first occurrence counts as such also where
// it is not listed itself, for its prompt's sake.
//
// Windows are what the source hashes. Unit.Token is the text's own token, which no
// test of predictions may look at. The rest of the positions is counted by reason:
// Repeat after a window of the same text, Skipped of its prompt, Duplicate of another
// text. It fails for a negative token, and with [ErrCandidateSeeds].
func (w *Watermark) FirstWindows(texts []Text) ([]Unit, Dropped, error) {
	var dropped Dropped
	if err := w.checkTexts(texts); err != nil {
		return nil, dropped, err
	}
	first := make(map[uint64]int) // seed of a window to the text where it occurs first
	loc := newLocator(w.gate, true, w)
	var units []Unit
	for n, t := range texts {
		inPrompt := make(map[uint64]bool)
		for _, seed := range loc.seeds(t.Prompt) {
			inPrompt[seed] = true
		}
		for u, y := range w.carried(loc, n, t, &dropped) {
			seed := y.place.Seed
			if seed != y.reader.Seed(u.Token) || seed != y.reader.Seed(0) {
				return nil, Dropped{}, ErrCandidateSeeds
			}
			from, seen := first[seed]
			if !seen {
				first[seed] = n
			}
			switch {
			case inPrompt[seed]:
				dropped.Skipped++
			case !seen:
				units = append(units, u)
			case from == n:
				dropped.Repeat++
			default:
				dropped.Duplicate++
			}
		}
	}
	return units, dropped, nil
}

// Pairs lists the tokens of a corpus that any author may have written: each (window,
// token) pair once, at its first occurrence, or each window once where the rules say
// one per seed. Unlike [Watermark.Units] it does not leave out what follows a window
// that occurred before in the same text: a session marks nothing there, but a model
// that was trained on marked texts does not know that. It fails for a negative token.
func (w *Watermark) Pairs(texts []Text) ([]Unit, Dropped, error) {
	var dropped Dropped
	if err := w.checkTexts(texts); err != nil {
		return nil, dropped, err
	}
	var seen pairTable
	seen.oncePerSeed = w.rules.Read.OnePerSeed
	loc := newLocator(w.gate, true, w)
	var units []Unit
	for n, t := range texts {
		for u, y := range w.carried(loc, n, t, &dropped) {
			if seen.once(y.reader.Seed(u.Token), u.Token) {
				units = append(units, u)
			} else {
				dropped.Duplicate++
			}
		}
	}
	return units, dropped, nil
}

// carried yields the positions of text n that can carry the mark, with the lane
// there, and counts the others.
func (w *Watermark) carried(loc *locator, n int, t Text, dropped *Dropped) iter.Seq2[Unit, *lane] {
	return func(yield func(Unit, *lane) bool) {
		history, start, head := t.Tokens, 0, 0
		if w.rules.Prompt {
			history, start = append(t.Prompt[:len(t.Prompt):len(t.Prompt)], t.Tokens...), len(t.Prompt)
			if !t.PromptKnown {
				head = w.rules.Width - len(t.Prompt)
			}
		}
		for i, token := range t.Tokens {
			end := start + i
			y, what := loc.at(history[:end], start)
			switch {
			case i < head || what == atHead:
				dropped.Head++
			case what != marked:
				dropped.Gated++
			case !yield(Unit{Text: n, Pos: i, Token: token, Window: history[max(0, end-w.rules.Width):end:end]}, y):
				return
			}
		}
	}
}

func (w *Watermark) checkTexts(texts []Text) error {
	if w.source == nil {
		return errZeroDetector
	}
	for n, t := range texts {
		if err := t.check(); err != nil {
			return fmt.Errorf("text %d: %w", n, err)
		}
	}
	return nil
}
