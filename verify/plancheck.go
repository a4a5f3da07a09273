package verify

import (
	"errors"
	"fmt"
	"slices"
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
	for _, f := range []func() error{p.checkStrings, p.checkSuspect, p.checkFrame, p.checkKeys, p.checkTests, p.checkProducts, p.checkRates} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// checkStrings refuses what JSON would change silently.
func (p *Plan) checkStrings() error {
	all := append([]string{p.Suspect, p.Frame.Logged, p.Served.Logged, p.Nonce.Source, p.Tokenizer.Name}, p.Probes...)
	for _, k := range p.Keys {
		all = append(all, k.Name, k.Mark, k.KeyID)
	}
	for _, q := range p.Products {
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
	case p.Access != AccessText:
		return fmt.Errorf("verify: plan has access %q, want %q", p.Access, AccessText)
	case p.Sequence < 1:
		return fmt.Errorf("verify: plan has sequence number %d, want at least 1", p.Sequence)
	case p.Sequence == 1 && p.Earlier != 0:
		return fmt.Errorf("verify: first plan on a suspect has %d earlier tests, want 0", p.Earlier)
	case p.Earlier < p.Sequence-1:
		return fmt.Errorf("verify: plan number %d has %d earlier tests, want at least %d, one for each plan before it",
			p.Sequence, p.Earlier, p.Sequence-1)
	case p.Earlier > maxEarlier:
		return fmt.Errorf("verify: plan has %d earlier tests, want at most %d", p.Earlier, maxEarlier)
	case p.Tokenizer.Name == "" || p.Tokenizer.Digest.IsZero():
		return errors.New("verify: plan has no tokenizer, want a name and a digest")
	}
	return nil
}

func (p *Plan) checkFrame() error {
	switch f := p.Frame; {
	case f.Digest.IsZero():
		return errors.New("verify: plan has no digest of a frame")
	case f.Ask < 1 || f.Ask > f.Size:
		return fmt.Errorf("verify: plan asks %d prompts, want 1 to %d, the size of the frame", f.Ask, f.Size)
	case p.Nonce.Value.IsZero() != (p.Nonce.Source == ""):
		return errors.New("verify: nonce has a value without a source or a source without a value")
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
		switch {
		case t.Name != G1 && t.Name != G2:
			return fmt.Errorf("verify: test is %q, want %q or %q", t.Name, G1, G2)
		case seen[t.Name]:
			return fmt.Errorf("verify: test %s is in the plan twice", t.Name)
		case t.First < 0 || t.Name == G1 && t.First != 0:
			return fmt.Errorf("verify: test %s counts the first %d scores, want 0 for G1 and at least 0 for G2", t.Name, t.First)
		}
		seen[t.Name] = true
	}
	if has := !p.Served.Digest.IsZero() && p.Served.Texts > 0; has != seen[G2] || !has && !p.Served.IsZero() {
		return fmt.Errorf("verify: plan names %d served answers with digest %v, want some exactly if G2 is a test", p.Served.Texts, p.Served.Digest)
	}
	return nil
}

func (p *Plan) checkProducts() error {
	var taken []string
	for _, k := range p.Keys {
		taken = append(taken, k.Name)
	}
	for _, q := range p.Products {
		if q.Name == "" || slices.Contains(taken, q.Name) {
			return fmt.Errorf("verify: product name is %q, want a name that no key and no other product has", q.Name)
		}
		taken = append(taken, q.Name)
		if !slices.ContainsFunc(p.Tests, func(t Test) bool { return t.Name == q.Test }) {
			return fmt.Errorf("verify: product %q is of test %q, want a test of the plan", q.Name, q.Test)
		}
		if len(q.Keys) < 2 {
			return fmt.Errorf("verify: product %q has %d keys, want at least 2", q.Name, len(q.Keys))
		}
		for i, name := range q.Keys {
			if !slices.Contains(taken[:len(p.Keys)], name) || slices.Contains(q.Keys[:i], name) {
				return fmt.Errorf("verify: product %q has key %q, want different keys of the plan", q.Name, name)
			}
		}
		if err := p.checkIndependent(q); err != nil {
			return err
		}
	}
	return nil
}

// checkIndependent refuses a product of marks that share words.
func (p *Plan) checkIndependent(q Product) error {
	for i, a := range p.Keys {
		for _, b := range p.Keys[:i] {
			if slices.Contains(q.Keys, a.Name) && slices.Contains(q.Keys, b.Name) && a.KeyID == b.KeyID && !disjoint(a.Mark, b.Mark) {
				return fmt.Errorf("verify: product %q multiplies %q and %q, both of key %s: want different keys, or different layers of one layout",
					q.Name, b.Name, a.Name, a.KeyID)
			}
		}
	}
	return nil
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
