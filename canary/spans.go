package canary

import "bytes"

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
	case "‹", "›":
		if !s.shut(closeGuillemet) {
			s.open(closeGuillemet, 1)
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
	case next == '`' || next == '$' || next == '"' && s.top() == '"':
		return 2, true
	default:
		return 1, true
	}
	return 2, true
}
