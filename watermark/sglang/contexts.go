package sglang

import (
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// contexts is the set of the contexts of one text, told apart by their tokens. Slots
// of an earlier text are told by their stamp.
type contexts struct {
	slots []contextSlot // a power of two
	stamp uint64
	text  []watermark.Token
	width int
}

type contextSlot struct {
	hash  uint32
	end   int32 // of the context in the text
	stamp uint64
}

// reset empties the set for a text of which at most n contexts are put in.
func (c *contexts) reset(text []watermark.Token, width, n int) {
	c.text, c.width = text, width
	c.stamp++
	if 2*n <= len(c.slots) {
		return
	}
	size := 64
	for size < 2*n {
		size *= 2
	}
	c.slots, c.stamp = make([]contextSlot, size), 1
}

// at returns the context that ends before index end.
func (c *contexts) at(end int) []watermark.Token { return c.text[max(0, end-c.width):end] }

// add puts in the context that ends before index end, whose hash is given, and
// reports whether it is new.
func (c *contexts) add(end int, hash uint32) bool {
	mask := len(c.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		switch e := &c.slots[i]; {
		case e.stamp != c.stamp:
			*e = contextSlot{hash, int32(end), c.stamp}
			return true
		case e.hash == hash && slices.Equal(c.at(int(e.end)), c.at(end)):
			return false
		}
	}
}
