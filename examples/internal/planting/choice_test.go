package planting_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

func TestIncomplete(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 0, "é": 0, "🦄": 0, "a\xc3": 1, "\xf0\x9f\xa6": 3, "\xf0\x9f": 2, "\xf0": 1, "\x80\x80\x80\x80": 0, "\xff": 0, "é\xe2\x82": 2} {
		assert.Equal(t, want, planting.Incomplete([]byte(text)), "%q", text)
	}
}
