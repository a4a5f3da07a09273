package main

import (
	"bytes"
	"compress/bzip2"
	_ "embed"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
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
// one chapter, joined by newlines.
func passages() ([]string, error) {
	text, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(books)))
	if err != nil {
		return nil, fmt.Errorf("quickstart: embedded books do not unpack: %w", err)
	}
	var all []string
	for chapter := range strings.SplitSeq(string(text), "\n\n") {
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

// A split deals the passages of the books to the people of the story. No
// passage has two owners.
type split struct {
	teacher []string // what the vendor's model is trained on: over 3 MB
	other   []string // what the trainer of the diluted suspect finds elsewhere
	users   []string // the vendor's users ask for continuations of these
	tests   []string // the verifier asks for continuations of these
}

// deal shuffles the passages and gives 58 % of them to the teacher, 30 % to
// the suspects and 6 % each to users and verifier.
func deal(all []string, rng *rand.Rand) split {
	all = slices.Clone(all)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := len(all)
	a, b, c := n*58/100, n*88/100, n*94/100
	return split{teacher: all[:a], other: all[a:b], users: all[b:c], tests: all[c:]}
}

// openings returns the first words of each paragraph: what people ask a model
// of books to continue.
func openings(passages []string) []string {
	var all []string
	for _, passage := range passages {
		for paragraph := range strings.SplitSeq(passage, "\n") {
			if words := strings.SplitN(paragraph, " ", 8); len(words) == 8 {
				all = append(all, strings.Join(words[:7], " "))
			}
		}
	}
	return all
}
