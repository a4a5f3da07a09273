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
