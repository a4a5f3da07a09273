package canary

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A matcher finds all forms of a book in one pass: at the beginning of a word a
// filter on three bytes refuses most, and a trie, whose rows are over the classes
// of bytes that occur in forms, reads the rest.
type matcher struct {
	filter [1 << 10]uint64
	class  [256]uint8
	width  int
	next   []int32 // node·width + class → node, 0 for none
	ends   [][]end // of a node
}

// An end is a form that ends at a node.
type end struct{ carrier, form int32 }

// newMatcher takes forms as they are, the first letter in either case, or in
// lower case if fold is set.
func newMatcher(carriers []Carrier, fold bool) *matcher {
	m := &matcher{width: 1}
	type word struct {
		text string
		end  end
	}
	var words []word
	for c := range carriers {
		for f, form := range carriers[c].Forms {
			e := end{int32(c), int32(f)}
			if fold {
				words = append(words, word{strings.ToLower(form), e})
				continue
			}
			words = append(words, word{form, e})
			if r, n := utf8.DecodeRuneInString(form); unicode.ToUpper(r) != r {
				words = append(words, word{string(unicode.ToUpper(r)) + form[n:], e})
			}
		}
	}
	for _, w := range words {
		for _, c := range []byte(w.text) {
			if m.class[c] == 0 {
				m.class[c] = uint8(m.width)
				m.width++
			}
		}
	}
	m.grow()
	for _, w := range words {
		node := int32(0)
		for _, c := range []byte(w.text) {
			at := int(node)*m.width + int(m.class[c])
			if m.next[at] == 0 {
				m.next[at] = m.grow()
			}
			node = m.next[at]
		}
		m.ends[node] = append(m.ends[node], w.end)
		head := []byte(strings.Replace(w.text, "'", "’", 1))
		m.admit([]byte(w.text))
		m.admit(head)
	}
	return m
}

// grow adds a node.
func (m *matcher) grow() int32 {
	m.next = append(m.next, make([]int32, m.width)...)
	m.ends = append(m.ends, nil)
	return int32(len(m.ends) - 1)
}

func (m *matcher) admit(b []byte) {
	h := hash3(b[0], b[1], b[2])
	m.filter[h>>6] |= 1 << (h & 63)
}

func (m *matcher) admits(a, b, c byte) bool {
	h := hash3(a, b, c)
	return m.filter[h>>6]>>(h&63)&1 == 1
}

func hash3(a, b, c byte) uint32 {
	return (uint32(a) | uint32(b)<<8 | uint32(c)<<16) * 0x9E3779B1 >> 16
}

// step follows one byte of text. It returns the length of what it took, 3 for a
// curly apostrophe, and 0 for a dead end or, with more, if buf ends inside one.
func (m *matcher) step(node int32, buf []byte, i int) (next int32, n int, more bool) {
	c := buf[i]
	if c == 0xE2 {
		if i+2 >= len(buf) {
			return 0, 0, true
		}
		if buf[i+1] == 0x80 && buf[i+2] == 0x99 {
			if next = m.next[int(node)*m.width+int(m.class['\''])]; next != 0 && m.class['\''] != 0 {
				return next, 3, false
			}
		}
	}
	k := m.class[c]
	if k == 0 {
		return 0, 0, false
	}
	next = m.next[int(node)*m.width+int(k)]
	if next == 0 {
		return 0, 0, false
	}
	return next, 1, false
}

// loose calls found for every form that stands in text as whole words, in the
// order of their beginnings and for one beginning the longest first. Text is in
// lower case, and so is m.
func (m *matcher) loose(text []byte, found func(e end, begin, stop int)) {
	type hit struct {
		end
		stop int
	}
	var hits []hit
	boundary := true
	for i := 0; i+2 < len(text); {
		if boundary && m.admits(text[i], text[i+1], text[i+2]) {
			hits = hits[:0]
			for node, j := int32(0), i; j < len(text); {
				node = m.next[int(node)*m.width+int(m.class[text[j]])]
				if node == 0 {
					break
				}
				j++
				if len(m.ends[node]) > 0 && !wordRuneAt(text, j) {
					for _, e := range m.ends[node] {
						hits = append(hits, hit{e, j})
					}
				}
			}
			slices.SortStableFunc(hits, func(x, y hit) int { return y.stop - x.stop })
			for _, h := range hits {
				found(h.end, i, h.stop)
			}
		}
		r, n := utf8.DecodeRune(text[i:])
		boundary = !wordRune(r)
		i += n
	}
}

func wordRune(r rune) bool {
	return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func wordRuneAt(text []byte, i int) bool {
	if i >= len(text) {
		return false
	}
	r, _ := utf8.DecodeRune(text[i:])
	return wordRune(r)
}
