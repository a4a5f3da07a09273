package collect

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const passageContext = "dyetrace 2026-11-24 verify passage/1"

// A Passage is a text whose tokens a suspect predicts, each from what comes
// before it. Its slices are not changed while a task that holds it runs.
type Passage struct {
	// Key is the name, in the plan, of the only key that the passage is scored
	// under. Empty: every key. Valid UTF-8.
	Key string
	// Prompt are the tokens before the first position, ids of the marked
	// model's tokenizer, at least 0. May be empty.
	Prompt []int32
	// Tokens are what followed: the positions that are predicted. At least 1.
	Tokens []int32
	// PromptText are the bytes of Prompt, for suspects that read text.
	PromptText string
	// Pieces are the bytes of each token: as many as Tokens, or none.
	Pieces []string
}

// passageLine is the form of a passage in files.
type passageLine struct {
	Key        string       `json:"key,omitempty"`
	Prompt     tokens       `json:"prompt"`
	Tokens     tokens       `json:"tokens"`
	PromptText canon.Text   `json:"prompt_text,omitempty"`
	Pieces     []canon.Text `json:"pieces,omitempty"`
}

// tokens are ids, of which none are [] in JSON and not null.
type tokens []int32

func (t tokens) MarshalJSON() ([]byte, error) {
	if len(t) == 0 {
		return []byte("[]"), nil
	}
	return canon.Encode([]int32(t))
}

// check reports what is wrong with a passage.
func (p *Passage) check() error {
	switch {
	case !utf8.ValidString(p.Key):
		return errors.New("name of the key is not valid UTF-8")
	case len(p.Tokens) == 0:
		return errors.New("passage has 0 tokens, want at least 1")
	case len(p.Pieces) != 0 && len(p.Pieces) != len(p.Tokens):
		return fmt.Errorf("passage has %d pieces, want %d, one for each token, or none", len(p.Pieces), len(p.Tokens))
	}
	for i, id := range p.Prompt {
		if id < 0 {
			return fmt.Errorf("token %d of the passage's prompt is %d, want at least 0", i, id)
		}
	}
	for i, id := range p.Tokens {
		if id < 0 {
			return fmt.Errorf("token %d of the passage is %d, want at least 0", i, id)
		}
	}
	return nil
}

// line returns the passage as a line of a file, without its newline.
func (p *Passage) line() (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	l := passageLine{Key: p.Key, Prompt: p.Prompt, Tokens: p.Tokens, PromptText: canon.Text(p.PromptText)}
	for _, piece := range p.Pieces {
		l.Pieces = append(l.Pieces, canon.Text(piece))
	}
	data, err := canon.Encode(l)
	return string(data), err
}

// Digest names the passage.
func (p *Passage) Digest() (Digest, error) {
	line, err := p.line()
	if err != nil {
		return Digest{}, fmt.Errorf("collect: %w", err)
	}
	return sum(passageContext, []byte(line)), nil
}

// ParsePassage returns the passage that an entry of a frame of passages, or a
// line of a file of them without its newline, describes. It refuses every form
// but the canonical one.
func ParsePassage(line string) (Passage, error) {
	var l passageLine
	if err := canon.Decode([]byte(line), &l); err != nil {
		return Passage{}, fmt.Errorf("collect: passage: %w", err)
	}
	p := Passage{Key: l.Key, Prompt: l.Prompt, Tokens: l.Tokens, PromptText: string(l.PromptText)}
	for _, piece := range l.Pieces {
		p.Pieces = append(p.Pieces, string(piece))
	}
	if err := p.check(); err != nil {
		return Passage{}, fmt.Errorf("collect: %w", err)
	}
	return p, nil
}

// PassageFrame returns the frame of the passages: its prompts are their lines,
// which [ParsePassage] reads. Whoever publishes its digest, then draws a nonce
// and takes what [Frame.Sample] gives has not picked passages for what he knows
// about them.
func PassageFrame(passages []Passage) (*Frame, error) {
	lines := make([]string, len(passages))
	for i := range passages {
		line, err := passages[i].line()
		if err != nil {
			return nil, fmt.Errorf("collect: passage %d of the frame: %w", i, err)
		}
		lines[i] = line
	}
	f, err := NewFrame(lines)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "prompt", "passage"))
	}
	return f, nil
}
