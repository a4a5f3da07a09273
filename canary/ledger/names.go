package ledger

import (
	"encoding/hex"
	"fmt"
)

// A Nonce is 16 random bytes that name a leaf.
type Nonce [16]byte

// A KeyID is the public name of a key: a keys.ID converts to it.
type KeyID [16]byte

// A Pseudonym stands for a cohort or an account: see [Pseudonyms]. The zero
// Pseudonym stands for nobody.
type Pseudonym [16]byte

// A Digest is 32 bytes that name contents: commitments to keys, hashes of
// books, policies, plans, frames, seals and outputs convert to it.
type Digest [32]byte

// The text form of all of them is lower-case hexadecimal.

// IsZero reports whether all bytes are zero.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// IsZero reports whether all bytes are zero.
func (k KeyID) IsZero() bool { return k == KeyID{} }

// IsZero reports whether all bytes are zero.
func (p Pseudonym) IsZero() bool { return p == Pseudonym{} }

// IsZero reports whether all bytes are zero.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns the text form.
func (n Nonce) String() string { return hex.EncodeToString(n[:]) }

// String returns the text form.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// String returns the text form.
func (p Pseudonym) String() string { return hex.EncodeToString(p[:]) }

// String returns the text form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// MarshalText implements [encoding.TextMarshaler].
func (k KeyID) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText implements [encoding.TextMarshaler].
func (p Pseudonym) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts the text form and nothing else.
func (n *Nonce) UnmarshalText(text []byte) error { return unhex(n[:], "nonce", text) }

// UnmarshalText accepts the text form and nothing else.
func (k *KeyID) UnmarshalText(text []byte) error { return unhex(k[:], "key ID", text) }

// UnmarshalText accepts the text form and nothing else.
func (p *Pseudonym) UnmarshalText(text []byte) error { return unhex(p[:], "pseudonym", text) }

// UnmarshalText accepts the text form and nothing else.
func (d *Digest) UnmarshalText(text []byte) error { return unhex(d[:], "digest", text) }

// unhex sets dst to what text says, or leaves it as it was.
func unhex(dst []byte, what string, text []byte) error {
	if len(text) != 2*len(dst) {
		return fmt.Errorf("ledger: %s has %d characters, want %d", what, len(text), 2*len(dst))
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fmt.Errorf("ledger: %s holds %q, want lower-case hexadecimal digits", what, c)
		}
	}
	_, err := hex.Decode(dst, text)
	return err
}
