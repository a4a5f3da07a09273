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
	l := listing{t: t, s: t.scratch.Get().(*scratch)}
	l.list(text)
	t.put(l.s)
	return l.tokens
}

// A listing is the work of Tokens and Stable.
type listing struct {
	t      *Tokenizer
	s      *scratch
	tokens []Token
	// stable, of each token, is kept where judge is set: whether it and those
	// before it, of the same text between added tokens, are what the text before
	// its end gives.
	judge  bool
	stable []bool
	words  []word
}

func (l *listing) add(id int32, end int) {
	l.tokens = append(l.tokens, Token{id, end})
	if l.judge {
		l.stable = append(l.stable, true)
	}
}

func (l *listing) list(text string) {
	c := cursor{m: &l.t.raw}
	for c.next(text) {
		l.plain(text, c.from, c.to)
		l.add(c.id, c.done)
	}
	l.plain(text, c.done, len(text))
	monotone(l.tokens)
	for i := range l.stable {
		l.stable[i] = l.stable[i] && l.tokens[i].End >= 0
	}
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

// plain lists the tokens of text[from:to], which holds none of t.raw.
func (l *listing) plain(text string, from, to int) {
	if from == to {
		return
	}
	n := len(l.tokens)
	plain := text[from:to]
	var edits []edit
	if l.t.nfc != nil {
		plain = l.t.nfc.compose(plain, &edits)
	}
	c := cursor{m: &l.t.normal}
	for c.next(plain) {
		l.ordinary(plain[:c.to], c.from)
		l.add(c.id, c.done)
	}
	l.ordinary(plain, c.done)
	monotone(l.tokens[n:])
	// From places in the normal form to places in the text.
	shift, k := from, 0
	for i := n; i < len(l.tokens); i++ {
		e := &l.tokens[i].End
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
}

// ordinary lists the tokens of text[i:], which holds no added ones.
func (l *listing) ordinary(text string, i int) {
	t, s := l.t, l.s
	first := len(l.tokens)
	l.words = l.words[:0]
	for w := (walk{w: &t.words, s: text, at: i, piece: i}); w.next(); {
		if l.judge {
			l.words = append(l.words, word{w.from, w.at, len(l.tokens)})
		}
		if id, canonical, ok := t.vocab.find(text, w.from, w.at); ok && canonical {
			l.add(id, w.at)
			continue
		}
		t.model.long(text[w.from:w.at], s)
		for k := 0; k < len(s.symbols); k = s.next[k] {
			end := s.ends[k]
			if end >= 0 {
				end += w.from
			}
			l.add(s.symbols[k], end)
		}
	}
	if l.judge {
		l.judgeWords(text, first)
	}
}
