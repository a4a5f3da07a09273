// Package canon is the one JSON encoding that the files of verify use, so that
// equal contents have equal bytes and a digest of the bytes names the contents.
//
// A value is encoded by encoding/json with the fields of a struct in the order
// of their declaration, without insignificant space and without escaping <, >
// and &. A document that does not equal the encoding of what it says — another
// order, a repeated or unknown field, extra space, a number written in another
// way — is refused.
package canon

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Encode returns the canonical encoding of v, without a newline at its end.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ErrForm says that a document is valid JSON and says what it may say, but not
// in the canonical way.
var ErrForm = errors.New("not in canonical form")

// Decode sets v, a pointer, to what data says. It refuses unknown fields,
// anything after the value, and every form but the canonical one.
func Decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("cut off after %d bytes", len(data))
		}
		return err
	}
	again, err := Encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return ErrForm
	}
	return nil
}

// Text is a string that survives JSON whatever its bytes are: a JSON string if
// it is valid UTF-8, otherwise the object {"base64":"…"} with the standard
// encoding of its bytes.
type Text string

type textBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements [json.Marshaler].
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return Encode(string(t))
	}
	return Encode(textBytes{[]byte(t)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '{' {
		return json.Unmarshal(data, (*string)(t))
	}
	var b textBytes
	if err := json.Unmarshal(data, &b); err != nil {
		var bad base64.CorruptInputError
		if errors.As(err, &bad) {
			return fmt.Errorf("bad base64 at byte %d", int64(bad))
		}
		return err
	}
	*t = Text(b.Base64)
	return nil
}
