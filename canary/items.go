package canary

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A Pick is the answer that a key gives to a question with several.
type Pick struct {
	Unit   Unit
	Option int
	Text   string // of the option
}

// Asks returns the pick that a prompt asks for, by the lines "ask" of the book:
// the first item of which the normalised prompt contains one.
func (b *Book) Asks(prompt string) (Item, bool) {
	prompt = Normalise(prompt)
	for _, i := range b.items {
		for _, ask := range i.Ask {
			if strings.Contains(prompt, ask) {
				return i, true
			}
		}
	}
	return Item{}, false
}

// Item returns the pick or the twins of that name.
func (b *Book) Item(name string) (Item, error) {
	for _, i := range b.items {
		if i.Name == name {
			return i, nil
		}
	}
	return Item{}, fmt.Errorf("canary: book %s has no item %q", b.name, name)
}

// Vote returns the option that an answer gives to an item: the one that stands
// first in it, in any case and as whole words, and at one place the longest. It
// returns −1 if there is none.
func (i Item) Vote(answer string) int {
	text := strings.ToLower(answer)
	best, at, length := -1, len(text), 0
	for o, option := range i.Options {
		option = strings.ToLower(option)
		for from := 0; ; {
			k := strings.Index(text[from:], option)
			if k < 0 || from+k > at {
				break
			}
			k += from
			if !wordBefore(text, k) && !wordAfter(text, k+len(option)) {
				if k < at || len(option) > length {
					best, at, length = o, k, len(option)
				}
				break
			}
			from = k + 1
		}
	}
	return best
}

func wordBefore(text string, k int) bool {
	r, _ := utf8.DecodeLastRuneInString(text[:k])
	return k > 0 && wordRune(r)
}

func wordAfter(text string, k int) bool {
	r, _ := utf8.DecodeRuneInString(text[k:])
	return k < len(text) && wordRune(r)
}

// Pick returns what the keys decided for an item: the option of a pick, or the
// candidate of twins. The unit is the item, so every request gets the same one.
// It returns an error if the item's tree has no key here.
func (c *Choices) Pick(name string) (Pick, error) {
	i, err := c.book.Item(name)
	if err != nil {
		return Pick{}, err
	}
	o, err := c.Option(i.unit)
	if err != nil {
		return Pick{}, err
	}
	if o < 0 {
		return Pick{}, fmt.Errorf("canary: item %s is of tree %q, which has no key here", name, i.unit.Tree)
	}
	return Pick{i.unit, o, i.Options[o]}, nil
}

// twin draws one of n candidates without bias.
func twin(key keys.Key, info []byte, n int) (int, error) {
	for words := 4; ; words *= 2 {
		buf := make([]byte, 8*words)
		if err := key.Expand(contextTwin, info, buf); err != nil {
			return 0, fmt.Errorf("canary: twins: %w", err)
		}
		for ; len(buf) > 0; buf = buf[8:] {
			if o, ok := remainder(binary.LittleEndian.Uint64(buf), uint64(n)); ok {
				return o, nil
			}
		}
	}
}

// remainder returns w mod n, and whether w is below the largest multiple of n in
// 64 bits: the words from there on would favour small remainders.
func remainder(w, n uint64) (int, bool) {
	over := -n % n // 2⁶⁴ mod n
	return int(w % n), over == 0 || w < -over
}
