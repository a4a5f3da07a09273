package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// leafResult is what is printed of a leaf.
type leafResult struct {
	Index  int64         `json:"index"`
	Kind   string        `json:"kind"`
	Time   string        `json:"time"` // start of its bucket
	Nonce  ledger.Nonce  `json:"nonce"`
	Epoch  string        `json:"epoch,omitempty"`
	KeyID  keys.ID       `json:"key_id,omitzero"`
	Digest ledger.Digest `json:"digest,omitzero"`
	// Commitment is the digest as dyetrace key commit writes it.
	Commitment keys.Commitment  `json:"commitment,omitzero"`
	Of         ledger.Nonce     `json:"of,omitzero"`
	Mode       string           `json:"mode,omitempty"`
	Cohort     ledger.Pseudonym `json:"cohort,omitzero"`
	Account    ledger.Pseudonym `json:"account,omitzero"`
	Output     ledger.Digest    `json:"output,omitzero"`
	Units      []unitResult     `json:"units,omitempty"`
}

type unitResult struct {
	Unit   string `json:"unit"` // number, as a text: many readers of JSON round those above 2^53
	Name   string `json:"name,omitempty"`
	Option uint32 `json:"option"`
	Form   string `json:"form,omitempty"`
}

func (n unitNames) leaf(index int64, l *ledger.Leaf) leafResult {
	r := leafResult{
		Index: index, Kind: l.Kind.String(), Time: l.Time.Time().Format(time.RFC3339), Nonce: l.Nonce, Epoch: l.Epoch, KeyID: keys.ID(l.KeyID),
		Digest: l.Digest, Of: l.Of, Cohort: l.Cohort, Account: l.Account, Output: l.Output,
	}
	if l.Kind == ledger.KindPlanting {
		r.Mode = l.Mode.String()
	}
	if l.Kind == ledger.KindCommitment {
		r.Commitment = keys.Commitment(l.Digest)
	}
	for _, u := range l.Units {
		r.Units = append(r.Units, n.unit(u))
	}
	return r
}

func (n unitNames) unit(u ledger.Unit) unitResult {
	r := unitResult{Unit: strconv.FormatUint(u.Unit, 10), Option: u.Option}
	if named, ok := n[u.Unit]; ok {
		r.Name = named.name
		if int64(u.Option) < int64(len(named.options)) {
			r.Form = named.options[u.Option]
		}
	}
	return r
}

// line says what a leaf states, in one line.
func (r leafResult) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d  %s  %s", r.Index, strings.TrimSuffix(strings.Replace(r.Time, "T", " ", 1), ":00Z"), r.Kind)
	part := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s %s", name, value)
		}
	}
	short := func(zero bool, text string) string {
		if zero {
			return ""
		}
		return text
	}
	part("epoch", printable(r.Epoch))
	part("key", short(r.KeyID == (keys.ID{}), r.KeyID.String()))
	if r.Commitment == (keys.Commitment{}) {
		part("digest", short(r.Digest.IsZero(), r.Digest.String()))
	} else {
		part("commitment", r.Commitment.String())
	}
	part("of", short(r.Of.IsZero(), r.Of.String()))
	part("mode", r.Mode)
	part("cohort", short(r.Cohort.IsZero(), r.Cohort.String()))
	part("account", short(r.Account.IsZero(), r.Account.String()))
	for _, u := range r.Units {
		if u.Form != "" {
			fmt.Fprintf(&b, "  %s=%q", u.Name, u.Form)
		} else {
			fmt.Fprintf(&b, "  %s=%d", u.Unit, u.Option)
		}
	}
	return b.String()
}
