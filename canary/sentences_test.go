package canary

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program that draws the table of sentences for a person to read:
//
//	go test ./canary -run '^TestSentences$' -sentences 'base.jsonl.gz books.txt.bz2=writing/en comments.jsonl=code/en'
//
// It takes one use of each carrier at random, whatever its form, then more of all
// until there are 200, and writes testdata/sentences.md. Behind a file may stand the
// class of its texts; otherwise it follows from their requests. A carrier is taken
// only where it is used: no contractions from novels.
var sentenceFiles = flag.String("sentences", "", "files to draw testdata/sentences.md from, with spaces between them")

const (
	sentencesFile = "testdata/sentences.md"
	sentenceRows  = 200
)

// A sentenceRow is one sentence with one form exchanged.
type sentenceRow struct {
	carrier       int32
	before, after string
}

// rowAt cuts the sentence around a use out of a text, and exchanges its form.
func rowAt(b *Book, r *rand.Rand, text []byte, u *use) (sentenceRow, bool) {
	from, to := u.article, u.end
	for from > 0 && text[from-1] != '\n' && !(text[from-1] == ' ' && endsSentence(text, from-2)) {
		from--
	}
	for to < len(text) && text[to] != '\n' && !endsSentence(text, to-1) {
		to++
	}
	for to < len(text) && strings.IndexByte(".!?)\"'", text[to]) >= 0 {
		to++
	}
	if u.carrier >= 0 && strings.HasSuffix(b.carriers[u.carrier].Forms[0], "!") { // an exclamation is nothing by itself
		for to < len(text) && text[to] != '\n' && !endsSentence(text, to-1) || to == u.end {
			to++
		}
	}
	to = min(to, len(text))
	sentence := strings.TrimSpace(string(text[from:to]))
	if len(sentence) < 40 || len(sentence) > 260 || strings.ContainsAny(sentence, "*|`<_[{") || strings.IndexByte(".!?:)\"'", sentence[len(sentence)-1]) < 0 {
		return sentenceRow{}, false
	}
	_, whole := flips(b, r, sentence, u.carrier)
	return whole, whole.before != ""
}

// titles are words whose point ends no sentence.
var titles = []string{"Mr", "Mrs", "Ms", "Dr", "St", "Messrs", "Col", "Capt", "Gen", "Esq", "vs", "etc", "cf", "Sec", "Fig"}

// endsSentence reports whether text[i] is a mark that ends a sentence, not one
// inside a name, of a title or of "e.g." and "i.e.".
func endsSentence(text []byte, i int) bool {
	if i < 0 || strings.IndexByte(".!?", text[i]) < 0 || i+1 < len(text) && strings.IndexByte(" \n)\"'", text[i+1]) < 0 {
		return false
	}
	if text[i] != '.' {
		return true
	}
	from := i
	for from > 0 && isWordByte(text[from-1]) {
		from--
	}
	word := string(text[from:i])
	return len(word) != 1 && !slices.Contains(titles, word)
}

// flips exchanges the form of a carrier's first use in a sentence.
func flips(b *Book, r *rand.Rand, sentence string, carrier int32) (use, sentenceRow) {
	var s scanner
	s.reset(b, nil)
	buf, pos := []byte(sentence), 0
	for {
		var u use
		next, outcome := s.next(buf, pos, true, true, &u)
		if outcome != found {
			return use{}, sentenceRow{}
		}
		pos = next
		if u.carrier != carrier {
			continue
		}
		c := &b.carriers[carrier]
		other := (u.form + 1 + r.Int32N(int32(len(c.Forms)-1))) % int32(len(c.Forms))
		return u, sentenceRow{carrier, sentence[:u.article] + "**" + sentence[u.article:u.end] + "**" + sentence[u.end:],
			sentence[:u.article] + "**" + exchange(c, buf, &u, other) + "**" + sentence[u.end:]}
	}
}

// exchange returns what a Planter writes in place of a use and its article.
func exchange(c *Carrier, buf []byte, u *use, form int32) string {
	k := 0
	if u.capital {
		k = 1
	}
	out := string(c.render[form][k].text)
	if bytes.Contains(buf[u.begin:u.end], []byte("’")) {
		out = string(c.render[form][k].curly)
	}
	if u.article < u.begin {
		a := string(buf[u.article])
		if c.render[form][0].an {
			a += "n"
		}
		out = a + " " + out
	}
	return out
}

func drawSentences(t *testing.T, b *Book, files []string) (rows []sentenceRow) {
	r := rand.New(rand.NewPCG(20261125, 3))
	one, seen := make([]sentenceRow, len(b.carriers)), make([]int, len(b.carriers))
	var more []sentenceRow
	total := 0
	for _, file := range files {
		path, of, _ := strings.Cut(file, "=")
		require.NoError(t, eachText(path, func(prompt, text string) {
			class := cmp.Or(of, classify(Request{Prompt: prompt}))
			var s scanner
			s.reset(b, b.silence(Normalise(prompt), nil))
			buf, pos := []byte(text), 0
			for {
				var u use
				next, outcome := s.next(buf, pos, true, true, &u)
				if outcome != found {
					return
				}
				pos = next
				if !b.carriers[u.carrier].speaks(class) {
					continue
				}
				row, ok := rowAt(b, r, buf, &u)
				if !ok {
					continue
				}
				total++
				if seen[u.carrier]++; r.IntN(seen[u.carrier]) == 0 {
					one[u.carrier] = row
				}
				if k := len(more); k < 2*sentenceRows {
					more = append(more, row)
				} else if k = r.IntN(total); k < 2*sentenceRows {
					more[k] = row
				}
			}
		}))
	}
	for _, row := range append(one, more...) { // more holds some of one again
		if row.before != "" && len(rows) < sentenceRows && !slices.ContainsFunc(rows, func(o sentenceRow) bool { return o.before == row.before }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// TestSentences holds every row of the committed table to the book: the sentence
// has the use, and what a Planter would write instead is what a person has read.
func TestSentences(t *testing.T) {
	b, err := English()
	require.NoError(t, err)
	if *sentenceFiles != "" {
		var out strings.Builder
		fmt.Fprintf(&out, "# %d sentences, before and after\n\nDrawn at random by TestSentences: one use of each carrier that occurs, then uses of all; either direction. In the\n"+
			"right column a Planter has exchanged the form. None may be worse English. Sources: answers of a small language model\n"+
			"(pilot/README.md; their sense is its own), novels in the public domain (examples/quickstart/corpus; class writing/en), comments in Go's\n"+
			"sources and in modules under permissive licences (class code/en).\n\n| carrier | before | after |\n|---|---|---|\n", sentenceRows)
		for _, row := range drawSentences(t, b, strings.Fields(*sentenceFiles)) {
			fmt.Fprintf(&out, "| %s | %s | %s |\n", b.carriers[row.carrier].Name, row.before, row.after)
		}
		require.NoError(t, os.WriteFile(sentencesFile, []byte(out.String()), 0o666))
	}
	text, err := os.ReadFile(sentencesFile)
	require.NoError(t, err)
	names := map[string]int32{}
	for i, c := range b.carriers {
		names[c.Name] = int32(i)
	}
	rows, carriers := 0, map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || strings.Contains(line, "| before |") {
			continue
		}
		name, before, after := strings.TrimPrefix(cells[0], "| "), cells[1], strings.TrimSuffix(cells[2], " |")
		carrier, ok := names[name]
		if !assert.True(t, ok, "carrier %s is no longer in the book: draw the sentences again", name) {
			continue
		}
		rows++
		carriers[name] = true
		sentence := strings.ReplaceAll(before, "**", "")
		u, _ := flips(b, rand.New(rand.NewPCG(1, 1)), sentence, carrier)
		if !assert.NotZero(t, u.end, "%s: no use in %q", name, sentence) {
			continue
		}
		possible := false
		for form := range b.carriers[carrier].Forms {
			made := sentence[:u.article] + "**" + exchange(&b.carriers[carrier], []byte(sentence), &u, int32(form)) + "**" + sentence[u.end:]
			possible = possible || made == after && int32(form) != u.form
		}
		assert.True(t, possible, "%s: %q does not become %q", name, before, after)
	}
	assert.Equal(t, sentenceRows, rows)
	assert.Greater(t, len(carriers), 100)
}
