package canary

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
	warned    bool // the last heading warns of what stands below it

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

	closeGuillemet = 6 // ›
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
