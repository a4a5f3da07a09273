package tokenizer

// A Token is a token of a text. End is where its text ends: the tokens up to and
// with this one are of the bytes [0, End) of the text. It is −1 where no place in
// the text corresponds: amid what normalisation changed, of which the last token
// has an End again, and for the first of two tokens that byte_fallback makes of one
// byte. An End inside a character is usual: byte-level tokens cut characters.
type Token struct {
	ID  int32
	End int
}

// Tokens returns the tokens of Encode(text) and where they end. Ends never fall.
// Bytes that the tokenizer drops belong to no token, so they may lie after an End
// and before what the next token stands for, and the last End may be less than the
// length of the text.
func (t *Tokenizer) Tokens(text string) []Token {
	s := t.scratch.Get().(*scratch)
	var out []Token
	c := cursor{m: &t.raw}
	for c.next(text) {
		out = t.plainTokens(out, text, c.from, c.to, s)
		out = append(out, Token{c.id, c.done})
	}
	out = t.plainTokens(out, text, c.done, len(text), s)
	t.put(s)
	return monotone(out)
}

// monotone corrects what added tokens that strip white space leave behind: two of
// them may claim the same white space.
func monotone(tokens []Token) []Token {
	last := 0
	for i := range tokens {
		if e := &tokens[i].End; *e >= 0 {
			*e = max(*e, last)
			last = *e
		}
	}
	return tokens
}

// plainTokens appends the tokens of text[from:to], which holds none of t.raw.
func (t *Tokenizer) plainTokens(out []Token, text string, from, to int, s *scratch) []Token {
	if from == to {
		return out
	}
	n := len(out)
	plain := text[from:to]
	var edits []edit
	if t.nfc != nil {
		plain = t.nfc.compose(plain, &edits)
	}
	c := cursor{m: &t.normal}
	for c.next(plain) {
		out = t.wordTokens(out, plain, c.from, c.to, s)
		out = append(out, Token{c.id, c.done})
	}
	out = t.wordTokens(out, plain, c.done, len(plain), s)
	monotone(out[n:])
	// From places in the normal form to places in the text.
	shift, k := from, 0
	for i := n; i < len(out); i++ {
		e := &out[i].End
		if *e < 0 {
			continue
		}
		for k < len(edits) && edits[k].normalTo <= *e {
			shift = from + edits[k].to - edits[k].normalTo
			k++
		}
		if k < len(edits) && edits[k].normalFrom < *e {
			*e = -1
			continue
		}
		*e += shift
	}
	return out
}

func (t *Tokenizer) wordTokens(out []Token, text string, from, to int, s *scratch) []Token {
	if t.words.pieces == piecesNone {
		return t.pieceTokens(out, text[:to], from, s)
	}
	for i := from; i < to; {
		end := t.words.piece(text[:to], i)
		out = t.pieceTokens(out, text[:end], i, s)
		i = end
	}
	return out
}

// pieceTokens appends the tokens of text[i:].
func (t *Tokenizer) pieceTokens(out []Token, text string, i int, s *scratch) []Token {
	for i < len(text) {
		end := t.words.next(text, i)
		if id, canonical, ok := t.vocab.find(text, i, end); ok && canonical {
			out = append(out, Token{id, end})
		} else {
			t.model.long(text[i:end], s)
			for k := 0; k < len(s.symbols); k = s.next[k] {
				at := s.ends[k]
				if at >= 0 {
					at += i
				}
				out = append(out, Token{s.symbols[k], at})
			}
		}
		i = end
	}
	return out
}
