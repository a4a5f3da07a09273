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
		v.revealed = make(map[string]bool)
		return
	}
	lines, err := parseKeys(data)
	if err == nil && len(lines) == 0 {
		err = errors.New("verify: keys are empty, want at least one or no such part")
	}
	if !v.load("keys", err, "%d were opened", len(lines)) {
		return
	}
	v.revealed = make(map[string]bool)
	last := -1
	place := make(map[string]int)
	if v.c.Plan != nil {
		for i, k := range v.c.Plan.Keys {
			place[k.Name] = i
		}
	}
	for i := range lines {
		l := &lines[i]
		v.revealed[l.Name] = true
		name := "key " + printable(l.Name)
		if v.c.Plan == nil {
			v.lacking(name, NotChecked, "there is no plan to compare it with")
			continue
		}
		at, ok := place[l.Name]
		if !ok || at <= last {
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
	case o.Key.ID().String() != want.KeyID && !integers(want.KeyID):
		return fmt.Errorf("opens to key %v, the plan says %s", o.Key.ID(), printable(want.KeyID))
	}
	return nil
}

// claims lists what had better be committed early.
func (v *verifier) claims() []Claim {
	var out []Claim
	add := func(kind, name string, d collect.Digest) {
		if !d.IsZero() {
			out = append(out, Claim{kind, name, d})
		}
	}
	if p := v.c.Plan; p != nil {
		for _, k := range p.Keys {
			add(ClaimKey, k.Name, collect.Digest(k.Commitment))
		}
		add(ClaimServed, "", p.Served.Digest)
		add(ClaimBook, "", p.Book.Hash)
		add(ClaimPrompts, "", p.Frame.Digest)
		add(ClaimPassages, "", p.Reading.Frame.Digest)
		add(ClaimTwins, "", p.Twins.Frame.Digest)
		add(ClaimPlan, "", v.planDigest)
	}
	add(ClaimSeal, "", v.c.Seal.Digest)
	for _, x := range v.c.Controls {
		add(ClaimSeal, x.Transcript.Suspect, x.Seal.Digest)
	}
	return out
}

// ledger checks when things were committed.
func (v *verifier) ledger() {
	claims := v.claims()
	where := make(map[collect.Digest]string)
	for _, c := range claims {
		where[c.Digest] = ""
	}
	for _, p := range v.b.parts {
		switch {
		case p.kind != kindLedger:
		case v.with.Ledger == nil:
			v.line(p.title(), NotChecked, "there is nothing to check a ledger with")
		default:
			v.ledgerPart(p, claims, where)
		}
	}
	for _, c := range claims {
		if at := where[c.Digest]; at != "" {
			v.line("anchor of "+c.String(), Passed, "%s", at)
		} else {
			v.line("anchor of "+c.String(), Warning, "unanchored: nothing here shows when it was committed")
		}
	}
}

// ledgerPart adds to where each claim was committed.
func (v *verifier) ledgerPart(p part, claims []Claim, where map[collect.Digest]string) {
	proof, err := v.with.Ledger(LedgerPart{p.name, slices.Clone(p.data())}, slices.Clone(claims))
	good := err == nil
	if good {
		for _, c := range proof.Checks {
			v.line(p.title()+": "+printable(c.Name), c.Result, "%s", printable(c.Detail))
			good = good && c.OK()
		}
		if !good {
			err = errors.New("does not hold: what it shows is not believed")
		}
	}
	var shown []Anchor
	for _, a := range proof.Anchors {
		if _, ok := where[a.Digest]; ok {
			shown = append(shown, a)
		}
	}
	if !v.check(p.title(), err, "shows %s entries, %s of them claims of this bundle", grouped(len(proof.Anchors)), grouped(len(shown))) {
		return
	}
	for _, a := range shown {
		if where[a.Digest] != "" {
			where[a.Digest] += "; "
		}
		where[a.Digest] += p.title() + ": " + printable(a.Where)
	}
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
		{ClaimPrompts, p.Frame.Logged, !p.Frame.IsZero()},
		{ClaimPassages, p.Reading.Frame.Logged, !p.Reading.Frame.IsZero()},
		{ClaimTwins, p.Twins.Frame.Logged, !p.Twins.IsZero()},
		{ClaimServed, p.Served.Logged, !p.Served.IsZero()},
	} {
		switch {
		case !f.has:
		case f.logged == "":
			v.line(f.what, Warning, "the plan does not say where and when the digest was logged")
		default:
			v.line(f.what, Note, "the plan says that the digest was logged: %s: look it up", printable(f.logged))
		}
	}
	for _, k := range p.Keys {
		name := "key " + printable(k.Name)
		if k.Commitment == (keys.Commitment{}) {
			v.line(name, Warning, "has no commitment: only the public name of its mark binds it")
		}
		if v.revealed != nil && !v.revealed[k.Name] {
			v.line(name, Warning, "was not opened: its findings are void, and count in the family")
		}
	}
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
