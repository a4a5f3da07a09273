package canary_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
)

// FuzzChunks writes a text in pieces that the fuzzer chooses: bytes of cuts are
// their sizes, over and over.
func FuzzChunks(f *testing.F) {
	c := choices(f)
	f.Add(tricky, "Tell me", []byte{1})
	f.Add(tricky, "", []byte{2, 0, 7})
	for _, text := range pilotTexts(f, "base")[:5] {
		f.Add(text, "Tell me", []byte{3, 1})
	}
	for _, s := range []string{"```\n\n`", "$$ \\[ \\begin{x", "- - - key: ", "<pre></pr", "  > ```\n> ~~~", "\"'‘’“”«»", "an essential \nA essential"} {
		f.Add(s, s, []byte{1, 2})
	}
	f.Fuzz(func(t *testing.T, text, prompt string, cuts []byte) {
		r := canary.Request{Prompt: prompt}
		want, planted := plant(t, c, r, text)
		var out bytes.Buffer
		p, err := c.NewPlanter(&out, r)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := 0, 0; i < len(text); k++ {
			n := len(text)
			if len(cuts) > 0 {
				n = int(cuts[k%len(cuts)])
			}
			if k >= len(cuts) && n == 0 {
				n = 1
			}
			n = min(n, len(text)-i)
			if _, err := p.Write([]byte(text[i : i+n])); err != nil {
				t.Fatal(err)
			}
			i += n
			if h := held(p.Planted(), i, out.Len()); h > 63 {
				t.Fatalf("%d bytes are held back behind %q", h, text[:i])
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want || len(p.Planted()) != len(planted) {
			t.Fatalf("in pieces %q, whole %q", out.String(), want)
		}
		if !utf8.ValidString(text) {
			return
		}
		occurrences, err := c.Book().Occurrences(r, text)
		if err != nil || len(occurrences) != len(planted) {
			t.Fatalf("%d occurrences and %d plantings, %v", len(occurrences), len(planted), err)
		}
	})
}

// FuzzRead reads books: whole or not at all, never with a panic, and a book that
// is read has a canonical text that is read as an equal one.
func FuzzRead(f *testing.F) {
	f.Add(anyHeader + carrierAB + "law 2147483648 2147483648\nbefore ^\nafter , *ing the_time\n")
	f.Add(anyHeader + itemLines + "tools parallel\n")
	f.Add(strings.Replace(anyHeader, "classifier none", "classifier own/1\nclass a/b", 1) + "set s the a an\ncarrier x\nclasses */b\nform crucial\nform essential\nafter @s\n")
	f.Add(anyHeader + forcedCarriers)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := canary.Read(strings.NewReader(text), "fuzz")
		if err != nil {
			if b != nil || !strings.HasPrefix(err.Error(), "canary: fuzz:") {
				t.Fatalf("%v, %v", b, err)
			}
			return
		}
		again, err := canary.Read(bytes.NewReader(b.Text()), "text")
		if err != nil || again.Hash() != b.Hash() {
			t.Fatalf("%v: %q", err, b.Text())
		}
		if b.Parser() != canary.Prose {
			return
		}
		var keys []canary.TreeKey
		for _, tree := range b.Trees() {
			keys = append(keys, canary.Holder(tree.Name, testKey(t, 1)))
		}
		c, err := b.Choose(keys...)
		if err != nil {
			t.Fatal(err)
		}
		r := canary.Request{Class: b.Classes()[0]}
		if b.Classes()[0] == "reasoning/en" {
			r.Class = ""
		}
		plant(t, c, r, text)
	})
}
