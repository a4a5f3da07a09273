package canary

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program that chooses and weighs the carriers of the default book:
//
//	go test ./canary -run '^TestMeasure$' -measure 'answers.jsonl books.txt.bz2' -table testdata/english.md -laws english.txt
//
// It reads texts, finds every use of every carrier as a Planter would, and says
// for each form its share of first uses, and how much of its company it keeps with
// the others: the share of its uses whose next word (or previous word) also stands
// next to another form somewhere. Free variants share nearly all of it.
//
// A file of JSON Lines has an answer in the field text or output of each line and
// the request in prompt or instruction; of any other file each line is a text.
// Both may be compressed with gzip or bzip2.
var (
	measureFiles = flag.String("measure", "", "files to measure the default book on, with spaces between them")
	measureTable = flag.String("table", "", "file to write the figures to, in Markdown")
	measureNote  = flag.String("note", "", "what the files are, for the table")
	measureLaws  = flag.String("laws", "", "file of the book in which to write the shares as laws")
)

// minUses is how often a carrier must be seen for its shares to be a law, and
// minShare the least that a form may have of them.
const (
	minUses  = 90
	minShare = 0.03
)

// A figure is what was seen of one carrier.
type figure struct {
	first []int // answers, by form
	all   []int // uses, by form
	left  []map[string]int
	right []map[string]int
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

type measurement struct {
	book    *Book
	figures []figure
	texts   int
	bytes   int64
}

func newMeasurement(b *Book) *measurement {
	m := &measurement{book: b, figures: make([]figure, len(b.carriers))}
	for i, c := range b.carriers {
		f := &m.figures[i]
		f.first, f.all = make([]int, len(c.Forms)), make([]int, len(c.Forms))
		for range c.Forms {
			f.left, f.right = append(f.left, map[string]int{}), append(f.right, map[string]int{})
		}
	}
	return m
}

func (m *measurement) add(prompt, text string) {
	m.texts++
	m.bytes += int64(len(text))
	var s scanner
	s.reset(m.book, m.book.silence(Normalise(prompt), nil))
	buf, pos, seen := []byte(text), 0, map[int32]bool{}
	for {
		var u use
		next, outcome := s.next(buf, pos, true, true, &u)
		if outcome != found {
			return
		}
		pos = next
		f := &m.figures[u.carrier]
		f.all[u.form]++
		if !seen[u.carrier] {
			seen[u.carrier] = true
			f.first[u.form]++
		}
		var left side
		before(buf, u.article, 0, true, &left)
		f.left[u.form][company(&left)]++
		var right side
		if u.end < len(buf) && buf[u.end] == ' ' {
			wordAt(buf, u.end+1, maxWord, true, &right)
		} else if u.end < len(buf) {
			right.mark = buf[u.end]
		}
		f.right[u.form][company(&right)]++
	}
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

func (m *measurement) merge(o *measurement) {
	m.texts += o.texts
	m.bytes += o.bytes
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
}

func eachText(path string, f func(prompt, text string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file
	name := path
	switch filepath.Ext(path) {
	case ".gz":
		if r, err = gzip.NewReader(file); err != nil {
			return err
		}
		name = strings.TrimSuffix(path, ".gz")
	case ".bz2":
		r, name = bzip2.NewReader(file), strings.TrimSuffix(path, ".bz2")
	}
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if filepath.Ext(name) == ".jsonl" {
				var x struct{ Prompt, Instruction, Text, Output string }
				if err := json.Unmarshal(line, &x); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				f(x.Prompt+x.Instruction, x.Text+x.Output)
			} else {
				f("", string(line))
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// measure reads files on all cores.
func measure(t *testing.T, b *Book, files []string) *measurement {
	type job struct{ prompt, text string }
	jobs := make(chan job, 256)
	parts := make([]*measurement, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = newMeasurement(b)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range jobs {
				parts[i].add(j.prompt, j.text)
			}
		}()
	}
	for _, path := range files {
		if err := eachText(path, func(p, text string) { jobs <- job{p, text} }); err != nil {
			t.Error(err)
			break
		}
	}
	close(jobs)
	wg.Wait()
	for _, p := range parts[1:] {
		parts[0].merge(p)
	}
	return parts[0]
}

// table writes the figures in Markdown.
func (m *measurement) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "# The default book, measured\n\nWritten by TestMeasure. %s\n\n", *measureNote)
	fmt.Fprintf(&out, "%d texts, %.1f MB. First: texts whose first use has the form, and its share of them; uses: all; left, right: share\n", m.texts, float64(m.bytes)/1e6)
	fmt.Fprintf(&out, "of the form's uses whose previous (next) word also stands next to another form of the carrier.\n\n")
	fmt.Fprintf(&out, "| carrier | form | first | share | uses | left | right |\n|---|---|---:|---:|---:|---:|---:|\n")
	for i, c := range m.book.carriers {
		f := m.figures[i]
		n := 0
		for _, k := range f.first {
			n += k
		}
		for k, form := range c.Forms {
			fmt.Fprintf(&out, "| %s | %s | %d | %.3f | %d | %.2f | %.2f |\n", c.Name, form, f.first[k], float64(f.first[k])/float64(max(n, 1)), f.all[k], shared(f.left, k), shared(f.right, k))
		}
	}
	return out.String()
}

// lawOf turns counts into integers that sum to Whole, none below minShare.
func lawOf(counts []int) []uint32 {
	n := 0
	for _, k := range counts {
		n += k
	}
	law, rest, most := make([]uint32, len(counts)), uint64(Whole), 0
	for i, k := range counts {
		law[i] = uint32(max(float64(k)/float64(n), minShare) * Whole / 2)
		rest -= uint64(law[i])
		if k > counts[most] {
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
	return law
}

// writeLaws puts the laws into the text of a book: behind the last form of each
// carrier, in place of the law that it had.
func (m *measurement) writeLaws(text string) string {
	var out []string
	carrier := -1
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		key, rest, _ := strings.Cut(line, " ")
		if key == "carrier" {
			carrier++
			if m.book.carriers[carrier].Name != rest {
				panic("the book is not the one that was measured: " + rest)
			}
		}
		if key == "law" && carrier >= 0 {
			continue
		}
		out = append(out, line)
		if next := i + 1; key == "form" && carrier >= 0 && (next == len(lines) || !strings.HasPrefix(lines[next], "form ")) {
			law := "law"
			for _, n := range lawOf(m.figures[carrier].first) {
				law += " " + strconv.FormatUint(uint64(n), 10)
			}
			out = append(out, law)
		}
	}
	return strings.Join(out, "\n")
}

func TestMeasure(t *testing.T) {
	if *measureFiles == "" {
		t.Skip("no files are given with -measure")
	}
	b, err := English()
	require.NoError(t, err)
	m := measure(t, b, strings.Fields(*measureFiles))
	for i, c := range b.carriers {
		n, least := 0, 1.0
		for _, k := range m.figures[i].first {
			n += k
		}
		for _, k := range m.figures[i].first {
			least = min(least, float64(k)/float64(max(n, 1)))
		}
		if n < minUses || least < minShare {
			t.Errorf("carrier %s: %d first uses, least share %.4f, want %d and %.2f", c.Name, n, least, minUses, minShare)
		}
	}
	if *measureTable != "" {
		require.NoError(t, os.WriteFile(*measureTable, []byte(m.table()), 0o666))
	}
	if *measureLaws != "" {
		text, err := os.ReadFile(*measureLaws)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*measureLaws, []byte(m.writeLaws(string(text))), 0o666))
	}
}
