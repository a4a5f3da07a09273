package sglang

import (
	"encoding/json"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

const (
	defaultContextWindow     = 4
	maxContextWindow         = 64
	defaultMixingProbability = 0.5
	defaultMaxProbability    = 1.0
	maxConfigBytes           = 4096
)

// A Config is a server's watermark JSON. Its zero value but for the key is the
// engine's default.
type Config struct {
	// Key is "key". Required, unless each request brings its own.
	Key Key
	// KeyB is "key_b": with it the mark has two keys, and a keyed coin of the
	// context says which of them a position is drawn with.
	KeyB Key
	// ContextWindow is "context_window", in tokens of prompt and completion, 1
	// to 64. Defaults to 4.
	ContextWindow int
	// MixingProbability is "mixing_probability", the share of key A, above 0 and
	// below 1; other than 0.5 needs KeyB. Defaults to 0.5.
	MixingProbability float64
	// MaxProbability is "max_probability": a position whose likeliest token has a
	// greater probability is drawn plainly. Above 0, at most 1. Defaults to 1.
	MaxProbability float64
	// DefaultEnabled and EnforceAll are "default_enabled" and "enforce_all": which
	// requests a server marks. This package prints them back and no more.
	DefaultEnabled, EnforceAll bool
}

var configFields = []string{"key", "key_b", "context_window", "mixing_probability", "max_probability", "default_enabled", "enforce_all"}

// ParseConfig reads a server's watermark JSON of at most 4096 bytes. It refuses
// unknown fields and values out of range; key_b may be null. No error quotes a key.
func ParseConfig(data []byte) (Config, error) {
	if len(data) > maxConfigBytes {
		return Config{}, fmt.Errorf("sglang: watermark config has %d bytes, want at most %d", len(data), maxConfigBytes)
	}
	o, err := strictjson.Parse("sglang: watermark config", data, configFields...)
	if err != nil {
		return Config{}, err
	}
	var c Config
	key(o, "key", &c.Key)
	if !o.Null("key_b") {
		key(o, "key_b", &c.KeyB)
	}
	window(o, &c.ContextWindow)
	if mixing := defaultMixingProbability; o.Float("mixing_probability", &mixing) {
		if c.MixingProbability = mixing; mixing == 0 {
			o.Fail("mixing_probability", "is 0, want above 0 and below 1")
		}
	}
	if most := defaultMaxProbability; o.Float("max_probability", &most) {
		if c.MaxProbability = most; most == 0 {
			o.Fail("max_probability", "is 0, want above 0 to 1")
		}
	}
	o.Bool("default_enabled", &c.DefaultEnabled)
	o.Bool("enforce_all", &c.EnforceAll)
	if o.Err() != nil {
		return Config{}, o.Err()
	}
	return c, c.check()
}

func key(o *strictjson.Object, name string, dst *Key) {
	if !o.Has(name) {
		return
	}
	var text string
	o.String(name, &text)
	k, err := ParseKey(text)
	if err != nil {
		o.Fail(name, "is not 1 to 16 hexadecimal digits after an optional 0x")
	}
	*dst = k
}

func window(o *strictjson.Object, dst *int) {
	if width := defaultContextWindow; o.Has("context_window") {
		if o.Int("context_window", &width); width == 0 {
			o.Fail("context_window", "is 0, want 1 to %d", maxContextWindow)
		}
		*dst = width
	}
}

// resolved returns c with defaults in the place of zero values.
func (c Config) resolved() Config {
	if c.ContextWindow == 0 {
		c.ContextWindow = defaultContextWindow
	}
	if c.MixingProbability == 0 {
		c.MixingProbability = defaultMixingProbability
	}
	if c.MaxProbability == 0 {
		c.MaxProbability = defaultMaxProbability
	}
	return c
}

// check reports the first value that is out of range.
func (c Config) check() error {
	c = c.resolved()
	switch {
	case !c.KeyB.IsZero() && c.Key.IsZero():
		return fmt.Errorf("sglang: key_b is given without key, want both or key alone")
	case c.ContextWindow < 1 || c.ContextWindow > maxContextWindow:
		return fmt.Errorf("sglang: context_window is %d, want 1 to %d", c.ContextWindow, maxContextWindow)
	case !(c.MixingProbability > 0 && c.MixingProbability < 1):
		return fmt.Errorf("sglang: mixing_probability is %v, want above 0 and below 1", c.MixingProbability)
	case c.MixingProbability != defaultMixingProbability && c.KeyB.IsZero():
		return fmt.Errorf("sglang: mixing_probability is %v without key_b, want %v", c.MixingProbability, defaultMixingProbability)
	case !(c.MaxProbability > 0 && c.MaxProbability <= 1):
		return fmt.Errorf("sglang: max_probability is %v, want above 0 to 1", c.MaxProbability)
	}
	return nil
}

// MarshalJSON writes the engine's JSON with every default spelled out and the keys
// redacted: [ParseConfig] refuses it until they are put in.
func (c Config) MarshalJSON() ([]byte, error) {
	c = c.resolved()
	out := struct {
		Key            *Key    `json:"key,omitempty"`
		KeyB           *Key    `json:"key_b,omitempty"`
		Window         int     `json:"context_window"`
		Mixing         float64 `json:"mixing_probability"`
		Max            float64 `json:"max_probability"`
		DefaultEnabled bool    `json:"default_enabled"`
		EnforceAll     bool    `json:"enforce_all"`
	}{nil, nil, c.ContextWindow, c.MixingProbability, c.MaxProbability, c.DefaultEnabled, c.EnforceAll}
	if !c.Key.IsZero() {
		out.Key = &c.Key
	}
	if !c.KeyB.IsZero() {
		out.KeyB = &c.KeyB
	}
	return json.Marshal(out)
}

// String returns the JSON of [Config.MarshalJSON].
func (c Config) String() string {
	b, err := c.MarshalJSON()
	if err != nil { // a probability is not a number
		return fmt.Sprintf("sglang: %v", err)
	}
	return string(b)
}
