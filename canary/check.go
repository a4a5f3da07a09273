package canary

import (
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
		held := len("an ") + len(f) + 2*strings.Count(f, "'")
		if n := held + max(c.last.reach(), refusalAhead); n > lookAhead {
			return p.errorf(c.line, "form %q of carrier %s with its guards reaches over %d bytes, want at most %d", f, c.Name, n, lookAhead)
		}
		if rest := lookAhead - held; i == 0 || rest < c.ahead {
			c.ahead = rest
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
