package main

import (
	"bytes"
	"context"
	"runtime"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// How the verifier tests.
const (
	alpha   = 1e-3   // error rate of all tests of a suspect together
	prompts = 1_500  // asked of each suspect
	tokens  = 1_000  // scored of its answers under each mark
	decoys  = 10_000 // what claims below 1e-9 need
)

// A verifier tests suspects for the marks that a vendor commits to. It holds no
// key.
type verifier struct {
	tok   verify.Tokenizer
	frame *collect.Frame
	nonce verify.Nonce
	keys  []verify.KeyPlan
	book  *canary.Book
	older *suspect // a model that cannot have seen the vendor's answers
	clock collect.Clock
	folder
}

// newVerifier takes the vendor's commitments, writes down what may be asked and
// only then learns the nonce that decides what is.
func newVerifier(s *shelf, book *canary.Book, opened []verify.Opened, older *suspect, l luck, clock collect.Clock, f folder) (*verifier, error) {
	v := &verifier{book: book, older: older, clock: clock, folder: f}
	v.tok.Name, v.tok.Digest, v.tok.Encode = "words of the books", s.tok.digest(), s.tok.encode
	for _, o := range opened {
		k, err := commitment(book, o)
		if err != nil {
			return nil, err
		}
		k.HeldOut = o.Name == wrongEpoch || o.Name == wrongCanaries
		v.keys = append(v.keys, k)
	}
	var err error
	if v.frame, err = collect.NewFrame(s.tests); err != nil {
		return nil, err
	}
	if err := v.write(v.frame, frameFile); err != nil {
		return nil, err
	}
	v.nonce = verify.Nonce{Value: l.bytes(), Source: "this demonstration, which follows from -seed (a real one comes from a public beacon)"}
	return v, nil
}

// commitment is what the vendor publishes of a key long before.
func commitment(book *canary.Book, o verify.Opened) (verify.KeyPlan, error) {
	if o.Mark == nil {
		return verify.CommitTree(o.Name, book, canary.TreeKey{Tree: canaryTree, Option: o.Key}, o.Nonce)
	}
	return verify.Commit(o.Name, o.Mark, o.Key, o.Nonce)
}

// plan decides everything about the test of a suspect, before it is asked.
func (v *verifier) plan(s *suspect) (*verify.Plan, error) {
	p := &verify.Plan{
		Suspect:   s.name,
		Sequence:  1,
		Frame:     verify.FramePlan{Digest: v.frame.Digest(), Size: v.frame.Len(), Ask: prompts, Logged: "in " + frameFile + " of this run, before the nonce was drawn"},
		Nonce:     v.nonce,
		Probes:    []string{"It is a truth universally acknowledged, that"},
		Tokenizer: v.tok.TokenizerID,
		Keys:      v.keys,
		Tests:     []verify.Test{{Name: verify.G1, First: tokens}, {Name: verify.Cells}},
		Book:      verify.BookPlan{Name: v.book.Name(), Hash: v.book.Hash(), Baseline: reference},
		Controls:  []string{reference},
		Products:  []verify.Product{{Name: bothChannels, Parts: []verify.Part{{Key: vendorLayer, Test: verify.G1}, {Key: canaryKey, Test: verify.Cells}}}},
		Alpha:     alpha,
		Decoys:    decoys,
		Void:      verify.Voiding{SameProbes: true},
	}
	data, err := p.Encode()
	if err != nil {
		return nil, err
	}
	return p, v.write(bytes.NewReader(data), s.name, planFile)
}

// bothChannels is the finding that joins the mark in tokens and the canaries in words.
const bothChannels = "both"

// An answered plan is a transcript and its seal.
type answered struct {
	transcript *collect.Transcript
	seal       collect.Seal
}

// collect asks the suspect, and the older model, what the plan says, and seals what
// they answer.
func (v *verifier) collect(ctx context.Context, plan *verify.Plan, s *suspect, p *progress) (suspects, older answered, err error) {
	if suspects, err = v.ask(ctx, plan, s, s.name, p); err == nil {
		older, err = v.ask(ctx, plan, v.older, s.name+" "+reference, p)
	}
	return suspects, older, err
}

// ask asks one model, and leaves what it answers in a folder.
func (v *verifier) ask(ctx context.Context, plan *verify.Plan, s *suspect, folder string, p *progress) (answered, error) {
	p.begin("collect")
	var a answered
	task, err := plan.Task(verify.Frames{Prompts: v.frame})
	if err != nil {
		return a, err
	}
	journal, err := v.fresh(folder, journalFile)
	if err != nil {
		return a, err
	}
	a.transcript, err = collect.Run(ctx, task, collect.Suspect{Name: s.name, Text: s}, journal, collect.Options{
		Concurrency: runtime.GOMAXPROCS(0),
		Clock:       v.clock,
		Progress:    func(at collect.Progress) { p.at(at.Total-at.Missing, at.Total) },
	})
	if err != nil {
		return a, err
	}
	if a.seal, err = a.transcript.Seal(); err != nil {
		return a, err
	}
	seal, err := a.seal.Encode()
	if err != nil {
		return a, err
	}
	if err := v.write(a.transcript, folder, transcriptFile); err != nil {
		return a, err
	}
	p.end("%s answers of %s, sealed as %.12s…", grouped(a.transcript.Counts().Complete), s.name, a.seal.Digest)
	return a, v.write(bytes.NewReader(seal), folder, sealFile)
}

// judge opens the keys and follows the plan.
func (v *verifier) judge(ctx context.Context, plan *verify.Plan, a, older answered, keys []verify.Opened, p *progress) (*verify.Report, error) {
	p.begin("judge")
	report, err := verify.Judge(ctx, verify.Case{
		Plan:       plan,
		Frames:     verify.Frames{Prompts: v.frame},
		Transcript: a.transcript,
		Seal:       a.seal,
		Controls:   []verify.Control{{Transcript: older.transcript, Seal: older.seal}},
		Keys:       keys,
		Book:       v.book,
		Tokenizer:  v.tok,
		Progress:   p.at,
	})
	if err != nil {
		return nil, err
	}
	p.end("%s under %d keys and %s decoys", plan.Suspect, len(keys), grouped(plan.Decoys))
	return report, v.writeReport(report)
}

// writeReport writes the report for programs and for people.
func (v *verifier) writeReport(r *verify.Report) error {
	var forPrograms, forPeople bytes.Buffer
	if err := r.WriteJSON(&forPrograms); err != nil {
		return err
	}
	if err := r.WriteText(&forPeople); err != nil {
		return err
	}
	if err := v.write(&forPrograms, r.Suspect, reportJSON); err != nil {
		return err
	}
	return v.write(&forPeople, r.Suspect, reportFile)
}
