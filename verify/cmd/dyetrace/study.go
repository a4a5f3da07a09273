package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// A study is a folder with a file for each step.
type study struct{ dir string }

// The files of a study. Those in keysFolder are secret until judge opens them, and
// whoever collects needs none of them.
const (
	planFile       = "plan.json"
	promptsFile    = "prompts.jsonl"  // frame of prompts
	passagesFile   = "passages.jsonl" // frame of passages
	twinsFile      = "twins.jsonl"    // frame of candidates of twins
	servedFile     = "served.jsonl"   // served answers in tokens
	tokenizerFile  = "tokenizer.json"
	bookFile       = "book.txt"
	suspectFile    = "suspect.json" // where the suspect is and how it is asked
	journalFile    = "journal.jsonl"
	transcriptFile = "transcript.jsonl"
	sealFile       = "seal.json"
	controlsFolder = "controls" // of each control a folder with the four files above
	keysFolder     = "keys"
	reportJSON     = "report.json"
	reportText     = "report.txt"
	reportHTML     = "report.html"
	bundleFile     = "bundle.dyetrace"
)

// openStudy returns the study that a command's arguments name: the folder, or the
// one that the command is run in.
func openStudy(args []string) (study, error) {
	s := study{"."}
	if len(args) > 0 {
		s.dir = args[0]
	}
	info, err := os.Stat(s.dir)
	switch {
	case err != nil:
		return s, fmt.Errorf("no study: %w (dyetrace plan makes one)", err)
	case !info.IsDir():
		return s, fmt.Errorf("%s is a file, want the folder of a study", s.dir)
	case !s.has(planFile):
		return s, fmt.Errorf("%s is missing: %s is no study yet (dyetrace plan makes one)", s.path(planFile), s.dir)
	}
	return s, nil
}

func (s study) path(name ...string) string { return filepath.Join(append([]string{s.dir}, name...)...) }

func (s study) has(name ...string) bool { return exists(s.path(name...)) }

// String returns the folder as a shell reads it.
func (s study) String() string { return shellWord(filepath.Clean(s.dir) + string(filepath.Separator)) }

// plan reads the plan.
func (s study) plan() (*verify.Plan, error) {
	data, err := readFile("plan", s.path(planFile))
	if err != nil {
		return nil, err
	}
	p, err := verify.ParsePlan(data)
	if err != nil {
		return nil, invalid(fmt.Errorf("%s: %w", s.path(planFile), err))
	}
	return p, nil
}

// frames reads the lists that the plan asks a part of.
func (s study) frames(p *verify.Plan) (f verify.Frames, err error) {
	read := func(wanted bool, name string, digest collect.Digest) (*collect.Frame, error) {
		if !wanted {
			return nil, nil
		}
		file, err := os.Open(s.path(name))
		if err != nil {
			return nil, fmt.Errorf("no frame, whose digest is %.12s… in the plan: %w", digest, err)
		}
		defer file.Close()
		frame, err := collect.ReadFrame(file)
		if err != nil {
			return nil, invalid(fmt.Errorf("%s: %w", s.path(name), err))
		}
		if got := frame.Digest(); got != digest {
			return nil, invalid(fmt.Errorf("%s has digest %.12s…, want %.12s… as the plan says: it was changed", s.path(name), got, digest))
		}
		return frame, nil
	}
	if f.Prompts, err = read(!p.Frame.IsZero(), promptsFile, p.Frame.Digest); err != nil {
		return f, err
	}
	if f.Passages, err = read(!p.Reading.IsZero(), passagesFile, p.Reading.Frame.Digest); err != nil {
		return f, err
	}
	f.Twins, err = read(!p.Twins.IsZero(), twinsFile, p.Twins.Frame.Digest)
	return f, err
}

// transcript reads what was collected, of the suspect or in the folder of a control.
func (s study) transcript(folder ...string) (*collect.Transcript, error) {
	path := s.path(append(folder, transcriptFile)...)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("no transcript: %w (dyetrace collect %v makes it)", err, s)
	}
	defer f.Close()
	t, err := collect.ReadTranscript(f)
	if err != nil {
		return nil, invalid(fmt.Errorf("%s: %w", path, err))
	}
	return t, nil
}

// seal reads the seal of a transcript and checks it.
func (s study) seal(t *collect.Transcript, folder ...string) (collect.Seal, error) {
	path := s.path(append(folder, sealFile)...)
	data, err := readFile("seal", path)
	if err != nil {
		return collect.Seal{}, fmt.Errorf("%w (dyetrace seal %v makes it)", err, s)
	}
	seal, err := collect.ParseSeal(data)
	if err != nil {
		return collect.Seal{}, invalid(fmt.Errorf("%s: %w", path, err))
	}
	if err := seal.Check(t); err != nil {
		return collect.Seal{}, invalid(fmt.Errorf("%s: %w", path, err))
	}
	return seal, nil
}

// report reads what judge wrote.
func (s study) report() (*verify.Report, error) {
	data, err := readFile("report", s.path(reportJSON))
	if err != nil {
		return nil, fmt.Errorf("%w (dyetrace judge %v makes it)", err, s)
	}
	var r verify.Report
	line, whole := bytes.CutSuffix(data, []byte("\n"))
	if !whole {
		return nil, invalid(fmt.Errorf("%s does not end with a newline: cut off", s.path(reportJSON)))
	}
	if err := canon.Decode(line, &r); err != nil {
		return nil, invalid(fmt.Errorf("%s: %w", s.path(reportJSON), err))
	}
	return &r, nil
}

// tokenizer reads the tokenizer of the plan, and the bytes that define it.
func (s study) tokenizer(p *verify.Plan) (verify.Tokenizer, []byte, error) {
	if p.Tokenizer.Name == "" {
		return verify.Tokenizer{}, nil, nil
	}
	data, err := readFile("tokenizer", s.path(tokenizerFile))
	if err != nil {
		return verify.Tokenizer{}, nil, err
	}
	t, err := parseTokenizer(p.Tokenizer.Name, data)
	if err != nil {
		return t, nil, fmt.Errorf("%s: %w", s.path(tokenizerFile), err)
	}
	if t.TokenizerID != p.Tokenizer {
		return t, nil, invalid(fmt.Errorf("%s has digest %.12s…, want %.12s… as the plan says: it was changed", s.path(tokenizerFile), t.Digest, p.Tokenizer.Digest))
	}
	return t, data, nil
}

// parseTokenizer reads a tokenizer.json.
func parseTokenizer(name string, data []byte) (verify.Tokenizer, error) {
	t, err := tokenizer.Parse(data)
	if err != nil {
		return verify.Tokenizer{}, err
	}
	return verify.Tokenizer{TokenizerID: verify.TokenizerID{Name: name, Digest: t.Digest()}, Encode: t.Encode}, nil
}

// book reads the book of canaries of the plan.
func (s study) book(p *verify.Plan) (*canary.Book, error) {
	if p.Book.IsZero() {
		return nil, nil
	}
	b, err := canary.ReadFile(s.path(bookFile))
	if err != nil {
		return nil, err
	}
	if b.Hash() != p.Book.Hash {
		return nil, invalid(fmt.Errorf("%s has hash %x…, want %.12s… as the plan says: it was changed", s.path(bookFile), head(b.Hash()), p.Book.Hash))
	}
	return b, nil
}

func head(digest [32]byte) []byte { return digest[:6] }

// next is the command that goes on with the study.
func (s study) next() string {
	switch {
	case !s.has(planFile):
		return fmt.Sprintf("dyetrace plan %v --suspect NAME --prompts prompts.txt --tokenizer tokenizer.json", s)
	case !s.has(transcriptFile) && s.has(suspectFile):
		return fmt.Sprintf("dyetrace collect %v", s)
	case !s.has(transcriptFile):
		return fmt.Sprintf("dyetrace collect %v --url URL --model NAME", s)
	case !s.has(sealFile):
		return fmt.Sprintf("dyetrace seal %v", s)
	case !s.has(reportJSON):
		return fmt.Sprintf("dyetrace judge %v%s", s, s.keysFlag())
	case !s.has(reportHTML):
		return fmt.Sprintf("dyetrace report %v%s", s, s.keysFlag())
	case !s.has(bundleFile):
		return fmt.Sprintf("dyetrace bundle make %v%s", s, s.keysFlag())
	}
	return fmt.Sprintf("dyetrace bundle verify %s", shellWord(s.path(bundleFile)))
}

// keysFlag is what judge and bundle make need where the keys are elsewhere.
func (s study) keysFlag() string {
	if s.has(keysFolder) {
		return ""
	}
	return " --keys FOLDER"
}

// write writes a file of the study whole.
func (s study) write(from io.WriterTo, mode fs.FileMode, name ...string) error {
	return writeTo(s.path(name...), mode, func(w io.Writer) error {
		_, err := from.WriteTo(w)
		return err
	})
}

func (s study) writeBytes(data []byte, name ...string) error {
	return s.write(bytes.NewReader(data), 0o644, name...)
}

// remove removes files that are not true any more.
func (s study) remove(names ...string) error {
	var all error
	for _, name := range names {
		if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
