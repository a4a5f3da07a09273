package engine

import "github.com/dyetrace/dyetrace/watermark"

// Marker returns the text of a special token, such as "<|im_end|>", and nothing for
// any other.
func (e *Engine) Marker(t watermark.Token) string {
	if t < 0 || int(t) >= len(e.vocabulary.markers) {
		return ""
	}
	return e.vocabulary.markers[t]
}
