package tokenizer

import (
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/tokenizer/internal/unidata"
)

// A matcher finds added tokens: of those that begin leftmost the longest, and
// then on from its end. The content of a token of the normalised kind is
// normalised as well.
type matcher struct {
	tokens  []AddedToken
	first   [256]bool // bytes that a content begins with
	only    int       // the one byte that all contents begin with, or −1
	longest int       // content, in bytes
	next    map[edge]int32
	end     []int32 // by node of the trie: the index of the token, or −1
	table   *unidata.Table
}

type edge struct {
	node int32
	b    byte
}

func newMatcher(tokens []AddedToken, contents []string) matcher {
	m := matcher{tokens: tokens, only: -1, next: map[edge]int32{}, end: []int32{-1}, table: unidata.Categories()}
	for i, content := range contents {
		node := int32(0)
		for _, b := range []byte(content) {
			to, ok := m.next[edge{node, b}]
			if !ok {
				to = int32(len(m.end))
				m.end = append(m.end, -1)
				m.next[edge{node, b}] = to
			}
			node = to
		}
		if m.end[node] < 0 {
			m.end[node] = int32(i)
		}
		m.longest = max(m.longest, len(content))
		m.first[content[0]] = true
		m.only = int(content[0])
	}
	for b, is := range m.first {
		if is && b != m.only {
			m.only = -1
		}
	}
	return m
}

func (m *matcher) empty() bool { return len(m.tokens) == 0 }

// candidate returns the first position from i on at which a content may begin,
// or len(s).
func (m *matcher) candidate(s string, i int) int {
	if m.only >= 0 {
		if k := strings.IndexByte(s[i:], byte(m.only)); k >= 0 {
			return i + k
		}
		return len(s)
	}
	for i < len(s) && !m.first[s[i]] {
		i++
	}
	return i
}

// at returns the longest content that begins at s[i:], by its end and the index
// of its token, which is −1 if there is none.
func (m *matcher) at(s string, i int) (end int, token int32) {
	token = -1
	node := int32(0)
	for k := i; k < len(s); k++ {
		to, ok := m.next[edge{node, s[k]}]
		if !ok {
			break
		}
		if node = to; m.end[node] >= 0 {
			end, token = k+1, m.end[node]
		}
	}
	return end, token
}

// A cursor goes through the added tokens of a text. After each call of next that
// gives true, [from, to) is text before the token id; in the end the text from
// done on is left.
type cursor struct {
	m        *matcher
	pos      int // where the next search begins
	done     int // what has been dealt with
	from, to int
	id       int32
}

func (c *cursor) next(s string) bool {
	if len(c.m.tokens) == 0 {
		return false
	}
	for {
		start := c.m.candidate(s, c.pos)
		if start == len(s) {
			return false
		}
		end, token := c.m.at(s, start)
		if token < 0 {
			c.pos = start + 1
			continue
		}
		c.pos = end
		a := &c.m.tokens[token]
		if a.SingleWord && (c.m.wordBefore(s[:start]) || c.m.wordAfter(s[end:])) {
			continue
		}
		if a.LStrip {
			start = max(len(strings.TrimRightFunc(s[:start], c.m.space)), c.done)
		}
		if a.RStrip {
			end = len(s) - len(strings.TrimLeftFunc(s[end:], c.m.space))
		}
		if start >= end {
			// White space, which a token before has taken. The library drops the
			// token where start is end, and panics where it is more.
			continue
		}
		c.from, c.to, c.id = c.done, max(start, c.done), a.ID
		c.done = end
		return true
	}
}

func (m *matcher) space(r rune) bool { return m.table.In(r, unidata.Space) }

func (m *matcher) wordBefore(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && m.table.Word(r)
}

func (m *matcher) wordAfter(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && m.table.Word(r)
}

// crosses reports whether some content occurs around position i of s, begun
// before and ended after.
func (m *matcher) crosses(s string, i int) bool {
	for k := max(0, i-m.longest+1); k < i; k++ {
		if m.first[s[k]] {
			if end, token := m.at(s, k); token >= 0 && end > i {
				return true
			}
		}
	}
	return false
}
