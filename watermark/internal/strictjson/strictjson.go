// Package strictjson reads the small JSON objects that other engines take for
// configuration. Unlike encoding/json it compares names exactly, names every
// fault by its field, and never quotes a value that may be secret.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// An Object is a JSON object under reading. Its first fault is kept for
// [Object.Err]; getters then leave their argument as it is, as they do where the
// field is absent.
type Object struct {
	prefix string
	fields map[string]json.RawMessage
	err    error
}

// Parse reads an object whose fields are among names. Errors begin with prefix,
// as "vllm: config".
func Parse(prefix string, data []byte, names ...string) (*Object, error) {
	o := &Object{prefix: prefix}
	in := json.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&o.fields); err != nil || o.fields == nil {
		return nil, fmt.Errorf("%s: not a JSON object%s", prefix, fault(err))
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more follows the JSON object", prefix)
	}
	var unknown []string
	for name := range o.fields {
		if !slices.Contains(names, name) {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	if slices.Sort(unknown); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: unknown field %s, want among %s", prefix, strings.Join(unknown, ", "), strings.Join(names, ", "))
	}
	return o, nil
}

// fault returns what may be said of a decoder's error: where it lies, no text.
func fault(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf(": byte %d", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return ": it is cut off"
	}
	return ""
}

// Err returns the first fault.
func (o *Object) Err() error { return o.err }

// Has reports whether the field is there, be it null.
func (o *Object) Has(name string) bool { return o.fields[name] != nil }

// Null reports whether the field is null.
func (o *Object) Null(name string) bool { return string(o.fields[name]) == "null" }

// Fail notes a fault of a field, unless one was noted before.
func (o *Object) Fail(name, format string, args ...any) {
	if o.err == nil {
		o.err = fmt.Errorf("%s: %s %s", o.prefix, name, fmt.Sprintf(format, args...))
	}
}

// value decodes a field, and reports whether it was there; null is no value.
func value[T any](o *Object, name, want string, dst *T) bool {
	raw := o.fields[name]
	if raw == nil || o.err != nil {
		return false
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil || string(raw) == "null" {
		o.Fail(name, "is %s, want %s", kind(raw), want)
		return false
	}
	*dst = v
	return true
}

// kind says what a value is without its text.
func kind(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "another number"
}

// String reads a string.
func (o *Object) String(name string, dst *string) { value(o, name, "a string", dst) }

// Bool reads a boolean.
func (o *Object) Bool(name string, dst *bool) { value(o, name, "true or false", dst) }

// Int reads an integer.
func (o *Object) Int(name string, dst *int) { value(o, name, "an integer", dst) }

// Float reads a finite number.
func (o *Object) Float(name string, dst *float64) bool {
	return value(o, name, "a number", dst) && !math.IsInf(*dst, 0)
}

// Uint64 reads an integer that may be secret: it is in no error.
func (o *Object) Uint64(name string, dst *uint64) bool {
	return value(o, name, "an integer from 0 to 18446744073709551615", dst)
}
