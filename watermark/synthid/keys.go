package synthid

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
)

// Keys are the secret integers of a mark's layers, held so that nothing prints them.
// The zero Keys hold none.
type Keys struct {
	// values is a function because reflection sees nothing of a closure.
	values func() []int64
}

// NewKeys returns the keys of as many layers, the first layer's first.
func NewKeys(keys ...int64) Keys {
	if len(keys) == 0 {
		return Keys{}
	}
	own := slices.Clone(keys)
	return Keys{values: func() []int64 { return own }}
}

// list returns the keys, not to be changed.
func (k Keys) list() []int64 {
	if k.values == nil {
		return nil
	}
	return k.values()
}

// Len returns the number of keys, which is the number of layers.
func (k Keys) Len() int { return len(k.list()) }

const keysContext = "dyetrace 2026-11-25 synthid keys id/1"

// ID returns a public name of the keys, 16 hex digits:
//
//	derive_key("dyetrace 2026-11-25 synthid keys id/1", keys as i64le)[0:8]
//
// It is "none" for the zero Keys. It hides keys that were drawn at random from all
// of 64 bits, and small ones badly.
func (k Keys) ID() string {
	if k.Len() == 0 {
		return "none"
	}
	var material []byte
	for _, v := range k.list() {
		material = binary.LittleEndian.AppendUint64(material, uint64(v))
	}
	var id [8]byte
	blake3.DeriveKey(keysContext, material, id[:])
	return hex.EncodeToString(id[:])
}

// String returns "redacted:" and the ID.
func (k Keys) String() string { return "redacted:" + k.ID() }

// Format writes [Keys.String] for every verb and flag.
func (k Keys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// MarshalText returns [Keys.String].
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// published are the keys of DeepMind's demonstration, which transformers' examples
// begin with too.
var published = []int64{
	654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468,
	990, 966, 226, 324, 585, 118, 504, 421, 521, 129, 669, 732, 225, 90, 960,
}

// public reports whether every key is one that everybody knows.
func (k Keys) public() bool {
	return !slices.ContainsFunc(k.list(), func(v int64) bool {
		return !slices.Contains(published, v) && !intkey.Public(uint64(v))
	})
}

// decoyKeys returns as many keys of a decoy's seed.
func decoyKeys(seed [32]byte, n int) Keys {
	keys := make([]int64, n)
	for i := range keys {
		keys[i] = int64(intkey.Decoy(seed, uint32(i)))
	}
	return NewKeys(keys...)
}
