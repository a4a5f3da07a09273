package engine

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
)

// Tokenize returns the tokens of a text. With special the text's markers, such
// as "<|im_end|>", are special tokens, and a model that wants its beginning
// token gets it; without, all text is text. Special is for what [Engine.Chat]
// renders, where whoever writes a message can write markers too.
func (e *Engine) Tokenize(text string, special bool) ([]watermark.Token, error) {
	return e.vocabulary.tokenize(text, special, e.info.Context)
}

// Piece returns the bytes of a token, which need not be whole characters, and
// nothing for special tokens. The slice is not to be changed.
func (e *Engine) Piece(t watermark.Token) []byte { return e.vocabulary.piece(t) }

// Marker returns the text of a special token, such as "<|im_end|>", and nothing
// for any other.
func (e *Engine) Marker(t watermark.Token) string { return e.vocabulary.marker(t) }

// Chat renders messages, in the form of OpenAI's API, and tools where there are
// any, by the model's own template, ready for an answer. Tools are refused where
// the template has no place for them. Values are those of package json; of a
// json.RawMessage the keys keep their order.
func (e *Engine) Chat(messages []map[string]any, tools []any) (string, error) {
	if e.chat == nil {
		return "", fmt.Errorf("%w: messages, but no chat template of the model: %w: want a prompt", ErrRequest, e.noChat)
	}
	return e.chat.render(messages, tools)
}
