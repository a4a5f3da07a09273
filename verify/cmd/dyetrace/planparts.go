package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
	"github.com/dyetrace/dyetrace/watermark"
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

// applyKeys commits to marks, and takes commitments of others.
func (f *planFlags) applyKeys(s study, p *verify.Plan, given map[string]bool) error {
	if given["mark"] || given["commitment"] || given["tree"] || len(p.Keys) == 0 {
		all, err := f.keyPlans(s, p)
		if err != nil {
			return err
		}
		p.Keys = all
	}
	if !given["held-out"] {
		return nil
	}
	for i := range p.Keys {
		p.Keys[i].HeldOut = slices.Contains(f.heldOut, p.Keys[i].Name)
	}
	for _, name := range f.heldOut {
		if !slices.ContainsFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Name == name }) {
			return usage(fmt.Errorf("--held-out names %q, which is no key of the plan: %s", name, keyNames(p)))
		}
	}
	return nil
}

func keyNames(p *verify.Plan) string {
	var names []string
	for _, k := range p.Keys {
		names = append(names, strconv.Quote(k.Name))
	}
	return strings.Join(names, ", ")
}

func (f *planFlags) keyPlans(s study, p *verify.Plan) (all []verify.KeyPlan, err error) {
	paths := f.marks
	trees := s.path(keysFolder)
	if len(paths) == 0 && len(f.commitments) == 0 {
		stems, _ := stemsIn(trees, specEnd)
		if len(stems) > 0 {
			paths = []string{trees}
		}
	}
	for _, path := range paths {
		some, err := readMarks(path)
		if err != nil {
			return nil, err
		}
		for _, m := range some {
			k, err := m.commit()
			if err != nil {
				return nil, err
			}
			all = append(all, k)
		}
	}
	for _, path := range f.commitments {
		k, err := readCommitment(path)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	if !p.Book.IsZero() {
		some, err := f.treePlans(s, p)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, usage(fmt.Errorf("there is no key to look for: give --mark or --commitment, or make a mark in the study first: dyetrace key mark %s", shellWord(s.path(keysFolder, "vendor"))))
	}
	return all, nil
}

// treePlans commits to the keys of the study that decide canaries.
func (f *planFlags) treePlans(s study, p *verify.Plan) (all []verify.KeyPlan, err error) {
	book, err := s.book(p)
	if err != nil {
		return nil, err
	}
	trees := map[string]string{}
	for _, t := range f.trees {
		key, tree, ok := strings.Cut(t, "=")
		if !ok || key == "" || tree == "" {
			return nil, usage(fmt.Errorf("--tree is %q, want KEY=TREE", t))
		}
		trees[key] = tree
		if !s.has(keysFolder, key+keyEnd) {
			return nil, fmt.Errorf("%s is missing: dyetrace key derive root.key epoch=NAME/%s/canaries -o %[1]s", shellWord(s.path(keysFolder, key+keyEnd)), tree)
		}
	}
	stems, _ := stemsIn(s.path(keysFolder), keyEnd)
	for _, stem := range stems {
		name := baseName(stem)
		if _, asked := trees[name]; len(trees) > 0 && !asked {
			continue
		}
		k, err := commitTree(stem, name, book, trees[name])
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
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

// applyTests takes the tests of the flags, or those that suit what the study has.
func (f *planFlags) applyTests(_ study, p *verify.Plan, given map[string]bool) error {
	if given["test"] {
		p.Tests = nil
		for _, text := range f.tests {
			t, err := parseTest(text)
			if err != nil {
				return usage(err)
			}
			p.Tests = append(p.Tests, t)
		}
		return nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(p.Tests, func(t verify.Test) bool { return t.Name == name })
	}
	add := func(when bool, name string) {
		if when && !has(name) {
			p.Tests = append(p.Tests, verify.Test{Name: name})
		}
	}
	marked := slices.ContainsFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Tree == "" })
	planted := slices.ContainsFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Tree != "" })
	first := len(p.Tests) == 0
	add(marked && !p.Frame.IsZero() && (first || given["prompts"]), verify.G1)
	add(planted && !p.Frame.IsZero() && (first || given["book"]), verify.Cells)
	reads := marked && !p.Reading.IsZero() && (first || given["passages"])
	add(reads, verify.R1)
	add(reads && p.Reading.Reference != "", verify.R4)
	add(reads && p.Reading.Reference == "" && p.Reading.Top > 0, verify.R3)
	return nil
}

// parseTest reads NAME and options after commas.
func parseTest(text string) (verify.Test, error) {
	parts := strings.Split(text, ",")
	t := verify.Test{Name: parts[0]}
	for _, part := range parts[1:] {
		name, value, has := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		if has && (err != nil || n < 1) {
			return t, fmt.Errorf("--test %s: %s is %q, want a number from 1", text, name, value)
		}
		switch {
		case !has && name == verify.Difference:
			t.Form = name
		case !has && name == verify.Ridge:
			t.Weight = name
		case !has && name == "fresh":
			t.Fresh = true
		case !has && name == "served":
			t.Served = true
		case !has && name == "sparse":
			t.Sparse = true
		case !has && name == "stop":
			t.Stop = true
		case has && name == "first":
			t.First = n
		case has && name == "reserve":
			t.Reserve = n
		default:
			return t, fmt.Errorf("--test %s has %q, want difference, ridge, fresh, served, sparse, stop, first=N or reserve=N", text, part)
		}
	}
	return t, nil
}

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

// applyJoint reads products, NAME=KEY:TEST+KEY:TEST.
func (f *planFlags) applyJoint(_ study, p *verify.Plan, given map[string]bool) error {
	if !given["product"] {
		return nil
	}
	p.Products = nil
	for _, text := range f.products {
		name, parts, ok := strings.Cut(text, "=")
		if !ok {
			return usage(fmt.Errorf("--product is %q, want NAME=KEY:TEST+KEY:TEST", text))
		}
		q := verify.Product{Name: name}
		for _, part := range strings.Split(parts, "+") {
			at := strings.LastIndexByte(part, ':')
			if at < 0 {
				return usage(fmt.Errorf("--product has %q, want KEY:TEST", part))
			}
			q.Parts = append(q.Parts, verify.Part{Key: part[:at], Test: part[at+1:]})
		}
		p.Products = append(p.Products, q)
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
