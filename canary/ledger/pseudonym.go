package ledger

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/zeebo/blake3"
)

// The contexts of the keyed hashes. They are never edited, only succeeded.
var contexts = [...]string{
	cohort:  "dyetrace 2026-11-25 ledger cohort/1",
	account: "dyetrace 2026-11-25 ledger account/1",
	output:  "dyetrace 2026-11-25 ledger output/1",
}

const (
	cohort = iota
	account
	output
)

// ErrErased says that the key of pseudonyms was erased.
var ErrErased = errors.New("ledger: key of the pseudonyms was erased")

// Pseudonyms turn names and outputs into keyed hashes. Whoever has the key can
// look for a name in a ledger; without it nobody can tell whose leaf is whose,
// or which text an output's hash is of, not even by trying all names. When the
// key is erased, that holds for everybody and for good, and every leaf, proof
// and checkpoint stays valid: no leaf need be changed to forget a person. That
// two leaves have one pseudonym stays visible. Use a key for each epoch to forget
// epochs one by one and to link none of them to another.
//
// The key shows in no printing: see package keys, whose rules hold here. All
// methods may be called from several goroutines at once.
type Pseudonyms struct {
	mu      sync.RWMutex
	absorb  func(*blake3.Hasher) // writes the key; nil once erased
	wipe    func()
	reveal  func() string
	path    string // of the key's file; empty if there is none
	hashers [len(contexts)]sync.Pool
}

// NewPseudonyms returns pseudonyms under a new key that is in no file, made of
// 32 bytes from random: crypto/rand.Reader.
func NewPseudonyms(random io.Reader) (*Pseudonyms, error) {
	var key [32]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms: %w", err)
	}
	if key == [32]byte{} {
		return nil, errors.New("ledger: key of pseudonyms is 32 zeros, want random bytes")
	}
	return pseudonymsOf(key), nil
}

func pseudonymsOf(key [32]byte) *Pseudonyms {
	p := &Pseudonyms{}
	for i := range p.hashers {
		p.hashers[i].New = func() any { return blake3.NewDeriveKey(contexts[i]) }
	}
	// In closures reflection finds no bytes.
	p.absorb = func(h *blake3.Hasher) { h.Write(key[:]) }
	p.wipe = func() { clear(key[:]) }
	p.reveal = func() string { return keyText(key) }
	return p
}

// Cohort returns the pseudonym of a cohort: the first 16 bytes of the keyed hash
// of its name. The name must not be empty.
func (p *Pseudonyms) Cohort(name string) (Pseudonym, error) { return p.name(cohort, "cohort", name) }

// Account returns the pseudonym of an account, as Cohort does under another
// context: a cohort and an account of one name have nothing in common.
func (p *Pseudonyms) Account(name string) (Pseudonym, error) {
	return p.name(account, "account", name)
}

func (p *Pseudonyms) name(context int, what, name string) (Pseudonym, error) {
	if name == "" {
		return Pseudonym{}, fmt.Errorf("ledger: name of the %s is empty", what)
	}
	d, err := p.sum(context, func(h *blake3.Hasher) { h.WriteString(name) })
	return Pseudonym(d[:16]), err
}

// Output returns the keyed hash of an answer.
func (p *Pseudonyms) Output(text []byte) (Digest, error) {
	return p.sum(output, func(h *blake3.Hasher) { h.Write(text) })
}

func (p *Pseudonyms) sum(context int, write func(*blake3.Hasher)) (d Digest, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.absorb == nil {
		return Digest{}, ErrErased
	}
	h := p.hashers[context].Get().(*blake3.Hasher)
	p.absorb(h)
	write(h)
	h.Sum(d[:0])
	h.Reset()
	p.hashers[context].Put(h)
	return d, nil
}

// String returns "redacted:ledger pseudonyms", or "redacted:none" once erased.
func (p *Pseudonyms) String() string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.absorb == nil {
		return "redacted:none"
	}
	return "redacted:ledger pseudonyms"
}

// Format writes String for every verb and flag.
func (p *Pseudonyms) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, p.String()) }

// MarshalText returns String: what was redacted is gone.
func (p *Pseudonyms) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
