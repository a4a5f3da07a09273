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
func measure(t *testing.T, b *Book, files []string) *Measurement {
	type job struct{ prompt, text string }
	jobs := make(chan job, 256)
	parts := make([]*Measurement, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = b.NewMeasurement()
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range jobs {
				if err := parts[i].Add(Request{Prompt: j.prompt}, j.text); err != nil {
					t.Error(err)
				}
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
		require.NoError(t, parts[0].Merge(p))
	}
	return parts[0]
}

// table writes the figures in Markdown.
func table(m *Measurement) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# The default book, measured\n\nWritten by TestMeasure. %s\n\n", *measureNote)
	fmt.Fprintf(&out, "%d texts, %.1f MB. First: texts whose first use has the form, and its share of them; uses: all; left, right: share\n", m.Texts(), float64(m.Bytes())/1e6)
	fmt.Fprintf(&out, "of the form's uses whose previous (next) word also stands next to another form of the carrier.\n\n")
	fmt.Fprintf(&out, "| carrier | form | first | share | uses | left | right |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, c := range m.Carriers() {
		for _, f := range c.Forms {
			fmt.Fprintf(&out, "| %s | %s | %d | %.3f | %d | %.2f | %.2f |\n", c.Name, f.Form, f.First, f.Share, f.Uses, f.Left, f.Right)
		}
	}
	return out.String()
}

func TestMeasure(t *testing.T) {
	if *measureFiles == "" {
		t.Skip("no files are given with -measure")
	}
	b, err := English()
	require.NoError(t, err)
	m := measure(t, b, strings.Fields(*measureFiles))
	for _, c := range m.Carriers() {
		if !c.Enough() {
			t.Errorf("carrier %s: %d first uses, shares %v, want %d and none below %.2f", c.Name, c.First, c.Forms, MinMeasured, MinShare)
		}
	}
	if *measureTable != "" {
		require.NoError(t, os.WriteFile(*measureTable, []byte(table(m)), 0o666))
	}
	if *measureLaws != "" {
		text, err := os.ReadFile(*measureLaws)
		require.NoError(t, err)
		text2, err := m.WithLaws(string(text))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*measureLaws, []byte(text2), 0o666))
	}
}
