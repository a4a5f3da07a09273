package canary

import (
	"slices"
	"strings"
)

// neighbours finds guards that look at what another carrier changes. A carrier is
// no use directly before or behind a form of such a neighbour, whichever form it
// is, so planting the neighbour makes no difference to it.
func (p *reader) neighbours() error {
	var all []error
	cs := p.book.carriers
	firsts, lasts := make([][]string, len(cs)), make([][]string, len(cs))
	for i := range cs {
		for _, words := range p.words[i] {
			firsts[i] = append(firsts[i], words[0])
			lasts[i] = append(lasts[i], words[len(words)-1])
		}
	}
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
				if err := p.adjacent(x, y, lasts[i], firsts[j]); err != nil {
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

// adjacent looks at the case that a use of y follows one of x, whose forms have
// these first and last words.
func (p *reader) adjacent(x, y *Carrier, lasts, firsts []string) error {
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
