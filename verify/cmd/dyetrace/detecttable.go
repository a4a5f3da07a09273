package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/watermark"
)

// fewTexts is up to how many texts have their rows without being asked for.
const fewTexts = 20

// A detectTable prints rows as texts are done, and the sum at the end.
type detectTable struct {
	*app
	d     *detection
	all   bool // rows of all texts, however many
	bar   *progress
	first bytes.Buffer // rows of a few texts, until it is known how few they are
	rows  int
	wide  int // of the names of texts
}

// row prints the row of a text.
func (t *detectTable) row(f textFinding) error {
	t.rows++
	if !t.all && t.rows > fewTexts {
		t.first.Reset()
		return nil
	}
	var b bytes.Buffer
	if t.json {
		if !t.all {
			return nil
		}
		if err := encodeLine(&b, f); err != nil {
			return err
		}
	} else {
		t.writeRow(&b, f)
	}
	if !t.all {
		t.first.Write(b.Bytes())
		return nil
	}
	if t.rows == 1 && t.errTerminal && t.terminal {
		t.bar.Done() // rows and a bar would write over each other
	}
	_, err := t.out.Write(b.Bytes())
	return err
}

func (t *detectTable) writeRow(w io.Writer, f textFinding) {
	if t.wide == 0 && !t.d.spans {
		t.wide = 24
		fmt.Fprintf(w, "%-*s  %7s  %7s  %9s  %s\n", t.wide, "text", "tokens", "scored", "log10 p", "mark")
	}
	found := ""
	if f.LogP <= math.Log(t.d.alpha) {
		found = t.paint(bold, "  marked")
	}
	if !t.d.spans {
		fmt.Fprintf(w, "%-*s  %7s  %7s  %9s  %s%s\n", t.wide, shortened(printable(f.Text), t.wide), grouped(f.Tokens), grouped(f.Scored), log10(f.LogP), f.Best, found)
		return
	}
	fmt.Fprintf(w, "%s: %s tokens, %s scored, log10 p %s under %s%s\n", t.paint(bold, printable(f.Text)), grouped(f.Tokens), grouped(f.Scored), log10(f.LogP), f.Best, found)
	t.writeSpans(w, f)
}

// writeSpans prints the text with its spans in colour on a terminal, and a list of
// the spans anywhere.
func (t *detectTable) writeSpans(w io.Writer, f textFinding) {
	if len(f.Spans) == 0 {
		fmt.Fprintln(w, "  no part of it is marked by itself")
		return
	}
	if t.terminal && f.ends != nil {
		t.writeColoured(w, f)
	}
	for _, s := range f.Spans {
		excerpt := ""
		if s.Bytes != nil {
			excerpt = fmt.Sprintf("  bytes %d to %d  %s", s.Bytes[0], s.Bytes[1], quote(f.source[s.Bytes[0]:s.Bytes[1]]))
		}
		fmt.Fprintf(w, "  %s  tokens %d to %d  log10 p %s%s\n", t.paint(colours[s.number%len(colours)], s.Mark), s.Begin, s.End, log10(s.LogP), excerpt)
	}
}

// writeColoured prints the text, each byte in the colour of the first mark that has
// a span there.
func (t *detectTable) writeColoured(w io.Writer, f textFinding) {
	owner := make([]int, len(f.source)) // number of the mark + 1
	for _, s := range f.Spans {
		for i := s.Bytes[0]; i < s.Bytes[1]; i++ {
			if owner[i] == 0 || s.number+1 < owner[i] {
				owner[i] = s.number + 1
			}
		}
	}
	for begin := 0; begin < len(owner); {
		end := begin
		for end < len(owner) && (owner[end] == owner[begin] || !utf8.RuneStart(f.source[end])) {
			end++
		}
		part := visible(f.source[begin:end])
		if owner[begin] > 0 {
			part = t.paint(colours[(owner[begin]-1)%len(colours)], part)
		}
		io.WriteString(w, part)
		begin = end
	}
	if !strings.HasSuffix(f.source, "\n") {
		fmt.Fprintln(w)
	}
}

// summary prints what was found over all texts.
func (t *detectTable) summary(w io.Writer, r detectResult) {
	if t.rows > 1 { // one text has no row: the sum says it all
		w.Write(t.first.Bytes())
	}
	if t.all || t.rows > 1 && t.first.Len() > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s in %s, read in %.2g s: %s on %s\n\n", plural(r.Tokens, "token"), plural(int64(r.Texts), "text"), r.Seconds, rate(r.Rate), plural(int64(r.Cores), "core"))
	wide := len("mark")
	for _, m := range r.Marks {
		wide = max(wide, utf8.RuneCountInString(printable(m.Name)))
	}
	fmt.Fprintf(w, "%-*s  %11s  %9s  %9s  %s\n", wide, "mark", "scored", "log10 p", "corrected", "texts found alone")
	shown := slices.Clone(r.Marks)
	slices.SortStableFunc(shown, func(a, b corpusFinding) int {
		switch {
		case a.LogP < b.LogP:
			return -1
		case a.LogP > b.LogP:
			return 1
		}
		return 0
	})
	const most = 30
	rest := 0
	if len(shown) > most {
		keep := most
		for keep < len(shown) && shown[keep].Found {
			keep++
		}
		rest, shown = len(shown)-keep, shown[:keep]
	}
	for _, m := range shown {
		line := fmt.Sprintf("%-*s  %11s  %9s  %9s  %s", wide, printable(m.Name), grouped(m.Scored), log10(m.LogP), log10(m.Holm), t.alone(m, r.Texts))
		if m.Found {
			line = t.paint(bold, line) + t.paint(bold, "  FOUND")
		}
		fmt.Fprintln(w, line)
		if m.Kind == watermark.PublicKey {
			fmt.Fprintf(w, "%-*s  everybody knows this key: what is found under it is no evidence\n", wide, "")
		}
	}
	if rest > 0 {
		fmt.Fprintf(w, "and %s with less\n", plural(int64(rest), "mark"))
	}
	verdict := "no mark found"
	switch {
	case r.Found:
		verdict = "found"
	case !slices.ContainsFunc(r.Marks, func(m corpusFinding) bool { return m.Scored > 0 }):
		fmt.Fprintln(w, "\nno token could be scored: this says nothing about these texts")
		return
	}
	fmt.Fprintf(w, "\n%s, at error rate %g for %s together\n", verdict, r.Alpha, plural(int64(len(r.Marks)), "mark"))
}

func (t *detectTable) alone(m corpusFinding, texts int) string {
	if !t.d.each && !t.d.spans {
		return "-"
	}
	return fmt.Sprintf("%s of %s", grouped(m.Texts), grouped(texts))
}

func rate(perSecond float64) string {
	switch {
	case perSecond >= 1e6:
		return fmt.Sprintf("%.3g million tokens/s", perSecond/1e6)
	case math.IsInf(perSecond, 0) || math.IsNaN(perSecond):
		return "- tokens/s"
	}
	return grouped(int(perSecond)) + " tokens/s"
}
