package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// keys makes the marks again and opens the commitments.
func (v *verifier) keys() {
	data, ok := v.b.part(kindKeys, "")
	if !ok {
		return
	}
	lines, err := parseKeys(data)
	if err == nil && len(lines) == 0 {
		err = errors.New("verify: keys are empty, want at least one or no such part")
	}
	if !v.load("keys", err, "%d were opened", len(lines)) {
		return
	}
	last := -1
	for i := range lines {
		l := &lines[i]
		name := "key " + printable(l.Name)
		if v.c.Plan == nil {
			v.lacking(name, NotChecked, "there is no plan to compare it with")
			continue
		}
		at := slices.IndexFunc(v.c.Plan.Keys, func(k KeyPlan) bool { return k.Name == l.Name })
		if at <= last {
			v.lacking(name, Failed, "is no key of the plan, or there twice, or not in the plan's order")
			continue
		}
		last = at
		v.key(name, v.c.Plan.Keys[at], l)
	}
}

// key makes one mark again.
func (v *verifier) key(name string, want KeyPlan, l *keyLine) {
	bound := want.Commitment != keys.Commitment{}
	if bound != (l.Nonce != nil) {
		v.lacking(name, Failed, "has a nonce %t, a commitment %t", l.Nonce != nil, bound)
		return
	}
	if v.with.Mark == nil {
		v.lacking(name, NotChecked, "there is nothing to make its mark again with")
		return
	}
	mark, key, err := v.with.Mark(l.files())
	o := Opened{Name: l.Name, Mark: mark, Key: key, Nonce: l.nonce()}
	if err == nil {
		unbound := want
		unbound.Commitment = keys.Commitment{}
		err = o.check(unbound)
	}
	ok := v.load("mark of "+name, err, "%s, made again", printable(want.Mark))
	if bound {
		ok = v.load("commitment of "+name, o.opens(want), "%v, opened", want.Commitment) && ok
	}
	if ok {
		v.c.Keys = append(v.c.Keys, o)
	}
}

// opens reports why a key is not the one that was committed.
func (o *Opened) opens(want KeyPlan) error {
	switch {
	case !want.Commitment.Verify(o.Key, o.Nonce):
		return fmt.Errorf("%v is not opened by %v with the nonce", want.Commitment, o.Key)
	case o.Key.ID().String() != want.KeyID:
		return fmt.Errorf("opens to key %v, the plan says %s", o.Key.ID(), printable(want.KeyID))
	}
	return nil
}

// claims lists what had better be committed early.
func (v *verifier) claims() []Claim {
	var out []Claim
	add := func(d collect.Digest, format string, args ...any) {
		if !d.IsZero() {
			out = append(out, Claim{fmt.Sprintf(format, args...), d})
		}
	}
	if p := v.c.Plan; p != nil {
		for _, k := range p.Keys {
			add(collect.Digest(k.Commitment), "key %s", printable(k.Name))
		}
		add(p.Served.Digest, "served answers")
		add(p.Frame.Digest, "frame of prompts")
		add(p.Reading.Frame.Digest, "frame of passages")
		digest, _ := p.Digest() // a plan that was parsed has one
		add(digest, "plan")
	}
	add(v.c.Seal.Digest, "seal")
	for _, x := range v.c.Controls {
		add(x.Seal.Digest, "seal of %s", printable(x.Transcript.Suspect))
	}
	return out
}

// ledger checks when things were committed.
func (v *verifier) ledger() {
	claims := v.claims()
	where := make(map[collect.Digest]string)
	for _, p := range v.b.parts {
		if p.kind != kindLedger {
			continue
		}
		name := p.title()
		if v.with.Ledger == nil {
			v.line(name, NotChecked, "there is nothing to check a ledger with")
			continue
		}
		proof, err := v.with.Ledger(LedgerPart{p.name, slices.Clone(p.data())}, slices.Clone(claims))
		if !v.check(name, err, "shows %d of %d claims", len(shown(proof.Anchors, claims)), len(claims)) {
			continue
		}
		good := true
		for _, c := range proof.Checks {
			v.Checks = append(v.Checks, Check{name + ": " + printable(c.Name), c.Result, printable(c.Detail)})
			good = good && c.OK()
		}
		if !good { // what it shows is not to be believed
			continue
		}
		for _, a := range shown(proof.Anchors, claims) {
			if where[a.Digest] != "" {
				where[a.Digest] += "; "
			}
			where[a.Digest] += name + ": " + printable(a.Where)
		}
	}
	for _, c := range claims {
		name := "anchor of " + c.What
		if at, ok := where[c.Digest]; ok {
			v.line(name, Passed, "%s", at)
		} else {
			v.line(name, Warning, "unanchored: nothing here shows when it was committed")
		}
	}
}

// shown returns the anchors that are of a claim.
func shown(anchors []Anchor, claims []Claim) []Anchor {
	var out []Anchor
	for _, a := range anchors {
		if slices.ContainsFunc(claims, func(c Claim) bool { return c.Digest == a.Digest }) {
			out = append(out, a)
		}
	}
	return out
}

// warn says what takes away from what the bundle shows.
func (v *verifier) warn() {
	p := v.c.Plan
	if p == nil {
		return
	}
	if p.Nonce.IsZero() {
		v.line("nonce", Warning, NoNonce)
	}
	for _, f := range []struct {
		what, logged string
		has          bool
	}{
		{"frame of prompts", p.Frame.Logged, !p.Frame.IsZero()},
		{"frame of passages", p.Reading.Frame.Logged, !p.Reading.Frame.IsZero()},
		{"served answers", p.Served.Logged, !p.Served.IsZero()},
	} {
		if f.has && f.logged == "" {
			v.line(f.what, Warning, "the plan does not say where its digest was logged")
		}
	}
	for _, k := range p.Keys {
		name := "key " + printable(k.Name)
		if k.Commitment == (keys.Commitment{}) {
			v.line(name, Warning, "has no commitment: only the public name of its mark binds it")
		}
		if !v.revealed(k.Name) {
			v.line(name, Warning, "was not opened: its findings are void, and count in the family")
		}
	}
}

// revealed reports whether the bundle holds a key, whether right or wrong.
func (v *verifier) revealed(name string) bool {
	data, _ := v.b.part(kindKeys, "")
	lines, err := parseKeys(data)
	return err != nil || slices.ContainsFunc(lines, func(l keyLine) bool { return l.Name == name })
}

// notes repeats what nothing here can check.
func (v *verifier) notes() {
	if p := v.c.Plan; p != nil && !p.Nonce.IsZero() {
		v.line("nonce", Note, "%v, of %s: look it up", p.Nonce.Value, printable(p.Nonce.Source))
	}
	s, here := v.b.software, ThisSoftware()
	v.line("software", Note, "the bundle says %s, %s; checked with %s, %s", printable(s.Module), printable(s.Go), here.Module, here.Go)
	list, err := v.b.Objections()
	if err == nil && len(list) == 0 {
		if _, ok := v.b.part(kindObjections, ""); ok {
			err = errors.New("verify: objections are empty, want at least one or no such part")
		}
	}
	if err != nil {
		v.line("objections", Failed, "%v", err)
	}
	for i, o := range list {
		by := ""
		if o.By != "" {
			by = " by " + printable(o.By)
		}
		v.line(fmt.Sprintf("objection %d%s", i+1, by), Note, "%s", printable(o.Text))
	}
}
