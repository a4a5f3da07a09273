package canary

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// header is the first line of every book.
const header = "dyetrace canary book/1"

// A reader turns the text of a book into a Book, line by line. The section is
// what the last "carrier", "pick" or "twins" line began.
type reader struct {
	file    string
	line    int
	book    *Book
	sets    map[string][]string
	seen    map[string]bool // directives that may stand once
	section string
	total   int          // of forms so far
	words   [][][]string // of the carriers' forms, in lower case
}

// errorf returns an error of a line. Values are cut: a line may be as long as the file.
func (p *reader) errorf(line int, format string, args ...any) error {
	const most = 200
	for i, a := range args {
		if s, ok := a.(string); ok && len(s) > most {
			args[i] = strings.ToValidUTF8(s[:most], "") + "…"
		}
	}
	return fmt.Errorf("canary: %s:%d: %s", p.file, line, fmt.Sprintf(format, args...))
}

func (p *reader) read(text string) error {
	if !utf8.ValidString(text) {
		bad := strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError })
		return p.errorf(1+strings.Count(text[:bad], "\n"), "bytes at %d are not UTF-8", bad)
	}
	p.seen = map[string]bool{}
	first := true
	for i, l := range strings.Split(text, "\n") {
		p.line = i + 1
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' {
			continue
		}
		if first {
			if l != header {
				return p.errorf(p.line, "first line is %q, want %q", l, header)
			}
			first = false
			continue
		}
		key, rest, _ := strings.Cut(l, " ")
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return p.errorf(p.line, "%s has no value", strconv.Quote(key))
		}
		if err := p.directive(key, rest); err != nil {
			return err
		}
	}
	if first {
		return p.errorf(1, "the file is empty, want %q", header)
	}
	return p.end()
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

func (p *reader) name(what, s string) error {
	if !nameForm.MatchString(s) {
		return p.errorf(p.line, "name of %s is %q, want letters, digits, '_', '.' and '-', at most 63", what, s)
	}
	return nil
}

// directive takes one line. Before the first section it speaks of the book,
// later of the section.
func (p *reader) directive(key, rest string) error {
	switch key {
	case "carrier", "pick", "twins":
		return p.begin(key, rest)
	case "set":
		return p.set(rest)
	}
	if p.section == "carrier" {
		return p.inCarrier(key, rest)
	}
	if p.section != "" {
		return p.inItem(key, rest)
	}
	if repeats := key == "tree" || key == "class" || key == "sequential"; p.seen[key] && !repeats {
		return p.errorf(p.line, "%s stands twice", key)
	}
	p.seen[key] = true
	return p.inBook(key, rest)
}

func (p *reader) inBook(key, rest string) error {
	b := p.book
	words := strings.Fields(rest)
	switch key {
	case "name":
		b.name = rest
		return p.name("the book", rest)
	case "parser":
		if rest != Prose && rest != Plain {
			return p.errorf(p.line, "parser is %q, want %s or %s", rest, Prose, Plain)
		}
		b.parser = rest
	case "mode":
		return p.mode(words)
	case "classifier":
		b.classifier = rest
		switch rest {
		case builtinClassifier:
			b.classes = builtinClasses()
		case noClassifier:
			b.classes = []string{anyClass}
		default:
			return p.name("the classifier", strings.Replace(rest, "/", "-", 1))
		}
	case "class":
		if b.classifier == "" || b.classifier == builtinClassifier || b.classifier == noClassifier {
			return p.errorf(p.line, "class %s stands under classifier %q, want it after a classifier of your own", rest, b.classifier)
		}
		for _, w := range words {
			if err := p.name("a class", strings.Replace(w, "/", "-", 1)); err != nil {
				return err
			}
			if slices.Contains(b.classes, w) {
				return p.errorf(p.line, "class %s stands twice", w)
			}
			b.classes = append(b.classes, w)
		}
	case "bucket":
		var err error
		if b.buckets, err = parseBuckets(words); err != nil {
			return p.errorf(p.line, "%v", err)
		}
	case "tree":
		return p.tree(words)
	case "reserve":
		share, err := parseFraction(rest)
		if err != nil {
			return p.errorf(p.line, "reserve is %q, want a decimal in [0, 1)", rest)
		}
		b.reserve = share
	case "articles":
		if rest != "english" && rest != "none" {
			return p.errorf(p.line, "articles is %q, want english or none", rest)
		}
		b.noArticles = rest == "none"
	case "tools":
		if rest != "parallel" {
			return p.errorf(p.line, "tools is %q, want parallel", rest)
		}
		b.tools = true
	case "sequential":
		if !b.tools {
			return p.errorf(p.line, "sequential %s stands without a line %q", rest, "tools parallel")
		}
		b.sequential = append(b.sequential, words...)
	default:
		return p.errorf(p.line, "directive is %q, want name, parser, mode, classifier, class, bucket, tree, reserve, articles, tools, sequential, set, carrier, pick or twins", key)
	}
	return nil
}

func (p *reader) mode(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "sampled":
		p.book.sampled = true
	case len(words) == 2 && words[0] == "tilt":
		share, err := parseFraction(words[1])
		if err != nil || share == 0 {
			return p.errorf(p.line, "tilt is %q, want a decimal in (0, 1)", words[1])
		}
		p.book.lambda = share
	default:
		return p.errorf(p.line, "mode is %q, want sampled or tilt and a decimal", strings.Join(words, " "))
	}
	return nil
}

func (p *reader) tree(words []string) error {
	if len(words) != 2 {
		return p.errorf(p.line, "tree is %q, want a name and a share", strings.Join(words, " "))
	}
	share, err := strconv.ParseUint(words[1], 10, 16)
	if err != nil || share == 0 {
		return p.errorf(p.line, "share of tree %s is %q, want 1 to 65535", words[0], words[1])
	}
	if slices.ContainsFunc(p.book.trees, func(t Tree) bool { return t.Name == words[0] }) {
		return p.errorf(p.line, "tree %s stands twice", words[0])
	}
	p.book.trees = append(p.book.trees, Tree{words[0], share})
	p.book.shares += share
	return p.name("a tree", words[0])
}

// set keeps words under a name, to be used as @name in guards.
func (p *reader) set(rest string) error {
	words := strings.Fields(rest)
	if err := p.name("a set", words[0]); err != nil {
		return err
	}
	resolved, err := p.resolve(words[1:])
	p.sets[words[0]] = append(p.sets[words[0]], resolved...)
	return err
}

func (p *reader) resolve(words []string) (out []string, err error) {
	for _, w := range words {
		if w[0] != '@' {
			out = append(out, w)
			continue
		}
		set, ok := p.sets[w[1:]]
		if !ok {
			return nil, p.errorf(p.line, "set %s is not known", w)
		}
		out = append(out, set...)
	}
	return out, nil
}

func (p *reader) begin(kind, name string) error {
	if err := p.name("a "+kind, name); err != nil {
		return err
	}
	if len(p.book.carriers)+len(p.book.items) == maxCarriers {
		return p.errorf(p.line, "%s %s is one too many, want at most %d carriers and items", kind, name, maxCarriers)
	}
	if kind == "carrier" && slices.ContainsFunc(p.book.carriers, func(c Carrier) bool { return c.Name == name }) ||
		kind != "carrier" && slices.ContainsFunc(p.book.items, func(i Item) bool { return i.Name == name }) {
		return p.errorf(p.line, "%s %s stands twice", kind, name)
	}
	p.section = kind
	if kind == "carrier" {
		p.book.carriers = append(p.book.carriers, Carrier{Name: name, line: p.line})
	} else {
		p.book.items = append(p.book.items, Item{Name: name, Twins: kind == "twins", line: p.line})
	}
	return nil
}

func (p *reader) inCarrier(key, rest string) error {
	c := &p.book.carriers[len(p.book.carriers)-1]
	words := strings.Fields(rest)
	guard := map[string]*[]string{"before": &c.Before, "not-before": &c.NotBefore, "after": &c.After, "not-after": &c.NotAfter}[key]
	switch {
	case key == "form":
		if err := p.form(rest); err != nil {
			return err
		}
		if p.total++; p.total > maxForms {
			return p.errorf(p.line, "form %q of carrier %s is one too many, want at most %d in a book", rest, c.Name, maxForms)
		}
		c.Forms = append(c.Forms, rest)
	case key == "law":
		return p.law(c.Name, &c.Law, words)
	case key == "classes":
		c.Classes = append(c.Classes, words...)
	case guard != nil:
		resolved, err := p.resolve(words)
		*guard = append(*guard, resolved...)
		return err
	default:
		return p.errorf(p.line, "directive in carrier %s is %q, want form, law, classes, before, not-before, after or not-after", c.Name, key)
	}
	return nil
}

func (p *reader) inItem(key, rest string) error {
	i := &p.book.items[len(p.book.items)-1]
	switch {
	case key == "form":
		if slices.Contains(i.Options, rest) {
			return p.errorf(p.line, "option %q of %s stands twice", rest, i.Name)
		}
		i.Options = append(i.Options, rest)
	case key == "ask" && !i.Twins:
		i.Ask = append(i.Ask, Normalise(rest))
	case key == "law" && !i.Twins:
		return p.law(i.Name, &i.Law, strings.Fields(rest))
	default:
		return p.errorf(p.line, "directive in %s is %q, want form, and ask and law in a pick", i.Name, key)
	}
	return nil
}

func (p *reader) law(of string, law *[]uint32, words []string) error {
	if *law != nil {
		return p.errorf(p.line, "law of %s stands twice", of)
	}
	sum := uint64(0)
	for _, w := range words {
		n, err := strconv.ParseUint(w, 10, 32)
		if err != nil || n == 0 {
			return p.errorf(p.line, "law of %s has %q, want an integer from 1 to 2^32-1", of, w)
		}
		*law = append(*law, uint32(n))
		sum += n
	}
	if sum != Whole {
		return p.errorf(p.line, "law of %s sums to %d, want 2^32 = %d", of, sum, uint64(Whole))
	}
	return nil
}

const (
	minForm = 3  // bytes: shorter words are too common to be looked up
	maxForm = 40 // bytes
)

// form checks the text of a carrier's form: words with single spaces between
// them, and of punctuation only what can neither begin nor end a protected
// region nor be part of a number.
func (p *reader) form(s string) error {
	if len(s) < minForm || len(s) > maxForm {
		return p.errorf(p.line, "form %q has %d bytes, want %d to %d", s, len(s), minForm, maxForm)
	}
	if strings.Contains(s, "  ") {
		return p.errorf(p.line, "form %q has two spaces in a row, want one", s)
	}
	for i, r := range s {
		if unicode.IsLetter(r) || r == ' ' || i > 0 && strings.ContainsRune("'-,.!:", r) {
			continue
		}
		return p.errorf(p.line, "form %q has %q, want letters, spaces and, after the first letter, any of ' - , . ! :", s, r)
	}
	return nil
}

// parseFraction reads a decimal in [0, 1) as ⌊x·2³²⌋.
func parseFraction(s string) (uint64, error) {
	if len(s) > 40 || strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	x, ok := new(big.Rat).SetString(s)
	if !ok || x.Sign() < 0 || x.Cmp(big.NewRat(1, 1)) >= 0 {
		return 0, strconv.ErrRange
	}
	n := new(big.Int).Mul(x.Num(), big.NewInt(Whole))
	return n.Quo(n, x.Denom()).Uint64(), nil
}

// fraction writes n/2³² as a decimal that parseFraction reads as n: a fraction
// of 2³² has at most 32 digits.
func fraction(n uint64) string {
	s := big.NewRat(int64(n), Whole).FloatString(32)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
