package tokenizer

import "fmt"

// A Boundary is a place in a text at which two tokenisations of it both have one:
// A tokens of the one and B tokens of the other are before it.
type Boundary struct{ A, B int }

// Ends returns where each of the ids ends in Decode(ids), in bytes. It is for
// tokens that were logged: text that is encoded again may get others. It refuses an
// id that is no token.
func (t *Tokenizer) Ends(ids []int32) ([]int, error) {
	ends := make([]int, len(ids))
	at := 0
	for i, id := range ids {
		piece, ok := t.vocab.piece(id)
		if !ok {
			return nil, t.unknown(i, id)
		}
		at += len(piece)
		ends[i] = at
	}
	return ends, nil
}

// Align returns the boundaries that two tokenisations of one text share, in order,
// given where the tokens of each end (see [Token] and [Tokenizer.Ends]; entries of
// −1 are no boundary). The first is always {0, 0}. Only there can one model's
// prediction be scored with the other's vocabulary: elsewhere the second model has
// already been fed a part of the token, or lacks a part of the context.
//
// Of tokens that end at the same byte, all are before the boundary. Align refuses
// ends that fall.
func Align(a, b []int) ([]Boundary, error) {
	for name, ends := range map[string][]int{"first": a, "second": b} {
		last := 0
		for i, e := range ends {
			if e < -1 || e >= 0 && e < last {
				return nil, fmt.Errorf("tokenizer: of the %s tokens, token %d ends at %d, want at least %d, or -1", name, i, e, last)
			}
			last = max(last, e)
		}
	}
	var out []Boundary
	i, at := through(a, 0, 0), 0 // tokens of a, and where the last of them ends
	j, bt := through(b, 0, 0), 0
	for {
		if at == bt {
			out = append(out, Boundary{i, j})
		}
		ok := false
		if at <= bt {
			i, at, ok = advance(a, i, at)
		} else {
			j, bt, ok = advance(b, j, bt)
		}
		if !ok {
			return out, nil
		}
	}
}

// advance goes on to the next end after at, from token i on.
func advance(ends []int, i, at int) (int, int, bool) {
	for k := i; k < len(ends); k++ {
		if ends[k] > at {
			return through(ends, k, ends[k]), ends[k], true
		}
	}
	return i, at, false
}

// through returns the number of tokens up to the last one that ends at the place
// at, of which token i or none is the first.
func through(ends []int, i, at int) int {
	for k := i; k < len(ends) && ends[k] <= at; k++ {
		if ends[k] == at {
			i = k + 1
		}
	}
	return i
}

// Single returns the ordinary token that a word of exactly these bytes becomes, if
// it becomes just one. It is how a token of another vocabulary is looked up in this
// one: by its bytes, which need not be valid UTF-8. The content of an added token
// gives false: it is not text that a model writes in passing, and where both
// vocabularies have one the caller knows which stand for each other.
//
// What cannot be known is what would have come after. Another vocabulary may have
// to write " there" and then "fore" where this one has " therefore": that the first
// of them was predicted does not say that this model's token would have been
// " there". Nor does Single look at the text before, in which the bytes may join a
// word: [Tokenizer.Following] does. Neither harms a test whose null does not
// depend on how a prediction is read, as long as nothing secret decides it; both
// cost power.
func (t *Tokenizer) Single(piece string) (int32, bool) {
	if _, ok := t.byContent[piece]; ok {
		return 0, false
	}
	id, canonical, ok := t.vocab.find(piece, 0, len(piece))
	return id, ok && canonical
}

// Following returns the token by which the tokens of before + piece continue those
// of before, if they do, and with exactly one. It is false where piece joins
// the last word of before, and where it becomes several tokens or an added one. It
// still does not know what comes after piece.
func (t *Tokenizer) Following(before, piece string) (int32, bool) {
	text := before + piece
	begin := t.restart(text, len(before))
	head := t.Encode(text[begin:len(before)])
	whole := t.Encode(text[begin:])
	if len(whole) != len(head)+1 {
		return 0, false
	}
	for i, id := range head {
		if whole[i] != id {
			return 0, false
		}
	}
	id := whole[len(head)]
	if _, added := t.byID[id]; added {
		return 0, false
	}
	return id, true
}
