package watermark

import "fmt"

// Rules say which positions of an answer a mark is written at and read from. The
// two sides differ for some engines; for the native mark they are the zero value
// but for Width.
type Rules struct {
	// Width is the number of tokens in a window, 1 to 64. Required.
	Width int
	// Pad is the token that fills padded windows. It may be negative.
	Pad Token
	// Prompt says that windows reach into the prompt.
	Prompt bool

	Write WriteRules
	Read  ReadRules
}

// WriteRules are the rules of sessions. The zero value marks no window twice in
// a conversation.
type WriteRules struct {
	Head Head
	// Repeats marks a window each time it occurs. Detectors score it once all
	// the same.
	Repeats bool
	// History is how many positions a repeat is looked for in, the last ones.
	// 0 means all.
	History int
	// MarkedOnly counts a window as seen only if it was drawn with the mark.
	MarkedOnly bool
	// PromptSeen counts the windows of the prompt as seen.
	PromptSeen bool
	// Limit is how many positions of an answer are marked. 0 means all.
	Limit int
}

// ReadRules are the rules of detectors.
type ReadRules struct {
	Head Head
	// OnePerSeed says that a corpus scores a seed once, whatever the token: for
	// sources whose words of one seed depend on each other, such as lists of
	// fixed size. Otherwise a corpus scores each (seed, token) pair once.
	OnePerSeed bool
}

// A Head is what is done at the first positions of an answer, where there are
// fewer than Width tokens before.
type Head uint8

const (
	// HeadPlain leaves them unmarked, or unscored: a padded window is the same
	// in every answer, so that all answers would begin alike.
	HeadPlain Head = iota
	// HeadPadded fills the window with Rules.Pad on its oldest side.
	HeadPadded
	// HeadShort uses the tokens that there are, if any.
	HeadShort
)

const maxWidth = 64

func (r *Rules) check() error {
	if r.Width < 1 || r.Width > maxWidth {
		return fmt.Errorf("watermark: window is %d tokens, want 1 to %d", r.Width, maxWidth)
	}
	for _, h := range []Head{r.Write.Head, r.Read.Head} {
		if h > HeadShort {
			return fmt.Errorf("watermark: head rule is %d, want %d to %d", h, HeadPlain, HeadShort)
		}
	}
	if r.Write.History < 0 {
		return fmt.Errorf("watermark: repeats are looked for in %d positions, want 0 (all) or more", r.Write.History)
	}
	if r.Write.Limit < 0 {
		return fmt.Errorf("watermark: %d positions of an answer are marked, want 0 (all) or more", r.Write.Limit)
	}
	return nil
}

// window returns the window of the position after history, whose answer begins
// at index start, or ok false where the head rule leaves the position alone. It
// uses scratch for padding and may return part of history.
func (r *Rules) window(history []Token, start int, head Head, scratch *[maxWidth]Token) (w []Token, ok bool) {
	if r.Prompt {
		start = 0
	}
	have := history[start:]
	if missing := r.Width - len(have); missing > 0 {
		switch {
		case head == HeadPadded:
			for i := range missing {
				scratch[i] = r.Pad
			}
			return append(scratch[:missing], have...), true
		case head == HeadShort && len(have) > 0:
			return have, true
		}
		return nil, false
	}
	return have[len(have)-r.Width:], true
}
