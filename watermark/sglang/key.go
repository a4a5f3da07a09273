package sglang

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
)

// A Key is a 64-bit key of a mark. The zero Key is none. It prints as "redacted:"
// and its ID, under every verb and encoder.
type Key struct{ secret intkey.Key }

// NewKey returns the key that is an integer: one drawn at random, such as
// keys.Key.Uint64 makes.
func NewKey(n uint64) Key { return Key{intkey.New("sglang", n)} }

// ParseKey reads a key as the engine does: 0x or 0X or nothing, then 1 to 16
// hexadecimal digits and nothing else. No error quotes the text.
func ParseKey(text string) (Key, error) {
	digits := text
	if len(digits) > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		digits = digits[2:]
	}
	for _, c := range []byte(digits) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return Key{}, errors.New("sglang: key has a character that is no hexadecimal digit, want 1 to 16 digits after an optional 0x")
		}
	}
	if len(digits) < 1 || len(digits) > 16 {
		return Key{}, fmt.Errorf("sglang: key has %d hexadecimal digits, want 1 to 16", len(digits))
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return Key{}, errors.New("sglang: key is not a hexadecimal number")
	}
	return NewKey(n), nil
}

// IsZero reports whether k is no key. NewKey(0) is one.
func (k Key) IsZero() bool { return k.secret.IsZero() }

// ID returns a public name of the key: 16 hex digits of its hash. It hides a key
// that was drawn from all 64-bit integers, and no other: those can be tried.
func (k Key) ID() string { return k.secret.ID() }

// String returns "redacted:" and the ID.
func (k Key) String() string { return k.secret.String() }

// Format writes [Key.String] for every verb and flag.
func (k Key) Format(s fmt.State, verb rune) { k.secret.Format(s, verb) }

// MarshalText returns [Key.String].
func (k Key) MarshalText() ([]byte, error) { return k.secret.MarshalText() }
