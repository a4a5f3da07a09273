package marks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const (
	schema      = "dyetrace/mark/1"
	specContext = "dyetrace 2026-11-25 verify mark/1"
)

// A Spec describes a mark without its secret: which engine, how it is set, and the
// public name of its key. Make one with [Of] or [Parse], make the mark with
// [Spec.Build]. It is an immutable value: specs that are equal by == have equal
// files and digests. The zero Spec describes nothing.
type Spec struct {
	engine string
	keyID  string
	layout string // ID of the layout key, "" for a mark that is no layer
	config string // canonical JSON
}

type specFile struct {
	Schema string          `json:"schema"`
	Engine string          `json:"engine"`
	KeyID  string          `json:"key_id"`
	Layout string          `json:"layout_id,omitempty"`
	Config json.RawMessage `json:"config"`
}

// Parse reads what [Spec.Encode] returns and refuses everything else: an unknown
// engine, field or schema, a configuration that the engine refuses, with its error,
// another form of the same contents. It makes the mark once, with integers and keys
// of no meaning, and so takes the memory that the mark needs, at most some
// 100 MB.
func Parse(data []byte) (Spec, error) {
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return Spec{}, errors.New("marks: spec does not end with a newline: cut off")
	}
	return parse(data[:len(data)-1])
}

func parse(data []byte) (Spec, error) {
	if err := checkSchema("spec", data, schema); err != nil {
		return Spec{}, err
	}
	var f specFile
	if err := canon.Decode(data, &f); err != nil {
		return Spec{}, fmt.Errorf("marks: spec: %w", err)
	}
	s := Spec{f.Engine, f.KeyID, f.Layout, string(f.Config)}
	e, err := engineOf(f.Engine)
	if err != nil {
		return Spec{}, err
	}
	w, err := e.check(f.Config)
	if err != nil {
		return Spec{}, err
	}
	if err := s.checkNames(w); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// checkSchema refuses another schema before a field of it is called unknown.
func checkSchema(what string, data []byte, want string) error {
	var f struct {
		Schema string `json:"schema"`
	}
	if json.Unmarshal(data, &f) == nil && f.Schema != want {
		return fmt.Errorf("marks: %s has schema %.40q, want %q", what, f.Schema, want)
	}
	return nil
}

// checkNames checks the form of the public names against those of the same mark
// under a key of no meaning.
func (s Spec) checkNames(w *watermark.Watermark) error {
	var id keys.ID
	if form := w.Info().KeyID; s.engine != EngineNative {
		if !sameForm(s.keyID, form) {
			return fmt.Errorf("marks: key ID is %.80q, want the form %q", s.keyID, form)
		}
	} else if err := id.UnmarshalText([]byte(s.keyID)); err != nil {
		return fmt.Errorf("marks: key ID: %w", err)
	}
	if _, layer := w.Part(); !layer {
		if s.layout != "" {
			return errors.New("marks: spec has the ID of a layout key, and its mark is no layer")
		}
	} else if err := id.UnmarshalText([]byte(s.layout)); err != nil {
		return fmt.Errorf("marks: ID of the layout key: %w", err)
	}
	return nil
}

// sameForm reports whether two texts have hexadecimal digits at the same places and
// are otherwise equal.
func sameForm(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if isHex(a[i]) != isHex(b[i]) || !isHex(a[i]) && a[i] != b[i] {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// Encode returns the file of the spec: one line of canonical JSON without secrets.
// It fails for the zero Spec.
func (s Spec) Encode() ([]byte, error) {
	data, err := s.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// MarshalJSON returns the line of [Spec.Encode] without its end.
func (s Spec) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return nil, errZeroSpec
	}
	data, err := canon.Encode(specFile{schema, s.engine, s.keyID, s.layout, json.RawMessage(s.config)})
	if err != nil {
		return nil, fmt.Errorf("marks: spec: %w", err)
	}
	return data, nil
}

// UnmarshalJSON is [Parse] for a spec that is part of another file.
func (s *Spec) UnmarshalJSON(data []byte) error {
	read, err := parse(data)
	if err == nil {
		*s = read
	}
	return err
}

var errZeroSpec = errors.New("marks: the zero Spec describes no mark, want one from Of or Parse")

// IsZero reports whether s describes nothing.
func (s Spec) IsZero() bool { return s == Spec{} }

// Engine returns the name of the engine, one of the constants of this package.
func (s Spec) Engine() string { return s.engine }

// KeyID returns the public name of the key, as in [watermark.SourceInfo].
func (s Spec) KeyID() string { return s.keyID }

// Digest names the spec: the digest of the bytes that Encode returns, by which a
// plan binds it. The digest of the zero Spec is 32 zeros.
func (s Spec) Digest() [32]byte {
	data, err := s.Encode()
	if err != nil {
		return [32]byte{}
	}
	return canon.Sum(specContext, data)
}

// String returns the engine, the public name of the key and the configuration, cut
// where it is long.
func (s Spec) String() string {
	if s.IsZero() {
		return "marks.Spec(none)"
	}
	return fmt.Sprintf("marks.Spec(%s key=%s %s)", s.engine, s.keyID, short(s.config))
}

// short returns the head of a JSON text that may hold a table.
func short(text string) string {
	const most = 400
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// Build returns the mark under its secret. It refuses a secret of another form or of
// another key than the spec names.
func (s Spec) Build(secret Secret) (*watermark.Watermark, error) {
	if s.IsZero() {
		return nil, errZeroSpec
	}
	if secret.IsZero() {
		return nil, errZeroSecret
	}
	e, err := engineOf(s.engine)
	if err != nil {
		return nil, err
	}
	m := secret.open()
	w, err := e.build([]byte(s.config), m)
	if err != nil {
		return nil, err
	}
	if got := w.Info().KeyID; got != s.keyID {
		return nil, fmt.Errorf("marks: secret is of key %s, want %s as the spec says", got, s.keyID)
	}
	if got := m.layout.ID().String(); s.layout != "" && got != s.layout {
		return nil, fmt.Errorf("marks: layout key is %s, want %s as the spec says", got, s.layout)
	}
	return w, nil
}

// MarkID returns what [watermark.Watermark.ID] of the built mark will be: nobody
// needs the secret to compare a spec with a plan.
func (s Spec) MarkID() (string, error) {
	if s.IsZero() {
		return "", errZeroSpec
	}
	e, err := engineOf(s.engine)
	if err != nil {
		return "", err
	}
	w, err := e.check([]byte(s.config))
	if err != nil {
		return "", err
	}
	id := strings.Replace(w.ID(), " key="+w.Info().KeyID, " key="+s.keyID, 1)
	if s.layout != "" {
		id = id[:strings.LastIndex(id, " layout=")] + " layout=" + s.layout
	}
	return id, nil
}
