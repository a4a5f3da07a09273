package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// TwinsPlan says what a suspect reads for Rank: every candidate of every twins of the
// book, so that no key is needed and nothing can be picked.
type TwinsPlan struct {
	// Frame is what [TwinsFrame] makes of book, Prompts and tokenizer; a case whose
	// frame is another is refused. Ask is Size over the number of Prompts.
	Frame FramePlan `json:"frame"`
	// Prompts are what may stand before a candidate, [TwinsItem] in them for the name
	// of the item. The nonce picks one of them for all candidates; the first without a
	// nonce. Required, none twice.
	Prompts []string `json:"prompts"`
}

// TwinsItem stands in a prompt of a [TwinsPlan] for the name of the item.
const TwinsItem = "{item}"

// maxCandidates bounds the candidates of an item, as the law of ranks does.
const maxCandidates = 1024

// IsZero reports whether there is none.
func (t TwinsPlan) IsZero() bool { return t.Frame.IsZero() && len(t.Prompts) == 0 }

// TwinsFrame returns the frame of a plan with Rank: for each of the prompts, for each
// twins of the book in its order, one [collect.Passage] a candidate, whose Prompt is
// the prompt and whose Tokens are the candidate, each encoded by itself by the plan's
// tokenizer. A suspect that is asked by ids needs one of the same vocabulary.
//
// It refuses a book without twins, an item with more than 1,024 candidates, and two
// candidates that are the same passage.
func TwinsFrame(book *canary.Book, prompts []string, encode func(text string) []watermark.Token) (*collect.Frame, error) {
	switch {
	case book == nil:
		return nil, errors.New("verify: twins have no book")
	case encode == nil:
		return nil, errors.New("verify: twins have no tokenizer")
	}
	if err := checkPrompts(prompts); err != nil {
		return nil, err
	}
	items := twins(book)
	if len(items) == 0 {
		return nil, fmt.Errorf("verify: book %q has 0 twins, want at least 1", book.Name())
	}
	var passages []collect.Passage
	for _, prompt := range prompts {
		for _, item := range items {
			before := strings.ReplaceAll(prompt, TwinsItem, item.Name)
			if n := len(item.Options); n > maxCandidates {
				return nil, fmt.Errorf("verify: twins %q have %d candidates, want at most %d", item.Name, n, maxCandidates)
			}
			for _, candidate := range item.Options {
				p := collect.Passage{Prompt: encode(before), PromptText: before, Tokens: encode(candidate)}
				if len(p.Prompt) == 0 || len(p.Tokens) == 0 {
					return nil, fmt.Errorf("verify: prompt %q and candidate %q are %d and %d tokens, want at least 1 each", before, candidate, len(p.Prompt), len(p.Tokens))
				}
				passages = append(passages, p)
			}
		}
	}
	f, err := collect.PassageFrame(passages)
	if err != nil {
		return nil, fmt.Errorf("verify: twins: %w", err)
	}
	return f, nil
}

// twins returns the twins of a book, in its order.
func twins(book *canary.Book) []canary.Item {
	return slices.DeleteFunc(book.Items(), func(i canary.Item) bool { return !i.Twins })
}

func checkPrompts(prompts []string) error {
	if len(prompts) == 0 {
		return errors.New("verify: twins have 0 prompts, want at least 1")
	}
	for i, p := range prompts {
		if p == "" || slices.Contains(prompts[:i], p) {
			return fmt.Errorf("verify: prompt %d of the twins is %q, want one that is not empty and that no other is", i, p)
		}
	}
	return nil
}

func (p *Plan) checkTwins() error {
	t := p.Twins
	if ranks := p.uses(func(t Test) bool { return t.Name == Rank }); ranks == t.IsZero() {
		return fmt.Errorf("verify: plan has test %s %t and twins %t, want both or neither", Rank, ranks, !ranks)
	} else if !ranks {
		return nil
	}
	if err := checkPrompts(t.Prompts); err != nil {
		return err
	}
	if err := t.Frame.check("twins"); err != nil {
		return err
	}
	if t.Frame.Ask*len(t.Prompts) != t.Frame.Size {
		return fmt.Errorf("verify: plan asks %d of %d candidates of twins, want those of one of %d prompts, all of them", t.Frame.Ask, t.Frame.Size, len(t.Prompts))
	}
	return nil
}

// pick returns the place of the prompt that the nonce picks.
func (t TwinsPlan) pick(nonce Nonce) (int, error) {
	frame, err := collect.NewFrame(t.Prompts)
	if err != nil {
		return 0, err
	}
	picked, err := frame.Sample(nonce.Value, 1)
	if err != nil {
		return 0, err
	}
	return slices.Index(t.Prompts, picked[0]), nil
}

// candidates returns the passages of twins that are asked, in the order of the frame.
func (p *Plan) candidates(frame *collect.Frame) ([]string, error) {
	all := p.Twins.Frame
	all.Ask = all.Size
	lines, err := all.sample("twins", frame, Nonce{})
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	at, err := p.Twins.pick(p.Nonce)
	if err != nil {
		return nil, fmt.Errorf("verify: twins: %w", err)
	}
	n := p.Twins.Frame.Ask
	return lines[at*n : (at+1)*n], nil
}

// checkTwins refuses a frame of twins that is not the one of book, prompts and
// tokenizer.
func (c *Case) checkTwins() error {
	want := c.Plan.Twins
	if want.IsZero() {
		return nil
	}
	frame, err := TwinsFrame(c.Book, want.Prompts, c.Tokenizer.Encode)
	if err != nil {
		return err
	}
	if frame.Digest() != want.Frame.Digest || frame.Len() != want.Frame.Size {
		return fmt.Errorf("verify: plan has a frame of %d candidates of twins with digest %v, want %d and %v, which book, prompts and tokenizer give",
			want.Frame.Size, want.Frame.Digest, frame.Len(), frame.Digest())
	}
	return nil
}
