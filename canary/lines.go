package canary

import (
	"slices"
	"strings"
)

// Beginnings of lines that are code, structured text or a patch, to the end of
// the answer. Code of an answer that is not fenced has one of these early on.
var restOfText = []string{
	"#!", "#include", "%YAML", "%PDF", "//", "/*", "<?", "@@ ", "@import ", "BEGIN;", "CREATE TABLE ", "Index: ", "INSERT INTO ", "SELECT ",
	"\"\"\"", "\\documentclass", "def ", "diff --", "enum ", "export ", "fn ", "func ", "import ", "module ", "namespace ",
	"package ", "private ", "protected ", "pub ", "public ", "static ", "struct ", "type ", "using ", "var ", "const ", "let ", "#define ",
	"--- a/", "+++ b/", "*** a/", "{% ", "{{",
}

// Beginnings of an answer that refuses, or that warns: they say what they say.
var restOfAnswer = []string{
	"I apologize", "I apologise", "I can't", "I can’t", "I cannot", "I can not", "I don't feel comfortable", "I'm afraid", "I am afraid",
	"I'm not able", "I am not able", "I'm sorry", "I’m sorry", "I am sorry", "I'm unable", "I am unable", "I must decline", "I won't", "I will not",
	"Sorry", "As an AI", "As a language model", "Unfortunately, I",
}

// Beginnings of paragraphs and headings that warn of harm, behind marks of
// emphasis or none.
var warnings = []string{
	"CAUTION", "Caution", "DANGER", "Danger", "DISCLAIMER", "Disclaimer", "EMERGENCY", "Emergency", "SAFETY", "Safety", "WARNING", "Warning",
	"⚠", "⛔", "☠", "🚨", "🛑",
}

// Beginnings of paragraphs of which the same is true, and for those that follow
// no emphasis what they say of a person in danger.
var (
	emphatic = []string{"IMPORTANT", "Important"}
	crises   = []string{
		"Call 911", "Call emergency", "IMPORTANT", "If this is an emergency", "If you are having thoughts", "If you are in crisis", "If you are in danger",
		"If you are in immediate", "If you are thinking about", "If you or someone", "If you're having thoughts", "If you're in crisis", "If you're in danger",
		"If you're in immediate", "If you're thinking about", "If you’re having thoughts", "If you’re in crisis", "If you’re in danger", "If you’re in immediate",
		"If you’re thinking about", "Seek emergency", "Seek immediate", "Seek medical",
	}
)

// warnsAt reports whether a paragraph or a heading that begins with b warns.
func warnsAt(b []byte, heading, eof bool) (ok, known bool) {
	i := 0
	for i < len(b) && i < 4 && (b[i] == '*' || b[i] == '_' || heading && b[i] == ' ') {
		i++
	}
	ok, known = starts(b[i:], warnings, eof)
	if ok || heading {
		return ok, known
	}
	more := crises
	if i > 0 {
		more = emphatic
	}
	ok, rest := starts(b[i:], more, eof)
	return ok, ok || known && rest
}

// rawElements hold text to their end tags, empty lines or not.
var rawElements = []string{"blockquote", "code", "kbd", "math", "pre", "samp", "script", "style", "svg", "table", "textarea", "xmp"}

// starts reports whether b begins with one of the words, and whether that is
// known from the bytes that are there.
func starts(b []byte, words []string, eof bool) (ok, known bool) {
	known = true
	for _, w := range words {
		if len(b) >= len(w) {
			if string(b[:len(w)]) == w {
				return true, true
			}
		} else if !eof && strings.HasPrefix(w, string(b)) {
			known = false
		}
	}
	return false, known
}

// maxIndent is how many spaces at the beginning of a line are looked at.
const maxIndent = 16

// beginLine decides what the line is that begins with b. It returns false if b
// must be longer for that.
func (s *scanner) beginLine(b []byte, eof bool) bool {
	switch s.mode {
	case inJSON, inTeX, inRaw, inRest:
		return true
	case inFence:
		return s.endFence(b, eof)
	}
	i := 0
	for i < len(b) && i < maxIndent && b[i] == ' ' {
		i++
	}
	if i == len(b) {
		return eof
	}
	if b[i] == '\n' || b[i] == '\r' {
		s.emptyLine()
		return true
	}
	kind, fence, n, known := s.lineKind(b, i, eof)
	if !known {
		return false
	}
	if !s.past && b[i] != '#' {
		first, known := s.firstLine(b[i:], eof)
		if !known {
			return false
		}
		if first {
			kind = inRest
		}
		s.past = true
	}
	switch {
	case kind == inHeading:
		kind, s.warned = inLine, n == warning
	case kind == inText && s.warned:
		kind = inBlock
	}
	s.content, s.between = true, false
	s.list = false
	if marker, _, _ := listMarker(b[i:], true); marker > 0 {
		s.list = true
	}
	switch {
	case kind == inFence:
		s.mode, s.fence, s.fenceLen, s.depth = inFence, fence, n, 0
	case s.mode == inBlock && kind != inRest && kind != inRaw:
	case kind == inJSON:
		s.mode, s.json, s.str, s.escaped = inJSON, 0, false, false
	default:
		s.mode = kind
	}
	return true
}

func (s *scanner) emptyLine() {
	s.mode, s.depth = inText, 0
	if s.content && !s.between {
		s.paragraph++
	}
	s.between = true
}

// listMarker returns the length of "- ", "* ", "+ " or "1. " at the beginning of
// b, 0 if there is none.
func listMarker(b []byte, eof bool) (n int, ok, known bool) {
	if len(b) < 2 && !eof {
		return 0, false, false
	}
	if len(b) < 2 {
		return 0, false, true
	}
	if (b[0] == '-' || b[0] == '*' || b[0] == '+') && b[1] == ' ' {
		return 2, true, true
	}
	i := 0
	for i < len(b) && i < 4 && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == 0 || i == 4 {
		return 0, false, true
	}
	if i+1 >= len(b) {
		return 0, false, eof
	}
	if (b[i] == '.' || b[i] == ')') && b[i+1] == ' ' {
		return i + 2, true, true
	}
	return 0, false, true
}

// Kinds of lines that are no modes of a scanner, and what is said of them.
const (
	inHeading = -1
	warning   = 1
)

// lineKind returns the mode that a line with text at b[i] begins, and its fence;
// inHeading for a heading, and whether that is a warning.
func (s *scanner) lineKind(b []byte, i int, eof bool) (kind int, fence byte, n int, known bool) {
	if i == maxIndent {
		return inLine, 0, 0, true
	}
	indent, markers := i >= 4, 0
	for ; ; markers++ {
		if i == len(b) {
			return inText, 0, 0, eof
		}
		m, _, known := listMarker(b[i:], eof)
		if !known {
			return 0, 0, 0, false
		}
		if m == 0 || markers == 2 {
			break
		}
		for i += m; i < len(b) && b[i] == ' ' && m < 7; m++ {
			i++
		}
	}
	c := b[i]
	switch c {
	case '`', '~':
		for n = 0; i+n < len(b) && b[i+n] == c && n < 20; n++ {
		}
		if i+n == len(b) && !eof && n < 20 {
			return 0, 0, 0, false
		}
		if n >= 3 {
			return inFence, c, n, true
		}
	case '\t', '|', '#':
		if c == '#' {
			if rest, known := starts(b[i:], restOfText, eof); rest || !known {
				return inRest, 0, 0, known
			}
			for n = 0; i+n < len(b) && b[i+n] == '#' && n < 7; n++ {
			}
			warns, known := warnsAt(b[i+n:], true, eof)
			if !known {
				return 0, 0, 0, false
			}
			if warns {
				return inHeading, 0, warning, true
			}
			return inHeading, 0, 0, true
		}
		return inLine, 0, 0, true
	case '>':
		return inBlock, 0, 0, true
	case '<':
		return s.element(b[i:], eof)
	case '{', '[':
		if structured, known := structuredAt(b[i:], eof); structured || !known {
			return inJSON, 0, 0, known
		}
	case '+':
		if i+1 == len(b) && !eof {
			return 0, 0, 0, false
		}
		if i+1 < len(b) && (b[i+1] == '-' || b[i+1] == '=') {
			return inBlock, 0, 0, true
		}
	}
	if indent && (markers == 0 || !s.list) { // an item under another is no code
		return inLine, 0, 0, true
	}
	if rest, known := starts(b[i:], restOfText, eof); rest || !known {
		return inRest, 0, 0, known
	}
	if warns, known := warnsAt(b[i:], false, eof); warns || !known {
		return inBlock, 0, 0, known
	}
	entry, known := keyLine(b[i:], eof)
	if entry {
		return inLine, 0, 0, known
	}
	return inText, 0, 0, known
}

// firstLine reports whether an answer whose first line begins with b is
// structured text or a refusal as a whole.
func (s *scanner) firstLine(b []byte, eof bool) (whole, known bool) {
	if think, known := starts(b, []string{"<think"}, eof); think || !known {
		return false, known
	}
	if b[0] == '<' {
		return true, true
	}
	if refuses, known := starts(b, restOfAnswer, eof); refuses || !known {
		return true, known
	}
	if patch, known := isPatch(b, eof); patch || !known {
		return true, known
	}
	if b[0] == '-' {
		if rule, known := starts(b, []string{"---"}, eof); rule || !known {
			return true, known
		}
	}
	return yamlKey(b, eof)
}

// yamlKey reports whether b begins with a key of YAML or a header of mail: one
// word in lower case, or with '_' or '.', and a colon.
func yamlKey(b []byte, eof bool) (ok, known bool) {
	if !('a' <= b[0] && b[0] <= 'z' || b[0] == '_') {
		return false, true
	}
	for i, c := range b {
		switch {
		case i == 28:
			return false, true
		case c == ':':
			if i+1 == len(b) {
				return eof, eof
			}
			return b[i+1] == ' ' || b[i+1] == '\n' || b[i+1] == '\r', true
		case !isWordByte(c) && c != '-' && c != '_' && c != '.' && c != '/' || c >= 0x80:
			return false, true
		}
	}
	return false, eof
}

// keyLine reports whether b begins with a key of YAML or TOML, a header of mail or
// a setting of an INI file: one word in any case, and a colon or " =".
func keyLine(b []byte, eof bool) (ok, known bool) {
	if !isWordByte(b[0]) && b[0] != '_' || b[0] >= 0x80 {
		return false, true
	}
	for i, c := range b {
		switch {
		case i == 28:
			return false, true
		case c == ':', c == ' ':
			if i+1 == len(b) {
				return eof && c == ':', eof
			}
			next := b[i+1]
			return c == ' ' && next == '=' || c == ':' && (next == ' ' || next == '\n' || next == '\r'), true
		case !isWordByte(c) && c != '-' && c != '_' && c != '.' && c != '/' || c >= 0x80:
			return false, true
		}
	}
	return false, eof
}

// structuredAt reports whether a line that begins with a bracket is JSON: what
// follows the bracket is a quotation mark, a bracket or the end of the line.
func structuredAt(b []byte, eof bool) (ok, known bool) {
	for i, c := range b[1:] {
		switch {
		case c == ' ' && i < 8:
		case strings.IndexByte("\"'{[]}\r\n", c) >= 0, '0' <= c && c <= '9' && b[0] == '[', c == '-' && b[0] == '[':
			return true, true
		default:
			return false, true
		}
	}
	return eof, eof
}

// element reads a line that begins with markup: protected to the next empty line,
// or to its end tag if the element holds text as it is.
func (s *scanner) element(b []byte, eof bool) (kind int, fence byte, n int, known bool) {
	if think, known := starts(b, []string{"<think", "</think"}, eof); think || !known {
		return inLine, 0, 0, known
	}
	i := 1
	for i < len(b) && i < 13 && ('a' <= lower(b[i]) && lower(b[i]) <= 'z') {
		i++
	}
	if i == len(b) && i < 13 && !eof {
		return 0, 0, 0, false
	}
	name := strings.ToLower(string(b[1:i]))
	if slices.Contains(rawElements, name) {
		s.until = name
		return inRaw, 0, 0, true
	}
	if i > 1 || len(b) > 1 && (b[1] == '/' || b[1] == '!' || b[1] == '?') {
		return inBlock, 0, 0, true
	}
	return inText, 0, 0, true
}

// endFence closes a fence at a line that holds nothing but one as long.
func (s *scanner) endFence(b []byte, eof bool) bool {
	i := 0
	for i < len(b) && i < 32 && (b[i] == ' ' || b[i] == '>' || b[i] == '\t') {
		i++
	}
	n := 0
	for i+n < len(b) && b[i+n] == s.fence && n < 24 {
		n++
	}
	j := i + n
	for j < len(b) && j < i+n+4 && (b[j] == ' ' || b[j] == '\r' || b[j] == '\t') {
		j++
	}
	if j == len(b) && !eof && i < 32 && n < 24 && j < i+n+4 {
		return false
	}
	if n >= s.fenceLen && (j == len(b) || b[j] == '\n') {
		s.mode = inLine
	}
	return true
}

// isPatch reports whether b begins with the head of a patch or of a commit: its
// name and eight digits of a hash.
func isPatch(b []byte, eof bool) (ok, known bool) {
	for _, head := range [...]string{"From ", "commit "} {
		if ok, known := starts(b, []string{head}, eof); !ok {
			if !known {
				return false, false
			}
			continue
		}
		for i := len(head); i < len(head)+8; i++ {
			if i == len(b) {
				return false, eof
			}
			if c := b[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false, true
			}
		}
		return true, true
	}
	return false, true
}
