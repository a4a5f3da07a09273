package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// BookPlan names the book of canaries that tests of canaries go by.
type BookPlan struct {
	Name string         `json:"name"` // that the book gives itself. Required
	Hash collect.Digest `json:"hash"` // [canary.Book.Hash]. Required
	// Baseline names one of the plan's controls: a model that never saw planted
	// answers, whose own shares of the forms the suspect's are compared with.
	// Defaults to the laws of the book, which costs power.
	Baseline string `json:"baseline,omitempty"`
}

// IsZero reports whether there is none.
func (b BookPlan) IsZero() bool { return b == BookPlan{} }

// TreeMark is what stands for the mark of a key that decides a tree of canaries.
func TreeMark(book [32]byte, tree, keyID string) string {
	return fmt.Sprintf("canary/1 book=%x tree=%s key=%s", book[:8], tree, keyID)
}

// CommitTree returns the entry of a plan for the key that decides the options of a
// tree of canaries, as [Commit] does for that of a mark. Only the tree's Option key is
// committed to, and opened later; its Coin never is.
func CommitTree(name string, book *canary.Book, tree canary.TreeKey, nonce [32]byte) (KeyPlan, error) {
	if book == nil {
		return KeyPlan{}, fmt.Errorf("verify: key %q has no book", name)
	}
	if !slices.ContainsFunc(book.Trees(), func(t canary.Tree) bool { return t.Name == tree.Tree }) {
		return KeyPlan{}, fmt.Errorf("verify: key %q decides tree %q, want a tree of book %q", name, tree.Tree, book.Name())
	}
	if nonce == [32]byte{} {
		return KeyPlan{}, fmt.Errorf("verify: nonce of key %q is 32 zeros, want random bytes", name)
	}
	id := tree.Option.ID().String()
	return KeyPlan{Name: name, Mark: TreeMark(book.Hash(), tree.Tree, id), Kind: watermark.Cryptographic, KeyID: id,
		Commitment: tree.Option.Commit(nonce), Tree: tree.Tree}, nil
}

func (p *Plan) checkBook() error {
	canaries := p.uses(Test.canary)
	trees := slices.ContainsFunc(p.Keys, func(k KeyPlan) bool { return k.Tree != "" })
	b := p.Book
	switch {
	case canaries != !b.IsZero() || canaries != trees:
		return errors.New("verify: plan has tests of canaries, keys of trees and a book, want all of them or none")
	case !canaries:
		return nil
	case b.Name == "" || b.Hash.IsZero():
		return errors.New("verify: plan has no name or no hash of a book of canaries")
	case b.Baseline != "" && !slices.Contains(p.Controls, b.Baseline):
		return fmt.Errorf("verify: baseline is %q, want one of the plan's controls, or none", b.Baseline)
	}
	for _, k := range p.Keys {
		if k.Tree != "" && k.Mark != TreeMark(b.Hash, k.Tree, k.KeyID) {
			return fmt.Errorf("verify: key %q decides tree %q, its mark is %q, want %q", k.Name, k.Tree, k.Mark, TreeMark(b.Hash, k.Tree, k.KeyID))
		}
	}
	return nil
}

// checkBook compares the case's book with the plan's.
func (c *Case) checkBook() error {
	want := c.Plan.Book
	if want.IsZero() {
		return nil
	}
	if c.Book == nil {
		return fmt.Errorf("verify: there is no book of canaries, want %q", want.Name)
	}
	if got := collect.Digest(c.Book.Hash()); got != want.Hash || c.Book.Name() != want.Name {
		return fmt.Errorf("verify: book is %q with hash %v, want %q with %v as the plan says", c.Book.Name(), got, want.Name, want.Hash)
	}
	for _, k := range c.Plan.Keys {
		if k.Tree != "" && !slices.ContainsFunc(c.Book.Trees(), func(t canary.Tree) bool { return t.Name == k.Tree }) {
			return fmt.Errorf("verify: key %q decides tree %q, want a tree of book %q", k.Name, k.Tree, want.Name)
		}
	}
	return nil
}

// checkTree checks the opened key of a tree.
func (o *Opened) checkTree(want KeyPlan) error {
	switch {
	case o.Mark != nil:
		return fmt.Errorf("verify: opened key %q has a mark, want the key of tree %q alone", o.Name, want.Tree)
	case o.Key.ID().String() != want.KeyID:
		return fmt.Errorf("verify: key %q is %v, want %s as the plan says", o.Name, o.Key.ID(), want.KeyID)
	case want.Commitment == keys.Commitment{}:
		return nil
	case !want.Commitment.Verify(o.Key, o.Nonce):
		return fmt.Errorf("verify: key %q does not open the commitment %v of the plan", o.Name, want.Commitment)
	}
	return nil
}
