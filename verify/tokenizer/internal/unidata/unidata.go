// Package unidata holds what tokenizers ask of Unicode: categories of Unicode
// 16.0.0, canonical decompositions and combining classes of Unicode 9.0.0. These
// are the versions in release 0.22 of the tokenizers library, whose tokens
// depend on them; the tables of another Go release would be other tables.
package unidata

import "sync"

// The general categories. Cn is that of all other code points.
const (
	Cn = iota
	Cc
	Cf
	Co
	Ll
	Lm
	Lo
	Lt
	Lu
	Mc
	Me
	Mn
	Nd
	Nl
	No
	Pc
	Pd
	Pe
	Pf
	Pi
	Po
	Ps
	Sc
	Sk
	Sm
	So
	Zl
	Zp
	Zs
	// Control is not of Unicode: the control characters that are white space.
	Control
)

// Sets of categories, bit c for category c.
const (
	Letter      = 1<<Ll | 1<<Lm | 1<<Lo | 1<<Lt | 1<<Lu
	Mark        = 1<<Mc | 1<<Me | 1<<Mn
	Number      = 1<<Nd | 1<<Nl | 1<<No
	Punctuation = 1<<Pc | 1<<Pd | 1<<Pe | 1<<Pf | 1<<Pi | 1<<Po | 1<<Ps
	Symbol      = 1<<Sc | 1<<Sk | 1<<Sm | 1<<So
	Space       = 1<<Zl | 1<<Zp | 1<<Zs | 1<<Control
)

type span struct {
	first, last rune
	value       uint8
}

// A Decomposition says that Code is canonically equivalent to First and Second,
// or to First alone where Second is 0. Composes is false where composition must
// not go back.
type Decomposition = decomposition

type decomposition struct {
	Code, First, Second rune
	Composes            bool
}

// Decompositions returns every canonical decomposition but those of Hangul,
// ordered by Code. The caller must not change them.
func Decompositions() []Decomposition { return decompositions[:] }

// CombiningClasses calls yield for every code point whose canonical combining
// class is not 0.
func CombiningClasses(yield func(r rune, class uint8)) {
	for _, s := range classes {
		for r := s.first; r <= s.last; r++ {
			yield(r, s.value)
		}
	}
}

const (
	pageBits = 7
	pageSize = 1 << pageBits
	maxRune  = 0x10FFFF
)

// A Table maps code points to categories. It is immutable.
type Table struct {
	index [(maxRune + 1) >> pageBits]uint16
	pages [][pageSize]uint8
}

// Categories returns the table, which it makes when first called.
func Categories() *Table { return shared() }

var shared = sync.OnceValue(newTable)

func newTable() *Table {
	flat := make([]uint8, maxRune+1)
	for _, s := range categories {
		for r := s.first; r <= s.last; r++ {
			flat[r] = s.value
		}
	}
	for _, r := range "\t\n\v\f\r\u0085" {
		flat[r] = Control
	}
	t := new(Table)
	known := map[[pageSize]uint8]uint16{}
	for i := range t.index {
		page := [pageSize]uint8(flat[i<<pageBits:])
		n, ok := known[page]
		if !ok {
			n = uint16(len(t.pages))
			known[page] = n
			t.pages = append(t.pages, page)
		}
		t.index[i] = n
	}
	return t
}

// Category returns the category of r, Cn for what is no code point.
func (t *Table) Category(r rune) uint8 {
	if uint32(r) > maxRune {
		return Cn
	}
	return t.pages[t.index[r>>pageBits]][r&(pageSize-1)]
}

// In reports whether the category of r is in the set.
func (t *Table) In(r rune, set uint32) bool { return 1<<t.Category(r)&set != 0 }

// Word reports whether r is \w to the regular expressions of Rust's regex
// crate: alphabetic, a mark, a decimal digit, connecting punctuation or a
// join control.
func (t *Table) Word(r rune) bool {
	switch {
	case t.In(r, Letter|Mark|1<<Nd|1<<Nl|1<<Pc), r == 0x200C, r == 0x200D:
		return true
	case r >= 0x24B6 && r <= 0x24E9, r >= 0x1F130 && r <= 0x1F149, r >= 0x1F150 && r <= 0x1F169, r >= 0x1F170 && r <= 0x1F189:
		return true // the symbols that are alphabetic
	}
	return false
}
