package collect

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// A Digest names contents: 32 bytes of BLAKE3 in derive-key mode under a
// context of its own for each kind of content. Its text form is 64 lower-case
// hexadecimal digits. The zero Digest means that there is none.
type Digest [32]byte

// ParseDigest returns the digest whose text form is text.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	err := d.UnmarshalText([]byte(text))
	return d, err
}

// IsZero reports whether there is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns the text form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 64 {
		return fmt.Errorf("collect: digest has %d characters, want 64", len(text))
	}
	var out Digest
	for i := range out {
		hi, lo := nibble(text[2*i]), nibble(text[2*i+1])
		if hi < 0 || lo < 0 {
			return fmt.Errorf("collect: digest holds %q, want 64 lower-case hexadecimal digits", text[2*i:2*i+2])
		}
		out[i] = byte(hi<<4 | lo)
	}
	*d = out
	return nil
}

func nibble(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// sum returns the digest of data under context.
func sum(context string, data ...[]byte) Digest { return canon.Sum(context, data...) }

// sumStrings returns the digest of a list of strings: their number, then each
// one's length and bytes, numbers as u64le.
func sumStrings(context string, list []string) Digest {
	h := blake3.NewDeriveKey(context)
	var n [8]byte
	write := func(x int) {
		binary.LittleEndian.PutUint64(n[:], uint64(x))
		h.Write(n[:])
	}
	write(len(list))
	for _, s := range list {
		write(len(s))
		h.WriteString(s)
	}
	var d Digest
	h.Sum(d[:0])
	return d
}
