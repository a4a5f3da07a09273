package keys

import (
	"fmt"
	"io"
)

const redactedPrefix = "redacted:"

// String returns "redacted:" and the public ID of k, or "redacted:none" for the
// zero Key. The key itself comes from [Key.Reveal] only.
func (k Key) String() string {
	if k.IsZero() {
		return redactedPrefix + "none"
	}
	return redactedPrefix + k.ID().String()
}

// Format writes [Key.String] for every verb and flag, %#v and %x included.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// MarshalText returns [Key.String], so that encoders and loggers write the
// redacted form. There is no UnmarshalText: what was redacted is gone.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
