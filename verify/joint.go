package verify

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

// pooledContext derives the seed of the decoys of a key that is added up with others.
const pooledContext = "dyetrace 2026-11-24 verify pooled decoys/1"

// pooled reports whether a key is part of a pool.
func (p *Plan) pooled(key string) bool {
	return slices.ContainsFunc(p.Pools, func(q Pool) bool { return slices.Contains(q.Keys, key) })
}

// independentOfAll is the null hypothesis of a joint finding.
const independentOfAll = "the suspect is independent of all of the keys, given everything else it was trained on"

// product joins findings under independent keys.
func product(q Product, parts []*Finding) (Finding, error) {
	f := Finding{Key: q.Name, Test: q.Test, Tail: Bound,
		Null: independentOfAll}
	if len(parts) != len(q.Keys) {
		return f, errors.New("verify: a product lacks a part")
	}
	var bets []float64
	for _, p := range parts {
		if len(p.Void) > 0 {
			f.Void = append(f.Void, fmt.Sprintf("its part under key %s is void", p.Key))
		}
		f.Raw = p.Raw
		f.Scored += p.Scored
		bets = append(bets, p.LogE)
	}
	f.LogE = evidence.Product(bets...)
	f.LogP = evidence.LogPOfE(f.LogE)
	return f, nil
}

// pooled adds one test up over keys whose texts are different ones.
func (j *judgement) pooled(q Pool, parts []*Finding) (Finding, error) {
	f := Finding{Key: q.Name, Test: q.Test, Null: independentOfAll, Tail: Bound}
	if len(parts) != len(q.Keys) {
		return f, errors.New("verify: a pool lacks a part")
	}
	test := j.c.Plan.Tests[slices.IndexFunc(j.c.Plan.Tests, func(t Test) bool { return t.String() == q.Test })]
	var all keyTotals
	all.decoys = make([]total, j.c.Plan.Decoys)
	for _, p := range parts {
		column := j.totals[p.Key]
		switch {
		case column == nil:
			f.Void = append(f.Void, fmt.Sprintf("its part under key %s is void", printable(p.Key)))
			return f, nil
		case p.Law == "": // nothing of this key was scored
			continue
		case all.law != nil && all.law != column[0].law:
			return f, fmt.Errorf("verify: pool %q adds scores of %v and of %v, want one law", q.Name, all.law, column[0].law)
		}
		f.Raw += p.Raw
		f.Scored += p.Scored
		part := column[slices.Index(j.c.Plan.Tests, test)]
		all.law = part.law
		all.own.add(&part.own)
		for i := range part.decoys {
			all.decoys[i].add(&part.decoys[i])
		}
	}
	if all.law == nil {
		f.Void = append(f.Void, "no token could be scored")
		return f, nil
	}
	s := selection{test: test, raw: f.Raw}
	t := trial{reading: &reading{law: all.law}, of: &s, level: j.c.Plan.level(), null: sumOf(all.law, all.own.n, test)}
	f.Law = all.law.String()
	f.Statistic = all.own.sum.float()
	if err := t.fillSum(&f, &all.own); err != nil {
		return f, err
	}
	if len(all.decoys) == 0 {
		f.Void = append(f.Void, uncalibrated)
		return f, nil
	}
	t.calibrate(&f, all.decoys)
	return f, nil
}

// correct corrects the p-values of the plan's findings: keys × tests, products,
// pools.
func (p *Plan) correct(logP []float64) ([]evidence.Decision, error) {
	if p.Correction != Hierarchy {
		return p.Family().Holm(logP)
	}
	// Each test's tree, each product and pool and each earlier test has an equal
	// share of Alpha.
	singles := len(p.Keys) * len(p.Tests)
	shares := float64(len(p.Tests) + len(logP) - singles + p.Earlier)
	share := evidence.Family{Alpha: p.Alpha / shares}
	out := make([]evidence.Decision, len(logP))
	for t := range p.Tests {
		column := make([]float64, len(p.Keys))
		for k := range p.Keys {
			column[k] = logP[k*len(p.Tests)+t]
		}
		decided, err := share.Hierarchical(p.parents(), column)
		if err != nil {
			return nil, err
		}
		for k := range p.Keys {
			out[k*len(p.Tests)+t] = decided[k]
		}
	}
	for i := singles; i < len(logP); i++ {
		decided, err := share.Bonferroni(logP[i : i+1])
		if err != nil {
			return nil, err
		}
		out[i] = decided[0]
	}
	for i := range out {
		out[i].LogP = min(0, out[i].LogP+math.Log(shares))
	}
	return out, nil
}

// parents returns the index of the key above each key, −1 for roots.
func (p *Plan) parents() []int {
	out := make([]int, len(p.Keys))
	for i, k := range p.Keys {
		out[i] = slices.IndexFunc(p.Keys, func(o KeyPlan) bool { return o.Name == k.Parent && k.Parent != "" })
	}
	return out
}
