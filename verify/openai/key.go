package openai

import (
	"fmt"
	"log/slog"
)

// A Key is the secret that a service wants to see in the header Authorization.
// Printing, encoding and logging it shows that there is one and no more.
type Key string

const redacted = "[API key]"

func (k Key) text() string {
	if k == "" {
		return ""
	}
	return redacted
}

// Format implements [fmt.Formatter], whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.text()) }

// MarshalText implements [encoding.TextMarshaler]: what it returns is no key.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.text()), nil }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.text()) }

// check refuses what an HTTP header cannot carry, without showing it.
func (k Key) check() error {
	for i := range len(k) {
		if k[i] <= ' ' || k[i] > '~' {
			return fmt.Errorf("openai: byte %d of the API key is no printable ASCII character", i)
		}
	}
	return nil
}
