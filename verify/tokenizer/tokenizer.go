package tokenizer

import (
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const digestContext = "dyetrace 2026-11-25 verify tokenizer/1"

// A Tokenizer turns text into the ids of one tokenizer.json and back. It is
// immutable; any number of goroutines may use it at once.
type Tokenizer struct {
	digest [32]byte
	vocab  vocabulary
	model  model
	// raw are the added tokens that are looked for in the text as it is, normal
	// those that are looked for after normalisation.
	raw, normal matcher
	nfc         *composer // nil: text is not normalised
	words       splitter
	byID        map[int32]AddedToken
	byContent   map[string]int32
	// local reports that a token depends on no more of the text before it than
	// restart keeps.
	local   bool
	scratch sync.Pool
}

// ReadFile reads a tokenizer.json. See [Parse].
func ReadFile(name string) (*Tokenizer, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return Parse(data)
}

// Digest returns the first 32 bytes of BLAKE3 in derive-key mode, context
// "dyetrace 2026-11-25 verify tokenizer/1", of the bytes that were parsed.
func (t *Tokenizer) Digest() [32]byte { return t.digest }

func digest(data []byte) [32]byte { return canon.Sum(digestContext, data) }

// Size returns one more than the largest id. An id below it may be unused.
func (t *Tokenizer) Size() int { return t.vocab.size() }

// Piece returns the bytes that token id stands for, and whether there is such
// a token. A piece need not be valid UTF-8 by itself. The piece of an added
// token is its content. The caller may change the slice.
func (t *Tokenizer) Piece(id int32) ([]byte, bool) {
	piece, ok := t.vocab.piece(id)
	if !ok {
		return nil, false
	}
	return []byte(piece), true
}

// ID returns the token that stands for exactly these bytes: the added token of
// this content, or else the token of the vocabulary. Whether text with these
// bytes is ever encoded as this token is another question: see [Tokenizer.Single].
func (t *Tokenizer) ID(piece string) (int32, bool) {
	if id, ok := t.byContent[piece]; ok {
		return id, true
	}
	id, _, ok := t.vocab.find(piece, 0, len(piece))
	return id, ok
}

// An AddedToken is what a tokenizer.json says of a token that is found in text
// before anything else is done.
type AddedToken struct {
	ID      int32
	Content string
	// Special tokens mean something to the model, such as the end of a turn.
	Special bool
	// SingleWord tokens are found only where no word character touches them.
	SingleWord bool
	// LStrip and RStrip tokens take the white space before or after them.
	LStrip, RStrip bool
	// Normalized tokens are looked for in normalised text.
	Normalized bool
}

// Added returns what the file says of an added token, and whether id is one.
func (t *Tokenizer) Added(id int32) (AddedToken, bool) {
	a, ok := t.byID[id]
	return a, ok
}

// Encode returns the ids of text, as the tokenizers library gives them with
// add_special_tokens set to false. Added tokens are found wherever their content
// occurs, special ones included. Bytes that are not UTF-8, which that library
// does not take, are each encoded as a character that is neither a letter, a
// number nor white space.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.AppendEncode(make([]int32, 0, len(text)/4+4), text)
}

// AppendEncode appends the ids of text to dst. It allocates only for text that
// has to be normalised, or where dst is too short.
func (t *Tokenizer) AppendEncode(dst []int32, text string) []int32 {
	s := t.scratch.Get().(*scratch)
	c := cursor{m: &t.raw}
	for c.next(text) {
		dst = t.encodePlain(dst, text[c.from:c.to], s)
		dst = append(dst, c.id)
	}
	dst = t.encodePlain(dst, text[c.done:], s)
	t.put(s)
	return dst
}

// encodePlain encodes text that holds no token of t.raw.
func (t *Tokenizer) encodePlain(dst []int32, text string, s *scratch) []int32 {
	if text == "" {
		return dst
	}
	if t.nfc != nil {
		text = t.nfc.compose(text, nil)
	}
	if t.normal.empty() {
		return t.encodeWords(dst, text, s)
	}
	c := cursor{m: &t.normal}
	for c.next(text) {
		dst = t.encodeWords(dst, text[c.from:c.to], s)
		dst = append(dst, c.id)
	}
	return t.encodeWords(dst, text[c.done:], s)
}

// encodeWords encodes text that holds no added token and needs no normalising.
func (t *Tokenizer) encodeWords(dst []int32, text string, s *scratch) []int32 {
	if t.words.pieces != piecesNone {
		for i := 0; i < len(text); {
			end := t.words.piece(text, i)
			dst = t.encodePiece(dst, text[i:end], s)
			i = end
		}
		return dst
	}
	return t.encodePiece(dst, text, s)
}

func (t *Tokenizer) encodePiece(dst []int32, text string, s *scratch) []int32 {
	for i := 0; i < len(text); {
		end := t.words.next(text, i)
		if id, canonical, ok := t.vocab.find(text, i, end); ok && canonical {
			dst = append(dst, id)
		} else {
			dst = t.model.append(dst, text[i:end], s)
		}
		i = end
	}
	return dst
}

// put gives scratch back, unless one endless word has made it large.
func (t *Tokenizer) put(s *scratch) {
	if cap(s.symbols) <= 1<<16 {
		t.scratch.Put(s)
	}
}

// Decode returns the bytes of the ids, one piece after the other; they need not
// be valid UTF-8. It refuses an id that is no token. Decode of Encode is the text
// itself where [Tokenizer.Lossless] holds and the text was normalised.
func (t *Tokenizer) Decode(ids []int32) (string, error) {
	b, err := t.AppendDecode(make([]byte, 0, 4*len(ids)), ids)
	return string(b), err
}

// AppendDecode appends the bytes of the ids to dst. With an error it returns dst
// as it was.
func (t *Tokenizer) AppendDecode(dst []byte, ids []int32) ([]byte, error) {
	n := len(dst)
	for i, id := range ids {
		piece, ok := t.vocab.piece(id)
		if !ok {
			return dst[:n], t.unknown(i, id)
		}
		dst = append(dst, piece...)
	}
	return dst, nil
}

func (t *Tokenizer) unknown(i int, id int32) error {
	return fmt.Errorf("tokenizer: id %d at index %d is no token, want one of 0 to %d", id, i, t.Size()-1)
}

// Lossless reports whether every byte has a token, so that nothing that is
// encoded gets lost. SmolLM2, for one, has none for some bytes that never occur
// in UTF-8 or are rare; the library drops them, and so does this package. Added
// tokens that strip white space lose that as well.
func (t *Tokenizer) Lossless() bool {
	return t.model.complete && !slices.ContainsFunc(t.added(), func(a AddedToken) bool { return a.LStrip || a.RStrip })
}

// added returns the added tokens, ordered by id.
func (t *Tokenizer) added() []AddedToken {
	list := make([]AddedToken, 0, len(t.byID))
	for _, a := range t.byID {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b AddedToken) int { return int(a.ID - b.ID) })
	return list
}
