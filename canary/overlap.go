package canary

import (
	"errors"
	"slices"
	"strings"
)

// overlaps refuses forms of two carriers that could stand on common words, and
// forms that two carriers share: what one carrier plants could then hide or make
// a use of the other.
func (p *reader) overlaps() error {
	var all []error
	cs := p.book.carriers
	words := make([][][]string, len(cs))
	for i, c := range cs {
		for _, f := range c.Forms {
			words[i] = append(words[i], strings.Fields(strings.ToLower(f)))
		}
	}
	p.words = words
	for i := range cs {
		for j := range cs {
			if i == j || !shareClass(p.book, &cs[i], &cs[j]) {
				continue
			}
		forms:
			for fi, a := range words[i] {
				for fj, b := range words[j] {
					if overlap(&cs[i], &cs[j], a, b) >= 0 {
						later := max(cs[i].line, cs[j].line)
						all = append(all, p.errorf(later, "form %q of carrier %s and form %q of carrier %s overlap", cs[i].Forms[fi], cs[i].Name, cs[j].Forms[fj], cs[j].Name))
						break forms
					}
				}
			}
		}
	}
	return firstOf(all)
}

// maxErrors is how many conflicts of carriers an error lists.
const maxErrors = 80

func firstOf(all []error) error { return errors.Join(all[:min(len(all), maxErrors)]...) }

func shareClass(b *Book, x, y *Carrier) bool {
	return slices.ContainsFunc(b.classes, func(class string) bool { return x.speaks(class) && y.speaks(class) })
}

// overlap returns the word of b at which a may begin so that both match, −1 if
// there is none. Guards that exclude it are heeded.
func overlap(x, y *Carrier, a, b []string) int {
	for k := range b {
		n := min(len(a), len(b)-k)
		if !slices.Equal(a[:n], b[k:k+n]) {
			continue
		}
		switch {
		case k+n < len(b) && !x.last.admitsWord(b[k+n]): // b goes on behind a
		case n < len(a) && !y.last.admitsWord(a[n]): // a goes on behind b
		case n == len(a) && k+n == len(b) && x.last.must.disjoint(y.last.must):
		case k > 0 && !x.first.admitsWord(b[k-1]):
		case k == 0 && x.first.must.disjoint(y.first.must):
		default:
			return k
		}
	}
	return -1
}

// disjoint reports whether nothing satisfies both t and o.
func (t *tokens) disjoint(o *tokens) bool {
	if t == nil || o == nil || t.start && o.start || t.end && o.end || t.digit && o.digit ||
		t.marks[0]&o.marks[0] != 0 || t.marks[1]&o.marks[1] != 0 ||
		len(t.suffixes) > 0 && len(o.suffixes) > 0 || len(t.phrases) > 0 && len(o.phrases) > 0 {
		return false
	}
	for _, s := range [...][2]*tokens{{t, o}, {o, t}} {
		for w := range s[0].words {
			side := sideOf(w)
			if s[1].has(&side) || slices.ContainsFunc(s[1].phrases, func(p string) bool { return strings.HasPrefix(p, w+" ") }) {
				return false
			}
		}
		for _, p := range s[0].phrases {
			side := sideOf(p[:strings.IndexByte(p, ' ')])
			if s[1].has(&side) {
				return false
			}
		}
	}
	// A sentence may begin behind any mark, and a digit begins words.
	return !(t.start && (o.marks != [2]uint64{}) || o.start && (t.marks != [2]uint64{}))
}

// admitsWord reports whether a side may begin (or end) with w. Phrases count as
// possible.
func (g *guards) admitsWord(w string) bool {
	s := sideOf(w)
	if g.not != nil && g.not.has(&s) {
		return false
	}
	if g.must == nil || g.must.has(&s) {
		return true
	}
	return slices.ContainsFunc(g.must.phrases, func(p string) bool { return strings.HasPrefix(p, w+" ") })
}

func sideOf(w string) side {
	var s side
	wordAt([]byte(w), 0, maxWord, true, &s)
	return s
}
