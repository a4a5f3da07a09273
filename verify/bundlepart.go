package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark"
)

// The kinds of parts: see [Bundle].
const (
	kindPlan        = "plan"
	kindPrompts     = "prompts"
	kindPassages    = "passages"
	kindTwins       = "twins"
	kindTranscript  = "transcript"
	kindSeal        = "seal"
	kindControl     = "control"
	kindControlSeal = "control-seal"
	kindServed      = "served"
	kindBook        = "book"
	kindKeys        = "keys"
	kindTokenizer   = "tokenizer"
	kindLedger      = "ledger"
	kindReport      = "report"
	kindObjections  = "objections"
)

// kinds of parts, in the order of the file.
var kinds = [...]struct {
	name            string
	required, named bool
}{
	{name: kindPlan, required: true}, {name: kindPrompts}, {name: kindPassages}, {name: kindTwins},
	{name: kindTranscript, required: true}, {name: kindSeal, required: true},
	{name: kindControl, named: true}, {name: kindControlSeal, named: true},
	{name: kindServed}, {name: kindBook}, {name: kindKeys}, {name: kindTokenizer}, {name: kindLedger, named: true},
	{name: kindReport, required: true}, {name: kindObjections},
}

// rankOf returns the place of a kind, or −1.
func rankOf(kind string) int {
	for i, k := range kinds {
		if k.name == kind {
			return i
		}
	}
	return -1
}

const partContext = "dyetrace 2026-11-25 verify part/1"

// maxName is the most bytes that a name in a bundle's lines has.
const maxName = 1024

// A part is one of a bundle's files.
type part struct {
	kind, name string
	digest     collect.Digest // as its line says
	// data is a function because reflection, and with it every printer that opens
	// unexported fields, sees nothing of a closure but an address: keys are parts.
	data func() []byte
}

// title names the part for people.
func (p part) title() string {
	if p.name == "" {
		return p.kind
	}
	return p.kind + " " + printable(p.name)
}

// add puts a part in its place. The bundle keeps data.
func (b *Bundle) add(kind, name string, data []byte) {
	b.parts = append(b.parts, part{kind, name, canon.Sum(partContext, data), func() []byte { return data }})
	slices.SortStableFunc(b.parts, comparePart)
}

func comparePart(x, y part) int {
	if d := rankOf(x.kind) - rankOf(y.kind); d != 0 {
		return d
	}
	return strings.Compare(x.name, y.name)
}

// part returns the bytes of a part, and whether there is one.
func (b *Bundle) part(kind, name string) ([]byte, bool) {
	if b == nil {
		return nil, false
	}
	i, ok := slices.BinarySearchFunc(b.parts, part{kind: kind, name: name}, comparePart)
	if !ok {
		return nil, false
	}
	return b.parts[i].data(), true
}

// need returns the bytes of a part that every bundle has.
func (b *Bundle) need(kind string) ([]byte, error) {
	data, ok := b.part(kind, "")
	if !ok {
		return nil, fmt.Errorf("verify: bundle has no %s", kind)
	}
	return data, nil
}

// check refuses a bundle that is not of the one form: which parts there are, in which
// order, under which names.
func (b *Bundle) check() error {
	for _, s := range []string{b.software.Module, b.software.Go} {
		if !utf8.ValidString(s) || len(s) > maxName {
			return fmt.Errorf("verify: software is %.60q, want valid UTF-8 of at most %d bytes", s, maxName)
		}
	}
	has := make(map[string]bool)
	for i, p := range b.parts {
		rank := rankOf(p.kind)
		switch {
		case rank < 0:
			return fmt.Errorf("verify: part %d of the bundle is of kind %.60q, want one that there is", i, p.kind)
		case kinds[rank].named != (p.name != "") || len(p.name) > maxName || !utf8.ValidString(p.name):
			return fmt.Errorf("verify: part %d of the bundle is %s %.60q, want a name exactly for controls and ledger, valid UTF-8 of at most %d bytes",
				i, p.kind, p.name, maxName)
		case i > 0 && comparePart(b.parts[i-1], p) >= 0:
			return fmt.Errorf("verify: part %d of the bundle is %s after %s, want each part once and in order", i, p.title(), b.parts[i-1].title())
		}
		has[p.kind] = true
	}
	for _, k := range kinds {
		if k.required && !has[k.name] {
			return fmt.Errorf("verify: bundle has no %s", k.name)
		}
	}
	return nil
}

// eachLine calls f with every line of a part, without its newline.
func eachLine(what string, data []byte, f func(line []byte) error) error {
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return fmt.Errorf("verify: line %d of the %s is cut off after %d bytes", n, what, len(line))
		}
		if err := f(line); err != nil {
			return fmt.Errorf("verify: line %d of the %s: %w", n, what, err)
		}
		data = rest
	}
	return nil
}

// servedLine is a served answer in a file.
type servedLine struct {
	Prompt      []watermark.Token `json:"prompt,omitempty"`
	PromptKnown bool              `json:"prompt_known,omitempty"`
	Tokens      []watermark.Token `json:"tokens"`
}

func encodeServed(texts []watermark.Text) ([]byte, error) {
	var data []byte
	for _, t := range texts {
		if t.Tokens == nil {
			t.Tokens = []watermark.Token{} // null is another form
		}
		line, err := canon.Encode(servedLine{t.Prompt, t.PromptKnown, t.Tokens})
		if err != nil {
			return nil, fmt.Errorf("verify: served answers: %w", err)
		}
		data = append(append(data, line...), '\n')
	}
	return data, nil
}

func parseServed(data []byte) ([]watermark.Text, error) {
	var texts []watermark.Text
	err := eachLine("served answers", data, func(line []byte) error {
		var l servedLine
		if err := canon.Decode(line, &l); err != nil {
			return err
		}
		if l.Tokens == nil {
			return errors.New("tokens are null, want a list")
		}
		texts = append(texts, watermark.Text{Prompt: l.Prompt, PromptKnown: l.PromptKnown, Tokens: l.Tokens})
		return nil
	})
	return texts, err
}

// Software says what made a report.
type Software struct {
	Module string `json:"module"` // path and version of the module
	Go     string `json:"go"`     // release of Go, system and processor
}

// ThisSoftware returns what runs.
func ThisSoftware() Software {
	const path = "github.com/dyetrace/dyetrace"
	s := Software{Module: path + " (unknown)", Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return s
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == path && m.Version != "" {
			s.Module = path + " " + m.Version
		}
	}
	return s
}

// readPart reads n bytes. It takes no more memory than twice what there is.
func readPart(in io.Reader, n int64) ([]byte, error) {
	data := make([]byte, 0, min(n, 1<<16))
	for int64(len(data)) < n {
		if len(data) == cap(data) {
			data = append(make([]byte, 0, min(n, 2*int64(cap(data)))), data...)
		}
		k, err := io.ReadFull(in, data[len(data):cap(data)])
		data = data[:len(data)+k]
		if err != nil {
			return data, err
		}
	}
	return data, nil
}
