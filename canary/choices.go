package canary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Contexts of the PRFs, bound to this package and never edited.
const (
	contextOption = "dyetrace 2026-11-25 canary option/1"
	contextCoin   = "dyetrace 2026-11-25 canary coin/1"
	contextTwin   = "dyetrace 2026-11-25 canary twin/1"
)

// Purposes of the leaves under a holder's key.
const (
	PurposeOption = "canary option"
	PurposeCoin   = "canary coin"
)

// A TreeKey says whose key decides a tree of a book.
type TreeKey struct {
	Tree string

	// Option decides the options of the tree's units. It is committed to before
	// it is used and opened to the judge. Required.
	Option keys.Key

	// Coin decides, in mode tilt, which uses are planted. It belongs to the holder
	// of the tree (vendor, epoch, cohort), never to an account, and is never
	// opened. Required in mode tilt.
	Coin keys.Key
}

// Holder returns the TreeKey of a holder's key: its leaves PurposeOption and
// PurposeCoin. The holder of a cohort's tree, for instance, is
// root.Epoch("2026-11").Cohort("trial").
func Holder(tree string, key keys.Key) TreeKey {
	return TreeKey{tree, key.Purpose(PurposeOption), key.Purpose(PurposeCoin)}
}

// Option returns the option that a key decides for a unit: the inverse of the
// law's distribution function at
//
//	u32(Expand(contextOption, hash of the book ‖ tree ‖ 0 ‖ carrier ‖ 0 ‖ class ‖ 0 ‖ u32 bucket))
//
// For twins it is the candidate that is planted, from 64-bit words of
// Expand("dyetrace 2026-11-25 canary twin/1", …): the first word below the largest
// multiple of their number, modulo that number, so none is more likely.
func (b *Book) Option(key keys.Key, u Unit) (int, error) {
	options, err := b.options(u)
	if err != nil {
		return 0, err
	}
	if options.twins {
		return twin(key, u.key(bytes.Clone(b.hash[:])), len(options.names))
	}
	return b.draw(key, u, options.law)
}

func (b *Book) draw(key keys.Key, u Unit, law []uint32) (int, error) {
	var word [4]byte
	if err := key.Expand(contextOption, u.key(bytes.Clone(b.hash[:])), word[:]); err != nil {
		return 0, fmt.Errorf("canary: option of %s: %w", u, err)
	}
	return inverse(law, binary.LittleEndian.Uint32(word[:])), nil
}

// inverse returns the first option whose cumulated weight exceeds w.
func inverse(law []uint32, w uint32) int {
	sum := uint64(0)
	for o, n := range law {
		if sum += uint64(n); uint64(w) < sum {
			return o
		}
	}
	return len(law) - 1
}

// Choices are a book's decisions under the keys of some of its trees. Units of
// other trees are not planted.
//
// Choices are immutable and safe for use by several goroutines at once. They hold
// secrets, and print as the name of the book.
type Choices struct {
	book    *Book
	options []int16 // of Book.Units, −1 for none
	trees   []tree
}

type tree struct {
	name string
	key  TreeKey
}

// Choose draws the options of all units of the trees whose keys are given.
func (b *Book) Choose(trees ...TreeKey) (*Choices, error) {
	if b.parser != Prose {
		return nil, fmt.Errorf("canary: book %s has parser %s, which reads and does not plant: want %s", b.name, b.parser, Prose)
	}
	c := &Choices{book: b, options: make([]int16, len(b.units))}
	for i := range c.options {
		c.options[i] = -1
	}
	for _, t := range trees {
		if !slices.ContainsFunc(b.trees, func(of Tree) bool { return of.Name == t.Tree }) {
			return nil, fmt.Errorf("canary: tree is %q, want one of book %s", t.Tree, b.name)
		}
		if slices.ContainsFunc(c.trees, func(of tree) bool { return of.name == t.Tree }) {
			return nil, fmt.Errorf("canary: tree %q has two keys, want one", t.Tree)
		}
		if t.Option.IsZero() {
			return nil, fmt.Errorf("canary: tree %q has no option key", t.Tree)
		}
		if !b.sampled && t.Coin.IsZero() {
			return nil, fmt.Errorf("canary: tree %q has no coin key, which mode tilt needs", t.Tree)
		}
		c.trees = append(c.trees, tree{name: t.Tree, key: t})
		for i, u := range b.units {
			if u.Tree != t.Tree {
				continue
			}
			o, err := b.draw(t.Option, u, b.carriers[b.carrierOf[i]].Law)
			if err != nil {
				return nil, err
			}
			c.options[i] = int16(o)
		}
	}
	if len(trees) == 0 {
		return nil, errors.New("canary: no tree has a key, want at least one")
	}
	return c, nil
}

// Book returns the book whose units are decided.
func (c *Choices) Book() *Book { return c.book }

// String returns the name of the book: the keys stay where they are.
func (c *Choices) String() string { return "canary.Choices of book " + c.book.name }

// Format writes String for every verb, %#v included.
func (c *Choices) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.String())) }

// Option returns the option that is planted for a unit, −1 if its tree has no key
// here. It returns an error for a unit that is not of the book.
func (c *Choices) Option(u Unit) (int, error) {
	id, ok := c.book.index(u)
	switch {
	case !ok:
		return -1, fmt.Errorf("canary: unit %q is not of book %s", u, c.book.name)
	case id >= 0:
		return int(c.options[id]), nil
	}
	t := c.tree(u.Tree)
	if t == nil {
		return -1, nil
	}
	return c.book.Option(t.key.Option, u)
}

func (c *Choices) tree(name string) *tree {
	for i := range c.trees {
		if c.trees[i].name == name {
			return &c.trees[i]
		}
	}
	return nil
}

// coin reports whether a use of u is planted in answers to a prompt:
//
//	u32(Expand(contextCoin, digest of the normalised prompt ‖ hash of the book ‖ unit)) < λ
//
// The key is the holder's, so retries repeat, accounts of one cohort agree, and
// averaging over accounts shows nothing new.
func (c *Choices) coin(prompt *[32]byte, u Unit) bool {
	if c.book.sampled {
		return true
	}
	t := c.tree(u.Tree)
	if t == nil {
		return false
	}
	info := u.key(append(prompt[:len(prompt):len(prompt)], c.book.hash[:]...))
	var word [4]byte
	if err := t.key.Coin.Expand(contextCoin, info, word[:]); err != nil {
		return false
	}
	return uint64(binary.LittleEndian.Uint32(word[:])) < c.book.lambda
}
