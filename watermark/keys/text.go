package keys

import (
	"bytes"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/blake3"
)

// Reveal returns the text form of k, one line that starts with
// "dyetrace_secret1_" and that [Parse] reads back. Whoever sees it has the key.
// The text of a zero Key is empty.
func (k Key) Reveal() string {
	if k.IsZero() {
		return ""
	}
	secret := k.secret()
	return formSecret.encode(secret[:])
}

// Parse accepts what [Key.Reveal] prints and nothing else: no white space, no
// upper case. It says what it was given instead, for instance a public ID or a
// key that was cut short, and never quotes it.
func Parse(text string) (Key, error) {
	var secret [Size]byte
	if err := formSecret.decode(text, secret[:]); err != nil {
		return Key{}, err
	}
	if secret == ([Size]byte{}) {
		return Key{}, errors.New("keys: secret key is all zeros, want random bytes")
	}
	return hold(secret), nil
}

// A form is a text form: prefix, then base32 of some bytes and of the head of
// their checksum. Both together are a multiple of 5 bytes, so that base32 has no
// spare bits and every value has one spelling.
type form struct {
	name   string // for errors
	family string // the prefix without its version
	prefix string
	size   int // bytes of payload
	sum    int // bytes of checksum
}

// The forms and their alphabet are constants that Go cannot declare as such.
var (
	formSecret     = form{"secret key", "dyetrace_secret", "dyetrace_secret1_", Size, 8}
	formID         = form{"public ID", "dyetrace_id", "dyetrace_id1_", 16, 4}
	formCommitment = form{"commitment", "dyetrace_commitment", "dyetrace_commitment1_", 32, 8}

	base32Lower = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)
)

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

func (f form) encode(payload []byte) string {
	all := append(make([]byte, 0, f.size+f.sum), payload...)
	return f.prefix + base32Lower.EncodeToString(append(all, f.checksum(payload)...))
}

// decode fills dst, of f.size bytes, or leaves it alone. Its errors tell lengths
// and positions and never show a character of text.
func (f form) decode(text string, dst []byte) error {
	body, ok := strings.CutPrefix(text, f.prefix)
	if !ok || strings.TrimSpace(text) != text {
		return f.refuse(text)
	}
	want := base32Lower.EncodedLen(f.size + f.sum)
	if len(body) < want {
		return fmt.Errorf("keys: %s has %d characters after its prefix, want %d: it was cut short", f.name, len(body), want)
	}
	if len(body) > want {
		return fmt.Errorf("keys: %s has %d characters after its prefix, want %d: more than it was pasted", f.name, len(body), want)
	}
	if i := strings.IndexFunc(body, notInAlphabet); i >= 0 {
		return fmt.Errorf("keys: %s has a strange character at position %d after its prefix, want a to z and 2 to 7", f.name, i+1)
	}
	all, err := base32Lower.DecodeString(body)
	if err != nil || !bytes.Equal(all[f.size:], f.checksum(all[:f.size])) {
		return fmt.Errorf("keys: %s does not match its checksum: it is mistyped", f.name)
	}
	copy(dst, all)
	return nil
}

func (f form) checksum(payload []byte) []byte {
	sum := make([]byte, f.sum)
	blake3.DeriveKey("dyetrace 2026-11-23 key text/1", append([]byte(f.prefix), payload...), sum)
	return sum
}

// refuse says by name what was given instead of a text of form f.
func (f form) refuse(text string) error {
	var got string
	switch {
	case text == "":
		got = "empty"
	case strings.TrimSpace(text) != text:
		got = "surrounded by white space"
	case strings.HasPrefix(text, f.family):
		got = "a " + f.name + " of another version, or its prefix is mistyped"
	case strings.HasPrefix(text, formSecret.family):
		got = "a secret key"
	case strings.HasPrefix(text, formID.family):
		got = "a public ID"
	case strings.HasPrefix(text, formCommitment.family):
		got = "a commitment"
	case strings.HasPrefix(text, redactedPrefix):
		got = "a redacted key, from which the key cannot be had back"
	default:
		got = "something else"
	}
	return fmt.Errorf("keys: text is %s, want a %s, %s…", got, f.name, f.prefix)
}

func notInAlphabet(r rune) bool { return !strings.ContainsRune(alphabet, r) }

// quote is %q for values that should not be secret, and hides those that are:
// somebody gave a key for a path or a context.
func quote(s string) string {
	if holdsSecret(s) {
		return "a secret key"
	}
	return strconv.Quote(s)
}

func holdsSecret(s string) bool { return strings.Contains(strings.ToLower(s), formSecret.family) }
