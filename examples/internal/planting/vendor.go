package planting

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Contexts of what is made from the root key, never edited: the proxy was the first
// that planted.
const (
	contextCommitment = "dyetrace 2026-11-25 proxy commitment/1"
	contextBinding    = "dyetrace 2026-11-25 proxy binding/1"
)

// Rules are what a Vendor is made of.
type Rules struct {
	Book  *canary.Book       // Required
	Root  keys.Key           // Required
	Epoch string             // Required, see [CheckEpoch]
	Names *ledger.Pseudonyms // Required
	// Policy are the rules of planting. The SHA-256 of this text is in the ledger
	// before anything is planted: other rules get another number, and an epoch or a
	// key of their own. Required.
	Policy  string
	Cohorts Cohorts
	// Marks are the marks in the answers to a cohort, which are bound in the ledger
	// with the keys of the trees. Nil: there are none.
	Marks func(cohort string) ([]Mark, error)
}

// A Mark is one that answers carry: the ledger says to which key and to which
// spec it is bound.
type Mark struct {
	Holder keys.Key // whose child Key is; the commitment's secret comes from it
	Key    keys.Key
	Spec   [32]byte // the digest of the mark's spec
}

// A Vendor owns the book and the keys. It is safe for use by several goroutines
// at once.
type Vendor struct {
	Rules
	mode  ledger.Mode
	plots map[string]func() (*Plot, error) // by cohort
}

// A Plot is what is planted in the answers to one cohort. It is immutable.
type Plot struct {
	Choices *canary.Choices
	Orders  bool // the book orders tools
	// Bindings are the leaves that are in the ledger before anything is planted.
	Bindings []ledger.Leaf

	keys   map[string]ledger.KeyID // of the trees
	cohort ledger.Pseudonym
}

// NewVendor returns a vendor whose book has no trees but vendor, epoch and cohort.
func NewVendor(r Rules) (*Vendor, error) {
	for _, t := range r.Book.Trees() {
		if t.Name != "vendor" && t.Name != "epoch" && t.Name != "cohort" {
			return nil, fmt.Errorf("planting: book %s has tree %q, want vendor, epoch and cohort only", r.Book.Name(), t.Name)
		}
	}
	v := &Vendor{Rules: r, mode: ledger.ModeTilt, plots: map[string]func() (*Plot, error){}}
	if r.Book.Sampled() {
		v.mode = ledger.ModeSampled
	}
	all := []string{""}
	for _, a := range r.Cohorts {
		all = append(all, a.Cohort)
	}
	for _, cohort := range all {
		v.plots[cohort] = sync.OnceValues(func() (*Plot, error) { return v.newPlot(cohort) })
	}
	if _, err := v.Plot(""); err != nil {
		return nil, err
	}
	return v, nil
}

// Plot returns what is planted in the answers to a cohort, "" for those who are in
// none.
func (v *Vendor) Plot(cohort string) (*Plot, error) {
	plot, ok := v.plots[cohort]
	if !ok {
		return nil, fmt.Errorf("planting: cohort %q is not in the file of cohorts", cohort)
	}
	return plot()
}

func (v *Vendor) newPlot(cohort string) (*Plot, error) {
	p := &Plot{keys: map[string]ledger.KeyID{}}
	epoch := v.Root.Epoch(v.Epoch)
	holders := map[string]keys.Key{"vendor": epoch.Vendor(), "epoch": epoch}
	if cohort != "" {
		holders["cohort"] = epoch.Cohort(cohort)
		var err error
		if p.cohort, err = v.Names.Cohort(cohort); err != nil {
			return nil, err
		}
	}
	var trees []canary.TreeKey
	for _, t := range v.Book.Trees() {
		holder, ok := holders[t.Name]
		if !ok {
			continue
		}
		key := canary.Holder(t.Name, holder)
		trees = append(trees, key)
		p.keys[t.Name] = ledger.KeyID(key.Option.ID())
		bindings, err := v.bind(holder, key.Option)
		if err != nil {
			return nil, err
		}
		p.Bindings = append(p.Bindings, bindings...)
	}
	marks, err := v.bindMarks(cohort)
	if err != nil {
		return nil, err
	}
	p.Bindings = append(p.Bindings, marks...)
	p.Choices, err = v.Book.Choose(trees...)
	p.Orders = len(v.Book.Orderings([]string{"a", "b"})) > 0
	return p, err
}

// bind returns the leaves that must be in the ledger before a tree's key is used.
// The secret nonce of its commitment comes from the holder's key, so that it need
// not be stored, and from a leaf of its own, so that opening the option key does
// not show it.
func (v *Vendor) bind(holder, option keys.Key) ([]ledger.Leaf, error) {
	return v.bindings(holder.Purpose("canary commitment"), option, v.Book.Hash(), sha256.Sum256([]byte(v.Policy)))
}

// bindMarks returns the leaves that bind the marks of a cohort: commitments, and
// the digests of the specs as their policies.
func (v *Vendor) bindMarks(cohort string) ([]ledger.Leaf, error) {
	if v.Marks == nil {
		return nil, nil
	}
	all, err := v.Marks(cohort)
	if err != nil {
		return nil, err
	}
	var leaves []ledger.Leaf
	for _, m := range all {
		more, err := v.bindings(markSecret(m.Holder), m.Key, [32]byte{}, m.Spec)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, more...)
	}
	return leaves, nil
}

// MarkNonce returns the secret nonce of the commitment to a holder's mark that the
// ledger has for an epoch: with the mark's key it opens the commitment.
func MarkNonce(holder keys.Key, epoch string) ([32]byte, error) {
	return commitmentNonce(markSecret(holder), epoch)
}

func markSecret(holder keys.Key) keys.Key { return holder.Purpose("watermark commitment") }

func commitmentNonce(secret keys.Key, epoch string) (nonce [32]byte, err error) {
	err = secret.Expand(contextCommitment, []byte(epoch), nonce[:])
	return nonce, err
}

func (v *Vendor) bindings(secret, key keys.Key, book, policy [32]byte) ([]ledger.Leaf, error) {
	nonce, err := commitmentNonce(secret, v.Epoch)
	if err != nil {
		return nil, err
	}
	var leaves []ledger.Leaf
	for i, d := range []ledger.Digest{ledger.Digest(key.Commit(nonce)), book, policy} {
		if d.IsZero() { // a mark has no book
			continue
		}
		leaf := ledger.Leaf{Kind: ledger.KindCommitment + ledger.Kind(i), Epoch: v.Epoch, KeyID: ledger.KeyID(key.ID()), Digest: d}
		// A nonce that says what the leaf says makes binding again a retry.
		info := append([]byte{byte(leaf.Kind)}, d[:]...)
		if err := secret.Expand(contextBinding, append(info, v.Epoch...), leaf.Nonce[:]); err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, nil
}

// retryNonce names the leaf of a request that says it may be a retry. It hangs on
// the pseudonyms' key and forgets with it.
func (v *Vendor) retryNonce(idempotency string, of Account, choice int, leaf ledger.Leaf) (ledger.Nonce, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "dyetrace proxy retry/1\n%q\n%s\n%d\n%v\n%v\n%v\n%v\n%v\n%v\n", idempotency, of.Hash, choice, leaf.KeyID, leaf.Cohort, leaf.Output, leaf.Units, leaf.Of, leaf.Digest)
	d, err := v.Names.Output(b.Bytes())
	return ledger.Nonce(d[:16]), err
}
