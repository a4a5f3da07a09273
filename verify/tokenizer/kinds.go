package tokenizer

import (
	"sync"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/tokenizer/internal/unidata"
)

// Kinds of characters, a bit each.
const (
	upper  = 1 << iota // Lu, Lt
	lower              // Ll
	either             // Lm, Lo
	mark
	number
	space
	sign  // punctuation and symbols
	other // controls, formats and what is not assigned

	letter = upper | lower | either
	rest   = mark | sign | other
	caps   = upper | either | mark // what o200k takes for the head of a word
	small  = lower | either | mark // … and for its tail
)

type kinds struct {
	ascii [utf8.RuneSelf]uint8
	of    [unidata.Control + 1]uint8 // by category
	table *unidata.Table
}

// allKinds is made when first asked for.
var allKinds = sync.OnceValue(func() *kinds {
	k := &kinds{table: unidata.Categories()}
	for c := range k.of {
		switch in := func(set uint32) bool { return 1<<c&set != 0 }; {
		case in(1<<unidata.Lu | 1<<unidata.Lt):
			k.of[c] = upper
		case in(1 << unidata.Ll):
			k.of[c] = lower
		case in(unidata.Letter):
			k.of[c] = either
		case in(unidata.Mark):
			k.of[c] = mark
		case in(unidata.Number):
			k.of[c] = number
		case in(unidata.Space):
			k.of[c] = space
		case in(unidata.Punctuation | unidata.Symbol):
			k.of[c] = sign
		default:
			k.of[c] = other
		}
	}
	for c := range k.ascii {
		k.ascii[c] = k.of[k.table.Category(rune(c))]
	}
	return k
})

// at returns the kind and the width of the character at s[i:]. A byte that is not
// UTF-8 is a character of kind other.
func (k *kinds) at(s string, i int) (kind uint8, width int) {
	if c := s[i]; c < utf8.RuneSelf {
		return k.ascii[c], 1
	}
	return k.wide(s, i)
}

func (k *kinds) wide(s string, i int) (kind uint8, width int) {
	r, n := utf8.DecodeRuneInString(s[i:])
	return k.of[k.table.Category(r)], n
}

// run returns the end of the run of these kinds that begins at i.
func (k *kinds) run(s string, i int, kinds uint8) int {
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			if k.ascii[c]&kinds == 0 {
				return i
			}
			i++
			continue
		}
		kind, n := k.wide(s, i)
		if kind&kinds == 0 {
			return i
		}
		i += n
	}
	return i
}

// contraction returns the length of one of 's 't 're 've 'm 'll 'd at the begin of
// s, which begins with the apostrophe, or 0; with fold in any case, and then 'ſ is
// one, which folds to 's.
func contraction(s string, fold bool) int {
	if len(s) < 2 {
		return 0
	}
	c, n := s[1], byte(0)
	if fold {
		if len(s) > 2 && s[1:3] == "ſ" {
			return 3
		}
		c |= 0x20
	}
	switch c {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		n = 'e'
	case 'l':
		n = 'l'
	default:
		return 0
	}
	if len(s) < 3 {
		return 0
	}
	if c = s[2]; fold {
		c |= 0x20
	}
	if c == n {
		return 3
	}
	return 0
}
