package verify

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

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
func (p *Plan) product(q Product, parts []*Finding) (Finding, error) {
	f := Finding{Key: q.Name, Test: q.test(), Tail: Bound, Null: independentOfAll}
	p.joins(&f, parts)
	if len(parts) != len(q.Parts) {
		return f, errors.New("verify: a product lacks a part")
	}
	var bets []float64
	for _, part := range parts {
		if len(part.Void) > 0 {
			f.Void = append(f.Void, fmt.Sprintf("its part %s under key %s is void", part.Test, printable(part.Key)))
		}
		f.Raw = max(f.Raw, part.Raw)
		f.Scored += part.Scored
		bets = append(bets, part.LogE)
	}
	f.LogE = evidence.Product(bets...)
	f.LogP = evidence.LogPOfE(f.LogE)
	return f, nil
}

// integersNote is on joint findings under keys of integers, of which only a name of the
// whole list is known: two lists may have most of their integers in common.
const integersNote = "keys of other engines are integers: the p-value holds if they have none in common, which is the key holder's word"

// joins notes what a joint finding stands on.
func (p *Plan) joins(f *Finding, parts []*Finding) {
	if slices.ContainsFunc(parts, func(part *Finding) bool { return integers(p.key(part.Key).KeyID) }) {
		f.Notes = append(f.Notes, integersNote)
	}
}

// test returns the name of the test that all parts are of, or the names of all.
func (q Product) test() string {
	var names []string
	for _, p := range q.Parts {
		if !slices.Contains(names, p.Test) {
			names = append(names, p.Test)
		}
	}
	return strings.Join(names, " × ")
}

// pooled adds one test up over keys whose texts are different ones.
func (j *judgement) pooled(q Pool, parts []*Finding) (Finding, error) {
	f := Finding{Key: q.Name, Test: q.Test, Null: independentOfAll, Tail: Bound}
	j.c.Plan.joins(&f, parts)
	if len(parts) != len(q.Keys) {
		return f, errors.New("verify: a pool lacks a part")
	}
	test := j.c.Plan.test(q.Test)
	tests := j.c.Plan.key(q.Keys[0]).takes(j.c.Plan.Tests) // the same for all keys of marks
	var all keyTotals
	all.decoys = make([]total, j.c.Plan.Decoys)
	for _, p := range parts {
		column := j.totals[p.Key]
		switch {
		case column == nil || len(p.Void) > p.thin:
			f.Void = append(f.Void, fmt.Sprintf("its part under key %s is void", printable(p.Key)))
			return f, nil
		case p.Law == "": // nothing of this key was scored
			continue
		case all.law != nil && all.law != column[0].law:
			return f, fmt.Errorf("verify: pool %q adds scores of %v and of %v, want one law", q.Name, all.law, column[0].law)
		}
		f.Raw += p.Raw
		f.Scored += p.Scored
		part := column[slices.Index(tests, test)]
		if part.entangled {
			f.Void = append(f.Void, "words of different windows depend on each other under these marks: no law of the sum over keys is known")
			return f, nil
		}
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
	t := trial{reading: &reading{law: all.law}, of: &s, level: j.levels.of(&f), null: sumOf(all.law, all.own.n, test)}
	f.Law = all.law.String()
	f.Statistic = all.own.sum.float()
	if err := t.fillSum(&f, &all.own); err != nil {
		return f, err
	}
	for _, name := range j.c.Plan.Controls {
		var own total
		for _, key := range q.Keys {
			own.add(&j.clean[[2]string{name, key}][slices.Index(tests, test)].own)
		}
		law := sumOf(all.law, own.n, test)
		f.convict(ControlFinding{Name: name, Test: q.Test, Scored: int(own.n), LogP: law.counted.LogTail(own.sum.float(), law.among)}, j.levels)
	}
	if len(all.decoys) == 0 {
		f.Void = append(f.Void, uncalibrated)
		return f, nil
	}
	t.calibrate(&f, all.decoys)
	d := Detail{Key: f.Key, Test: f.Test}
	d.decoys(t.null, &all.own, all.decoys)
	j.tell(&d)
	return f, nil
}

// correct corrects the p-values of the plan's findings: keys × tests, products,
// pools.
func (p *Plan) correct(logP []float64) ([]evidence.Decision, error) {
	if p.Correction != Hierarchy {
		return p.Family().Holm(logP)
	}
	var single []Part
	for _, k := range p.Keys {
		for _, t := range k.takes(p.Tests) {
			single = append(single, Part{k.Name, t.String()})
		}
	}
	shares := p.shares()
	share := evidence.Family{Alpha: p.Alpha / shares}
	out := make([]evidence.Decision, len(logP))
	for _, t := range p.Tests {
		var column []float64
		var at []int
		for i, part := range single {
			if part.Test == t.String() {
				column, at = append(column, logP[i]), append(at, i)
			}
		}
		decided, err := share.Hierarchical(p.parents(t), column)
		if err != nil {
			return nil, err
		}
		for k, d := range decided {
			out[at[k]] = d
		}
	}
	for i := len(single); i < len(logP); i++ {
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

// shares returns among how many Hierarchy shares Alpha equally: each test's tree, each
// product and pool and each earlier test.
func (p *Plan) shares() float64 {
	return float64(len(p.Tests) + len(p.Products) + len(p.Pools) + p.Earlier)
}

// levels are ln of the levels at which a plan's tests are tested first.
type levels struct {
	alpha float64 // of the family
	one   float64 // of a test that has none of its own
	own   map[Part]float64
}

// of returns the level of a finding.
func (l *levels) of(f *Finding) float64 {
	if x, ok := l.own[Part{f.Key, f.Test}]; ok {
		return x
	}
	return l.one
}

// finds reports whether a p-value that should find nothing, as of a clean model, is one
// that the plan would call a finding of such a test: it reaches the level, or it is no
// larger than that of a finding which Holm's method may reject later.
func (l *levels) finds(logP float64, of, finding *Finding) bool {
	return logP <= l.of(of) || finding.LogP <= l.alpha && logP <= finding.LogP
}

// lost reports whether a p-value leaves nothing of a finding.
func (l *levels) lost(f *Finding, logP float64) bool {
	level := l.of(f)
	return f.LogP <= level && logP > level || f.LogP <= l.alpha && logP > l.alpha
}

// levels returns the levels of the plan.
func (p *Plan) levels() (*levels, error) {
	l := &levels{alpha: math.Log(p.Alpha)}
	if p.Correction != Hierarchy {
		l.one = l.alpha - math.Log(float64(p.Size()+p.Earlier))
		return l, nil
	}
	l.one, l.own = l.alpha-math.Log(p.shares()), make(map[Part]float64)
	share := evidence.Family{Alpha: p.Alpha / p.shares()}
	for _, t := range p.Tests {
		of, err := share.HierarchicalLevels(p.parents(t))
		if err != nil {
			return nil, err
		}
		n := 0
		for _, k := range p.Keys {
			if slices.Contains(k.takes(p.Tests), t) {
				l.own[Part{k.Name, t.String()}] = of[n]
				n++
			}
		}
	}
	return l, nil
}

// parents returns, for each key that takes a test, the index of the next such key
// above it, −1 for roots.
func (p *Plan) parents(t Test) []int {
	var names []string
	for _, k := range p.Keys {
		if slices.Contains(k.takes(p.Tests), t) {
			names = append(names, k.Name)
		}
	}
	out := make([]int, len(names))
	for i, name := range names {
		above := p.key(name).Parent
		for above != "" && !slices.Contains(names, above) {
			above = p.key(above).Parent
		}
		out[i] = slices.Index(names, above)
	}
	return out
}
