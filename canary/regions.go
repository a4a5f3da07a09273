package canary

import "bytes"

// Modes of a scanner: what kind of block a line is in.
const (
	inText  = iota
	inLine  // protected to the end of the line
	inBlock // protected to the next empty line
	inFence // protected to the closing fence
	inJSON  // protected to the closing bracket
	inTeX   // protected to the closing of a displayed formula or environment
	inRaw   // protected to the end tag of an element
	inRest  // protected to the end of the text
)

// maxDepth bounds how deep inline regions may nest; deeper ones protect the rest
// of their paragraph.
const maxDepth = 12

// regions tells prose from what a Planter must not touch: code, tables, markup,
// quotations, mathematics, structured text. In doubt a text is protected.
type regions struct {
	mode      int
	lineStart bool
	content   bool // a line that is not empty has begun
	past      bool // a line that is neither empty nor a comment has begun
	between   bool // the last line was empty

	fence    byte
	fenceLen int

	json    int  // open brackets
	str     bool // in a string of JSON
	escaped bool

	until string // closes inTeX and inRaw
	tex   int    // open environments

	curly bool // the last apostrophe was ’

	stack [maxDepth]region // inline regions, the innermost last
	depth int
}

// A region is an inline span: what closes it, and for backticks how many.
type region struct {
	close byte
	n     int
}

// Closers that are not one ASCII byte.
const (
	closeCurly  = 1 // ”
	closeSingle = 2 // ’
	closeAngle  = 3 // »
	closeCorner = 4 // 」 and 』
	closeTeX    = 5 // \)
)

func (r *regions) open(close byte, n int) {
	if r.depth == maxDepth {
		r.mode = inBlock
		return
	}
	r.stack[r.depth] = region{close, n}
	r.depth++
}

// shut closes the innermost region that c closes, and those inside it.
func (r *regions) shut(c byte) bool {
	for d := r.depth - 1; d >= 0; d-- {
		if r.stack[d].close == c {
			r.depth = d
			return true
		}
	}
	return false
}

func (r *regions) top() byte {
	if r.depth == 0 {
		return 0
	}
	return r.stack[r.depth-1].close
}

// inline reads the special byte buf[pos] of a text and returns how many bytes it
// took.
func (s *scanner) inline(buf []byte, pos int, eof bool) (n int, known bool) {
	c := buf[pos]
	peek := func(k int) byte {
		if pos+k < len(buf) {
			return buf[pos+k]
		}
		return 0
	}
	short := func(k int) bool { return pos+k >= len(buf) && !eof }
	prev := byte('\n')
	if pos > 0 {
		prev = buf[pos-1]
	}
	literal := s.top() == '`' || s.top() == '$' || s.top() == closeTeX
	switch c {
	case '\n':
		s.lineStart = true
		return 1, true
	case '`':
		run := 1
		for run < 32 && peek(run) == '`' {
			run++
		}
		if short(run) && run < 32 {
			return 0, false
		}
		if s.top() == '`' {
			if s.stack[s.depth-1].n == run {
				s.depth--
			}
		} else if !literal {
			s.open('`', run)
		}
		return run, true
	case '$':
		return s.dollar(buf, pos, eof)
	case '\\':
		return s.backslash(buf, pos, eof)
	}
	if literal {
		return 1, true
	}
	switch c {
	case '"':
		spaced := prev == ' ' || prev == '\n' || prev == '(' || prev == '['
		if spaced || !s.shut('"') {
			if s.top() != '"' {
				s.open('"', 1)
			}
		}
	case '\'':
		if short(1) {
			return 0, false
		}
		next := peek(1)
		s.curly = s.curly && !isWordByte(prev)
		switch {
		case !isWordByte(prev) && isWordByte(next) && (next < '0' || next > '9'):
			if s.top() != '\'' {
				s.open('\'', 1)
			}
		case prev != ' ' && !isWordByte(next):
			s.shut('\'')
		}
	case '[':
		s.open(']', 1)
	case ']':
		if s.shut(']') {
			if short(1) {
				s.open(']', 1)
				return 0, false
			}
			if peek(1) == '(' {
				s.open(')', 1)
				return 2, true
			}
		}
	case ')':
		if s.top() == ')' {
			s.depth--
			break
		}
		return s.code(buf, pos, eof)
	case '{':
		s.open('}', 1)
	case '}':
		s.shut('}')
	case '<':
		if short(1) {
			return 0, false
		}
		if next := peek(1); isWordByte(next) && (next < '0' || next > '9') || next == '/' || next == '!' || next == '?' {
			s.open('>', 1)
		}
	case '>':
		s.shut('>')
	case '|', '\t':
		s.mode = inBlock
		if c == '\t' {
			s.mode = inLine
		}
	case '=', '!', ':', '&', ';', '*', '/':
		return s.code(buf, pos, eof)
	default:
		return s.quote(buf, pos, eof)
	}
	return 1, true
}

// code protects the rest of a paragraph behind what only programs contain.
func (s *scanner) code(buf []byte, pos int, eof bool) (int, bool) {
	if pos+1 >= len(buf) && !eof {
		return 0, false
	}
	if pos+1 >= len(buf) {
		return 1, true
	}
	switch string(buf[pos : pos+2]) {
	case "==", "!=", ":=", "::", "&&", "=>", "/*", "*/", ");", "/>":
		s.mode = inBlock
	}
	return 1, true
}

// quote reads quotation marks that are not ASCII.
func (s *scanner) quote(buf []byte, pos int, eof bool) (int, bool) {
	n := 3
	if buf[pos] == 0xC2 {
		n = 2
	}
	if pos+n > len(buf) {
		return 1, eof
	}
	switch string(buf[pos : pos+n]) {
	case "“":
		if s.top() == '"' && s.stack[s.depth-1].n == 2 { // „German“
			s.depth--
		} else {
			s.open(closeCurly, 1)
		}
	case "„":
		s.open('"', 2)
	case "”":
		if !s.shut(closeCurly) {
			s.shut('"')
		}
	case "‘":
		s.open(closeSingle, 1)
	case "’":
		if pos+n == len(buf) && !eof {
			return 0, false
		}
		if pos+n == len(buf) || !isWordByte(buf[pos+n]) {
			s.shut(closeSingle)
		} else {
			s.curly = true
		}
	case "«", "»":
		if !s.shut(closeAngle) {
			s.open(closeAngle, 1)
		}
	case "「", "『":
		s.open(closeCorner, 1)
	case "」", "』":
		s.shut(closeCorner)
	}
	return n, true
}

// dollar tells formulas from amounts of money. "$20 for", "$1,000." and "US$5"
// are money; all other dollar signs open a formula, which closes at one that no
// space precedes and no digit follows.
func (s *scanner) dollar(buf []byte, pos int, eof bool) (int, bool) {
	if s.top() == '`' || s.top() == closeTeX {
		return 1, true
	}
	if pos+1 >= len(buf) && !eof {
		return 0, false
	}
	next := byte('\n')
	if pos+1 < len(buf) {
		next = buf[pos+1]
	}
	prev := byte('\n')
	if pos > 0 {
		prev = buf[pos-1]
	}
	if s.top() == '$' {
		if prev != ' ' && prev != '\n' && (next < '0' || next > '9') {
			s.depth--
		}
		return 1, true
	}
	if next == '$' {
		s.mode, s.until = inTeX, "$$"
		return 2, true
	}
	if isWordByte(prev) {
		return 1, true
	}
	i := pos + 1
	for i < len(buf) && i < pos+20 && (buf[i] >= '0' && buf[i] <= '9' || buf[i] == ',' || buf[i] == '.') {
		i++
	}
	if i > pos+1 { // a number
		if i+3 > len(buf) && !eof {
			return 0, false
		}
		sentence := buf[i-1] == '.' || buf[i-1] == ','
		if i == len(buf) || sentence && (buf[i] == ' ' || buf[i] == '\n') {
			return i - pos, true
		}
		letter := func(k int) bool { return k < len(buf) && lower(buf[k]) >= 'a' && lower(buf[k]) <= 'z' }
		if buf[i] == ' ' && letter(i+1) && letter(i+2) {
			return i - pos, true
		}
	}
	s.open('$', 1)
	return 1, true
}

// backslash reads commands of TeX and escapes of Markdown.
func (s *scanner) backslash(buf []byte, pos int, eof bool) (int, bool) {
	if pos+1 >= len(buf) {
		return 1, eof
	}
	literal := s.top() == '`'
	switch next := buf[pos+1]; {
	case literal:
		return 1, true
	case next == '(':
		s.open(closeTeX, 1)
	case next == ')':
		s.shut(closeTeX)
	case next == '[':
		s.mode, s.until = inTeX, `\]`
	case next == 'b':
		const begin = `\begin{`
		b := buf[pos:min(len(buf), pos+len(begin))]
		if len(b) < len(begin) && !eof && bytes.HasPrefix([]byte(begin), b) {
			return 0, false
		}
		if string(b) == begin {
			s.mode, s.until, s.tex = inTeX, "", 1
			return len(begin), true
		}
	case next == '`' || next == '$' || next == '"':
		return 2, true
	default:
		return 1, true
	}
	return 2, true
}

// protected reads on inside a protected region.
func (s *scanner) protected(buf []byte, pos int, eof bool) (int, int) {
	switch s.mode {
	case inRest:
		return len(buf), scanned
	case inJSON:
		return s.readJSON(buf, pos), scanned
	case inTeX:
		return s.readTeX(buf, pos, eof)
	case inRaw:
		return s.readRaw(buf, pos, eof)
	case inLine, inBlock, inFence:
		i := bytes.IndexByte(buf[pos:], '\n')
		if i < 0 {
			return len(buf), scanned
		}
		if s.mode == inLine {
			s.mode = inText
		}
		s.lineStart = true
		return pos + i + 1, scanned
	}
	for pos < len(buf) && s.mode == inText && s.depth > 0 && !s.lineStart {
		if kinds[buf[pos]] != special {
			pos++
			continue
		}
		n, known := s.inline(buf, pos, eof)
		if !known {
			return pos, pending
		}
		pos += n
	}
	return pos, scanned
}

func (s *scanner) readJSON(buf []byte, pos int) int {
	for ; pos < len(buf); pos++ {
		c := buf[pos]
		switch {
		case s.escaped:
			s.escaped = false
		case s.str && c == '\\':
			s.escaped = true
		case c == '"':
			s.str = !s.str
		case s.str:
		case c == '{' || c == '[':
			s.json++
		case c == '}' || c == ']':
			if s.json--; s.json <= 0 {
				s.mode = inLine
				return pos + 1
			}
		}
	}
	return pos
}

func (s *scanner) readTeX(buf []byte, pos int, eof bool) (int, int) {
	if s.until != "" {
		i := bytes.Index(buf[pos:], []byte(s.until))
		if i >= 0 {
			s.mode = inText
			return pos + i + len(s.until), scanned
		}
		return s.keep(buf, pos, len(s.until)-1, eof)
	}
	for pos < len(buf) {
		i := bytes.IndexByte(buf[pos:], '\\')
		if i < 0 {
			return len(buf), scanned
		}
		pos += i
		b := buf[pos:min(len(buf), pos+7)]
		switch {
		case bytes.HasPrefix(b, []byte(`\begin{`)):
			s.tex++
		case bytes.HasPrefix(b, []byte(`\end{`)):
			if s.tex--; s.tex == 0 {
				s.mode = inLine
				return pos + 5, scanned
			}
		case len(b) < 7 && !eof:
			return pos, pending
		}
		pos++
	}
	return pos, scanned
}

func (s *scanner) readRaw(buf []byte, pos int, eof bool) (int, int) {
	for pos < len(buf) {
		i := bytes.Index(buf[pos:], []byte("</"))
		if i < 0 {
			return s.keep(buf, pos, 1, eof)
		}
		pos += i
		n := len(s.until) + 2
		if pos+n > len(buf) && !eof {
			return pos, pending
		}
		if pos+n <= len(buf) && bytes.EqualFold(buf[pos+2:pos+n], []byte(s.until)) {
			s.mode = inBlock
			return pos + n, scanned
		}
		pos += 2
	}
	return pos, scanned
}

// keep passes all but the last n bytes of buf.
func (s *scanner) keep(buf []byte, pos, n int, eof bool) (int, int) {
	if eof || n == 0 {
		return len(buf), scanned
	}
	return max(pos, len(buf)-n), pending
}
