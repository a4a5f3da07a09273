// Package intkey holds the integers that other engines take for keys, so that no
// printer shows them.
package intkey

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/blake3"
)

// A Key is an integer of at most 64 bits that an engine takes for a secret. The
// zero Key holds none. It prints as "redacted:" and its ID.
type Key struct {
	engine string
	// value is a function because reflection, and with it every printer that
	// opens unexported fields, sees nothing of a closure but an address.
	value func() uint64
}

// New returns a key of an engine, whose name tells the IDs of equal integers
// apart.
func New(engine string, value uint64) Key {
	return Key{engine, func() uint64 { return value }}
}

// IsZero reports whether k holds no integer.
func (k Key) IsZero() bool { return k.value == nil }

// Value returns the integer, 0 where there is none.
func (k Key) Value() uint64 {
	if k.IsZero() {
		return 0
	}
	return k.value()
}

const (
	idContext    = "dyetrace 2026-11-24 engine key id/1"
	decoyContext = "dyetrace 2026-11-24 engine key decoy/1"
)

// ID returns a public name of the key, 16 hex digits:
//
//	derive_key("dyetrace 2026-11-24 engine key id/1", engine ‖ u8 0 ‖ u64 key)[0:8]
//
// It is "none" for the zero Key. 64 bits can be searched: an ID hides a key that
// was drawn at random from all of them, and no other.
func (k Key) ID() string {
	if k.IsZero() {
		return "none"
	}
	material := binary.LittleEndian.AppendUint64(append([]byte(k.engine), 0), k.Value())
	var id [8]byte
	blake3.DeriveKey(idContext, material, id[:])
	return hex.EncodeToString(id[:])
}

// String returns "redacted:" and the ID.
func (k Key) String() string { return "redacted:" + k.ID() }

// Format writes [Key.String] for every verb and flag.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// MarshalText returns [Key.String].
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Decoy returns integer n of a decoy's seed:
// derive_key("dyetrace 2026-11-24 engine key decoy/1", seed ‖ u32 n)[0:8].
func Decoy(seed [32]byte, n uint32) uint64 {
	var b [8]byte
	blake3.DeriveKey(decoyContext, binary.LittleEndian.AppendUint32(seed[:], n), b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// public lists keys that documentation, examples and tests use.
var public = []uint64{
	0, 1, 7, 42, 123, 1234, 12345, 15485863,
	0xDEADBEEF, 0xCAFEBABE, 0x0123456789ABCDEF, 0x123456789ABCDEF0, 0x1234567890ABCDEF, 0xFEDCBA9876543210,
	1<<31 - 1, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1,
}

// Public reports whether a value is one that everybody tries first.
func Public(value uint64) bool { return slices.Contains(public, value) }
