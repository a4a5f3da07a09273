package canary

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// end checks the book as a whole and completes it.
func (p *reader) end() error {
	b := p.book
	last := p.line
	switch {
	case b.name == "":
		return p.errorf(last, "the book has no name")
	case b.parser == "":
		return p.errorf(last, "the book has no parser, want a line %q", "parser "+Prose)
	case !p.seen["mode"]:
		return p.errorf(last, "the book has no mode, want a line %q", "mode sampled")
	case b.classifier == "":
		return p.errorf(last, "the book has no classifier, want a line %q", "classifier "+builtinClassifier)
	case len(b.classes) == 0:
		return p.errorf(last, "classifier %s has no classes", b.classifier)
	case len(b.trees) == 0:
		return p.errorf(last, "the book has no tree, want a line %q", "tree vendor 1")
	case len(b.carriers) == 0 && len(b.items) == 0 && !b.tools:
		return p.errorf(last, "the book has no carrier")
	}
	for i := range b.carriers {
		if err := p.carrier(&b.carriers[i]); err != nil {
			return err
		}
	}
	for i := range b.items {
		if err := p.item(&b.items[i]); err != nil {
			return err
		}
	}
	if b.parser == Prose {
		if err := p.overlaps(); err != nil {
			return err
		}
		if err := p.neighbours(); err != nil {
			return err
		}
	}
	if b.parser == Prose {
		b.matcher = newMatcher(b.carriers, false)
	}
	b.fold = newMatcher(b.carriers, true)
	b.finish()
	return nil
}

// carrier checks one carrier and compiles its guards.
func (p *reader) carrier(c *Carrier) (err error) {
	if len(c.Forms) < 2 || len(c.Forms) > 16 {
		return p.errorf(c.line, "carrier %s has %d forms, want 2 to 16", c.Name, len(c.Forms))
	}
	if c.Law == nil && p.book.sampled {
		return p.errorf(c.line, "carrier %s has no law, want natural weights in mode sampled", c.Name)
	}
	if c.Law == nil {
		c.Law = uniform(len(c.Forms))
	}
	if len(c.Law) != len(c.Forms) {
		return p.errorf(c.line, "law of %s has %d numbers, want one for each of %d forms", c.Name, len(c.Law), len(c.Forms))
	}
	for _, pattern := range c.Classes {
		if !slices.ContainsFunc(p.book.classes, func(class string) bool { return classMatches(pattern, class) }) {
			return p.errorf(c.line, "class of carrier %s is %q, want one of classifier %s", c.Name, pattern, p.book.classifier)
		}
	}
	c.first, c.last = new(guards), new(guards)
	for _, g := range []struct {
		to    **tokens
		list  []string
		after bool
	}{{&c.first.must, c.Before, false}, {&c.first.not, c.NotBefore, false}, {&c.last.must, c.After, true}, {&c.last.not, c.NotAfter, true}} {
		if *g.to, err = compileTokens(g.list, g.after); err != nil {
			return p.errorf(c.line, "carrier %s: %v", c.Name, err)
		}
	}
	if p.book.parser == Plain && len(c.Before)+len(c.NotBefore)+len(c.After)+len(c.NotAfter) > 0 {
		return p.errorf(c.line, "carrier %s has guards, which parser %s does not read", c.Name, Plain)
	}
	return p.forms(c)
}

// forms checks a carrier's forms against each other and prepares what is written
// in their place.
func (p *reader) forms(c *Carrier) error {
	upper, tail := isUpper(c.Forms[0]), tailOf(c.Forms[0])
	for i, f := range c.Forms {
		for _, g := range c.Forms[:i] {
			if strings.EqualFold(f, g) {
				return p.errorf(c.line, "forms of carrier %s cannot be told apart: %q and %q", c.Name, g, f)
			}
		}
		if isUpper(f) != upper && p.book.parser == Prose {
			return p.errorf(c.line, "forms of carrier %s are %q and %q, want both to begin in one case", c.Name, c.Forms[0], f)
		}
		if tailOf(f) != tail && p.book.parser == Prose {
			return p.errorf(c.line, "forms of carrier %s are %q and %q, want both to end in a letter or in one mark", c.Name, c.Forms[0], f)
		}
		if n := len("an ") + len(f) + 2*strings.Count(f, "'") + c.last.reach(); n > lookAhead {
			return p.errorf(c.line, "form %q of carrier %s with its guards reaches over %d bytes, want at most %d", f, c.Name, n, lookAhead)
		}
		c.single = c.single || !strings.Contains(f, " ")
		r, n := utf8.DecodeRuneInString(f)
		c.render = append(c.render, [2]rendering{render(f), render(string(unicode.ToUpper(r)) + f[n:])})
		c.varies = c.varies || !p.book.noArticles && c.english() && c.render[i][0].an != c.render[0][0].an
	}
	return nil
}

// english reports whether a carrier may be used in English: none of its classes
// need name another language.
func (c *Carrier) english() bool {
	other := func(pattern string) bool {
		_, language, ok := strings.Cut(pattern, "/")
		return ok && language != "*" && language != "en"
	}
	return len(c.Classes) == 0 || !slices.ContainsFunc(c.Classes, other)
}

func isUpper(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}

// tailOf returns the mark that ends s, 0 for a letter.
func tailOf(s string) byte {
	if c := s[len(s)-1]; strings.IndexByte(",.!:'-", c) >= 0 {
		return c
	}
	return 0
}

func (p *reader) item(i *Item) error {
	if len(i.Options) < 2 {
		return p.errorf(i.line, "%s%s has %d forms, want at least 2", i.kind(), i.Name, len(i.Options))
	}
	if i.Twins {
		return nil
	}
	if i.Law == nil {
		i.Law = uniform(len(i.Options))
	}
	if len(i.Law) != len(i.Options) {
		return p.errorf(i.line, "law of %s has %d numbers, want one for each of %d forms", i.Name, len(i.Law), len(i.Options))
	}
	return nil
}

// uniform returns the law of n options whose weights differ by at most 2⁻³².
func uniform(n int) []uint32 {
	law := make([]uint32, n)
	for i := range law {
		law[i] = uint32(Whole / uint64(n))
		if uint64(i) < Whole%uint64(n) {
			law[i]++
		}
	}
	return law
}

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

// neighbours finds guards that look at what another carrier changes. A carrier is
// no use directly before or behind a form of such a neighbour, whichever form it
// is, so planting the neighbour makes no difference to it.
func (p *reader) neighbours() error {
	var all []error
	cs := p.book.carriers
	varies := slices.ContainsFunc(cs, func(c Carrier) bool { return c.varies })
	for i := range cs {
		x := &cs[i]
		for _, t := range [...]*tokens{x.first.must, x.first.not, x.last.must, x.last.not} {
			if varies && t != nil && t.words["a"] != t.words["an"] {
				return p.errorf(x.line, "guard of carrier %s has one of \"a\" and \"an\", want both or none", x.Name)
			}
		}
		for j := range cs {
			if y := &cs[j]; shareClass(p.book, x, y) {
				if err := p.adjacent(x, y); err != nil {
					all = append(all, err)
				}
			}
		}
	}
	for i := range cs {
		x := &cs[i]
		x.blockedBefore = p.spread(x.blockedBefore, i, func(text, form []string) (before, after int, ok bool) {
			for k := range text {
				if n := min(len(form), len(text)-k); slices.Equal(text[k:k+n], form[:n]) {
					return k, len(text), true
				}
			}
			return 0, 0, false
		})
		x.blockedBehind = p.spread(x.blockedBehind, i, func(text, form []string) (before, after int, ok bool) {
			for k := len(text); k > 0; k-- {
				if n := min(len(form), k); slices.Equal(text[k-n:k], form[len(form)-n:]) {
					return 0, k, true
				}
			}
			return 0, 0, false
		})
		x.blockedBefore = slices.DeleteFunc(x.blockedBefore, func(g string) bool { return x.reach(g) > lookAhead })
	}
	return firstOf(all)
}

// reach returns how far behind its beginning c looks to see g behind it.
func (c *Carrier) reach(g string) (n int) {
	for _, f := range c.Forms {
		n = max(n, len("an  ")+len(f)+len(g)+2*strings.Count(f+g, "'")+1)
	}
	return n
}

// spread adds to a list of texts those that other carriers make of them: where a
// text and a form of another carrier have words in common, planting that carrier
// makes and hides the text. The function returns which words of the text stay
// beside the form. Chains of three carriers are not followed.
func (p *reader) spread(list []string, self int, common func(text, form []string) (before, after int, ok bool)) []string {
	for _, t := range list {
		text := strings.Fields(t)
		for z := range p.book.carriers {
			c := &p.book.carriers[z]
			if z == self {
				continue
			}
			for i := range c.Forms {
				before, after, ok := common(text, p.words[z][i])
				if !ok {
					continue
				}
				for _, g := range c.Forms {
					made := strings.ToLower(strings.TrimSpace(strings.Join(text[:before], " ") + " " + g))
					if after < len(text) {
						made = strings.ToLower(g) + " " + strings.Join(text[after:], " ")
					}
					if len(made) <= maxForm && !slices.Contains(list, made) {
						list = append(list, made)
					}
				}
			}
		}
	}
	return list
}

// adjacent looks at the case that a use of y follows one of x.
func (p *reader) adjacent(x, y *Carrier) error {
	firsts, lasts := make([]string, len(y.Forms)), make([]string, len(x.Forms))
	for i, f := range y.Forms {
		firsts[i] = strings.ToLower(strings.Fields(f)[0])
	}
	for i, f := range x.Forms {
		lasts[i] = strings.ToLower(f[strings.LastIndexByte(f, ' ')+1:])
	}
	accepted, follows := count(x.last, firsts), count(y.first, lasts)
	if accepted > 0 && accepted < len(firsts) && follows > 0 {
		for _, g := range lowered(y.Forms) {
			if n := x.reach(g); n > lookAhead {
				return p.errorf(x.line, "carrier %s looks at what carrier %s changes: with %q it reaches over %d bytes, want at most %d", x.Name, y.Name, g, n, lookAhead)
			}
			x.blockedBefore = append(x.blockedBefore, g)
		}
	}
	if follows > 0 && follows < len(lasts) && accepted > 0 {
		y.blockedBehind = append(y.blockedBehind, lowered(x.Forms)...)
	}
	if follows == 0 {
		return nil
	}
	for _, t := range [...]*tokens{x.last.must, x.last.not} {
		if t == nil {
			continue
		}
		for _, phrase := range t.phrases {
			if f := y.within(strings.Fields(phrase)); f != "" {
				return p.errorf(x.line, "carrier %s looks at what carrier %s changes: %q in %q", x.Name, y.Name, f, phrase)
			}
		}
	}
	return nil
}

// within returns a form of c that can begin inside a phrase and is told apart
// there from another.
func (c *Carrier) within(phrase []string) string {
	for k := range phrase {
		for _, f := range c.Forms {
			words := strings.Fields(strings.ToLower(f))
			n := min(len(words), len(phrase)-k)
			if slices.Equal(words[:n], phrase[k:k+n]) {
				return f
			}
		}
	}
	return ""
}

func count(g *guards, words []string) (n int) {
	for _, w := range words {
		if g.admitsWord(w) {
			n++
		}
	}
	return n
}

func lowered(forms []string) (out []string) {
	for _, f := range forms {
		out = append(out, strings.ToLower(f))
	}
	return out
}
