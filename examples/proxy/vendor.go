package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// policy are the rules of planting. The SHA-256 of this text is in the ledger
// before anything is planted: other rules get another number, and an epoch or a
// key of their own.
const policy = `dyetrace proxy policy/1
Chat completions and completions are planted, streamed or not, each choice by itself.
The prompt is what everybody but the model said, in order, joined by line feeds.
Answers with a response format, a grammar, log-probabilities, token ids, citations, audio or an echo are not.
Parallel tool calls are ordered; their arguments stay as they are.
A leaf says what was planted before it is sent, and another the output's hash when it ends.
`

// Contexts of what is made from the root key, never edited.
const (
	contextCommitment = "dyetrace 2026-11-25 proxy commitment/1"
	contextBinding    = "dyetrace 2026-11-25 proxy binding/1"
	contextSigner     = "dyetrace 2026-11-25 proxy signer/1"
)

// A vendor owns the book and the keys.
type vendor struct {
	book  *canary.Book
	root  keys.Key
	epoch string
	mode  ledger.Mode
	names *ledger.Pseudonyms
	plots map[string]func() (*plot, error) // by cohort
}

// A plot is what is planted in the answers to one cohort.
type plot struct {
	choices  *canary.Choices
	keys     map[string]ledger.KeyID // of the trees
	bindings []ledger.Leaf
	cohort   ledger.Pseudonym
	orders   bool // the book orders tools
}

func newVendor(book *canary.Book, root keys.Key, epoch string, names *ledger.Pseudonyms, c cohorts) (*vendor, error) {
	for _, t := range book.Trees() {
		if t.Name != "vendor" && t.Name != "epoch" && t.Name != "cohort" {
			return nil, fmt.Errorf("proxy: book %s has tree %q, want vendor, epoch and cohort only", book.Name(), t.Name)
		}
	}
	v := &vendor{book: book, root: root, epoch: epoch, mode: ledger.ModeTilt, names: names, plots: map[string]func() (*plot, error){}}
	if book.Sampled() {
		v.mode = ledger.ModeSampled
	}
	all := []string{""}
	for _, a := range c {
		all = append(all, a.cohort)
	}
	for _, cohort := range all {
		v.plots[cohort] = sync.OnceValues(func() (*plot, error) { return v.newPlot(cohort) })
	}
	if _, err := v.plots[""](); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *vendor) newPlot(cohort string) (*plot, error) {
	p := &plot{keys: map[string]ledger.KeyID{}}
	epoch := v.root.Epoch(v.epoch)
	holders := map[string]keys.Key{"vendor": epoch.Vendor(), "epoch": epoch}
	if cohort != "" {
		holders["cohort"] = epoch.Cohort(cohort)
		var err error
		if p.cohort, err = v.names.Cohort(cohort); err != nil {
			return nil, err
		}
	}
	var trees []canary.TreeKey
	for _, t := range v.book.Trees() {
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
		p.bindings = append(p.bindings, bindings...)
	}
	var err error
	p.choices, err = v.book.Choose(trees...)
	p.orders = len(v.book.Orderings([]string{"a", "b"})) > 0
	return p, err
}

// bind returns the leaves that must be in the ledger before a tree's key is used.
// The secret nonce of its commitment comes from the holder's key, so that it need
// not be stored, and from a leaf of its own, so that opening the option key does
// not show it.
func (v *vendor) bind(holder, option keys.Key) ([]ledger.Leaf, error) {
	secret := holder.Purpose("canary commitment")
	var nonce [32]byte
	if err := secret.Expand(contextCommitment, []byte(v.epoch), nonce[:]); err != nil {
		return nil, err
	}
	book := v.book.Hash()
	digests := []ledger.Digest{ledger.Digest(option.Commit(nonce)), ledger.Digest(book), sha256.Sum256([]byte(policy))}
	var leaves []ledger.Leaf
	for i, d := range digests {
		leaf := ledger.Leaf{Kind: ledger.KindCommitment + ledger.Kind(i), Epoch: v.epoch, KeyID: ledger.KeyID(option.ID()), Digest: d}
		// A nonce that says what the leaf says makes binding again a retry.
		info := append([]byte{byte(leaf.Kind)}, d[:]...)
		if err := secret.Expand(contextBinding, append(info, v.epoch...), leaf.Nonce[:]); err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, nil
}

// signer returns the key under which the ledger is signed, made from the root
// key, and the public line with which anybody verifies it.
func signer(root keys.Key, origin string) (note.Signer, note.Verifier, string, error) {
	const ed25519Signature = 1 // C2SP signed-note
	var seed [ed25519.SeedSize]byte
	if err := root.Purpose("ledger signer").Expand(contextSigner, nil, seed[:]); err != nil {
		return nil, nil, "", err
	}
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	line, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, nil, "", fmt.Errorf("proxy: origin is %q: %w", origin, err)
	}
	v, err := note.NewVerifier(line)
	if err != nil {
		return nil, nil, "", fmt.Errorf("proxy: origin is %q: %w", origin, err)
	}
	secret := base64.StdEncoding.EncodeToString(append([]byte{ed25519Signature}, seed[:]...))
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, v.KeyHash(), secret))
	if err != nil {
		return nil, nil, "", errors.New("proxy: signer is not accepted") // the error may quote the key
	}
	return s, v, line, nil
}

// openPseudonyms reads the key of an epoch's pseudonyms, or makes one. Whoever
// removes the file makes the epoch's leaves anonymous for good.
func openPseudonyms(path string) (*ledger.Pseudonyms, error) {
	p, err := ledger.OpenPseudonyms(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.CreatePseudonyms(path, rand.Reader)
	}
	return p, err
}

// retryNonce names the leaf of a request that says it may be a retry. It hangs on
// the pseudonyms' key and forgets with it.
func (v *vendor) retryNonce(idempotency string, of account, choice int, leaf ledger.Leaf) (ledger.Nonce, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "dyetrace proxy retry/1\n%q\n%s\n%d\n%v\n%v\n%v\n%v\n%v\n%v\n", idempotency, of.hash, choice, leaf.KeyID, leaf.Cohort, leaf.Output, leaf.Units, leaf.Of, leaf.Digest)
	d, err := v.names.Output(b.Bytes())
	return ledger.Nonce(d[:16]), err
}
