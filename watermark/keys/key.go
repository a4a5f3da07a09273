package keys

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// Size is the length of a secret in bytes.
const Size = 32

// A Key is a 32-byte secret. The zero Key holds none: keys derived from it are
// zero too, and everything that would use a secret refuses it.
//
// Keys are compared with [Key.Equal]; they are not comparable with ==. To use
// one in a map, take its [Key.ID].
type Key struct {
	// secret is nil in the zero Key. It is a function because reflection, and
	// with it every printer that follows pointers or opens unexported fields,
	// sees nothing of a closure but the address of its code.
	secret func() [Size]byte
}

// New reads a new root key from r, which should be crypto/rand.Reader; tests may
// use a fixed source. It reads exactly 32 bytes and refuses a source that
// answers with nothing but zeros.
func New(r io.Reader) (Key, error) {
	if r == nil {
		return Key{}, errors.New("keys: random source is nil, want crypto/rand.Reader")
	}
	var secret [Size]byte
	if n, err := io.ReadFull(r, secret[:]); err != nil {
		return Key{}, fmt.Errorf("keys: random source gave %d bytes, want %d: %w", n, Size, err)
	}
	if secret == ([Size]byte{}) {
		return Key{}, fmt.Errorf("keys: random source gave %d zeros, want random bytes", Size)
	}
	return hold(secret), nil
}

func hold(secret [Size]byte) Key {
	return Key{secret: func() [Size]byte { return secret }}
}

// IsZero reports whether k holds no secret.
func (k Key) IsZero() bool { return k.secret == nil }

// Equal reports whether k and o hold the same secret, in a time that does not
// depend on it. Two zero Keys are equal.
func (k Key) Equal(o Key) bool {
	if k.IsZero() || o.IsZero() {
		return k.IsZero() && o.IsZero()
	}
	a, b := k.secret(), o.secret()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Expand fills dst with secret bytes derived from k, the operation by which
// other packages make keys of their own:
//
//	dst = BLAKE3 derive_key(context, secret ‖ info)
//
// A context is a constant of the calling package, of the form "dyetrace
// 2026-11-23 words/1": program, date, purpose, version. It is never edited
// once keys were made under it, and no two uses share one unless their infos
// differ. Contexts "dyetrace <date> key …" belong to this package.
//
// A shorter dst gets the head of a longer one's bytes. Expand keeps neither
// slice. It returns an error if k is zero, context has another form or dst is
// empty.
func (k Key) Expand(context string, info, dst []byte) error {
	if k.IsZero() {
		return errZero("expand")
	}
	if err := checkContext(context); err != nil {
		return err
	}
	if len(dst) == 0 {
		return errors.New("keys: length of expansion is 0, want at least 1")
	}
	k.derive(context, info, dst)
	return nil
}

// Uint64 derives a secret integer for an engine whose keys are integers. Equal
// domains give equal integers; a domain is any string that the caller gives to
// one use only, such as "synthid layer 3". Engines with narrower keys take the
// low bits. Each costs the engine's own security: an engine with a 32-bit key
// can be searched.
//
// It returns an error if k is zero, for a mark under a fixed integer would be a
// mark under a public key.
func (k Key) Uint64(domain string) (uint64, error) {
	if k.IsZero() {
		return 0, errZero("make an integer")
	}
	var b [8]byte
	k.derive("dyetrace 2026-11-23 key integer/1", []byte(domain), b[:])
	var u uint64
	for i := range b {
		u |= uint64(b[i]) << (8 * i)
	}
	return u, nil
}

// derive fills dst with derive_key(context, secret ‖ info). Requires a key that
// is not zero. The secret has a fixed length, so the join is unambiguous.
func (k Key) derive(context string, info, dst []byte) {
	secret := k.secret()
	material := make([]byte, 0, Size+len(info))
	material = append(material, secret[:]...)
	material = append(material, info...)
	blake3.DeriveKey(context, material, dst)
}

func errZero(use string) error {
	return fmt.Errorf("keys: cannot %s: key is zero, want one from New, Parse or ReadFile", use)
}
