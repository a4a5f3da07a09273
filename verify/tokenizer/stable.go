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
// The time is that of encoding the text a few times over, and for a word of n bytes
// n² steps of looking where it ends: a thousand bytes of one letter take a
// millisecond. With added tokens that strip white space or stand alone, or are
// normalised, every prefix is encoded in full.
func (t *Tokenizer) Stable(text string) []bool {
	if !t.local {
		return t.stableByPrefixes(text)
	}
	l := listing{t: t, s: t.scratch.Get().(*scratch), judge: true, stable: []bool{}}
	l.list(text)
	t.put(l.s)
	return append([]bool{true}, l.stable...)
}

func (t *Tokenizer) stableByPrefixes(text string) []bool {
	tokens := t.Tokens(text)
	stable := make([]bool, len(tokens)+1)
	stable[0] = true
	var want, got []int32
	for k, token := range tokens {
		if want = append(want, token.ID); token.End >= 0 {
			got = t.AppendEncode(got[:0], text[:token.End])
			stable[k+1] = slices.Equal(got, want)
		}
	}
	return stable
}

// A word is text[from:to], with its first token.
type word struct{ from, to, token int }

// judgeWords sets stable for the tokens from index first on, which are those of
// l.words of text.
//
// A word ends where it ends for what is in it and, at most, for what follows up to
// the end of the next word and one more character. So words that lie further before
// a cut are words of the text before the cut as well. What is left, the last few
// words and the part of one, is cut into words again. If these are the same, but
// for the last being shorter, so are the tokens: no merge in a word crossed a place
// where two tokens meet in the end, so the merges before that place were made, and
// in the same order, without what is after it. Else it is encoded again.
func (l *listing) judgeWords(text string, first int) {
	t := l.t
	var got []int32
	c, j := 0, 0 // the words that are looked at begin with c; the token is of word j
	for k := first; k < len(l.tokens); k++ {
		end := l.tokens[k].End
		for j+1 < len(l.words) && l.words[j+1].token <= k {
			j++
		}
		if end < 0 {
			l.stable[k] = false
			continue
		}
		for c < j && c+1 < len(l.words) && l.words[c+1].to+utf8.UTFMax <= end {
			c++
		}
		if same, i := l.sameWords(text[:end], c, j); same {
			last := l.words[j]
			if t.model.ignoreMerges && end < last.to {
				if id, _, ok := t.vocab.find(text, last.from, end); ok {
					l.stable[k] = k == last.token && l.tokens[k].ID == id
				}
			}
		} else {
			from := l.words[i]
			got = t.encodeWords(got[:0], text[from.from:end], l.s)
			l.stable[k] = len(got) == k+1-from.token
			for n := 0; n < len(got) && l.stable[k]; n++ {
				l.stable[k] = got[n] == l.tokens[from.token+n].ID
			}
		}
	}
}

// sameWords reports whether text, from word c on, is cut into the same words up to
// word j, of which it may have a part only. If not, it also returns the first word
// that is another.
func (l *listing) sameWords(text string, c, j int) (bool, int) {
	w := walk{w: &l.t.words, s: text, at: l.words[c].from, piece: l.words[c].from}
	for i := c; w.next(); i++ {
		if i > j || w.at != min(l.words[i].to, len(text)) {
			return false, min(i, j)
		}
	}
	return true, j
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
