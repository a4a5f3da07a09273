package tokenizer

import (
	"slices"
	"unicode/utf8"
)

// Stable says which tokens of a text do not depend on what comes after them. Entry
// k, of one more than there are tokens, is true where the first k tokens of the
// text are exactly the tokens of the bytes before the end of token k−1: of
// text[:Tokens(text)[k-1].End]. Where that End is −1 it is false. Entry 0 is true.
//
// A model that is to predict token k must be fed the tokens of the text before it,
// encoded without what follows. Where Stable is true these are the first k tokens
// of the whole text, and one pass over the whole text serves; elsewhere the prefix
// has to be encoded and passed by itself. To take the tokens of the whole text
// there would let the model see what it is asked for.
//
// The time is that of encoding the text a few times over, but for long stretches in
// which nothing but numbers, marks, signs and white space occurs, or one endless
// word: each is encoded once for each of its tokens. With added tokens that strip
// white space or stand alone, or are normalised, every prefix is encoded in full.
func (t *Tokenizer) Stable(text string) []bool {
	tokens := t.Tokens(text)
	stable := make([]bool, len(tokens)+1)
	stable[0] = true
	first := 0 // token that begins at or after the restart
	var want, got []int32
	for _, token := range tokens {
		want = append(want, token.ID)
	}
	for k := 1; k <= len(tokens); k++ {
		end := tokens[k-1].End
		if end < 0 {
			continue
		}
		begin := t.restart(text, end)
		for i := first; i < k && tokens[i].End <= begin; i++ {
			if tokens[i].End >= 0 {
				first = i + 1
			}
		}
		got = t.AppendEncode(got[:0], text[begin:end])
		stable[k] = slices.Equal(got, want[first:k])
	}
	return stable
}

// restart returns the largest place it finds, at most limit, at which text and
// text[:limit] can both be cut: the tokens of what is before the cut and of what is
// after, one after the other, are those of the whole.
//
// Every split that this package knows ends a word where a letter or a number is
// followed by another kind of character, but for marks and apostrophes; it looks
// no further ahead there, and it never looks back. Normalisation must leave both
// characters alone, and no added token may lie across. Where limit cuts the second
// character, what is left of it is of the kind other, before which words end too.
func (t *Tokenizer) restart(text string, limit int) int {
	if !t.local {
		return 0
	}
	for i := limit; i > 0; {
		before, n := utf8.DecodeLastRuneInString(text[:i])
		if i < len(text) && t.cuts(before, text[i:]) && !t.raw.crosses(text, i) && !t.normal.crosses(text, i) {
			return i
		}
		i -= n
	}
	return 0
}

// cuts reports whether a word always ends after the character before, where rest
// follows.
func (t *Tokenizer) cuts(before rune, rest string) bool {
	k := t.words.kinds
	kind := k.of[k.table.Category(before)]
	if kind&(letter|number) == 0 {
		return false
	}
	after, _ := utf8.DecodeRuneInString(rest)
	if t.nfc != nil && (t.nfc.touches(before) || t.nfc.touches(after)) {
		return false
	}
	switch next := k.of[k.table.Category(after)]; {
	case next == mark, next&letter != 0 && kind != number, next == number && kind == number:
		return false
	default:
		return after != '\''
	}
}
