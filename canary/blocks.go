package canary

import "bytes"

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
