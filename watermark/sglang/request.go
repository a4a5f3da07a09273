package sglang

import (
	"encoding/json"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

// A Request is the field "watermark" of a request.
type Request struct {
	// Enabled is "enabled", nil where it is absent. Whether a request is marked is
	// the server's to say: see watermark.SessionOptions.Off.
	Enabled *bool
	// Key is "key", in the place of the server's key A.
	Key Key
	// ContextWindow is "context_window", at most the server's. 0 where it is
	// absent.
	ContextWindow int
}

// ParseRequest reads the JSON object of the field "watermark".
func ParseRequest(data []byte) (Request, error) {
	o, err := strictjson.Parse("sglang: watermark of a request", data, "enabled", "key", "context_window")
	if err != nil {
		return Request{}, err
	}
	var r Request
	if o.Has("enabled") {
		r.Enabled = new(bool)
		o.Bool("enabled", r.Enabled)
	}
	key(o, "key", &r.Key)
	window(o, &r.ContextWindow)
	if o.Err() != nil {
		return Request{}, o.Err()
	}
	return r, nil
}

// With returns the configuration of a request: its key replaces key A, key B stays
// the server's, and the window may only shrink.
func (c Config) With(r Request) (Config, error) {
	if !r.Key.IsZero() {
		c.Key = r.Key
	}
	if r.ContextWindow != 0 {
		if most := c.resolved().ContextWindow; r.ContextWindow < 1 || r.ContextWindow > most {
			return Config{}, fmt.Errorf("sglang: context_window of the request is %d, want 1 to the server's %d", r.ContextWindow, most)
		}
		c.ContextWindow = r.ContextWindow
	}
	return c, c.check()
}

// MarshalJSON writes the engine's JSON with the key redacted.
func (r Request) MarshalJSON() ([]byte, error) {
	out := struct {
		Enabled *bool `json:"enabled,omitempty"`
		Key     *Key  `json:"key,omitempty"`
		Window  int   `json:"context_window,omitempty"`
	}{r.Enabled, nil, r.ContextWindow}
	if !r.Key.IsZero() {
		out.Key = &r.Key
	}
	return json.Marshal(out)
}
