package canary

import "bytes"

// A use is one occurrence of a carrier in a text.
type use struct {
	begin, end int // of the form
	article    int // where "a" or "an" before it begins, or begin
	carrier    int32
	form       int32
	capital    bool // the form's first letter is upper case where the book has lower
	bucket     int
}

// A scanner reads a text once, in pieces of any size, and finds the uses of
// carriers in prose. What it decides at a byte depends on what came before and on
// at most lookAhead bytes behind, so the pieces make no difference.
//
// Positions are in the buffer of the caller, who may drop bytes from its front as
// long as lookBehind of those before the position stay.
type scanner struct {
	book   *Book
	silent []uint64 // carriers that are left alone, one bit each

	regions
	refusal
	paragraph int
	list      bool // the line is an item of a list
}

func (s *scanner) reset(b *Book, silent []uint64) {
	*s = scanner{book: b, silent: silent}
	s.lineStart = true
}

func (s *scanner) isSilent(carrier int32) bool {
	return len(s.silent) > 0 && s.silent[carrier>>6]>>(carrier&63)&1 == 1
}

// Outcomes of next.
const (
	scanned = iota // all of buf is decided
	pending        // buf[pos] cannot be decided before more bytes are there
	found
)

// next reads on from buf[pos]. It returns where it stopped: at the end of buf, at
// a byte that is pending, or behind the use that it found. whole says that buf
// begins where the text begins; eof that it ends where the text ends.
func (s *scanner) next(buf []byte, pos int, whole, eof bool, u *use) (int, int) {
	from := pos // behind what the refusal has
	for pos < len(buf) {
		if s.lineStart {
			known := s.beginLine(buf[pos:], eof)
			if !known {
				s.hear(buf[from:pos])
				return pos, pending
			}
			s.lineStart = false
		}
		var outcome int
		if s.mode == inText && s.depth == 0 {
			pos, outcome = s.prose(buf, pos, whole, eof, u)
		} else {
			pos, outcome = s.protected(buf, pos, eof)
		}
		if outcome == found && !s.heard {
			stop := u.end + s.book.carriers[u.carrier].ahead
			if stop > len(buf) && !eof {
				pos, outcome = u.article, pending
			} else if s.hear(buf[from:u.article]); s.refuses(buf[u.article:min(stop, len(buf))]) {
				s.mode, pos, outcome, from = inRest, u.article, scanned, u.article
			} else {
				s.hear([]byte{' '}) // a use counts alike in every form
				return pos, found
			}
		}
		if outcome == pending {
			s.hear(buf[from:pos])
		}
		if outcome != scanned {
			return pos, outcome
		}
	}
	s.hear(buf[from:pos])
	return pos, scanned
}

// Kinds of bytes in prose.
const (
	plainByte = iota
	spaceByte
	special
)

var kinds = func() (k [256]uint8) {
	for _, c := range []byte("\n\t`\"'$\\<>[{}]|=!:&);*/") {
		k[c] = special
	}
	k[0xE2], k[0xC2], k[0xE3] = special, special, special // dashes and quotation marks
	k[' '], k['('] = spaceByte, spaceByte
	return k
}()

// prose reads unprotected text up to the next use, protected region or line.
func (s *scanner) prose(buf []byte, pos int, whole, eof bool, u *use) (int, int) {
	m := s.book.matcher
	if pos == 0 && whole || pos > 0 && opensWord(buf, pos) {
		goto word
	}
read:
	for pos < len(buf) {
		switch kinds[buf[pos]] {
		case plainByte:
			pos++
			continue
		case special:
			n, known := s.inline(buf, pos, eof)
			if !known {
				return pos, pending
			}
			pos += n
			if s.lineStart || s.mode != inText || s.depth > 0 {
				return pos, scanned
			}
			if !opensWord(buf, pos) {
				continue
			}
		case spaceByte:
			pos++
		}
		goto word
	}
	return pos, scanned
word:
	if pos+2 >= len(buf) && !eof {
		if pos < len(buf) {
			return pos, pending
		}
		return pos, scanned
	}
	if pos+2 < len(buf) {
		if a := buf[pos] | 0x20; a == 'a' && (buf[pos+1] == ' ' || buf[pos+1] == 'n' && buf[pos+2] == ' ') {
			n := 2
			if buf[pos+1] == 'n' {
				n = 3
			}
			if pos+n+2 >= len(buf) && !eof {
				return pos, pending
			}
			if pos+n+2 < len(buf) && m.admits(buf[pos+n], buf[pos+n+1], buf[pos+n+2]) {
				hit, known := s.match(buf, pos+n, pos, whole, eof, u)
				if !known {
					return pos, pending
				}
				if hit {
					return u.end, found
				}
			}
			if !m.admits(buf[pos], buf[pos+1], buf[pos+2]) {
				pos += n
				goto word
			}
		}
		if m.admits(buf[pos], buf[pos+1], buf[pos+2]) {
			hit, known := s.match(buf, pos, pos, whole, eof, u)
			if !known {
				return pos, pending
			}
			if hit {
				return u.end, found
			}
		}
	}
	if pos < len(buf) && kinds[buf[pos]] == plainByte {
		pos++
	}
	goto read
}

// opensWord reports whether a word may begin at buf[pos] for what stands before.
func opensWord(buf []byte, pos int) bool {
	if pos == 0 {
		return false
	}
	switch buf[pos-1] {
	case ' ', '\n', '(':
		return true
	case 0x94: // —
		return pos >= 3 && buf[pos-2] == 0x80 && buf[pos-3] == 0xE2
	}
	return false
}

// match looks for a use whose form begins at buf[pos] and whose article, if it
// has one, at buf[article].
func (s *scanner) match(buf []byte, pos, article int, whole, eof bool, u *use) (hit, known bool) {
	m := s.book.matcher
	// The form's first letter may be in either case.
	var best *end
	stop := 0
	for node, j := int32(0), pos; j < len(buf); {
		next, n, more := m.step(node, buf, j)
		if more && !eof {
			return false, false
		}
		if n == 0 {
			break
		}
		node, j = next, j+n
		for k := range m.ends[node] {
			e := &m.ends[node][k]
			ok, known := s.fits(buf, pos, j, e, whole, eof)
			if !known {
				return false, false
			}
			if ok {
				best, stop = e, j
			}
		}
		if j == len(buf) && !eof {
			return false, false
		}
	}
	if best == nil {
		return false, true
	}
	c := &s.book.carriers[best.carrier]
	if s.isSilent(best.carrier) {
		return false, true
	}
	var left side
	before(buf, pos, 0, whole, &left)
	an := left.n == 2 && left.word[0] == 'a' && left.word[1] == 'n'
	a := left.n == 1 && left.word[0] == 'a'
	if c.varies && (a || an) {
		if article == pos || c.render[best.form][0].an != an {
			return false, true
		}
	} else if article != pos {
		return false, true // the carrier is found when its turn comes
	}
	capital := !bytes.HasPrefix(buf[pos:], c.render[best.form][0].first())
	if capital && !left.start {
		return false, true // a name or a title
	}
	for _, b := range buf[pos:stop] {
		if b == '\'' || b == 0x99 {
			s.curly = b == 0x99
		}
	}
	*u = use{
		begin: pos, end: stop, article: article,
		carrier: best.carrier, form: best.form,
		capital: capital,
		bucket:  s.book.buckets.of(s.paragraph, left.start, s.list),
	}
	return true, true
}

// fits reports whether the form that stands at buf[pos:stop] is a use: a whole
// word in prose, with its guards satisfied.
func (s *scanner) fits(buf []byte, pos, stop int, e *end, whole, eof bool) (ok, known bool) {
	c := &s.book.carriers[e.carrier]
	if stop == len(buf) && !eof {
		return false, false
	}
	if stop < len(buf) {
		switch mark := buf[stop]; mark {
		case ' ', '\n', '\r', ')':
		case ',', '.', ';', ':', '?', '!':
			if mark == ':' && c.single {
				return false, true // the line may be an entry of YAML
			}
			if stop+1 == len(buf) && !eof {
				return false, false
			}
			if stop+1 < len(buf) && buf[stop+1] != ' ' && buf[stop+1] != '\n' && buf[stop+1] != '\r' && buf[stop+1] != ')' {
				return false, true // part of a name, a number or a URL
			}
		default:
			return false, true
		}
	}
	if ok, known := c.last.after(buf, stop, eof); !ok || !known {
		return false, known
	}
	if len(c.blockedBefore) > 0 && stop < len(buf) && buf[stop] == ' ' {
		if blocked, known := formAt(buf, stop+1, c.blockedBefore, eof); blocked || !known {
			return false, known
		}
	}
	if formBehind(buf, pos, c.blockedBehind) {
		return false, true
	}
	if c.first.must == nil && c.first.not == nil {
		return true, true
	}
	var left side
	before(buf, pos, 0, whole, &left)
	if c.first.not != nil && c.first.not.has(&left) {
		return false, true
	}
	return c.first.must == nil || c.first.must.has(&left), true
}

// formAt reports whether one of the texts stands at buf[pos] as whole words, in
// any case.
func formAt(buf []byte, pos int, texts []string, eof bool) (ok, known bool) {
	known = true
	for _, t := range texts {
		i, k := pos, 0
		for ; k < len(t) && i < len(buf); k++ {
			c := lower(buf[i])
			if c == 0xE2 && t[k] == '\'' {
				if i+2 >= len(buf) {
					i = len(buf)
					break
				}
				if buf[i+1] == 0x80 && buf[i+2] == 0x99 {
					c, i = '\'', i+2
				}
			}
			if c != t[k] {
				break
			}
			i++
		}
		switch {
		case i >= len(buf):
			if k == len(t) && eof {
				return true, true
			}
			known = known && eof
		case k == len(t) && !isWordByte(buf[i]):
			return true, true
		}
	}
	return false, known
}

// formBehind reports whether one of the texts, as whole words in any case, and a
// space stand before buf[pos].
func formBehind(buf []byte, pos int, texts []string) bool {
	if len(texts) == 0 || pos == 0 || buf[pos-1] != ' ' {
		return false
	}
	for _, t := range texts {
		i, k := pos-2, len(t)-1
		for ; k >= 0 && i >= 0 && pos-i <= lookBehind; k-- {
			c := lower(buf[i])
			if c == 0x99 && t[k] == '\'' && i >= 2 && buf[i-1] == 0x80 && buf[i-2] == 0xE2 {
				c, i = '\'', i-2
			}
			if c != t[k] {
				break
			}
			i--
		}
		if k < 0 && (i < 0 || !isWordByte(buf[i])) {
			return true
		}
	}
	return false
}
