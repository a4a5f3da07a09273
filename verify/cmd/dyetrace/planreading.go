package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

func (f *planFlags) applyReading(s study, p *verify.Plan, given map[string]bool) error {
	if given["passages"] {
		passages, err := readPassages(s, p, f.passages)
		if err != nil {
			return err
		}
		frame, err := collect.PassageFrame(passages)
		if err != nil {
			return fmt.Errorf("%s: %w", f.passages, err)
		}
		if err := s.write(frame, 0o644, passagesFile); err != nil {
			return err
		}
		p.Reading.Frame = verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: frame.Len(), Logged: f.logged}
	}
	if given["read"] {
		if f.read < 1 || f.read > p.Reading.Frame.Size {
			return usage(fmt.Errorf("--read is %d, want 1 to %d, the number of passages", f.read, p.Reading.Frame.Size))
		}
		p.Reading.Frame.Ask = f.read
	}
	if given["top"] {
		p.Reading.Top = f.top
	}
	if given["reference"] {
		p.Reading.Reference = f.reference
	}
	if given["age"] {
		p.Reading.Age = f.age
	}
	if given["span"] {
		p.Reading.Span = f.span
	}
	if given["end"] {
		p.Reading.End = &f.end
	}
	return nil
}

// readPassages reads passages in their own form, or texts that the plan's tokenizer
// cuts.
func readPassages(s study, p *verify.Plan, path string) ([]collect.Passage, error) {
	lines, err := readLinesOf("passage", path)
	if err != nil {
		return nil, err
	}
	var tok *tokenizer.Tokenizer
	passages := make([]collect.Passage, len(lines))
	for i, line := range lines {
		if passages[i], err = collect.ParsePassage(line); err == nil {
			continue
		}
		var l struct {
			Key    string `json:"key"`
			Prompt string `json:"prompt"`
			Text   string `json:"text"`
		}
		if jsonErr := json.Unmarshal([]byte(line), &l); jsonErr != nil || l.Text == "" {
			return nil, fmt.Errorf("%s:%d: is neither a passage (%v) nor an object with prompt and text", path, i+1, err)
		}
		if p.Tokenizer.Name == "" {
			return nil, fmt.Errorf("%s:%d: is text: give the --tokenizer of the marked model too", path, i+1)
		}
		if tok == nil {
			if tok, _, err = readTokenizer(s.path(tokenizerFile)); err != nil {
				return nil, err
			}
		}
		q := collect.Passage{Key: l.Key, Prompt: tok.Encode(l.Prompt), PromptText: l.Prompt, Tokens: tok.Encode(l.Text)}
		for _, id := range q.Tokens {
			piece, _ := tok.Piece(id) // of an id that it gave
			q.Pieces = append(q.Pieces, string(piece))
		}
		passages[i] = q
	}
	return passages, nil
}

func (f *planFlags) applyTwins(s study, p *verify.Plan, given map[string]bool) error {
	if given["twins-prompt"] {
		p.Twins.Prompts = f.twins
	}
	if len(p.Twins.Prompts) == 0 {
		return nil
	}
	book, err := s.book(p)
	if err != nil {
		return err
	}
	tok, _, err := s.tokenizer(p)
	if err != nil {
		return err
	}
	if book == nil || tok.Encode == nil {
		return usage(errors.New("--twins-prompt needs --book and --tokenizer: candidates are the book's, cut into tokens"))
	}
	frame, err := verify.TwinsFrame(book, p.Twins.Prompts, tok.Encode)
	if err != nil {
		return err
	}
	logged := p.Twins.Frame.Logged
	if given["logged"] {
		logged = f.logged
	}
	p.Twins.Frame = verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: frame.Len() / len(p.Twins.Prompts), Logged: logged}
	return s.write(frame, 0o644, twinsFile)
}
