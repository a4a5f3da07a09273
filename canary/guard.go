package canary

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWord is the longest word, in bytes, that guards tell from others; a
	// longer one is in no set.
	maxWord = 24
	// lookBehind is how many bytes before a carrier the guards may see.
	lookBehind = 48
	// lookAhead is how many bytes the parser may wait for before it decides about
	// one: less than 64, whatever the book.
	lookAhead = 63
)

// guards say what must and must not stand on one side of a carrier. A nil must
// is satisfied by anything.
type guards struct{ must, not *tokens }

// limit returns how long a word of a set is at most.
func (g *guards) limit() int {
	n := 1
	for _, t := range [...]*tokens{g.must, g.not} {
		if t != nil {
			n = max(n, t.limit)
		}
	}
	return n
}

// reach returns how many bytes behind a carrier g may look at.
func (g *guards) reach() int {
	if g.must == nil && g.not == nil {
		return 2
	}
	n := g.limit() + 4 // a space, the byte behind the word and the rest of a curly apostrophe
	for _, t := range [...]*tokens{g.must, g.not} {
		if t != nil {
			for _, p := range t.phrases {
				n = max(n, len(p)+2)
			}
		}
	}
	return n
}

// tokens is a set of words, phrases, endings of words and punctuation marks.
//
//	^        the carrier begins a sentence (before only)
//	$        the paragraph ends (after only)
//	0        a digit
//	, ; :    that mark, and so for any ASCII mark
//	*ing     a word with that ending
//	the_time words with single spaces between them (after only)
type tokens struct {
	words      map[string]bool
	phrases    []string
	suffixes   []string
	marks      [2]uint64
	start, end bool
	digit      bool
	limit      int // bytes of a word that matter: the longest of the set
}

func compileTokens(list []string, after bool) (*tokens, error) {
	if len(list) == 0 {
		return nil, nil
	}
	t := &tokens{words: map[string]bool{}}
	for _, w := range list {
		if w != strings.ToLower(w) {
			return nil, fmt.Errorf("guard is %.80q, want lower case", w)
		}
		switch {
		case w == "^" && !after:
			t.start = true
		case w == "$" && after:
			t.end = true
		case w == "0":
			t.digit = true
		case len(w) == 1 && w[0] < 0x80 && !isWordByte(w[0]):
			t.marks[w[0]>>6] |= 1 << (w[0] & 63)
		case w[0] == '*' && isWord(w[1:]):
			t.suffixes = append(t.suffixes, w[1:])
			t.limit = maxWord
		case isWord(w):
			if len(w) > maxWord {
				return nil, fmt.Errorf("guard %.80q has %d bytes, want at most %d", w, len(w), maxWord)
			}
			t.words[w] = true
			t.limit = max(t.limit, len(w))
		case after && isWord(strings.ReplaceAll(w, "_", "")) && strings.Trim(w, "_") == w && !strings.Contains(w, "__"):
			t.phrases = append(t.phrases, strings.ReplaceAll(w, "_", " "))
		default:
			return nil, fmt.Errorf("guard is %.80q, want a word, *ending, words_joined after a carrier, one mark, 0, ^ before or $ after", w)
		}
	}
	return t, nil
}

func isWord(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && r != '\'' && r != '-' {
			return false
		}
	}
	return s != ""
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf
}

// A side is what stands next to a carrier: a word, a mark, or nothing.
type side struct {
	word  [maxWord]byte
	n     int  // length of word, 0 for none
	mark  byte // if there is no word
	start bool // the carrier begins a sentence
	end   bool // the paragraph ends
}

func (t *tokens) has(s *side) bool {
	if t.start && s.start || t.end && s.end {
		return true
	}
	if s.n == 0 {
		return s.mark != 0 && s.mark < 0x80 && t.marks[s.mark>>6]>>(s.mark&63)&1 == 1
	}
	word := s.word[:s.n]
	if t.digit && '0' <= word[0] && word[0] <= '9' {
		return true
	}
	if t.words[string(word)] {
		return true
	}
	for _, suffix := range t.suffixes {
		if len(word) > len(suffix) && string(word[len(word)-len(suffix):]) == suffix {
			return true
		}
	}
	return false
}

// wordAt reads the word that begins at buf[i] into s, in lower case and with
// straight apostrophes. One of more than limit bytes is in no set. It returns
// false if the word may go on behind buf.
func wordAt(buf []byte, i, limit int, eof bool, s *side) bool {
	for ; i < len(buf); i++ {
		c := buf[i]
		switch {
		case c == 0xE2 && i+2 >= len(buf) && !eof:
			return false
		case c == 0xE2 && i+2 < len(buf) && buf[i+1] == 0x80:
			if buf[i+2] != 0x99 { // dashes, dots and quotation marks end a word
				return true
			}
			c, i = '\'', i+2
		case isWordByte(c) || c == '\'' || c == '-':
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
		default:
			return true
		}
		if s.n == limit {
			s.word[0] = 0
			return true
		}
		s.word[s.n] = c
		s.n++
	}
	return eof
}

// after reports whether what follows a carrier that ends at buf[i] is as g asks,
// and whether that is known.
func (g *guards) after(buf []byte, i int, eof bool) (ok, known bool) {
	if g.must == nil && g.not == nil {
		return true, true
	}
	var s side
	switch {
	case i == len(buf):
		if !eof {
			return false, false
		}
		s.end = true
	case buf[i] == '\n' || buf[i] == '\r':
		if i+1 == len(buf) && !eof {
			return false, false
		}
		if i+1 < len(buf) && isWordByte(buf[i+1]) { // the sentence goes on in another line
			return false, true
		}
		s.end = true
	case buf[i] == ' ':
		if i++; i == len(buf) {
			if !eof {
				return false, false
			}
			s.end = true
		} else if !isWordByte(buf[i]) {
			s.mark = buf[i]
		} else if !wordAt(buf, i, g.limit(), eof, &s) {
			return false, false
		}
	default:
		s.mark = buf[i]
	}
	if g.not != nil {
		if g.not.has(&s) {
			return false, true
		}
		if any, known := g.not.phrase(buf, i, eof); any || !known {
			return false, known
		}
	}
	if g.must == nil || g.must.has(&s) {
		return true, true
	}
	return g.must.phrase(buf, i, eof)
}

// phrase reports whether one of the phrases begins at buf[i].
func (t *tokens) phrase(buf []byte, i int, eof bool) (ok, known bool) {
	known = true
	for _, p := range t.phrases {
		n := 0
		for n < len(p) && i+n < len(buf) && lower(buf[i+n]) == p[n] {
			n++
		}
		switch {
		case n == len(p) && i+n < len(buf):
			if !isWordByte(buf[i+n]) {
				return true, true
			}
		case i+n == len(buf) && eof:
			if n == len(p) {
				return true, true
			}
		case i+n == len(buf):
			known = false
		}
	}
	return false, known
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// before describes what stands before buf[i]. Bytes before lo are not looked at;
// whole says that lo is the beginning of the text.
func before(buf []byte, i, lo int, whole bool, s *side) {
	if i-lo > lookBehind {
		lo, whole = i-lookBehind, false
	}
	r, _ := utf8.DecodeRune(buf[i:])
	capital := unicode.IsUpper(r)
	k, lines := i-1, 0
	for k >= lo && (buf[k] == ' ' || buf[k] == '\n' || buf[k] == '\r' || buf[k] == '*' || buf[k] == '_') {
		if buf[k] == '\n' {
			lines++
		}
		k--
	}
	if k < lo {
		s.start = capital && (whole || lines > 0)
		return
	}
	c := buf[k]
	switch {
	case lines > 0 && capital || (c == '-' || c == '+') && (k == lo && whole || k > lo && buf[k-1] == '\n') && capital:
		s.start = true
		return
	case lines > 1:
		return
	case c == '.' || c == '!' || c == '?' || c == ':' || c == '(':
		s.start, s.mark = capital, c
		return
	case c == '"' || c == ')' || c == '\'' || k >= lo+2 && c == 0x9D && buf[k-1] == 0x80 && buf[k-2] == 0xE2:
		p := k - 1
		if c == 0x9D {
			p = k - 3
		}
		s.mark = c
		if p >= lo && (buf[p] == '.' || buf[p] == '!' || buf[p] == '?') {
			s.start = capital
		}
		return
	case !isWordByte(c):
		s.mark = c
		return
	}
	end := k + 1
	for k >= lo && (isWordByte(buf[k]) || buf[k] == '\'' || buf[k] == '-') {
		if buf[k] == 0x94 && k >= lo+2 && buf[k-1] == 0x80 && buf[k-2] == 0xE2 { // a dash
			break
		}
		k--
	}
	if k < lo && !whole || end-k-1 > maxWord {
		return
	}
	wordAt(buf[:end], k+1, maxWord, true, s)
}
