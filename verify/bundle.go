package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// A Bundle is one file with everything that a report stands on: an opponent makes
// every figure of the report again from it, offline, with [Bundle.Verify]. It holds
// the secrets of the opened keys, revealed on purpose; printing it shows none of
// them. Make one with [NewBundle] or [ReadBundle]. A Bundle is immutable and safe
// for concurrent use. It holds its file in memory.
//
// # What a bundle proves
//
// Arithmetic: that this plan, these answers and these keys give this report. Not
// that the answers came from the suspect; against that help open weights and greedy
// decoding, or a collection by a judge or by the accused, on a new nonce with the
// same plan. Whoever holds the keys can make a bundle of other answers that is as
// consistent: what binds him is a seal that was published before the keys were
// opened, and a ledger. Nobody but the writer speaks for Software and objections.
//
// # The file
//
// One line, then the parts, then one line, all in canonical JSON as described in
// package collect:
//
//	{"schema":"dyetrace/bundle/1","software":{"module":TEXT,"go":TEXT}}
//	{"part":KIND,"name"?:NAME,"size":BYTES,"digest":DIGEST}
//	BYTES
//	…
//	{"end":PARTS,"digest":DIGEST}
//
// A part is its line, then as many bytes as it says, then a newline that is not
// counted. The kinds stand in this order, ? marks those that may be missing, * those
// of which there may be several, by name in rising order of their bytes:
//
//	plan            file of the plan
//	prompts       ? file of the frame of prompts
//	passages      ? file of the frame of passages
//	twins         ? file of the frame of candidates of twins
//	transcript      file of the suspect's transcript
//	seal            file of its seal
//	control       * file of a control's transcript; NAME is the control's
//	control-seal  * file of its seal
//	served        ? {"prompt"?:[ID,…],"prompt_known"?:true,"tokens":[ID,…]}, one line an answer
//	book          ? text of the book of canaries, in its canonical form
//	keys          ? {"name":NAME,"mark"?:SPEC,"secret":SECRET,"nonce"?:HEX}, one line an opened key, in the plan's order
//	tokenizer     ? bytes that define the tokenizer, such as those of a tokenizer.json
//	ledger        * proofs and anchors, bytes of a form that NAME says
//	report          file of the report
//	objections    ? {"by"?:NAME,"text":TEXT}, one line an objection
//
// SPEC and SECRET are files of package marks without their newline, or what else
// makes a mark again; SPEC is missing for a key of no mark. HEX is the nonce of the
// key's commitment, and is missing where there is none. Lines outside of parts have
// at most 65,536 bytes, names 1,024. The example of [Bundle.WriteTo] prints a file.
// Digests are BLAKE3 in derive-key mode, context "dyetrace 2026-11-25 verify X/1",
// with X and the material:
//
//	part    the bytes of the part
//	bundle  all bytes of the file before its last line
//
// Equal cases have equal bundles, byte for byte, if the same software writes them.
type Bundle struct {
	software Software
	parts    []part
	digest   collect.Digest // as the last line says
}

// Enclosures are what a bundle holds beside a case and its report.
type Enclosures struct {
	// Keys reveal the keys of the case, all of them. Required if there are some.
	Keys []RevealedKey
	// Tokenizer are the bytes that define the tokenizer, or none: then whoever
	// verifies the bundle has to have them.
	Tokenizer []byte
	// Ledger shows when things were committed. Names differ.
	Ledger []LedgerPart
	// Software made the report. Defaults to [ThisSoftware].
	Software Software
	// Objections are the accused's: see [Bundle.WithObjection].
	Objections []Objection
}

// A LedgerPart shows when things were committed: proofs and anchors, in a form that
// [Recompute.Ledger] knows by its name.
type LedgerPart struct {
	Name string // Required, valid UTF-8
	Data []byte
}

// An Objection is what the accused or somebody else says of a case. It counts in no
// figure.
type Objection struct {
	By   string `json:"by,omitempty"`
	Text string `json:"text"` // Required
}

// NewBundle returns the bundle of a case and of its report. It checks that the case
// is what its plan says, and not that the report is the case's: [Bundle.Verify] does
// so. What it is given is copied.
func NewBundle(c Case, r *Report, x Enclosures) (*Bundle, error) {
	if _, err := c.check(); err != nil {
		return nil, err
	}
	if err := c.reported(r); err != nil {
		return nil, err
	}
	b := &Bundle{software: x.Software}
	if b.software == (Software{}) {
		b.software = ThisSoftware()
	}
	for _, f := range []func() error{
		func() error { return b.addCase(&c) },
		func() error { return b.addEnclosures(&c, r, x) },
		b.check,
	} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	b.digest = b.sum()
	return b, nil
}

// reported refuses a report of another case.
func (c *Case) reported(r *Report) error {
	switch {
	case r == nil:
		return errors.New("verify: there is no report")
	case r.Plan != c.task.Plan:
		return fmt.Errorf("verify: report is of plan %v, want %v", r.Plan, c.task.Plan)
	case r.Seal != c.Seal.Digest:
		return fmt.Errorf("verify: report is of seal %v, want %v", r.Seal, c.Seal.Digest)
	}
	return nil
}

// addCase adds what was planned, asked and answered.
func (b *Bundle) addCase(c *Case) error {
	plan, err := c.Plan.Encode()
	if err != nil {
		return err
	}
	b.add(kindPlan, "", plan)
	for i, f := range []*collect.Frame{c.Frames.Prompts, c.Frames.Passages, c.Frames.Twins} {
		if f != nil {
			if err := b.addFile([]string{kindPrompts, kindPassages, kindTwins}[i], "", f); err != nil {
				return err
			}
		}
	}
	if err := b.addSealed(kindTranscript, kindSeal, "", Control{c.Transcript, c.Seal}); err != nil {
		return err
	}
	for _, name := range c.Plan.Controls {
		if err := b.addSealed(kindControl, kindControlSeal, name, c.Controls[c.control(name)]); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bundle) addSealed(kind, sealKind, name string, x Control) error {
	seal, err := x.Seal.Encode()
	if err != nil {
		return err
	}
	b.add(sealKind, name, seal)
	return b.addFile(kind, name, x.Transcript)
}

func (b *Bundle) addFile(kind, name string, file io.WriterTo) error {
	var data bytes.Buffer
	_, err := file.WriteTo(&data)
	b.add(kind, name, data.Bytes())
	return err
}

// addEnclosures adds everything else.
func (b *Bundle) addEnclosures(c *Case, r *Report, x Enclosures) error {
	if c.Plan.Served.IsZero() != (len(c.Served) == 0) {
		return fmt.Errorf("verify: there are %d served answers, the plan names %d", len(c.Served), c.Plan.Served.Texts)
	}
	if len(c.Served) > 0 {
		data, err := encodeServed(c.Served)
		if err != nil {
			return err
		}
		b.add(kindServed, "", data)
	}
	if c.Plan.Book.IsZero() != (c.Book == nil) {
		return fmt.Errorf("verify: there is a book of canaries %t, the plan has one %t", c.Book != nil, !c.Plan.Book.IsZero())
	}
	if c.Book != nil {
		b.add(kindBook, "", c.Book.Text())
	}
	keys, err := encodeKeys(c, x.Keys)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		b.add(kindKeys, "", keys)
	}
	if len(x.Tokenizer) > 0 {
		if c.Plan.Tokenizer == (TokenizerID{}) {
			return errors.New("verify: there are bytes of a tokenizer, the plan has none")
		}
		b.add(kindTokenizer, "", slices.Clone(x.Tokenizer))
	}
	for _, l := range x.Ledger {
		b.add(kindLedger, l.Name, slices.Clone(l.Data))
	}
	var report bytes.Buffer
	if err := r.WriteJSON(&report); err != nil {
		return err
	}
	b.add(kindReport, "", report.Bytes())
	return b.addObjections(x.Objections)
}

func (b *Bundle) addObjections(list []Objection) error {
	if len(list) == 0 {
		return nil
	}
	var data []byte
	for _, o := range list {
		if o.Text == "" || !utf8.ValidString(o.Text+o.By) {
			return fmt.Errorf("verify: objection is %.60q by %.60q, want a text, both valid UTF-8", o.Text, o.By)
		}
		line, err := canon.Encode(o)
		if err != nil {
			return fmt.Errorf("verify: objection: %w", err)
		}
		data = append(append(data, line...), '\n')
	}
	b.add(kindObjections, "", data)
	return nil
}

// WithObjection returns the bundle with one objection more, at the end. It refuses a
// bundle whose file was changed: the new one would hide it.
func (b *Bundle) WithObjection(o Objection) (*Bundle, error) {
	if _, err := b.need(kindReport); err != nil { // of an empty bundle
		return nil, err
	}
	if got := b.sum(); got != b.digest {
		return nil, fmt.Errorf("verify: bundle has digest %v, its last line says %v", got, b.digest)
	}
	list, err := b.Objections()
	if err != nil {
		return nil, err
	}
	out := &Bundle{software: b.software}
	for _, p := range b.parts {
		if p.kind != kindObjections {
			out.parts = append(out.parts, p)
		}
	}
	if err := out.addObjections(append(list, o)); err != nil {
		return nil, err
	}
	out.digest = out.sum()
	return out, nil
}

// Digest names the bundle, as its last line does: [Bundle.Verify] says whether it is
// right.
func (b *Bundle) Digest() collect.Digest { return b.digest }

// Software returns what made the bundle, by its own words.
func (b *Bundle) Software() Software { return b.software }

// Plan returns the plan. It says nothing of whether anything else in the bundle goes
// by it.
func (b *Bundle) Plan() (*Plan, error) {
	data, err := b.need(kindPlan)
	if err != nil {
		return nil, err
	}
	return ParsePlan(data)
}

// Frames returns the frames, those that there are. It says nothing of whether they are
// the plan's.
func (b *Bundle) Frames() (Frames, error) {
	var out Frames
	for _, f := range []struct {
		kind string
		into **collect.Frame
	}{{kindPrompts, &out.Prompts}, {kindPassages, &out.Passages}, {kindTwins, &out.Twins}} {
		if data, ok := b.part(f.kind, ""); ok {
			frame, err := collect.ReadFrame(bytes.NewReader(data))
			if err != nil {
				return Frames{}, fmt.Errorf("verify: frame of %s: %w", f.kind, err)
			}
			*f.into = frame
		}
	}
	return out, nil
}

// Transcript returns the suspect's transcript. It says nothing of whether it is the one
// that was sealed.
func (b *Bundle) Transcript() (*collect.Transcript, error) {
	data, err := b.need(kindTranscript)
	if err != nil {
		return nil, err
	}
	return collect.ReadTranscript(bytes.NewReader(data))
}

// Book returns the book of canaries, nil if there is none. It says nothing of whether it
// is the plan's.
func (b *Bundle) Book() (*canary.Book, error) {
	data, ok := b.part(kindBook, "")
	if !ok {
		return nil, nil
	}
	return canary.Read(bytes.NewReader(data), "the book")
}

// Report returns the report that the bundle holds. It says nothing of whether it is
// right.
func (b *Bundle) Report() (*Report, error) {
	data, err := b.need(kindReport)
	if err != nil {
		return nil, err
	}
	return ParseReport(data)
}

// Objections returns the objections, the oldest first.
func (b *Bundle) Objections() ([]Objection, error) {
	var list []Objection
	data, _ := b.part(kindObjections, "")
	err := eachLine("objections", data, func(line []byte) error {
		var o Objection
		if err := canon.Decode(line, &o); err != nil {
			return err
		}
		if o.Text == "" {
			return errors.New("the text is empty")
		}
		list = append(list, o)
		return nil
	})
	return list, err
}

// Format implements [fmt.Formatter]: whatever the verb, the digest and the parts
// with their sizes.
func (b Bundle) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "verify.Bundle(%v", b.digest)
	for _, p := range b.parts {
		fmt.Fprintf(s, " %s %d", p.title(), len(p.data()))
	}
	fmt.Fprint(s, ")")
}
