package verify

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pageWidth is the number of columns at which lines are wrapped between words.
const pageWidth = 110

// A page is text for people, in lines that nothing printed in them can break.
type page struct{ bytes.Buffer }

// head writes a line at the margin.
func (p *page) head(format string, args ...any) { p.write("", 15, fmt.Sprintf(format, args...)) }

// item writes a line of a list.
func (p *page) item(text string) { p.write("  - ", 4, text) }

// row writes a line with a label.
func (p *page) row(label, format string, args ...any) {
	p.write(fmt.Sprintf("  %-13s", label), 15, fmt.Sprintf(format, args...))
}

// gap writes an empty line.
func (p *page) gap() { p.WriteByte('\n') }

// write writes text after a prefix, further lines with an indent.
func (p *page) write(prefix string, indent int, text string) {
	p.WriteString(prefix)
	column, begun := utf8.RuneCountInString(prefix), false
	for word := range strings.SplitSeq(printable(text), " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case begun && column+1+n > pageWidth:
			p.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		case begun:
			p.WriteByte(' ')
			column++
		}
		p.WriteString(word)
		column, begun = column+n, true
	}
	p.WriteByte('\n')
}

// printable returns a string that holds graphic characters and spaces only as it
// is, and every other one quoted as Go quotes strings: line breaks, escapes and
// marks that change the direction of writing included.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}

// listed returns printable names, with commas between them.
func listed(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = printable(n)
	}
	return strings.Join(out, ", ")
}

// grouped returns n with commas: 1,234,567.
func grouped(n int) string {
	text, sign := strconv.Itoa(n), ""
	if n < 0 {
		text, sign = text[1:], "-"
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
