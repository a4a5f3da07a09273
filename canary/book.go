package canary

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/zeebo/blake3"
)

// Versions of the parser. A book names one, and its hash binds the name.
const (
	// Prose plants and reads: it looks at prose only, and never inside code,
	// structured text, quotations, mathematics or what the prompt contains.
	Prose = "prose/1"

	// Plain reads and never plants: each carrier for itself, whole words in any
	// case, everywhere outside code in backticks. It is for lists of carriers that
	// were planted by other programs.
	Plain = "plain/1"
)

// Whole is certainty, and the sum of every law: probabilities are integers that
// count 2⁻³².
const Whole = 1 << 32

// A Tree is a key's share of the units of a book. The trees of a vendor are, by
// custom, "vendor" (always on), "epoch" (dates the harvest) and "cohort" (a group
// of accounts).
type Tree struct {
	Name  string
	Share uint64 // of the sum of all trees' shares
}

// A Carrier is a choice between forms that are equally good wherever its guards
// hold.
type Carrier struct {
	Name  string
	Forms []string // at least two
	Law   []uint32 // in counts of 2⁻³², sums to Whole

	// Classes is what the file says: patterns such as "*/en". Empty means all.
	Classes []string

	// What must and must not stand before and after, as in the file, sets resolved.
	Before, NotBefore, After, NotAfter []string

	line   int
	first  *guards // compiled Before and NotBefore
	last   *guards // compiled After and NotAfter
	single bool    // some form is one word
	varies bool    // forms take different articles
	render [][2]rendering
	ahead  int // bytes behind a use that may say that the answer refuses

	// Forms of neighbours, of which one would satisfy a guard and another would
	// not: c is no use directly before or behind them.
	blockedBefore, blockedBehind []string
}

// An Item is a question with several answers, or a set of twins: the unit is the
// item, however often it is asked.
type Item struct {
	Name    string
	Twins   bool
	Ask     []string // what a prompt contains that asks for a pick
	Options []string
	Law     []uint32 // nil for twins: uniform, without a remainder

	unit Unit
	line int
}

// A Book says what may be planted where: carriers, classes, buckets, laws and
// which key decides each unit. It also parses answers, so that what was planted
// is what is counted.
//
// A Book is immutable and safe for use by several goroutines at once. It comes
// from Read, ReadFile or English, which return it whole or not at all.
type Book struct {
	name, parser string
	text         []byte
	hash         [32]byte

	sampled    bool
	lambda     uint64 // of Whole
	classifier string
	classes    []string
	classIndex map[string]int
	buckets    buckets

	trees   []Tree
	shares  uint64
	reserve uint64

	carriers []Carrier
	items    []Item

	noArticles bool // "a" and "an" are words like others

	tools      bool
	sequential []string

	units     []Unit
	carrierOf []int32  // of each unit
	at        []int32  // (carrier·classes + class)·buckets + bucket → unit, −1 for none
	matcher   *matcher // of Prose
	fold      *matcher // of Plain, and for prompts
}

// ReadFile reads the book in the file at path.
func ReadFile(path string) (*Book, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("canary: book: %w", err)
	}
	defer f.Close()
	return Read(f, path)
}

// maxBook bounds what Read reads, in bytes.
const maxBook = 4 << 20

// maxCarriers and maxForms bound how many carriers (and items) and how many forms
// of carriers a book has: Read compares each with each.
const (
	maxCarriers = 4096
	maxForms    = 8192
)

// Read reads a book in the text format of the package comment. Errors name the
// file as name, the line and the value.
func Read(r io.Reader, name string) (*Book, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBook+1))
	if err != nil {
		return nil, fmt.Errorf("canary: book: %w", err)
	}
	if len(text) > maxBook {
		return nil, fmt.Errorf("canary: %s has more than %d bytes, want a book", name, maxBook)
	}
	p := reader{file: name, sets: map[string][]string{}, book: &Book{lambda: Whole}}
	if err := p.read(string(text)); err != nil {
		return nil, err
	}
	return p.book, nil
}

const contextBook = "dyetrace 2026-11-25 canary book/1"

// finish computes what follows from the directives.
func (b *Book) finish() {
	b.classIndex = map[string]int{}
	for i, c := range b.classes {
		b.classIndex[c] = i
	}
	n := b.buckets.count()
	b.at = make([]int32, len(b.carriers)*len(b.classes)*n)
	for c := range b.carriers {
		for k, class := range b.classes {
			for j := range n {
				id := (c*len(b.classes)+k)*n + j
				b.at[id] = -1
				if !b.carriers[c].speaks(class) {
					continue
				}
				u := Unit{Carrier: b.carriers[c].Name, Class: class, Bucket: j}
				b.place(&u)
				b.at[id] = int32(len(b.units))
				b.units = append(b.units, u)
				b.carrierOf = append(b.carrierOf, int32(c))
			}
		}
	}
	for i := range b.items {
		b.items[i].unit = Unit{Carrier: b.items[i].kind() + b.items[i].Name}
		b.place(&b.items[i].unit)
	}
	b.text = b.canonical()
	h := blake3.NewDeriveKey(contextBook)
	_, _ = h.Write(b.text)
	if b.classifier == builtinClassifier {
		_, _ = h.WriteString(classRules)
	}
	h.Sum(b.hash[:0])
}

func (i *Item) kind() string {
	if i.Twins {
		return "twins:"
	}
	return "pick:"
}

// speaks reports whether a carrier is used in answers of a class.
func (c *Carrier) speaks(class string) bool {
	if len(c.Classes) == 0 {
		return true
	}
	return slices.ContainsFunc(c.Classes, func(p string) bool { return classMatches(p, class) })
}

// classMatches matches "task/language", either of which may be "*".
func classMatches(pattern, class string) bool {
	pt, pl, two := strings.Cut(pattern, "/")
	ct, cl, _ := strings.Cut(class, "/")
	if !two {
		return pattern == "*" || pattern == class
	}
	return (pt == "*" || pt == ct) && (pl == "*" || pl == cl)
}

// Name returns the name that the book gives itself.
func (b *Book) Name() string { return b.name }

// Parser returns the version of the parser that the book names.
func (b *Book) Parser() string { return b.parser }

// Hash binds everything that the book says: the version of its parser, carriers
// with forms, guards and laws, classifier and classes, buckets, trees, shares,
// reserve and mode. It is
//
//	BLAKE3 derive_key("dyetrace 2026-11-25 canary book/1", Text ‖ rules of the classifier)
//
// where the rules are those of the classifier of this package, if the book names
// it, and otherwise empty.
func (b *Book) Hash() [32]byte { return b.hash }

// Text returns the book in canonical form: comments dropped, sets resolved,
// defaults written out. Read reads it as an equal book.
func (b *Book) Text() []byte { return bytes.Clone(b.text) }

// Sampled reports whether the laws are natural and every eligible use is planted.
// Otherwise uses are planted with probability Lambda.
func (b *Book) Sampled() bool { return b.sampled }

// Lambda returns the probability that an eligible use is planted, in counts of
// 2⁻³²; it is Whole in mode sampled.
func (b *Book) Lambda() uint64 { return b.lambda }

// Trees returns the trees among which the units are divided.
func (b *Book) Trees() []Tree { return slices.Clone(b.trees) }

// Classes returns the classes that the book knows.
func (b *Book) Classes() []string { return slices.Clone(b.classes) }

// Carriers returns the carriers in the order of the file. Their slices belong to
// the book.
func (b *Book) Carriers() []Carrier { return slices.Clone(b.carriers) }

// Items returns picks and twins in the order of the file. Their slices belong to
// the book.
func (b *Book) Items() []Item { return slices.Clone(b.items) }

// Units returns the units of all carriers, in the order of carriers, classes and
// buckets.
func (b *Book) Units() []Unit { return slices.Clone(b.units) }

// Unit returns the unit of an item.
func (i Item) Unit() Unit { return i.unit }

// index returns the position of a carrier's unit in Units, −1 for that of an item
// or of tools, and whether u is of this book at all.
func (b *Book) index(u Unit) (int, bool) {
	placed := u
	b.place(&placed)
	if placed != u {
		return 0, false
	}
	if a, z, ok := toolNames(u); ok {
		return -1, b.tools && b.movable(a) && b.movable(z)
	}
	for i := range b.items {
		if b.items[i].unit == u {
			return -1, true
		}
	}
	k, known := b.classIndex[u.Class]
	n := b.buckets.count()
	if !known || u.Bucket < 0 || u.Bucket >= n {
		return 0, false
	}
	for c := range b.carriers {
		if b.carriers[c].Name == u.Carrier {
			id := b.at[(c*len(b.classes)+k)*n+u.Bucket]
			return int(id), id >= 0
		}
	}
	return 0, false
}

// Law returns the law of a unit's options, in counts of 2⁻³². For twins, whose
// candidates are equally likely without a remainder, it is nil.
func (b *Book) Law(u Unit) ([]uint32, error) {
	options, err := b.options(u)
	return options.law, err
}

// Options returns what a unit decides among: the forms of a carrier, the options
// of an item, or the two orders of a pair of tools, "a, b" and "b, a".
func (b *Book) Options(u Unit) ([]string, error) {
	options, err := b.options(u)
	return slices.Clone(options.names), err
}

type optionSet struct {
	names []string
	law   []uint32
	twins bool
}

func (b *Book) options(u Unit) (optionSet, error) {
	id, ok := b.index(u)
	if !ok {
		return optionSet{}, fmt.Errorf("canary: unit %q is not of book %s", u, b.name)
	}
	if id >= 0 {
		c := &b.carriers[b.carrierOf[id]]
		return optionSet{c.Forms, c.Law, false}, nil
	}
	if a, z, ok := toolNames(u); ok {
		return optionSet{[]string{a + ", " + z, z + ", " + a}, fair, false}, nil
	}
	for i := range b.items {
		if b.items[i].unit == u {
			return optionSet{b.items[i].Options, b.items[i].Law, b.items[i].Twins}, nil
		}
	}
	return optionSet{}, fmt.Errorf("canary: unit %q is not of book %s", u, b.name)
}
