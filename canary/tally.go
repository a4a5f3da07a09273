package canary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// An Occurrence is the first use of a unit in an answer.
type Occurrence struct {
	Unit       Unit
	Option     int // index into the forms of the carrier
	Begin, End int // bytes [Begin, End) of the answer
}

// Occurrences returns the first use of every unit in an answer, in the order of
// the text. Uses in protected regions are none, and neither are those of carriers
// of which the prompt contains a form. It is what a Planter sees: a planted
// answer has its options at its occurrences.
func (b *Book) Occurrences(r Request, answer string) ([]Occurrence, error) {
	var out []Occurrence
	err := b.uses(r, answer, func(id int, u *use) {
		out = append(out, Occurrence{b.units[id], int(u.form), u.begin, u.end})
	})
	return out, err
}

// uses calls f for the first use of every unit.
func (b *Book) uses(r Request, answer string, f func(id int, u *use)) error {
	class, err := b.Classify(r)
	if err != nil {
		return err
	}
	seen := make([]uint64, b.seenWords())
	return b.eachUse(r, answer, func(_ []byte, u *use) {
		if id := b.first(seen, class, u); id >= 0 {
			f(id, u)
		}
	})
}

// eachUse calls f for every use of every carrier, with the text that it is in.
func (b *Book) eachUse(r Request, answer string, f func(text []byte, u *use)) error {
	if !utf8.ValidString(answer) {
		at := strings.IndexFunc(answer, func(r rune) bool { return r == utf8.RuneError })
		return fmt.Errorf("canary: answer is not UTF-8 from byte %d on", at)
	}
	if r.Structured {
		return nil
	}
	if b.parser == Plain {
		b.plain(answer, f)
		return nil
	}
	var s scanner
	s.reset(b, b.silence(Normalise(r.Prompt), nil))
	buf, pos := []byte(answer), 0
	for {
		var u use
		next, outcome := s.next(buf, pos, true, true, &u)
		if outcome != found {
			return nil
		}
		f(buf, &u)
		pos = next
	}
}

// seenWords is how many words first needs.
func (b *Book) seenWords() int { return (len(b.carriers)*b.buckets.count() + 63) / 64 }

// first returns the unit of a use if it is the first of it, −1 otherwise. Seen
// holds one bit for each carrier and bucket.
func (b *Book) first(seen []uint64, class string, u *use) int {
	n := b.buckets.count()
	k := int(u.carrier)*n + u.bucket
	if seen[k>>6]>>(k&63)&1 == 1 {
		return -1
	}
	seen[k>>6] |= 1 << (k & 63)
	return int(b.at[(int(u.carrier)*len(b.classes)+b.classIndex[class])*n+u.bucket])
}

var codeSpans = regexp.MustCompile("(?s)```.*?(?:```|$)|`[^`\n]*`")

// plain finds the uses of Plain: every form of every carrier that stands as whole
// words outside code, whatever other carriers' forms stand there too.
func (b *Book) plain(answer string, each func(text []byte, u *use)) {
	text := []byte(answer)
	for i, c := range text {
		text[i] = lower(c)
	}
	for _, span := range codeSpans.FindAllIndex(text, -1) {
		for i := span[0]; i < span[1]; i++ {
			text[i] = 0
		}
	}
	b.fold.loose(text, func(e end, begin, stop int) {
		each(text, &use{begin: begin, end: stop, article: begin, carrier: e.carrier, form: e.form})
	})
}

// A Tally counts, for every unit, how many answers have which option at their
// first occurrence of it. It is what a test needs of answers and of a reference:
//
//	x_u(o) = Count(u)[o] / Σ Count(u)
//
// Not safe for use by several goroutines at once: tally apart and Merge.
type Tally struct {
	book    *Book
	answers map[string]int // of a class
	counts  [][]int        // of Units, nil for none
}

// NewTally returns an empty tally.
func (b *Book) NewTally() *Tally {
	return &Tally{book: b, answers: map[string]int{}, counts: make([][]int, len(b.units))}
}

// Add counts the first occurrences of one answer.
func (t *Tally) Add(r Request, answer string) error {
	class, err := t.book.Classify(r)
	if err != nil {
		return err
	}
	t.answers[class]++
	return t.book.uses(r, answer, t.count)
}

// count counts the first use of a unit.
func (t *Tally) count(id int, u *use) {
	if t.counts[id] == nil {
		t.counts[id] = make([]int, len(t.book.carriers[u.carrier].Forms))
	}
	t.counts[id][u.form]++
}

// Merge adds what o has counted. Both must be of books with one hash.
func (t *Tally) Merge(o *Tally) error {
	if t.book.hash != o.book.hash {
		return fmt.Errorf("canary: tallies are of books %s and %s with other hashes", t.book.name, o.book.name)
	}
	for class, n := range o.answers {
		t.answers[class] += n
	}
	for id, counts := range o.counts {
		if counts != nil && t.counts[id] == nil {
			t.counts[id] = make([]int, len(counts))
		}
		for i, n := range counts {
			t.counts[id][i] += n
		}
	}
	return nil
}

// Answers returns how many answers of a class were added.
func (t *Tally) Answers(class string) int { return t.answers[class] }

// A Count is how often each option of a unit stood at a first occurrence.
type Count struct {
	Unit    Unit
	Law     []uint32 // of the options, in counts of 2⁻³²; belongs to the book
	Options []int    // answers for each option; belongs to the caller
}

// N returns the number of answers in which the unit occurs.
func (c Count) N() (n int) {
	for _, k := range c.Options {
		n += k
	}
	return n
}

// Counts returns the counts of all units that occurred at all, in the order of
// Book.Units.
func (t *Tally) Counts() []Count {
	var out []Count
	for id, counts := range t.counts {
		if counts == nil {
			continue
		}
		law := t.book.carriers[t.book.carrierOf[id]].Law
		out = append(out, Count{t.book.units[id], law, slices.Clone(counts)})
	}
	return out
}

// Count returns the count of one unit; all options are 0 if it did not occur.
func (t *Tally) Count(u Unit) (Count, error) {
	id, ok := t.book.index(u)
	if !ok || id < 0 {
		return Count{}, fmt.Errorf("canary: unit %q is no unit of a carrier of book %s", u, t.book.name)
	}
	law, err := t.book.Law(u)
	c := Count{u, law, make([]int, len(law))}
	copy(c.Options, t.counts[id])
	return c, err
}
