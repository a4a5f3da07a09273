package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Token ids: endOfText, then the 256 bytes, then whole words.
const (
	endOfText = 0
	firstByte = 1
	firstWord = firstByte + 256
	maxVocab  = 1 << 16 // the n-gram model packs four ids in a uint64
)

// A tokenizer knows each word of the texts it was made from, with and without
// the space before it, and spells everything else in bytes, so that
// Decode(Encode(x)) == x for any x. It is immutable.
type tokenizer struct {
	ids    map[string]int32
	pieces []string // by id
}

// newTokenizer makes a vocabulary of the words in texts, the most frequent
// first. A vocabulary that would pass 65,536 entries is an error.
func newTokenizer(texts []string) (*tokenizer, error) {
	counts := map[string]int{}
	for _, text := range texts {
		for piece := range words(text) {
			counts[piece]++
		}
	}
	t := &tokenizer{ids: map[string]int32{}, pieces: make([]string, firstWord)}
	for b := range 256 {
		t.pieces[firstByte+b] = string([]byte{byte(b)})
	}
	for piece := range counts {
		if len(piece) > 1 {
			t.pieces = append(t.pieces, strings.Clone(piece))
		}
	}
	if len(t.pieces) > maxVocab {
		return nil, fmt.Errorf("quickstart: vocabulary is %d entries, want at most %d", len(t.pieces), maxVocab)
	}
	slices.SortFunc(t.pieces[firstWord:], func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for id, piece := range t.pieces[firstByte:] {
		t.ids[piece] = int32(firstByte + id)
	}
	return t, nil
}

// size returns the number of ids.
func (t *tokenizer) size() int { return len(t.pieces) }

// digest names the vocabulary.
func (t *tokenizer) digest() (d [32]byte) {
	h := sha256.New()
	for _, piece := range t.pieces {
		fmt.Fprintf(h, "%q\n", piece)
	}
	h.Sum(d[:0])
	return d
}

// encode returns the ids of text. It never returns endOfText.
func (t *tokenizer) encode(text string) []int32 {
	ids := make([]int32, 0, len(text)/4+1)
	for piece := range words(text) {
		if id, ok := t.ids[piece]; ok {
			ids = append(ids, id)
			continue
		}
		for _, b := range []byte(piece) {
			ids = append(ids, firstByte+int32(b))
		}
	}
	return ids
}

// encodeAll returns the ids of each text.
func (t *tokenizer) encodeAll(texts []string) [][]int32 {
	sequences := make([][]int32, len(texts))
	for i, text := range texts {
		sequences[i] = t.encode(text)
	}
	return sequences
}

// decode returns the text of ids; endOfText and unknown ids have none.
func (t *tokenizer) decode(ids []int32) string {
	var text strings.Builder
	for _, id := range ids {
		if id > endOfText && int(id) < len(t.pieces) {
			text.WriteString(t.pieces[id])
		}
	}
	return text.String()
}

// words yields text in pieces: a run of letters, digits and apostrophes or a
// run of other marks, either with the one space before it, else a single white
// space.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			start := 0
			if text[0] == ' ' {
				start = 1
			}
			r, n := utf8.DecodeRuneInString(text[start:])
			end := start + n
			if n > 0 && !unicode.IsSpace(r) {
				for kind := isWord(r); end < len(text); end += n {
					r, n = utf8.DecodeRuneInString(text[end:])
					if isWord(r) != kind || unicode.IsSpace(r) {
						break
					}
				}
			} else if start == 1 {
				end = 1
			}
			if !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\'' }
