package engine

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
)

// A vocabulary is a model's tokens, read once: the bytes of each, which of them
// end an answer, and which are markers rather than text.
type vocabulary struct {
	handle  llama.Vocab
	pieces  [][]byte
	end     []bool
	markers []string // texts of special tokens, by token; "" for others
	first   watermark.Token
	begin   bool // a text begins with first
	longest int  // bytes of the longest piece
}

func newVocabulary(model llama.Model) (*vocabulary, error) {
	h := llama.ModelGetVocab(model)
	n := int(llama.VocabNTokens(h))
	if n < 1 || llama.GetVocabType(h) == llama.VocabTypeNone {
		return nil, fmt.Errorf("it has no vocabulary")
	}
	v := &vocabulary{
		handle: h, pieces: make([][]byte, n), end: make([]bool, n), markers: make([]string, n),
		first: watermark.Token(llama.VocabBOS(h)), begin: llama.VocabGetAddBOS(h),
	}
	if v.first < 0 || int(v.first) >= n {
		v.begin = false
	}
	buf := make([]byte, 256)
	for i := range v.pieces {
		t := llama.Token(i)
		v.end[i] = llama.VocabIsEOG(h, t)
		size := llama.TokenToPiece(h, t, buf, 0, true)
		if size < 0 {
			buf = make([]byte, -size)
			size = llama.TokenToPiece(h, t, buf, 0, true)
		}
		piece := slices.Clone(buf[:max(0, size)])
		if llama.VocabIsControl(h, t) || v.end[i] {
			v.markers[i], piece = string(piece), nil
		}
		v.pieces[i] = piece
		v.longest = max(v.longest, len(piece), len(v.markers[i]))
	}
	return v, nil
}

// same reports whether two models have the same tokens.
func (v *vocabulary) same(o *vocabulary) bool {
	return slices.EqualFunc(v.pieces, o.pieces, slices.Equal[[]byte]) && slices.Equal(v.markers, o.markers) && slices.Equal(v.end, o.end)
}

func (v *vocabulary) piece(t watermark.Token) []byte {
	if t < 0 || int(t) >= len(v.pieces) {
		return nil
	}
	return v.pieces[t]
}

// tokenize is llama.cpp's tokenizer, held to texts that it reads safely. limit
// is how many tokens are of use: a text that must have more is refused before
// llama.cpp spends time on it.
func (v *vocabulary) tokenize(text string, special bool, limit int) ([]watermark.Token, error) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		return nil, fmt.Errorf("%w: the text has a zero byte at %d, want none", ErrRequest, i)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: the text is no UTF-8", ErrRequest)
	}
	if len(text) > limit*v.longest {
		return nil, fmt.Errorf("%w: the text has %d bytes, which are more than %d tokens", ErrRequest, len(text), limit)
	}
	begin := special && v.begin && !strings.HasPrefix(text, v.markers[v.first])
	if text == "" && !begin {
		return nil, nil
	}
	ids := llama.Tokenize(v.handle, text, begin, special)
	tokens := make([]watermark.Token, len(ids))
	for i, t := range ids {
		tokens[i] = watermark.Token(t)
	}
	return tokens, nil
}

// marker returns the text of a special token, "" for any other or none.
func (v *vocabulary) marker(t watermark.Token) string {
	if t < 0 || int(t) >= len(v.markers) {
		return ""
	}
	return v.markers[t]
}
