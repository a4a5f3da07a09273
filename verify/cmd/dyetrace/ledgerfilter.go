package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// ledgerKinds are all kinds of leaves.
var ledgerKinds = []ledger.Kind{ledger.KindCommitment, ledger.KindBook, ledger.KindPolicy, ledger.KindPlan, ledger.KindFrame, ledger.KindSeal, ledger.KindPlanting, ledger.KindOutput}

func kindNames() (names []string) {
	for _, k := range ledgerKinds {
		names = append(names, k.String())
	}
	return names
}

func kindOf(name string) (ledger.Kind, error) {
	for _, k := range ledgerKinds {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, usage(fmt.Errorf("--kind is %q, want %s", name, strings.Join(kindNames(), ", ")))
}

// filter reads the flags, and what names units.
func (f *ledgerFilter) filter() (want ledger.Filter, names unitNames, err error) {
	want = ledger.Filter{Epoch: f.epoch, Begin: f.begin, End: f.end}
	if f.begin < 0 || f.end < 0 {
		return want, nil, usage(fmt.Errorf("--begin is %d and --end %d, want numbers from 0 on", f.begin, f.end))
	}
	if f.kind != "" {
		if want.Kind, err = kindOf(f.kind); err != nil {
			return want, nil, err
		}
	}
	if f.key != "" {
		if want.KeyID, err = keyID(f.key); err != nil {
			return want, nil, usage(fmt.Errorf("--key: %w", err))
		}
	}
	if want.Cohort, want.Account, err = f.people(); err != nil {
		return want, nil, err
	}
	if want.From, err = minutes("from", f.from); err != nil {
		return want, nil, err
	}
	if want.Until, err = minutes("until", f.until); err != nil {
		return want, nil, err
	}
	if f.book != "" {
		if names, err = readUnitNames(f.book); err != nil {
			return want, nil, err
		}
	}
	for _, unit := range f.units {
		some, err := names.find(unit)
		if err != nil {
			return want, nil, err
		}
		want.Units = append(want.Units, some...)
	}
	return want, names, nil
}

// keyID reads the public name of a key, as dyetrace key show prints it or in
// hexadecimal.
func keyID(text string) (id ledger.KeyID, err error) {
	if strings.HasPrefix(text, "dyetrace_") {
		var of keys.ID
		err = of.UnmarshalText([]byte(text))
		return ledger.KeyID(of), err
	}
	return id, id.UnmarshalText([]byte(text))
}

// people returns the pseudonyms of the cohort and the account that are wanted.
func (f *ledgerFilter) people() (cohort, account ledger.Pseudonym, err error) {
	byName := func(flag, value string, make func(string) (ledger.Pseudonym, error)) (p ledger.Pseudonym, err error) {
		if value == "" {
			return p, nil
		}
		if make != nil {
			return make(value)
		}
		if err := p.UnmarshalText([]byte(value)); err != nil {
			return p, usage(fmt.Errorf("--%s is %q: %w; --pseudonyms FILE finds it by its name", flag, value, err))
		}
		return p, nil
	}
	if f.pseudonyms == "" {
		if cohort, err = byName("cohort", f.cohort, nil); err == nil {
			account, err = byName("account", f.account, nil)
		}
		return cohort, account, err
	}
	names, err := ledger.OpenPseudonyms(f.pseudonyms)
	if err != nil {
		return cohort, account, err
	}
	if cohort, err = byName("cohort", f.cohort, names.Cohort); err == nil {
		account, err = byName("account", f.account, names.Account)
	}
	return cohort, account, err
}

// minutes reads a time in UTC.
func minutes(flag, text string) (ledger.Minutes, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			if m := t.Unix() / 60; m > 0 && m <= math.MaxUint32 {
				return ledger.Minutes(m), nil
			}
		}
	}
	return 0, usage(fmt.Errorf("--%s is %q, want a time in UTC like 2026-11-25 or 2026-11-25T14:00", flag, text))
}

// digestOf reads a digest in hexadecimal, or a commitment as key commit prints it.
func digestOf(text string) (d ledger.Digest, err error) {
	if strings.HasPrefix(text, "dyetrace_") {
		var c keys.Commitment
		err = c.UnmarshalText([]byte(text))
		return ledger.Digest(c), err
	}
	return d, d.UnmarshalText([]byte(text))
}
