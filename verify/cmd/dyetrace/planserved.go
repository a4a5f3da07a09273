package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark"
)

// servedLine is a served answer in a file, as in a bundle.
type servedLine struct {
	Prompt      []int32 `json:"prompt,omitempty"`
	PromptKnown bool    `json:"prompt_known,omitempty"`
	Tokens      []int32 `json:"tokens"`
}

func (f *planFlags) applyServed(s study, p *verify.Plan, given map[string]bool) error {
	if given["served"] {
		texts, err := readServed(s, p, f.served)
		if err != nil {
			return err
		}
		var b strings.Builder
		for _, t := range texts {
			line, err := canon.Encode(servedLine{t.Prompt, t.PromptKnown, t.Tokens})
			if err != nil {
				return err
			}
			b.Write(append(line, '\n'))
		}
		if err := s.writeBytes([]byte(b.String()), servedFile); err != nil {
			return err
		}
		p.Served = verify.ServedPlan{Digest: verify.ServedDigest(texts), Texts: len(texts)}
	}
	if given["served-logged"] {
		p.Served.Logged = f.servedLogged
	}
	return nil
}

// readServed reads served answers: tokens, or texts that the plan's tokenizer reads. A
// prompt that is text is not known in tokens: what a chat template made of it is not said.
func readServed(s study, p *verify.Plan, path string) ([]watermark.Text, error) {
	lines, err := readLinesOf("served answer", path)
	if err != nil {
		return nil, err
	}
	var encode func(string) []int32
	texts := make([]watermark.Text, len(lines))
	for i, line := range lines {
		var l struct {
			servedLine
			Prompt promptIDs `json:"prompt"`
			Text   *string   `json:"text"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		switch {
		case l.Tokens == nil && l.Text == nil:
			return nil, fmt.Errorf("%s:%d: has neither tokens nor text", path, i+1)
		case l.Tokens == nil:
			if encode == nil {
				t, _, err := s.tokenizer(p)
				if err != nil {
					return nil, err
				}
				if encode = t.Encode; encode == nil {
					return nil, fmt.Errorf("%s:%d: is text: give the --tokenizer of the marked model too", path, i+1)
				}
			}
			l.Tokens = encode(*l.Text)
		}
		texts[i] = watermark.Text{Prompt: l.Prompt, PromptKnown: l.PromptKnown, Tokens: l.Tokens}
	}
	return texts, nil
}

// promptIDs are the tokens of a prompt, none if it is text.
type promptIDs []int32

func (p *promptIDs) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return nil
	}
	return json.Unmarshal(data, (*[]int32)(p))
}

// served reads the served answers that the plan names.
func (s study) served(p *verify.Plan) ([]watermark.Text, error) {
	if p.Served.IsZero() {
		return nil, nil
	}
	texts, err := readServed(s, p, s.path(servedFile))
	if err != nil {
		return nil, err
	}
	if got := verify.ServedDigest(texts); got != p.Served.Digest {
		return nil, invalid(fmt.Errorf("%s has digest %.12s…, want %.12s… as the plan says: it was changed", s.path(servedFile), got, p.Served.Digest))
	}
	return texts, nil
}
