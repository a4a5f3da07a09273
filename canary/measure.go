package canary

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// MinMeasured is how often a carrier must have been seen for its shares to be a
	// law.
	MinMeasured = 90

	// MinShare is the least share that a form may have: rarer ones are worth little
	// and stand out.
	MinShare = 0.03
)

// A Measurement says how texts in which nothing was planted use a book: which
// forms they prefer, whether the forms of a carrier keep the same company, which
// units occur and how often. It chose and weighed the carriers of the default book,
// and weighs a book for a server by that server's own answers.
//
// Not safe for use by several goroutines at once: measure apart and Merge.
type Measurement struct {
	book    *Book
	tally   *Tally
	figures []figure
	trees   map[string]treeCount
	texts   int
	bytes   int64

	seen []uint64       // scratch: carriers, a bit each
	at   map[string]int // scratch: places in a text, by tree
}

// A figure is what was seen of one carrier.
type figure struct {
	first []int // texts, by the form of their first use
	all   []int // uses, by form
	left  []map[string]int
	right []map[string]int
}

type treeCount struct{ texts, places int }

// NewMeasurement returns a measurement of no text.
func (b *Book) NewMeasurement() *Measurement {
	m := &Measurement{book: b, tally: b.NewTally(), figures: make([]figure, len(b.carriers)), trees: map[string]treeCount{}, seen: make([]uint64, (len(b.carriers)+63)/64), at: map[string]int{}}
	for i, c := range b.carriers {
		f := &m.figures[i]
		f.first, f.all = make([]int, len(c.Forms)), make([]int, len(c.Forms))
		for range c.Forms {
			f.left, f.right = append(f.left, map[string]int{}), append(f.right, map[string]int{})
		}
	}
	return m
}

// Add counts one text, an answer to the request.
func (m *Measurement) Add(r Request, answer string) error {
	units := make([]uint64, m.book.seenWords())
	clear(m.seen)
	clear(m.at)
	class, err := m.book.Classify(r)
	if err != nil {
		return err
	}
	if err := m.book.eachUse(r, answer, func(text []byte, u *use) {
		m.use(text, u)
		if id := m.book.first(units, class, u); id >= 0 {
			m.tally.count(id, u)
			m.at[m.book.units[id].Tree]++
		}
	}); err != nil {
		return err
	}
	m.tally.answers[class]++
	m.texts++
	m.bytes += int64(len(answer))
	for tree, n := range m.at {
		t := m.trees[tree]
		m.trees[tree] = treeCount{t.texts + 1, t.places + n}
	}
	return nil
}

// use counts a use of a carrier, whatever the class.
func (m *Measurement) use(text []byte, u *use) {
	f := &m.figures[u.carrier]
	f.all[u.form]++
	if bit := uint64(1) << (u.carrier & 63); m.seen[u.carrier>>6]&bit == 0 {
		m.seen[u.carrier>>6] |= bit
		f.first[u.form]++
	}
	var left side
	before(text, u.article, 0, true, &left)
	f.left[u.form][company(&left)]++
	var right side
	if u.end < len(text) && text[u.end] == ' ' {
		wordAt(text, u.end+1, maxWord, true, &right)
	} else if u.end < len(text) {
		right.mark = text[u.end]
	}
	f.right[u.form][company(&right)]++
}

func company(s *side) string {
	switch {
	case s.start:
		return "^"
	case s.n > 0:
		return string(s.word[:s.n])
	}
	return string(s.mark)
}

// Merge adds what o has counted. Both must be of books with one hash.
func (m *Measurement) Merge(o *Measurement) error {
	if err := m.tally.Merge(o.tally); err != nil {
		return err
	}
	m.texts += o.texts
	m.bytes += o.bytes
	for tree, n := range o.trees {
		t := m.trees[tree]
		m.trees[tree] = treeCount{t.texts + n.texts, t.places + n.places}
	}
	for i := range m.figures {
		f, g := &m.figures[i], &o.figures[i]
		for k := range f.all {
			f.all[k] += g.all[k]
			f.first[k] += g.first[k]
			for w, n := range g.left[k] {
				f.left[k][w] += n
			}
			for w, n := range g.right[k] {
				f.right[k][w] += n
			}
		}
	}
	return nil
}

// Texts returns how many texts were added, and Bytes how long they are together.
func (m *Measurement) Texts() int { return m.texts }

// Bytes returns the length of all texts together, in bytes.
func (m *Measurement) Bytes() int64 { return m.bytes }

// Tally returns the counts of the units, which the measurement goes on counting.
func (m *Measurement) Tally() *Tally { return m.tally }

// TreeFigures say how many of a tree's units texts use, and how often.
type TreeFigures struct {
	Tree   string
	Units  int // of the tree
	Seen   int // that occurred at all
	Texts  int // with one unit or more: in them something is planted, in mode sampled
	Places int // first uses of units: what is planted, in mode sampled
}

// Trees returns the figures of all trees, in the order of the book.
func (m *Measurement) Trees() []TreeFigures {
	var out []TreeFigures
	for _, t := range m.book.trees {
		f := TreeFigures{Tree: t.Name, Texts: m.trees[t.Name].texts, Places: m.trees[t.Name].places}
		for id, u := range m.book.units {
			if u.Tree == t.Name {
				f.Units++
				if m.tally.counts[id] != nil {
					f.Seen++
				}
			}
		}
		out = append(out, f)
	}
	return out
}

// CarrierFigures are what was seen of a carrier, in all classes.
type CarrierFigures struct {
	Name  string
	First int // texts in which it is used
	Forms []FormFigures
}

// FormFigures are what was seen of a form.
type FormFigures struct {
	Form  string
	First int     // texts whose first use of the carrier has the form
	Share float64 // of First among those of all forms; 0 if the carrier was not seen
	Uses  int     // all

	// Left and Right are the shares of the form's uses whose previous and whose next
	// word also stands next to another form of the carrier somewhere. Of free
	// variants they are near 1.
	Left, Right float64
}

// Carriers returns the figures of all carriers, in the order of the book.
func (m *Measurement) Carriers() []CarrierFigures {
	out := make([]CarrierFigures, len(m.figures))
	for i, f := range m.figures {
		c := CarrierFigures{Name: m.book.carriers[i].Name}
		for _, n := range f.first {
			c.First += n
		}
		for k, form := range m.book.carriers[i].Forms {
			c.Forms = append(c.Forms, FormFigures{form, f.first[k], float64(f.first[k]) / float64(max(c.First, 1)), f.all[k], shared(f.left, k), shared(f.right, k)})
		}
		out[i] = c
	}
	return out
}

// shared returns the share of a form's company that another form keeps too.
func shared(of []map[string]int, form int) float64 {
	n, common := 0, 0
	for word, k := range of[form] {
		n += k
		for other := range of {
			if other != form && of[other][word] > 0 {
				common += k
				break
			}
		}
	}
	return float64(common) / float64(max(n, 1))
}

// Enough reports whether the carrier was seen MinMeasured times, and each form
// often enough: then its shares make a law.
func (c CarrierFigures) Enough() bool {
	return c.First >= MinMeasured && !slices.ContainsFunc(c.Forms, func(f FormFigures) bool { return f.Share < MinShare })
}

// Law returns the shares as integers that sum to Whole; rarer ones count as
// MinShare before all are scaled to that sum. It returns false if the carrier was
// seen less than MinMeasured times.
func (c CarrierFigures) Law() ([]uint32, bool) {
	if c.First < MinMeasured {
		return nil, false
	}
	law, rest, most := make([]uint32, len(c.Forms)), uint64(Whole), 0
	for i, f := range c.Forms {
		law[i] = uint32(max(f.Share, MinShare) * Whole / 2)
		rest -= uint64(law[i])
		if f.First > c.Forms[most].First {
			most = i
		}
	}
	for i := range law { // halves above keep the sum below Whole: scale up
		law[i] = uint32(uint64(law[i]) * Whole / (Whole - rest))
	}
	rest = Whole
	for i := range law {
		if i != most {
			rest -= uint64(law[i])
		}
	}
	law[most] = uint32(rest)
	return law, true
}

// WithLaws returns the text of the book with the measured laws in place of its own,
// comments and all. Carriers that were seen less than MinMeasured times keep theirs.
// It returns an error if the carriers of the text are not those of the book.
func (m *Measurement) WithLaws(text string) (string, error) {
	laws, missing := map[string][]uint32{}, map[string]bool{}
	for _, c := range m.Carriers() {
		missing[c.Name] = true
		if law, ok := c.Law(); ok {
			laws[c.Name] = law
		}
	}
	lines := strings.Split(text, "\n")
	of := make([]string, len(lines)) // the carrier whose law or last form a line is
	last := map[string]int{}         // line of the last form
	carrier := ""
	for i, line := range lines {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "carrier":
			if carrier = strings.TrimSpace(rest); !missing[carrier] {
				return "", fmt.Errorf("canary: line %d has carrier %q, which the measured book %s has not, or which came before", i+1, carrier, m.book.name)
			}
			delete(missing, carrier)
		case "pick", "twins":
			carrier = ""
		case "form":
			last[carrier] = i
		case "law":
			of[i] = carrier
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("canary: text has no carrier %q, which the measured book %s has", slices.Min(slices.Collect(maps.Keys(missing))), m.book.name)
	}
	behind := map[int][]uint32{} // a line, the law that follows it
	for carrier, law := range laws {
		behind[last[carrier]] = law
	}
	var out []string
	for i, line := range lines {
		if laws[of[i]] == nil {
			out = append(out, line)
		}
		if law := behind[i]; law != nil {
			new := "law"
			for _, n := range law {
				new += " " + strconv.FormatUint(uint64(n), 10)
			}
			out = append(out, new)
		}
	}
	return strings.Join(out, "\n"), nil
}
