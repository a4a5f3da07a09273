package watermark

import "fmt"

// Rules say which positions of an answer a mark is written at and read from.
type Rules struct {
	// Width is the number of tokens in a window, 1 to 64. Required.
	Width int
	// Head is what is done where an answer has fewer than Width tokens so far.
	Head Head
	// Pad is the token that fills windows at the head, for HeadPadded.
	Pad Token
	// Prompt says that windows reach into the prompt.
	Prompt bool
	// Repeats says that a window that occurred before in an answer is marked and
	// scored again. The p-value of repetitive text is then not valid: it is for
	// writing as some engines do.
	Repeats bool
	// OnePerSeed says that a corpus scores a seed once, whatever the token: for
	// sources whose words of one seed depend on each other, such as lists of
	// fixed size. Otherwise a corpus scores each (seed, token) pair once.
	OnePerSeed bool
}

// A Head is what is done at the first positions of an answer.
type Head uint8

const (
	// HeadPlain leaves them unmarked: a padded window is the same in every
	// answer, so that all answers would begin alike.
	HeadPlain Head = iota
	// HeadPadded fills the window with Rules.Pad on its oldest side.
	HeadPadded
	// HeadShort uses the tokens that there are, if any.
	HeadShort
)

const maxWidth = 64

func (r Rules) check() error {
	if r.Width < 1 || r.Width > maxWidth {
		return fmt.Errorf("watermark: window is %d tokens, want 1 to %d", r.Width, maxWidth)
	}
	if r.Head > HeadShort {
		return fmt.Errorf("watermark: head rule is %d, want %d to %d", r.Head, HeadPlain, HeadShort)
	}
	return nil
}

// window returns the window of the position after history, whose answer begins
// at index start, or ok false where the rules leave the position plain. It uses
// scratch for padding and may return part of history.
func (r *Rules) window(history []Token, start int, scratch *[maxWidth]Token) (w []Token, ok bool) {
	if r.Prompt {
		start = 0
	}
	if have := len(history) - start; have < r.Width {
		return r.short(history[start:], scratch)
	}
	return history[len(history)-r.Width:], true
}

func (r *Rules) short(have []Token, scratch *[maxWidth]Token) ([]Token, bool) {
	switch {
	case r.Head == HeadPadded:
		pad := scratch[:r.Width-len(have)]
		for i := range pad {
			pad[i] = r.Pad
		}
		return append(pad, have...), true
	case r.Head == HeadShort && len(have) > 0:
		return have, true
	}
	return nil, false
}
