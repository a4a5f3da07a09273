package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// samples are texts with what counts in them marked.
type samples struct {
	List   []sample
	Well   bool   // the law has scores that fit well
	Fits   string // how often one fits by chance
	Cells  bool
	levels levels
}

// A sample is a text with what counts in it marked.
type sample struct {
	Title    string
	Question string
	Parts    []part
	Scored   int
	Fit      int // of them, well ones included
	Well     int
	Cut      bool
}

// A part is a piece of a text: a wording that a key decided, or what is between.
type part struct {
	Cell, Planted bool // a wording; the one that the key decided
	Note          string
	Spans         []span
}

// A span is a piece of a part whose tokens say as much: class n1 counts, n2 is unusual,
// n3 very.
type span struct{ Class, Text string }

const (
	mostBytes    = 1400 // of a sample
	mostQuestion = 240
)

// levels are the logarithms of how probable scores are that fit, and that fit well.
type levels struct{ fits, well float64 }

// place names a text: a prompt's answer or a passage.
type place struct{ prompt, passage int }

// marks are what counts in a text, by position.
type marks map[int]*verify.Scored

// samples returns texts in which the tokens that count are marked: those that show most
// of what was rejected, or of all tests if nothing was.
func (s *Source) samples() *samples {
	if s.Texts < 1 || s.Transcript == nil || s.broken() {
		return nil
	}
	for _, rejected := range []bool{true, false} {
		best := 0.0
		excess := make(map[place]float64)
		s.scores(rejected, func(at place, x *verify.Scored) {
			excess[at] -= x.LogP + 1
			best = min(best, x.LogP)
		})
		if len(excess) > 0 {
			return s.show(rejected, excess, best)
		}
	}
	return nil
}

// scores calls f with every score of the findings that were rejected, or were not.
func (s *Source) scores(rejected bool, f func(place, *verify.Scored)) {
	for i := range s.Details {
		d := &s.Details[i]
		of := s.Report.Finding(d.Key, d.Test)
		if of == nil || len(of.Void) > 0 || of.Rejected != rejected {
			continue
		}
		for k := range d.Scores {
			if x := &d.Scores[k]; x.Token != collect.NoToken { // else many tokens, whose law is not that of a score
				f(place{x.Prompt, x.Passage}, x)
			}
		}
	}
}

// show marks the texts with the largest excess.
func (s *Source) show(rejected bool, excess map[place]float64, best float64) *samples {
	out := &samples{levels: levels{math.Log(0.1), math.Log(0.01)}}
	out.Well = best <= out.levels.well
	if best > out.levels.fits { // of a green list: a token is on it or not
		out.levels.fits = best
	}
	out.Fits = oneIn(out.levels.fits)
	order := make([]place, 0, len(excess))
	for at := range excess {
		order = append(order, at)
	}
	slices.SortFunc(order, func(a, b place) int {
		return cmp.Or(cmp.Compare(excess[b], excess[a]), cmp.Compare(a.prompt, b.prompt), cmp.Compare(a.passage, b.passage))
	})
	order = order[:min(len(order), 4*s.Texts)] // some may have no text to show
	found := make(map[place]marks)
	for _, at := range order {
		found[at] = make(marks)
	}
	s.scores(rejected, func(at place, x *verify.Scored) {
		if m := found[at]; m != nil && (m[x.Pos] == nil || x.LogP < m[x.Pos].LogP) {
			m[x.Pos] = x
		}
	})
	for _, at := range order {
		if x, ok := s.sample(at, found[at], out.levels); ok && len(out.List) < s.Texts {
			out.List = append(out.List, x)
			out.Cells = out.Cells || slices.ContainsFunc(x.Parts, func(p part) bool { return p.Cell })
		}
	}
	if len(out.List) == 0 {
		return nil
	}
	return out
}

// sample marks one text.
func (s *Source) sample(at place, m marks, l levels) (sample, bool) {
	var text string
	var ends []int
	var out sample
	if at.prompt >= 0 {
		if s.Ends == nil || at.prompt >= len(s.Transcript.Prompts) {
			return out, false
		}
		e := &s.Transcript.Prompts[at.prompt]
		text, ends = e.Text, s.Ends(e.Text)
		out.Title, out.Question = "Answer to prompt "+grouped(at.prompt), short(clean(e.Question, false), mostQuestion)
	} else {
		var ok bool
		if text, ends, ok = s.passage(at.passage); !ok {
			return out, false
		}
		out.Title = "Marked text " + grouped(at.passage) + ", as the suspect read it"
	}
	class := make([]int, len(text)+1) // of the byte
	for pos, x := range m {
		if pos >= len(ends) || ends[pos] < 0 || ends[pos] > len(text) {
			continue
		}
		begin := 0
		for k := pos - 1; k >= 0; k-- {
			if ends[k] >= 0 {
				begin = ends[k]
				break
			}
		}
		n := l.of(x)
		for b := begin; b < ends[pos]; b++ {
			class[b] = n
		}
		out.Scored++
		out.Fit += b2i(n > 1)
		out.Well += b2i(n == 3)
	}
	unspace(text, class)
	planted := s.planted(at, text)
	end := len(text)
	if end > mostBytes {
		out.Cut = true
		for end = mostBytes; !utf8.RuneStart(text[end]); end-- {
		}
	}
	for b := len(text) - len(strings.TrimLeft(text, " \n")); b < end; {
		next, o := b+1, planted[b]
		for next < end && (!utf8.RuneStart(text[next]) || class[next] == class[b] && planted[next] == o) {
			next++
		}
		if n := len(out.Parts); n == 0 || planted[b-1] != o {
			out.Parts = append(out.Parts, partOf(o))
		}
		last := &out.Parts[len(out.Parts)-1]
		last.Spans = append(last.Spans, span{[...]string{"", "n1", "n2", "n3"}[class[b]], clean(text[b:next], true)})
		b = next
	}
	return out, out.Scored > 0
}

// unspace takes the space before a token out of what is marked, unless the one before it
// is marked alike.
func unspace(text string, class []int) {
	for b := range text {
		if (text[b] == ' ' || text[b] == '\n') && (b == 0 || class[b] != class[b-1]) {
			class[b] = 0
		}
	}
}

// of returns how much a token says: 1 counts, 2 fits, 3 fits well.
func (l levels) of(x *verify.Scored) int {
	switch {
	case x.LogP <= l.well:
		return 3
	case x.LogP <= l.fits:
		return 2
	}
	return 1
}

// agreed says of a wording whether it is the one that the key decided.
type agreed struct {
	unit string
	yes  bool
}

// partOf begins a part.
func partOf(o *agreed) part {
	switch {
	case o == nil:
		return part{}
	case o.yes:
		return part{Cell: true, Planted: true, Note: "wording of " + name(o.unit) + ", as the key decided"}
	}
	return part{Cell: true, Note: "wording of " + name(o.unit) + ", not as the key decided"}
}

// planted returns the wordings in an answer that canaries are looked for in, by byte.
func (s *Source) planted(at place, text string) map[int]*agreed {
	out := make(map[int]*agreed)
	if s.Book == nil || at.prompt < 0 {
		return out
	}
	decided := make(map[string]string)
	for _, d := range s.Details {
		if f := s.Report.Finding(d.Key, d.Test); f != nil && f.Rejected && len(f.Void) == 0 {
			for _, c := range d.Cells {
				decided[c.Unit] = c.Option
			}
		}
	}
	list, err := s.Book.Occurrences(canary.Request{Prompt: s.Transcript.Prompts[at.prompt].Question}, text)
	if err != nil {
		return out
	}
	for _, o := range list {
		option, ok := decided[o.Unit.String()]
		names, err := s.Book.Options(o.Unit)
		if !ok || err != nil {
			continue
		}
		a := &agreed{o.Unit.String(), names[o.Option] == option}
		for b := o.Begin; b < o.End; b++ {
			out[b] = a
		}
	}
	return out
}

// passage returns the text of a passage and where its tokens end.
func (s *Source) passage(i int) (text string, ends []int, ok bool) {
	if i < 0 || i >= len(s.Passages) {
		return "", nil, false
	}
	p := &s.Passages[i]
	var b strings.Builder
	for k, id := range p.Tokens {
		piece := ""
		switch {
		case len(p.Pieces) == len(p.Tokens):
			piece = p.Pieces[k]
		case s.Piece == nil:
			return "", nil, false
		default:
			if piece, ok = s.Piece(watermark.Token(id)); !ok {
				return "", nil, false
			}
		}
		b.WriteString(piece)
		ends = append(ends, b.Len())
	}
	return b.String(), ends, true
}
