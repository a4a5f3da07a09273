package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/tail"
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
	j := &judgement{c: &c, report: r, totals: make(map[string][]keyTotals), clean: make(map[[2]string][]keyTotals)}
	if j.levels, err = c.Plan.levels(); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	j.pool = &decoyPool{seed: c.Seal.Digest, count: c.Plan.Decoys, workers: c.Workers, progress: c.Progress, shared: new(decoyWork)}
	j.pool.total = j.pool.count * len(c.Keys)
	for i, k := range c.Plan.Keys {
		if opened[i] == nil {
			r.Findings = append(r.Findings, unopened(k, k.takes(c.Plan.Tests))...)
			continue
		}
		if k.Tree != "" {
			err = j.tree(ctx, k, opened[i].Key)
		} else {
			err = j.key(ctx, k, opened[i].Mark)
		}
		if err != nil {
			return nil, err
		}
	}
	j.holdOut()
	if err := j.relayed(ctx, opened); err != nil {
		return nil, err
	}
	if err := j.joint(); err != nil {
		return nil, err
	}
	if err := r.decide(c.Plan); err != nil {
		return nil, err
	}
	r.round()
	return r, nil
}

// A judgement is a report in the making.
type judgement struct {
	c      *Case
	report *Report
	levels *levels
	pool   *decoyPool
	totals map[string][]keyTotals    // by key, then by test
	clean  map[[2]string][]keyTotals // of controls, by control and key, then by test
}

// keyTotals is what a test counts under a key and under its decoys.
type keyTotals struct {
	law    tail.Law
	own    total
	decoys []total
	// entangled says that words of different windows depend on each other.
	entangled bool
}

// key makes every test under one key.
func (j *judgement) key(ctx context.Context, k KeyPlan, mark *watermark.Watermark) error {
	rec := j.c.record(j.c.Transcript).under(k.Name)
	seed := j.c.Seal.Digest
	if j.c.Plan.pooled(k.Name) { // decoys of keys that are added up have to be independent
		seed = canon.Sum(pooledContext, seed[:], []byte(k.Name))
	}
	tests := k.takes(j.c.Plan.Tests)
	found, totals, err := examine(ctx, k, mark, rec, tests, j.levels, j.pool.with(seed), j.look(k))
	if err != nil {
		return err
	}
	if err := j.controls(ctx, k, mark, tests, found); err != nil {
		return err
	}
	j.totals[k.Name] = totals
	j.report.Findings = append(j.report.Findings, found...)
	return nil
}

// finding begins a finding of a key.
func (k KeyPlan) finding(test Test) Finding {
	f := Finding{Key: k.Name, Test: test.String(), Mark: k.Mark, Kind: k.Kind, Null: nullOf(k.Name), Tail: Bound}
	if k.Kind == watermark.PublicKey {
		f.Void = append(f.Void, "everybody knows this key: what it finds is never evidence")
	}
	if k.Commitment == (keys.Commitment{}) {
		f.Notes = append(f.Notes, uncommittedNote)
	}
	if test.served() || test.reads() {
		f.Notes = append(f.Notes, servedNote)
	}
	if test.Served {
		f.Notes = append(f.Notes, foreignNote)
	}
	return f
}

// uncommittedNote is on findings under keys that the plan does not bind.
const uncommittedNote = "the key has no commitment: only the public name of its mark binds it"

// servedNote is on every finding that marked texts decide.
const servedNote = "the marked texts are the key holder's word: the p-value holds if they are all that were generated, " +
	"or were selected by prompt, time or account only, never by content"

// foreignNote is on every finding of predictions at served windows.
const foreignNote = "which windows were served is decided by the key: the p-value holds for passages that were not made under it"

// unopened returns the findings of a key that was not opened.
func unopened(k KeyPlan, tests []Test) []Finding {
	found := make([]Finding, len(tests))
	for i, test := range tests {
		found[i] = k.finding(test)
		found[i].Void = append(found[i].Void, "the key was not opened")
	}
	return found
}

// controls asks the plan's clean models what the findings say of the suspect.
func (j *judgement) controls(ctx context.Context, k KeyPlan, mark *watermark.Watermark, tests []Test, found []Finding) error {
	p := j.c.Plan
	for _, name := range p.Controls {
		rec := j.c.record(j.c.Controls[j.c.control(name)].Transcript).under(k.Name)
		asked, stands := controlTests(tests, rec)
		said, totals, err := examine(ctx, k, mark, rec, asked, j.levels, &decoyPool{}, nil)
		if err != nil {
			return fmt.Errorf("control %q: %w", name, err)
		}
		for i := range found {
			f, s := &found[i], &said[stands[i]]
			j.clean[[2]string{name, k.Name}] = append(j.clean[[2]string{name, k.Name}], totals[stands[i]])
			f.convict(ControlFinding{Name: name, Test: s.Test, Scored: s.Scored, LogP: s.LogP}, j.levels)
		}
	}
	for i := range found {
		if tests[i].reads() && len(p.Controls) == 0 {
			found[i].Notes = append(found[i].Notes, "no clean model was asked the same: decoy keys do not show whether a model that copies from its context would be found, too")
		}
	}
	return nil
}

// controlTests returns the tests that a control is judged by, without repetition,
// and for each test of the plan which of them stands for it: R1 for what needs a
// reference that the control does not have, being the reference itself.
func controlTests(tests []Test, rec *Record) (out []Test, stands []int) {
	referenced := slices.ContainsFunc(rec.Predictions, func(list []collect.Prediction) bool {
		return slices.ContainsFunc(list, func(p collect.Prediction) bool { return p.Reference != nil })
	})
	for _, t := range tests {
		if t.referenced() && !referenced {
			t = Test{Name: R1, Served: t.Served, First: t.First}
		}
		i := slices.Index(out, t)
		if i < 0 {
			i = len(out)
			out = append(out, t)
		}
		stands = append(stands, i)
	}
	return out, stands
}

// holdOut voids tests that find a key under which nothing was made.
func (j *judgement) holdOut() {
	p := j.c.Plan
	for _, k := range p.Keys {
		for _, t := range k.takes(p.Tests) {
			f := j.report.Finding(k.Name, t.String())
			if !k.HeldOut || len(f.Void) > 0 {
				continue
			}
			for i := range j.report.Findings {
				if g := &j.report.Findings[i]; g.Test == f.Test && j.levels.finds(f.LogP, f, g) {
					g.Void = append(g.Void, fmt.Sprintf("the test finds key %s as well, under which nothing was made: log10 p is %.2f", printable(k.Name), log10(f.LogP)))
				}
			}
		}
	}
}

// joint adds the plan's products and pools.
func (j *judgement) joint() error {
	r, p := j.report, j.c.Plan
	find := func(parts []Part) []*Finding {
		var out []*Finding
		for _, part := range parts {
			if f := r.Finding(part.Key, part.Test); f != nil {
				out = append(out, f)
			}
		}
		return out
	}
	for _, q := range p.Products {
		f, err := j.c.Plan.product(q, find(q.Parts))
		if err != nil {
			return err
		}
		r.Findings = append(r.Findings, f)
	}
	for _, q := range p.Pools {
		f, err := j.pooled(q, find(Across(q.Test, q.Keys...)))
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
		f.Void, f.thin = append(f.Void, r.Void...), 0
		if len(f.Void) == 0 {
			logP[i] = f.LogP
		}
	}
	decisions, err := p.correct(logP)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for i, d := range decisions {
		r.Findings[i].Adjusted, r.Findings[i].Rejected = d.LogP, d.Rejected
	}
	return nil
}
