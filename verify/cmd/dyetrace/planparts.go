package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// readPrompts reads prompts, one a line, or a field of JSON lines.
func readPrompts(path, field string) ([]string, error) {
	lines, err := readLinesOf("prompt", path)
	if err != nil || !strings.HasSuffix(path, ".jsonl") && !strings.HasSuffix(path, ".ndjson") {
		return lines, err
	}
	in := &inputs{field: field}
	for i, line := range lines {
		if strings.HasPrefix(line, `"`) { // a frame
			if err := json.Unmarshal([]byte(line), &lines[i]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
			continue
		}
		d := document{file: path, number: i + 1, line: []byte(line)}
		if err := in.parse(&d); err != nil {
			return nil, errors.New(strings.ReplaceAll(err.Error(), "--field", "--prompt-field"))
		}
		if lines[i] = d.text; d.isIDs {
			return nil, fmt.Errorf("%s:%d: field %q is a list, want a text", path, i+1, field)
		}
	}
	return lines, nil
}

func (f *planFlags) applyBook(s study, p *verify.Plan, given map[string]bool) error {
	if given["book"] {
		b, err := canary.ReadFile(f.book)
		if err != nil {
			return err
		}
		p.Book.Name, p.Book.Hash = b.Name(), b.Hash()
		if err := s.writeBytes(b.Text(), bookFile); err != nil {
			return err
		}
		given["tree"] = true // its keys
	}
	if given["baseline"] {
		p.Book.Baseline = f.baseline
	}
	return nil
}

// checkTask checks that the study has what its plan names.
func (s study) checkTask(p *verify.Plan) error {
	frames, err := s.frames(p)
	if err != nil {
		return err
	}
	if _, err := p.Task(frames); err != nil {
		return invalid(err)
	}
	if _, _, err := s.tokenizer(p); err != nil {
		return err
	}
	if _, err := s.book(p); err != nil {
		return err
	}
	_, err = s.served(p)
	return err
}

func (f *planFlags) applyPlain(_ study, p *verify.Plan, given map[string]bool) error {
	set := func(name string, apply func()) {
		if given[name] {
			apply()
		}
	}
	set("suspect", func() { p.Suspect = f.suspect })
	set("sequence", func() { p.Sequence = f.sequence })
	set("earlier", func() { p.Earlier = f.earlier })
	set("alpha", func() { p.Alpha = f.alpha })
	set("decoys", func() { p.Decoys = f.decoys })
	set("missing", func() { p.Void.Missing = f.missing })
	set("one-model", func() { p.Void.OneModel = f.oneModel })
	set("same-probes", func() { p.Void.SameProbes = f.sameProbes })
	set("probe", func() { p.Probes = f.probes })
	set("control", func() { p.Controls = f.controls })
	set("correction", func() { p.Correction = verify.Correction(f.correction) })
	set("nonce-source", func() { p.Nonce.Source = f.nonceSource })
	if p.Suspect == "" {
		return usage(errors.New("a new plan needs --suspect, the name of the model under test"))
	}
	if given["nonce"] {
		d, err := collect.ParseDigest(strings.ToLower(f.nonce))
		if err != nil {
			return usage(fmt.Errorf("--nonce is %.80q, want 64 hexadecimal digits, such as a beacon's randomness or the hash of a block", f.nonce))
		}
		p.Nonce.Value = d
	}
	if p.Nonce.Value.IsZero() != (p.Nonce.Source == "") {
		return usage(errors.New("--nonce and --nonce-source go together: the number, and where anybody can look it up"))
	}
	return nil
}

func (f *planFlags) applyTokenizer(s study, p *verify.Plan, given map[string]bool) error {
	if !given["tokenizer"] {
		if given["tokenizer-name"] {
			p.Tokenizer.Name = f.tokenizerName
		}
		return nil
	}
	t, data, err := readTokenizer(f.tokenizer)
	if err != nil {
		return err
	}
	name := f.tokenizerName
	if name == "" {
		name = baseName(f.tokenizer)
	}
	p.Tokenizer = verify.TokenizerID{Name: name, Digest: t.Digest()}
	return s.writeBytes(data, tokenizerFile)
}

func (f *planFlags) applyPrompts(s study, p *verify.Plan, given map[string]bool) error {
	if given["prompts"] {
		prompts, err := readPrompts(f.prompts, f.promptField)
		if err != nil {
			return err
		}
		frame, err := collect.NewFrame(prompts)
		if err != nil {
			return fmt.Errorf("%s: %w", f.prompts, err)
		}
		if err := s.write(frame, 0o644, promptsFile); err != nil {
			return err
		}
		ask := frame.Len()
		p.Frame = verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: ask}
	}
	if given["ask"] {
		if f.ask < 1 || f.ask > p.Frame.Size {
			return usage(fmt.Errorf("--ask is %d, want 1 to %d, the number of prompts", f.ask, p.Frame.Size))
		}
		p.Frame.Ask = f.ask
	}
	if given["logged"] {
		for _, frame := range []*verify.FramePlan{&p.Frame, &p.Reading.Frame, &p.Twins.Frame} {
			if !frame.IsZero() {
				frame.Logged = f.logged
			}
		}
	}
	return nil
}
