package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// Verify checks everything that a bundle holds and makes its report again, offline
// and without trust in whoever made the bundle. A check that fails does not keep
// others from being made that can still be. It takes as long as [Judge]; when ctx
// ends, the report stays unchecked.
func (b *Bundle) Verify(ctx context.Context, with Recompute) Verification {
	v := &verifier{b: b, with: with}
	if b == nil || len(b.parts) == 0 {
		v.line("file", Failed, "the bundle is empty")
		return v.Verification
	}
	v.file()
	v.plan()
	v.frames()
	v.transcripts()
	v.served()
	v.book()
	v.keys()
	v.tokenizer()
	v.report(ctx)
	v.ledger()
	v.warn()
	v.notes()
	return v.Verification
}

// A verifier is a verification in the making.
type verifier struct {
	Verification
	b    *Bundle
	with Recompute
	c    Case // what is known so far

	planDigest collect.Digest
	// lacks are the parts of the case that are not known.
	lacks    []string
	asked    bool            // c.task is known
	revealed map[string]bool // keys that the bundle holds, right or wrong; nil if that is not known
}

// lacking adds a line for something that the case lacks now.
func (v *verifier) lacking(name string, result Outcome, format string, args ...any) {
	v.line(name, result, format, args...)
	v.lack(name)
}

func (v *verifier) lack(name string) {
	if len(v.lacks) < maxLacks && !slices.Contains(v.lacks, name) {
		v.lacks = append(v.lacks, name)
	}
}

// maxLacks is how many missing parts are listed: a plan can have 24,000 keys.
const maxLacks = 8

// missing lists what the case lacks.
func (v *verifier) missing() string {
	text := "there is no whole " + strings.Join(v.lacks, " and no ")
	if len(v.lacks) == maxLacks {
		text += ", and more"
	}
	return text
}

// uncompared makes the last line say that a part is whole, and no more is known.
func (v *verifier) uncompared(name string) {
	v.Checks[len(v.Checks)-1] = Check{name, NotChecked, "is whole; there is no plan to compare it with"}
}

// load adds a line for a part of the case that was parsed, or could not be.
func (v *verifier) load(name string, wrong error, format string, args ...any) bool {
	ok := v.check(name, wrong, format, args...)
	if !ok {
		v.lack(name)
	}
	return ok
}

// file checks form and digests.
func (v *verifier) file() {
	v.Bundle = v.b.sum()
	bytes := 0
	for _, p := range v.b.parts {
		bytes += len(p.data())
	}
	v.check("file", v.b.check(), "%d parts with %s bytes, in order", len(v.b.parts), grouped(bytes))
	for _, p := range v.b.parts {
		got := collect.Digest(canon.Sum(partContext, p.data()))
		v.check("digest of "+p.title(), differs(got, p.digest), "%v", got)
	}
	v.check("digest of the file", differs(v.Bundle, v.b.digest), "%v", v.Bundle)
}

// differs reports that something has another digest than somebody says.
func differs(got, want collect.Digest) error {
	if got != want {
		return fmt.Errorf("is %v, the file says %v", got, want)
	}
	return nil
}

// needed returns the bytes of a part that stands for something in the plan, or adds
// the line that says that it is missing or not asked for.
func (v *verifier) needed(kind, name string, planned bool) ([]byte, bool) {
	data, ok := v.b.part(kind, name)
	title := part{kind: kind, name: name}.title()
	switch {
	case v.c.Plan == nil:
		return data, ok
	case ok && !planned:
		v.lacking(title, Failed, "is in the bundle, and the plan has none")
		return nil, false
	case !ok && planned:
		v.lacking(title, Failed, "is in the plan, and the bundle has none")
	}
	return data, ok
}

func (v *verifier) plan() {
	data, err := v.b.need(kindPlan)
	if err == nil {
		v.c.Plan, err = ParsePlan(data)
	}
	if err == nil {
		v.planDigest, err = v.c.Plan.Digest()
	}
	if p := v.c.Plan; v.load("plan", err, "%v", v.planDigest) {
		v.line("plan", Note, "number %d on suspect %s: %s keys, %s tests and %s earlier ones",
			p.Sequence, printable(p.Suspect), grouped(len(p.Keys)), grouped(p.Size()), grouped(p.Earlier))
	}
}

// frames checks the frames, and what the nonce picks of them.
func (v *verifier) frames() {
	p := v.c.Plan
	for _, f := range []struct {
		kind string
		plan func() FramePlan
		into **collect.Frame
	}{
		{kindPrompts, func() FramePlan { return p.Frame }, &v.c.Frames.Prompts},
		{kindPassages, func() FramePlan { return p.Reading.Frame }, &v.c.Frames.Passages},
		{kindTwins, func() FramePlan { return p.Twins.Frame }, &v.c.Frames.Twins},
	} {
		data, ok := v.needed(f.kind, "", p != nil && !f.plan().IsZero())
		if !ok {
			continue
		}
		name := "frame of " + f.kind
		frame, err := collect.ReadFrame(bytes.NewReader(data))
		if err == nil && p != nil {
			_, err = f.plan().sample(f.kind, frame, p.Nonce)
		}
		if !v.load(name, err, "has the plan's digest and size") {
			continue
		}
		if *f.into = frame; p == nil {
			v.uncompared(name)
		}
	}
	const name = "questions"
	if len(v.lacks) > 0 {
		v.lacking(name, NotChecked, "%s", v.missing())
		return
	}
	task, err := p.Task(v.c.Frames)
	if v.asked = v.load(name, err, "%s prompts and %s passages, which %s", grouped(len(task.Prompts)), grouped(len(task.Passages)), picked(p)); v.asked {
		v.c.task = task
	}
}

// picked says how questions are picked.
func picked(p *Plan) string {
	if p.Nonce.IsZero() {
		return "no nonce picked"
	}
	return "the nonce picks"
}

// transcripts checks those of the suspect and of the controls.
func (v *verifier) transcripts() {
	suspect := ""
	var controls []string
	if v.c.Plan != nil {
		suspect, controls = v.c.Plan.Suspect, v.c.Plan.Controls
	}
	own := v.sealed(kindTranscript, kindSeal, "", suspect, true)
	v.c.Transcript, v.c.Seal = own.Transcript, own.Seal
	var names []string
	for _, p := range v.b.parts {
		if p.named() && p.kind != kindLedger {
			names = append(names, p.name)
		}
	}
	names = append(names, controls...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if x := v.sealed(kindControl, kindControlSeal, name, name, slices.Contains(controls, name)); x.Transcript != nil {
			v.c.Controls = append(v.c.Controls, x)
		}
	}
}

// named reports whether parts of this kind have names.
func (p part) named() bool {
	rank := rankOf(p.kind)
	return rank >= 0 && kinds[rank].named
}

// sealed checks a transcript and its seal.
func (v *verifier) sealed(kind, sealKind, name, suspect string, planned bool) (x Control) {
	title := part{kind: kind, name: name}.title()
	var own collect.Seal
	data, ok := v.needed(kind, name, planned)
	if ok {
		t, err := collect.ReadTranscript(bytes.NewReader(data))
		if err == nil {
			own, err = t.Seal()
		}
		if v.load(title, err, "%v", own.Transcript) {
			x.Transcript = t
			v.answers(title, t, suspect, own)
		}
	}
	sealTitle := part{kind: sealKind, name: name}.title()
	data, ok = v.needed(sealKind, name, planned)
	if !ok {
		return x
	}
	seal, err := collect.ParseSeal(data)
	if err == nil && x.Transcript == nil {
		v.lacking(sealTitle, NotChecked, "there is no whole %s", title)
		return x
	}
	if err == nil && seal != own {
		err = seal.Check(x.Transcript)
	}
	if v.load(sealTitle, err, "%v, of %s", seal.Digest, title) {
		x.Seal = seal
	}
	return x
}

// answers compares a transcript with the plan, question by question.
func (v *verifier) answers(title string, t *collect.Transcript, suspect string, own collect.Seal) {
	name := "questions of " + title
	if !v.asked {
		v.line(name, NotChecked, "it is not known what was to be asked")
		return
	}
	if !v.check(name, v.c.checkTranscript(t, suspect, own), "%s prompts, %s probes and %s questions on passages, each as planned", grouped(len(t.Prompts)), grouped(len(t.Probes)), grouped(len(t.Readings))) {
		v.lack(title)
	}
}

func (v *verifier) served() {
	const name = ClaimServed
	data, ok := v.needed(kindServed, "", v.c.Plan != nil && !v.c.Plan.Served.IsZero())
	if !ok {
		return
	}
	texts, err := parseServed(data)
	v.c.Served = texts
	if err == nil && v.c.Plan != nil {
		err = v.c.checkServed()
	}
	if v.load(name, err, "%s, with the plan's digest", grouped(len(texts))) && v.c.Plan == nil {
		v.uncompared(name)
	}
}

// book checks that the book of canaries is the one of the plan.
func (v *verifier) book() {
	data, ok := v.needed(kindBook, "", v.c.Plan != nil && !v.c.Plan.Book.IsZero())
	if !ok {
		return
	}
	book, err := canary.Read(bytes.NewReader(data), "the book")
	if err == nil && !bytes.Equal(book.Text(), data) {
		err = errors.New("verify: book of canaries is not in its canonical form")
	}
	v.c.Book = book
	if err == nil && v.c.Plan != nil {
		err = v.c.checkBook()
	}
	if v.load(ClaimBook, err, "has the plan's hash") && v.c.Plan == nil {
		v.uncompared(ClaimBook)
	}
}

// tokenizer checks that the tokenizer is the one of the plan.
func (v *verifier) tokenizer() {
	p := v.c.Plan
	data, ok := v.b.part(kindTokenizer, "")
	planned := p != nil && p.Tokenizer != TokenizerID{}
	switch {
	case p == nil && ok:
		v.lacking(kindTokenizer, NotChecked, "there is no plan to compare it with")
		return
	case !planned:
		v.needed(kindTokenizer, "", false)
		return
	case v.with.Tokenizer == nil:
		v.lacking(kindTokenizer, NotChecked, "there is nothing to read a tokenizer with")
		return
	}
	t, err := v.with.Tokenizer(p.Tokenizer, bytes.Clone(data))
	switch {
	case err != nil:
	case t.Encode == nil:
		err = errors.New("it does not encode")
	case t.TokenizerID != p.Tokenizer:
		err = fmt.Errorf("is %s with digest %v, the plan says %s with %v", printable(t.Name), t.Digest, printable(p.Tokenizer.Name), p.Tokenizer.Digest)
	}
	from := "the bundle's"
	if !ok {
		from = "not the bundle's, which has none"
	}
	if v.load(kindTokenizer, err, "%s, %v, %s", printable(t.Name), t.Digest, from) {
		v.c.Tokenizer = t
	}
}

// report makes the report again.
func (v *verifier) report(ctx context.Context) {
	data, err := v.b.need(kindReport)
	if err != nil {
		v.line(kindReport, Failed, "%v", err)
		return
	}
	if len(v.lacks) > 0 {
		v.line(kindReport, NotChecked, "%s", v.missing())
		return
	}
	v.c.Workers, v.c.Progress, v.c.Detail = v.with.Workers, v.with.Progress, v.with.Detail
	r, err := Judge(ctx, v.c)
	if err != nil && ctx.Err() != nil {
		v.line(kindReport, NotChecked, "%v", err)
		return
	}
	var again bytes.Buffer
	if err == nil {
		err = r.WriteJSON(&again)
	}
	if err == nil {
		err = firstDifference(data, again.Bytes())
	}
	v.check(kindReport, err, "made again from plan, transcript and keys, it is the same in all its %s bytes", grouped(len(data)))
}

// firstDifference says where the bundle's report is not the one that it should be.
func firstDifference(got, want []byte) error {
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	if at == len(got) && at == len(want) {
		return nil
	}
	around := func(data []byte) []byte { return data[max(0, min(at, len(data))-40):min(len(data), at+40)] }
	return fmt.Errorf("at byte %d it says %q, made again it says %q", at, around(got), around(want))
}
