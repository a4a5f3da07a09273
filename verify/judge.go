package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Judge follows the plan: it checks that everything in the case is what the plan
// says, scores the sealed answers under every opened key and under the decoy keys
// that the seal names, and corrects all tests as one family. Equal cases have
// equal reports, on any number of cores; the package comment says how far this
// goes between machines.
//
// An error says that the case is not what its plan says, or that ctx has ended:
// with 10,000 decoys over a million tokens a judgement takes a while. A test that
// went wrong is no error but a void finding.
func Judge(ctx context.Context, c Case) (*Report, error) {
	opened, err := c.check()
	if err != nil {
		return nil, err
	}
	r, err := newReport(&c)
	if err != nil {
		return nil, err
	}
	texts, prompts := c.tokens()
	pool := &decoyPool{seed: c.Seal.Digest, count: c.Plan.Decoys, workers: c.Workers, progress: c.Progress}
	pool.total = pool.count * len(c.Keys)
	for i, k := range c.Plan.Keys {
		var found []Finding
		if opened[i] == nil {
			found = unopened(k, c.Plan.Tests)
		} else if found, err = c.judgeKey(ctx, k, opened[i].Mark, texts, prompts, pool); err != nil {
			return nil, err
		}
		r.Findings = append(r.Findings, found...)
	}
	if err := r.addProducts(c.Plan); err != nil {
		return nil, err
	}
	if err := r.decide(c.Plan); err != nil {
		return nil, err
	}
	r.round()
	return r, nil
}

// tokens returns the answers that are scored and the prompts that were asked.
func (c *Case) tokens() (texts []watermark.Text, prompts [][]watermark.Token) {
	for _, e := range c.Transcript.Prompts {
		prompts = append(prompts, c.Tokenizer.Encode(e.Question))
		if e.Status == collect.Complete || e.Status == collect.Refused {
			texts = append(texts, watermark.Text{Tokens: c.Tokenizer.Encode(e.Text)})
		}
	}
	return texts, prompts
}

// judgeKey runs every test under one key.
func (c *Case) judgeKey(ctx context.Context, k KeyPlan, mark *watermark.Watermark, texts []watermark.Text, prompts [][]watermark.Token, pool *decoyPool) ([]Finding, error) {
	r, err := read(mark, texts, prompts, c.Served, c.Plan.Tests)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", k.Name, err)
	}
	decoys, err := pool.of(ctx, mark, r)
	if err != nil {
		return nil, err
	}
	totals := r.score(mark, new([]uint64))
	found := make([]Finding, len(c.Plan.Tests))
	for i, test := range c.Plan.Tests {
		f, sel := &found[i], r.tests[i]
		*f = k.finding(test)
		if sel.inexact {
			f.Void = append(f.Void, "the source's seeds depend on the token that follows, so no window can be told present: G2 is not exact")
		}
		f.Raw, f.Scored = r.raw, sel.scored
		f.Dropped = Dropped{Head: r.found.Head, Gated: r.found.Gated, Repeat: r.found.Repeat, Prompt: r.found.Skipped,
			Duplicate: r.found.Duplicate, NotServed: sel.absent, Beyond: sel.beyond}
		t := trial{mark.Law(), test, totals[i], c.Plan.Family().Level(c.Plan.Size())}
		if err := t.fill(f); err != nil {
			return nil, err
		}
		if len(decoys) == 0 {
			f.Void = append(f.Void, "no decoy keys were planned: nothing shows that the null law holds")
			continue
		}
		column := make([]total, len(decoys))
		for j := range decoys {
			column[j] = decoys[j][i]
		}
		t.calibrate(f, column)
	}
	return found, nil
}

// finding begins a finding of a key.
func (k KeyPlan) finding(test Test) Finding {
	f := Finding{Key: k.Name, Test: test.Name, Mark: k.Mark, Kind: k.Kind, Null: nullOf(k.Name), Tail: Bound}
	if k.Kind == watermark.PublicKey {
		f.Void = append(f.Void, "everybody knows this key: what it finds is never evidence")
	}
	if k.Commitment == (keys.Commitment{}) {
		f.Notes = append(f.Notes, "the key has no commitment: only the public name of its mark binds it")
	}
	if test.Name == G2 {
		f.Notes = append(f.Notes, servedNote)
	}
	return f
}

// servedNote is on every finding that the served answers decide.
const servedNote = "the served answers are the key holder's word: the p-value holds if they are all that were generated, " +
	"or were selected by prompt, time or account only, never by content"

// unopened returns the findings of a key that was not opened.
func unopened(k KeyPlan, tests []Test) []Finding {
	found := make([]Finding, len(tests))
	for i, test := range tests {
		found[i] = k.finding(test)
		found[i].Void = append(found[i].Void, "the key was not opened")
	}
	return found
}

// addProducts adds the plan's joint findings.
func (r *Report) addProducts(p *Plan) error {
	single := len(r.Findings)
	for _, q := range p.Products {
		var parts []*Finding
		for i := range single {
			if f := &r.Findings[i]; f.Test == q.Test && slices.Contains(q.Keys, f.Key) {
				parts = append(parts, f)
			}
		}
		f, err := product(q, parts)
		if err != nil {
			return err
		}
		r.Findings = append(r.Findings, f)
	}
	return nil
}

// decide voids what the plan's conditions void and corrects all findings as one
// family.
func (r *Report) decide(p *Plan) error {
	logP := make([]float64, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Void = append(f.Void, r.Void...)
		if len(f.Void) == 0 {
			logP[i] = f.LogP
		}
	}
	decisions, err := p.Family().Holm(logP)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for i, d := range decisions {
		r.Findings[i].Adjusted, r.Findings[i].Rejected = d.LogP, d.Rejected
	}
	return nil
}
