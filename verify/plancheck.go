package verify

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/watermark"
)

// maxEarlier bounds the tests outside a plan: beyond it a plan is a slip of the pen.
const maxEarlier = 1_000_000_000

// Check reports the first thing that is wrong with the plan, or nil.
func (p *Plan) Check() error {
	if p == nil {
		return errors.New("verify: there is no plan")
	}
	for _, f := range []func() error{p.checkStrings, p.checkSuspect, p.checkKeys, p.checkTests, p.checkFrames,
		p.checkReading, p.checkTwins, p.checkControls, p.checkBook, p.checkJoint, p.checkTree, p.checkRates} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// checkStrings refuses what JSON would change silently.
func (p *Plan) checkStrings() error {
	all := slices.Concat([]string{p.Suspect, p.Frame.Logged, p.Served.Logged, p.Nonce.Source, p.Tokenizer.Name,
		p.Reading.Frame.Logged, p.Reading.Reference, p.Reading.Age, p.Book.Name, p.Twins.Frame.Logged},
		p.Probes, p.Controls, p.Twins.Prompts)
	for _, k := range p.Keys {
		all = append(all, k.Name, k.Mark, k.KeyID, k.Tree)
	}
	for _, q := range p.Products {
		all = append(all, q.Name)
	}
	for _, q := range p.Pools {
		all = append(all, q.Name)
	}
	for _, s := range all {
		if !utf8.ValidString(s) {
			return fmt.Errorf("verify: plan holds %q, want valid UTF-8", s)
		}
	}
	return nil
}

func (p *Plan) checkSuspect() error {
	switch {
	case p.Suspect == "":
		return errors.New("verify: plan has no suspect, want a name")
	case p.Sequence < 1:
		return fmt.Errorf("verify: plan has sequence number %d, want at least 1", p.Sequence)
	case p.Earlier < p.Sequence-1:
		return fmt.Errorf("verify: plan number %d has %d earlier tests, want at least %d, one for each plan before it",
			p.Sequence, p.Earlier, p.Sequence-1)
	case p.Earlier > maxEarlier:
		return fmt.Errorf("verify: plan has %d earlier tests, want at most %d", p.Earlier, maxEarlier)
	}
	return nil
}

// uses reports whether some test of the plan is as asked.
func (p *Plan) uses(is func(Test) bool) bool { return slices.ContainsFunc(p.Tests, is) }

// checkFrames compares what is asked with what the tests need.
func (p *Plan) checkFrames() error {
	texts := p.uses(Test.writes)
	tokens := p.uses(func(t Test) bool { return !t.reads() && !t.canary() || t.Name == Rank })
	if texts || !p.Frame.IsZero() || len(p.Probes) > 0 {
		if err := p.Frame.check("prompts"); err != nil {
			return err
		}
		if !texts {
			return errors.New("verify: plan asks prompts, but has no test of texts")
		}
	}
	switch {
	case tokens && (p.Tokenizer.Name == "" || p.Tokenizer.Digest.IsZero()):
		return errors.New("verify: plan has no tokenizer, want a name and a digest")
	case p.Nonce.Value.IsZero() != (p.Nonce.Source == ""):
		return errors.New("verify: nonce has a value without a source or a source without a value")
	}
	return nil
}

func (f FramePlan) check(what string) error {
	switch {
	case f.Digest.IsZero():
		return fmt.Errorf("verify: plan has no digest of a frame of %s", what)
	case f.Ask < 1 || f.Ask > f.Size:
		return fmt.Errorf("verify: plan asks %d %s, want 1 to %d, the size of the frame", f.Ask, what, f.Size)
	}
	return nil
}

// maxTop is beyond the size of any vocabulary.
const maxTop = 1 << 24

func (p *Plan) checkReading() error {
	r := p.Reading
	if !p.uses(Test.reads) {
		if !r.IsZero() {
			return errors.New("verify: plan has passages, but no test of predictions")
		}
		return nil
	}
	if err := r.Frame.check("passages"); err != nil {
		return err
	}
	lists := p.uses(func(t Test) bool { return t.weighted() || t.referenced() })
	referenced := p.uses(Test.referenced)
	switch {
	case r.Top < 0 || r.Top > maxTop || lists != (r.Top > 0):
		return fmt.Errorf("verify: plan asks for the %d most likely tokens, want 1 to %d exactly with R3, R4 or R4h", r.Top, maxTop)
	case referenced != (r.Reference != "") || referenced != (r.Age != ""):
		return fmt.Errorf("verify: plan has reference %q of age %q, want a name and what shows its age exactly with R4 or R4h", r.Reference, r.Age)
	case r.Vocabulary < 0 || r.Vocabulary > math.MaxInt32 || r.Vocabulary > 0 && r.Top > r.Vocabulary:
		return fmt.Errorf("verify: vocabulary is of %d tokens, want at least the %d that are asked for and at most %d, or 0 for any", r.Vocabulary, r.Top, math.MaxInt32)
	case r.Span < 0:
		return fmt.Errorf("verify: plan asks for %d positions at once, want at least 1, or 0 for a whole passage", r.Span)
	case r.End != nil && *r.End < 0:
		return fmt.Errorf("verify: end-of-turn token is %d, want at least 0", *r.End)
	}
	return nil
}

func (p *Plan) checkControls() error {
	for i, c := range p.Controls {
		if c == "" || c == p.Suspect || slices.Contains(p.Controls[:i], c) {
			return fmt.Errorf("verify: control is %q, want a name that neither the suspect nor another control has", c)
		}
	}
	return nil
}

func (p *Plan) checkKeys() error {
	if len(p.Keys) == 0 {
		return errors.New("verify: plan has 0 keys, want at least 1")
	}
	names, marks := make(map[string]bool), make(map[string]bool)
	for _, k := range p.Keys {
		switch {
		case k.Name == "" || names[k.Name]:
			return fmt.Errorf("verify: key name is %q, want a name that no other key of the plan has", k.Name)
		case k.Mark == "" || marks[k.Mark]:
			return fmt.Errorf("verify: key %q has mark %q, want a mark that no other key of the plan has", k.Name, k.Mark)
		case k.KeyID == "":
			return fmt.Errorf("verify: key %q has no key ID, want the public name of the key", k.Name)
		case k.Kind != watermark.Cryptographic && k.Kind != watermark.Statistical && k.Kind != watermark.PublicKey:
			return fmt.Errorf("verify: key %q has words of kind %q, want %q, %q or %q", k.Name, k.Kind,
				watermark.Cryptographic, watermark.Statistical, watermark.PublicKey)
		}
		names[k.Name], marks[k.Mark] = true, true
	}
	return nil
}

func (p *Plan) checkTests() error {
	if len(p.Tests) == 0 {
		return errors.New("verify: plan has 0 tests, want at least 1")
	}
	seen := make(map[string]bool)
	for _, t := range p.Tests {
		if err := t.check(); err != nil {
			return err
		}
		if seen[t.String()] {
			return fmt.Errorf("verify: test %s is in the plan twice", t)
		}
		seen[t.String()] = true
	}
	for _, k := range p.Keys {
		if len(k.takes(p.Tests)) == 0 {
			return fmt.Errorf("verify: key %q is taken by none of the plan's tests", k.Name)
		}
	}
	want := p.uses(Test.served)
	if has := !p.Served.Digest.IsZero() && p.Served.Texts > 0; has != want || !has && !p.Served.IsZero() {
		return fmt.Errorf("verify: plan names %d served answers with digest %v, want some exactly if a test goes by them", p.Served.Texts, p.Served.Digest)
	}
	return nil
}

// checkJoint checks products and pools.
func (p *Plan) checkJoint() error {
	taken := make(map[string]bool)
	takes := make(map[Part]bool)
	for _, k := range p.Keys {
		taken[k.Name] = true
		for _, t := range k.takes(p.Tests) {
			takes[Part{k.Name, t.String()}] = true
		}
	}
	check := func(what, name string, parts []Part) error {
		if name == "" || taken[name] {
			return fmt.Errorf("verify: %s name is %q, want a name that no key, no product and no pool has", what, name)
		}
		taken[name] = true
		if len(parts) < 2 {
			return fmt.Errorf("verify: %s %q has %d parts, want at least 2", what, name, len(parts))
		}
		for i, part := range parts {
			switch {
			case !takes[part]:
				return fmt.Errorf("verify: %s %q has part %s under key %q, want a test of the plan under a key that takes it", what, name, part.Test, part.Key)
			case slices.Contains(parts[:i], part):
				return fmt.Errorf("verify: %s %q has part %s under key %q twice", what, name, part.Test, part.Key)
			}
		}
		return nil
	}
	for _, q := range p.Products {
		if err := check("product", q.Name, q.Parts); err != nil {
			return err
		}
		if err := p.checkIndependent(q); err != nil {
			return err
		}
	}
	for _, q := range p.Pools {
		if err := check("pool", q.Name, Across(q.Test, q.Keys...)); err != nil {
			return err
		}
		if err := p.checkPool(q); err != nil {
			return err
		}
	}
	return nil
}

// checkPool refuses a pool of keys or tests whose scores do not add up.
func (p *Plan) checkPool(q Pool) error {
	t := p.test(q.Test)
	if t.canary() || t.weighted() || t.Sparse || t.First > 0 || t.Stop {
		return fmt.Errorf("verify: pool %q is of test %s, want a sum of scores that all count", q.Name, t)
	}
	ids := make(map[string]string)
	for _, k := range p.Keys {
		if !slices.Contains(q.Keys, k.Name) {
			continue
		}
		for id := range strings.SplitSeq(k.KeyID, "+") {
			if other, ok := ids[id]; ok && other != k.Name {
				return fmt.Errorf("verify: pool %q adds %q and %q, both of key %s: want different keys", q.Name, other, k.Name, id)
			}
			ids[id] = k.Name
		}
	}
	return nil
}

// sharedKey returns a key that two public names have in common, or nothing: the name of
// a mark that draws by two keys is A+B.
func sharedKey(a, b string) string {
	of := strings.Split(a, "+")
	for id := range strings.SplitSeq(b, "+") {
		if slices.Contains(of, id) {
			return id
		}
	}
	return ""
}

// checkTree checks that parents make a forest.
func (p *Plan) checkTree() error {
	switch p.Correction {
	case "", Holm, Hierarchy:
	default:
		return fmt.Errorf("verify: correction is %q, want %q or %q", p.Correction, Holm, Hierarchy)
	}
	parent := make(map[string]string)
	for _, k := range p.Keys {
		parent[k.Name] = k.Parent
	}
	for _, k := range p.Keys {
		if k.Parent == "" {
			continue
		}
		if p.Correction != Hierarchy {
			return fmt.Errorf("verify: key %q has a parent, want that only with correction %q", k.Name, Hierarchy)
		}
		at := k.Name
		for steps := 0; at != ""; steps++ {
			next, ok := parent[at]
			if !ok {
				return fmt.Errorf("verify: key %q lies under %q, want a key of the plan", k.Name, at)
			}
			if steps > len(p.Keys) {
				return fmt.Errorf("verify: key %q lies under itself", k.Name)
			}
			at = next
		}
	}
	return nil
}

// checkIndependent refuses a product of parts that share words.
func (p *Plan) checkIndependent(q Product) error {
	for i, x := range q.Parts {
		for _, y := range q.Parts[:i] {
			a, b := p.key(x.Key), p.key(y.Key)
			s, t := p.test(x.Test), p.test(y.Test)
			switch {
			case s.served() && t.reads() && !t.Served || t.served() && s.reads() && !s.Served:
				return fmt.Errorf("verify: product %q multiplies %s of %q and %s of %q, of which one bets in the order of the served answers and one in that of the passages: want one order",
					q.Name, y.Test, y.Key, x.Test, x.Key)
			case sharedKey(a.KeyID, b.KeyID) == "" || disjoint(a.Mark, b.Mark):
			case a.Tree != "" && b.Tree != "" && s.units() != t.units():
			default:
				return fmt.Errorf("verify: product %q multiplies %s of %q and %s of %q, both of key %s: want different keys, different layers of one layout, or canaries of different kinds",
					q.Name, y.Test, y.Key, x.Test, x.Key, sharedKey(a.KeyID, b.KeyID))
			}
		}
	}
	return nil
}

// key returns a key of the plan by its name.
func (p *Plan) key(name string) KeyPlan {
	return p.Keys[slices.IndexFunc(p.Keys, func(k KeyPlan) bool { return k.Name == name })]
}

// test returns a test of the plan by its name.
func (p *Plan) test(name string) Test {
	return p.Tests[slices.IndexFunc(p.Tests, func(t Test) bool { return t.String() == name })]
}

func (p *Plan) checkRates() error {
	if err := p.Family().Check(); err != nil {
		return fmt.Errorf("verify: plan: %w", err)
	}
	switch {
	case p.Decoys != 0 && (p.Decoys < MinDecoys || p.Decoys > maxDecoys):
		return fmt.Errorf("verify: plan has %d decoy keys, want %d to %d, or 0 for none", p.Decoys, MinDecoys, maxDecoys)
	case !(p.Void.Missing >= 0 && p.Void.Missing <= 1):
		return fmt.Errorf("verify: share of missing answers is %v, want 0 to 1", p.Void.Missing)
	}
	return nil
}
