package vllm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
)

// A Key is the integer key of a mark, 0 to 2^64−1. The zero Key is none. It prints
// as "redacted:" and its ID, under every verb and encoder.
type Key struct{ secret intkey.Key }

// NewKey returns the key that is an integer: one drawn at random, such as
// keys.Key.Uint64 makes, or the one that a server was started with.
func NewKey(n uint64) Key { return Key{intkey.New("vllm", n)} }

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

// subKey returns a sub-key of the dual-key algorithm:
// BE_u64(SHA-256(name ‖ BE_u64(key))[0:8]), for "key_a" and "key_b".
func subKey(name string, key uint64) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), key))
	return binary.BigEndian.Uint64(sum[:8])
}
