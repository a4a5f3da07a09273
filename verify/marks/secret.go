package marks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const (
	secretSchema = "dyetrace/mark-secret/1"
	maxIntegers  = 1024 // layers of a tournament of SynthID
)

// A Secret is what a [Spec] leaves out: a key of package keys, with that of the layout
// for a layer, or the integers that an engine takes for keys. It prints as
// "redacted:" and what may be known, under every verb and encoder; [Secret.Reveal]
// and [Revealed] show it. It is immutable. The zero Secret holds nothing.
type Secret struct {
	// contents is a function because reflection, and with it every printer that
	// opens unexported fields, sees nothing of a closure but an address.
	contents func() material
}

// material is an opened secret: a key, or integers in decimal.
type material struct {
	key, layout keys.Key
	integers    []string
}

type secretFile struct {
	Schema   string   `json:"schema"`
	Key      string   `json:"key,omitempty"`
	Layout   string   `json:"layout,omitempty"`
	Integers []string `json:"integers,omitempty"`
}

// KeySecret returns the secret of a native mark. A layer has the key of its layout
// too, which says which windows are the layer's and nothing of any word; another
// mark has the zero Key there. It is the zero Secret for a zero key.
func KeySecret(key, layout keys.Key) Secret {
	if key.IsZero() {
		return Secret{}
	}
	return hold(material{key: key, layout: layout})
}

// IntegerSecret returns the secret of another engine's mark: one integer; for
// SGLang's and TextSeal's mark of two keys key A and key B; for SynthID the layers'
// keys, the first layer's first. Without integers it is the zero Secret.
func IntegerSecret[I int | int64 | uint64](integers ...I) Secret {
	if len(integers) == 0 {
		return Secret{}
	}
	m := material{}
	for _, n := range integers {
		m.integers = append(m.integers, fmt.Sprint(n))
	}
	return hold(m)
}

func hold(m material) Secret { return Secret{func() material { return m }} }

// open requires a secret that is not zero.
func (s Secret) open() material { return s.contents() }

// IsZero reports whether s holds nothing.
func (s Secret) IsZero() bool { return s.contents == nil }

var errZeroSecret = errors.New("marks: the secret is the zero Secret, want one from KeySecret, IntegerSecret or ParseSecret")

// contextKey derives the key that stands for integers.
const contextKey = "dyetrace 2026-11-25 verify key of integers/1"

// Key returns the key that a commitment binds: that of [KeySecret], or for integers
//
//	derive_key(contextKey, file of the secret)
//
// in BLAKE3's derive-key mode. Nobody can find other integers with the same key; that a
// commitment hides integers which could be guessed is the work of its nonce. It is the
// zero Key for the zero Secret.
func (s Secret) Key() keys.Key {
	if s.IsZero() {
		return keys.Key{}
	}
	m := s.open()
	if m.integers == nil {
		return m.key
	}
	file, err := s.Reveal()
	if err != nil {
		return keys.Key{}
	}
	var derived [keys.Size]byte
	blake3.DeriveKey(contextKey, file, derived[:])
	k, err := keys.New(bytes.NewReader(derived[:]))
	if err != nil {
		return keys.Key{}
	}
	return k
}

// Reveal returns the file of the secret, one line of canonical JSON that
// [ParseSecret] reads back. Whoever sees it has the key. It fails for the zero
// Secret.
func (s Secret) Reveal() ([]byte, error) {
	data, err := Revealed{s}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// ParseSecret reads what [Secret.Reveal] returns and nothing else. No error quotes
// it.
func ParseSecret(data []byte) (Secret, error) {
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return Secret{}, errors.New("marks: secret does not end with a newline: cut off")
	}
	var r Revealed
	err := r.UnmarshalJSON(data[:len(data)-1])
	return r.Secret, err
}

// String returns "redacted:" and the public name of the key or the number of
// integers.
func (s Secret) String() string {
	if s.IsZero() {
		return "redacted:none"
	}
	if m := s.open(); m.integers != nil {
		return fmt.Sprintf("redacted:%d integers", len(m.integers))
	}
	return s.open().key.String()
}

// Format writes [Secret.String] for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns [Secret.String]: what was redacted is gone.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Revealed is a secret that encoding/json writes in clear and reads: for the file
// in which it is meant to be seen, such as a bundle of evidence. Printed it is
// redacted all the same.
type Revealed struct{ Secret Secret }

// IsZero reports whether there is no secret.
func (r Revealed) IsZero() bool { return r.Secret.IsZero() }

// Format writes [Secret.String] for every verb and flag.
func (r Revealed) Format(f fmt.State, verb rune) { r.Secret.Format(f, verb) }

// MarshalJSON returns the line of [Secret.Reveal] without its end.
func (r Revealed) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return nil, errZeroSecret
	}
	m := r.Secret.open()
	return canon.Encode(secretFile{secretSchema, m.key.Reveal(), m.layout.Reveal(), m.integers})
}

// UnmarshalJSON is [ParseSecret] for a secret that is part of another file.
func (r *Revealed) UnmarshalJSON(data []byte) error {
	if err := checkSchema("secret", data, secretSchema); err != nil {
		return err
	}
	var f secretFile
	if err := canon.Decode(data, &f); err != nil {
		return fmt.Errorf("marks: secret: %s", fault(err))
	}
	m, err := f.material()
	if err == nil {
		r.Secret = hold(m)
	}
	return err
}

func (f secretFile) material() (material, error) {
	switch {
	case (f.Key == "") == (len(f.Integers) == 0):
		return material{}, errors.New("marks: secret has a key and integers or neither, want one of them")
	case f.Key == "" && f.Layout != "":
		return material{}, errors.New("marks: secret has a layout key and integers, want a key beside it")
	case len(f.Integers) > maxIntegers:
		return material{}, fmt.Errorf("marks: secret has %d integers, want at most %d", len(f.Integers), maxIntegers)
	}
	for i, text := range f.Integers {
		if !isInteger(text) {
			return material{}, fmt.Errorf("marks: integer %d of the secret is none, want the shortest decimal of -2^63 to 2^64-1", i)
		}
	}
	m := material{integers: f.Integers}
	for _, k := range []struct {
		name, text string
		key        *keys.Key
	}{{"key", f.Key, &m.key}, {"layout key", f.Layout, &m.layout}} {
		var err error
		if k.text == "" {
			continue
		}
		if *k.key, err = keys.Parse(k.text); err != nil {
			return material{}, fmt.Errorf("marks: %s of the secret: %w", k.name, err)
		}
	}
	return m, nil
}

// isInteger reports whether text is the one decimal form of a 64-bit integer.
func isInteger(text string) bool {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return strconv.FormatUint(n, 10) == text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}

// fault returns what may be said of a decoder's error, which can quote what it read.
func fault(err error) string {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return fmt.Sprintf("%q holds another JSON type than the text forms of keys", wrong.Field)
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	}
	return err.Error()
}

// native returns what is wrong with the secret of a native mark.
func (m material) native(layer bool) error {
	switch {
	case m.integers != nil:
		return fmt.Errorf("secret has %d integers, want a key", len(m.integers))
	case layer && m.layout.IsZero():
		return errors.New("secret has no layout key, and the mark is a layer")
	case !layer && !m.layout.IsZero():
		return errors.New("secret has a layout key, and the mark is no layer")
	}
	return nil
}

// count returns what is wrong with the number of integers, from least to most.
func (m material) count(least, most int) error {
	n := len(m.integers)
	switch {
	case m.integers == nil:
		return errors.New("secret is a key of package keys, want integers")
	case n >= least && n <= most:
		return nil
	case least == most:
		return fmt.Errorf("secret has %d integers, want %d", n, least)
	}
	return fmt.Errorf("secret has %d integers, want %d to %d", n, least, most)
}

// unsigned returns from least to most integers of 0 to 2^64−1.
func (m material) unsigned(least, most int) ([]uint64, error) {
	if err := m.count(least, most); err != nil {
		return nil, err
	}
	out := make([]uint64, len(m.integers))
	for i, text := range m.integers {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("integer %d of the secret is negative, want 0 to 2^64-1", i)
		}
		out[i] = n
	}
	return out, nil
}

// signed returns from least to most integers of −2^63 to 2^63−1.
func (m material) signed(least, most int) ([]int64, error) {
	if err := m.count(least, most); err != nil {
		return nil, err
	}
	out := make([]int64, len(m.integers))
	for i, text := range m.integers {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("integer %d of the secret is above 2^63-1, want -2^63 to 2^63-1", i)
		}
		out[i] = n
	}
	return out, nil
}

// ones returns a secret of n integers of no meaning.
func ones(n int) material {
	m := material{integers: make([]string, n)}
	for i := range m.integers {
		m.integers[i] = "1"
	}
	return m
}
