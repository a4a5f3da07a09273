package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/tokenizer/internal/unidata"
)

// A composer brings text into normalisation form C (Unicode Standard Annex #15),
// of the version of Unicode in the library. Bytes that are not UTF-8 stay as they
// are; nothing composes across them.
type composer struct {
	parts    map[rune][2]rune
	whole    map[[2]rune]rune
	class    map[rune]uint8
	unstable map[rune]bool // may change, or compose or change places with what is before it: then true
	lowest   rune          // of the unstable ones
}

// Hangul syllables are composed by arithmetic (The Unicode Standard, 3.12).
const (
	hangulS, hangulL, hangulV, hangulT = 0xAC00, 0x1100, 0x1161, 0x11A7
	countL, countV, countT             = 19, 21, 28
)

// formC is made when first asked for.
var formC = sync.OnceValue(func() *composer {
	c := &composer{parts: map[rune][2]rune{}, whole: map[[2]rune]rune{}, class: map[rune]uint8{}, unstable: map[rune]bool{}}
	unidata.CombiningClasses(func(r rune, class uint8) {
		c.class[r] = class
		c.unstable[r] = true
	})
	for _, d := range unidata.Decompositions() {
		c.parts[d.Code] = [2]rune{d.First, d.Second}
		if !d.Composes {
			if _, is := c.unstable[d.Code]; !is {
				c.unstable[d.Code] = false
			}
			continue
		}
		c.whole[[2]rune{d.First, d.Second}] = d.Code
		c.unstable[d.Second] = true
	}
	for r := rune(hangulV); r < hangulV+countV; r++ {
		c.unstable[r] = true
	}
	for r := rune(hangulT + 1); r < hangulT+countT; r++ {
		c.unstable[r] = true
	}
	for _, d := range unidata.Decompositions() {
		if !d.Composes && c.unstable[c.decompose(nil, d.Code)[0]] {
			c.unstable[d.Code] = true
		}
	}
	c.lowest = utf8.MaxRune
	for r := range c.unstable {
		c.lowest = min(c.lowest, r)
	}
	return c
})

// An edit says that [from, to) of the text became [normalFrom, normalTo) of the
// normal form.
type edit struct{ from, to, normalFrom, normalTo int }

// compose returns the normal form of s, which is s itself, with no allocation,
// where nothing changes. It appends to edits, unless nil, what changed, in order.
func (c *composer) compose(s string, edits *[]edit) string {
	var out strings.Builder
	done := 0 // what is in out
	var runes []rune
	begin := 0 // of the last character that nothing before it composes with
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			begin = i
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < c.lowest || r == utf8.RuneError {
			begin = i
			i += n
			continue
		}
		joins, is := c.unstable[r]
		if !is {
			begin = i
			i += n
			continue
		}
		// A part of the text that is normalised by itself: a character that joins
		// nothing before it, if there is one, and those that may join it.
		runes = runes[:0]
		if first, width := utf8.DecodeRuneInString(s[begin:]); joins && begin < i && (first != utf8.RuneError || width > 1) {
			runes = c.decompose(runes, first)
		} else {
			begin = i
		}
		for joins = true; i < len(s) && joins; {
			runes = c.decompose(runes, r)
			i += n
			if r, n = utf8.DecodeRuneInString(s[i:]); n > 0 {
				joins = c.unstable[r]
			}
		}
		c.order(runes)
		part := string(c.recompose(runes))
		if part != s[begin:i] {
			out.WriteString(s[done:begin])
			from := out.Len()
			out.WriteString(part)
			if edits != nil {
				*edits = append(*edits, edit{begin, i, from, out.Len()})
			}
			done = i
		}
		begin = i
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// touches reports whether r may change, or what is before it may because of it.
func (c *composer) touches(r rune) bool {
	_, is := c.unstable[r]
	return is
}

func (c *composer) decompose(dst []rune, r rune) []rune {
	if k := r - hangulS; k >= 0 && k < countL*countV*countT {
		dst = append(dst, hangulL+k/(countV*countT), hangulV+k%(countV*countT)/countT)
		if k %= countT; k > 0 {
			dst = append(dst, hangulT+k)
		}
		return dst
	}
	parts, ok := c.parts[r]
	if !ok {
		return append(dst, r)
	}
	if dst = c.decompose(dst, parts[0]); parts[1] != 0 {
		dst = c.decompose(dst, parts[1])
	}
	return dst
}

// order sorts every run of marks by class, marks of one class as they stand.
func (c *composer) order(runes []rune) {
	for i := 0; i < len(runes); i++ {
		k := i
		for k < len(runes) && c.class[runes[k]] != 0 {
			k++
		}
		if k > i+1 {
			slices.SortStableFunc(runes[i:k], func(a, b rune) int { return int(c.class[a]) - int(c.class[b]) })
		}
		i = k
	}
}

// recompose composes in place.
func (c *composer) recompose(runes []rune) []rune {
	out := runes[:0]
	starter := -1    // in out
	last := uint8(0) // class of what was appended after the starter
	for _, r := range runes {
		class := c.class[r]
		if starter >= 0 && (starter == len(out)-1 || last != 0 && last < class) {
			if whole, ok := c.pair(out[starter], r); ok {
				out[starter] = whole
				continue
			}
		}
		out = append(out, r)
		last = class
		if class == 0 {
			starter = len(out) - 1
		}
	}
	return out
}

func (c *composer) pair(a, b rune) (rune, bool) {
	if l, v := a-hangulL, b-hangulV; l >= 0 && l < countL && v >= 0 && v < countV {
		return hangulS + (l*countV+v)*countT, true
	}
	if s, t := a-hangulS, b-hangulT; s >= 0 && s < countL*countV*countT && s%countT == 0 && t > 0 && t < countT {
		return a + t, true
	}
	whole, ok := c.whole[[2]rune{a, b}]
	return whole, ok
}
