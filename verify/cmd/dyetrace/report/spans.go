package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
)

// A sample is a text with what counts in it marked.
type sample struct {
	Title    string
	Question string
	Parts    []part
	Scored   int
	Strong   int
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

// Levels of a token's score: how probable one as high is under the null law.
var (
	strong = math.Log(0.01)
	some   = math.Log(0.1)
)

// place names a text: a prompt's answer or a passage.
type place struct{ prompt, passage int }

// marks are what counts in a text, by position.
type marks map[int]*verify.Scored

// samples returns texts in which the tokens that count are marked: those that show most.
func (s *Source) samples() []sample {
	if s.Texts < 1 || s.Transcript == nil {
		return nil
	}
	found := make(map[place]marks)
	excess := make(map[place]float64)
	add := func(only bool) {
		for _, d := range s.Details {
			f := s.Report.Finding(d.Key, d.Test)
			if f == nil || len(f.Void) > 0 || f.Rejected != only || len(d.Scores) == 0 {
				continue
			}
			for i := range d.Scores {
				x := &d.Scores[i]
				if x.LogP == 0 && x.Value <= 0 {
					continue
				}
				at := place{x.Prompt, x.Passage}
				if found[at] == nil {
					found[at] = make(marks)
				}
				if old := found[at][x.Pos]; old == nil || x.LogP < old.LogP {
					found[at][x.Pos] = x
				}
				excess[at] += -x.LogP - 1
			}
		}
	}
	if add(true); len(found) == 0 {
		add(false)
	}
	order := make([]place, 0, len(found))
	for at := range found {
		order = append(order, at)
	}
	slices.SortFunc(order, func(a, b place) int {
		return cmp.Or(cmp.Compare(excess[b], excess[a]), cmp.Compare(a.prompt, b.prompt), cmp.Compare(a.passage, b.passage))
	})
	var out []sample
	for _, at := range order {
		if len(out) == s.Texts {
			break
		}
		if x, ok := s.sample(at, found[at]); ok {
			out = append(out, x)
		}
	}
	return out
}

// sample marks one text.
func (s *Source) sample(at place, m marks) (sample, bool) {
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
		n := level(x)
		for b := begin; b < ends[pos]; b++ {
			class[b] = n
		}
		out.Scored++
		out.Strong += b2i(n == 3)
	}
	unspace(text, class)
	planted := s.planted(at, text)
	end := len(text)
	if end > mostBytes {
		out.Cut = true
		for end = mostBytes; !utf8.RuneStart(text[end]); end-- {
		}
	}
	for b := 0; b < end; {
		next, o := b+1, planted[b]
		for next < end && (!utf8.RuneStart(text[next]) || class[next] == class[b] && planted[next] == o) {
			next++
		}
		if n := len(out.Parts); n == 0 || b > 0 && planted[b-1] != o {
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

// level returns how much a token says: 1 counts, 2 is unusual, 3 very.
func level(x *verify.Scored) int {
	switch {
	case x.LogP <= strong:
		return 3
	case x.LogP <= some:
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
