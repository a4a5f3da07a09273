package main

import (
	"bytes"
	"compress/bzip2"
	_ "embed"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// books is public-domain English, one paragraph a line and an empty line
// between chapters; corpus/SOURCES.md says where it comes from.
//
//go:embed corpus/books.txt.bz2
var books []byte

// passageBytes is the length at which a passage ends with its paragraph:
// about 350 tokens.
const passageBytes = 1600

// passages returns the books cut into passages: runs of whole paragraphs of
// one chapter, joined by newlines, without quotation marks. A 4-gram model cannot
// keep those in pairs, and a planter leaves everything alone between two of them:
// with them, two wordings of three would be out of its reach.
func passages() ([]string, error) {
	text, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(books)))
	if err != nil {
		return nil, fmt.Errorf("quickstart: embedded books do not unpack: %w", err)
	}
	var all []string
	for chapter := range strings.SplitSeq(strings.ReplaceAll(string(text), `"`, ""), "\n\n") {
		start := 0
		for i := range chapter {
			if chapter[i] == '\n' && i-start >= passageBytes {
				all = append(all, chapter[start:i])
				start = i + 1
			}
		}
		if tail := strings.TrimSpace(chapter[start:]); tail != "" {
			all = append(all, tail)
		}
	}
	return all, nil
}

// A shelf is the books, dealt to the people of the story. No passage has two
// owners.
type shelf struct {
	tok     *tokenizer // of all the words in the books
	teacher []string   // what the vendor's model is trained on: over 3 MB
	other   []string   // what the trainer of the diluted suspect finds elsewhere
	users   []string   // the vendor's users ask for continuations of these
	tests   []string   // the verifier asks for continuations of these
}

// openBooks shuffles the passages of the books and deals 58 % of them to the
// teacher, 24 % to the suspects, 5 % to users and 13 % to the verifier.
func openBooks(l luck) (*shelf, error) {
	all, err := passages()
	if err != nil {
		return nil, err
	}
	tok, err := newTokenizer(all)
	if err != nil {
		return nil, err
	}
	rand.New(l).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := len(all)
	a, b, c := n*58/100, n*82/100, n*87/100
	return &shelf{tok: tok, teacher: all[:a], other: all[a:b], users: openings(all[b:c]), tests: openings(all[c:])}, nil
}

// openings returns the first seven words of each paragraph, each opening once:
// what people ask a model of books to continue.
func openings(passages []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, passage := range passages {
		for paragraph := range strings.SplitSeq(passage, "\n") {
			words := strings.SplitN(paragraph, " ", 8)
			if len(words) < 8 {
				continue
			}
			if opening := strings.Join(words[:7], " "); !seen[opening] {
				seen[opening] = true
				all = append(all, opening)
			}
		}
	}
	return all
}
