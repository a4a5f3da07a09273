package vllm

import (
	"encoding/json"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

// An Algorithm is how words choose a token.
type Algorithm string

// The algorithms of the engine.
const (
	Gumbel        Algorithm = "gumbel"
	DualKeyGumbel Algorithm = "dual_key_gumbel"
)

// A Scope says where the generator looks for contexts that occurred before; it
// draws after such a context without the mark.
type Scope string

// The scopes of the engine.
const (
	None       Scope = "none"        // nowhere: each context is marked each time
	SingleTurn Scope = "single_turn" // in the completion
	All        Scope = "all"         // in prompt and completion; the first ContextWidth tokens are drawn plainly
)

// PRF is the only pseudo-random function of the engine.
const PRF = "philox"

// Unlimited is the value of Config.DeduplicateContextsMaxHistory that looks for
// repeats in all positions: null in the engine's JSON.
const Unlimited = -1

// MaxContextWidth is the widest context of this package. The engine has no limit
// and warns above 16.
const MaxContextWidth = 64

const (
	defaultAlpha        = 0.1
	defaultContextWidth = 4
	defaultMaxHistory   = 8192
)

// A Config is the value of --watermark-config. Its zero value but for the key is
// the engine's default.
type Config struct {
	// Key is "key". Required.
	Key Key
	// Algorithm is "algorithm". Defaults to Gumbel.
	Algorithm Algorithm
	// Alpha is "alpha", the probability of key B at a position of the dual-key
	// algorithm, 0 to 1. Nil defaults to 0.1.
	Alpha *float64
	// ContextWidth is "context_width", in tokens of the completion, 1 to
	// MaxContextWidth. Defaults to 4.
	ContextWidth int
	// DeduplicateContexts is "deduplicate_contexts" of the generator. Defaults to
	// SingleTurn.
	DeduplicateContexts Scope
	// DeduplicateContextsMaxHistory is "deduplicate_contexts_max_history", the
	// last positions that repeats are looked for in, or Unlimited. Defaults to
	// 8192.
	DeduplicateContextsMaxHistory int
	// AllowTargetOnlyWatermarking is "allow_target_only_watermarking": in
	// speculative decoding, Gumbel marks recovery and bonus tokens. Without it
	// the engine refuses to start so, and a session marks only what it draws
	// as watermark.Target.
	AllowTargetOnlyWatermarking bool
}

var fieldNames = []string{
	"algorithm", "key", "alpha", "context_width", "deduplicate_contexts",
	"deduplicate_contexts_max_history", "prf", "allow_target_only_watermarking",
}

// ParseConfig reads the JSON object of --watermark-config. It refuses unknown
// fields, values out of range and a missing key. No error quotes the key.
func ParseConfig(data []byte) (Config, error) {
	o, err := strictjson.Parse("vllm: watermark config", data, fieldNames...)
	if err != nil {
		return Config{}, err
	}
	var c Config
	var key uint64
	if o.Uint64("key", &key) {
		c.Key = NewKey(key)
	}
	o.String("algorithm", (*string)(&c.Algorithm))
	var alpha float64
	if o.Float("alpha", &alpha) {
		c.Alpha = &alpha
	}
	width := defaultContextWidth
	o.Int("context_width", &width)
	o.String("deduplicate_contexts", (*string)(&c.DeduplicateContexts))
	history := defaultMaxHistory
	if o.Null("deduplicate_contexts_max_history") {
		c.DeduplicateContextsMaxHistory = Unlimited
	} else if o.Int("deduplicate_contexts_max_history", &history); history < 1 {
		o.Fail("deduplicate_contexts_max_history", "is %d, want null or 1 and more", history)
	} else {
		c.DeduplicateContextsMaxHistory = history
	}
	prf := PRF
	if o.String("prf", &prf); prf != PRF {
		o.Fail("prf", "is %q, want %q", prf, PRF)
	}
	o.Bool("allow_target_only_watermarking", &c.AllowTargetOnlyWatermarking)
	for name, value := range map[string]string{"algorithm": string(c.Algorithm), "deduplicate_contexts": string(c.DeduplicateContexts)} {
		if o.Has(name) && value == "" { // elsewhere the default
			o.Fail(name, `is "", want a name`)
		}
	}
	if width < 1 {
		o.Fail("context_width", "is %d, want 1 to %d", width, MaxContextWidth)
	}
	if c.ContextWidth = width; o.Err() != nil {
		return Config{}, o.Err()
	}
	return c, c.check()
}

// resolved returns c with defaults in the place of zero values.
func (c Config) resolved() Config {
	if c.Algorithm == "" {
		c.Algorithm = Gumbel
	}
	alpha := defaultAlpha
	if c.Alpha != nil {
		alpha = *c.Alpha
	}
	c.Alpha = &alpha
	if c.ContextWidth == 0 {
		c.ContextWidth = defaultContextWidth
	}
	if c.DeduplicateContexts == "" {
		c.DeduplicateContexts = SingleTurn
	}
	if c.DeduplicateContextsMaxHistory == 0 {
		c.DeduplicateContextsMaxHistory = defaultMaxHistory
	}
	return c
}

// check reports the first value that is out of range.
func (c Config) check() error {
	c = c.resolved()
	switch {
	case c.Key.IsZero():
		return fmt.Errorf("vllm: key is missing, want an integer from 0 to 18446744073709551615")
	case c.Algorithm != Gumbel && c.Algorithm != DualKeyGumbel:
		return fmt.Errorf("vllm: algorithm is %q, want %q or %q", c.Algorithm, Gumbel, DualKeyGumbel)
	case !(*c.Alpha >= 0 && *c.Alpha <= 1):
		return fmt.Errorf("vllm: alpha is %v, want 0 to 1", *c.Alpha)
	case c.ContextWidth < 1 || c.ContextWidth > MaxContextWidth:
		return fmt.Errorf("vllm: context_width is %d, want 1 to %d", c.ContextWidth, MaxContextWidth)
	case c.DeduplicateContexts != None && c.DeduplicateContexts != SingleTurn && c.DeduplicateContexts != All:
		return fmt.Errorf("vllm: deduplicate_contexts is %q, want %q, %q or %q", c.DeduplicateContexts, None, SingleTurn, All)
	case c.DeduplicateContextsMaxHistory < 1 && c.DeduplicateContextsMaxHistory != Unlimited:
		return fmt.Errorf("vllm: deduplicate_contexts_max_history is %d, want 1 and more, or Unlimited (null)", c.DeduplicateContextsMaxHistory)
	}
	return nil
}

// Warnings returns what the engine warns of when it starts with c.
func (c Config) Warnings() []string {
	c = c.resolved()
	var w []string
	if c.ContextWidth > 16 {
		w = append(w, fmt.Sprintf("context_width is %d: above 16, few contexts survive an edit", c.ContextWidth))
	}
	if h := c.DeduplicateContextsMaxHistory; h != Unlimited && h < 1024 {
		w = append(w, fmt.Sprintf("deduplicate_contexts_max_history is %d: below 1024, contexts further back are marked again", h))
	}
	return w
}

// MarshalJSON writes the engine's JSON with every default spelled out and the
// key redacted: [ParseConfig] refuses it until a key is put in.
func (c Config) MarshalJSON() ([]byte, error) {
	c = c.resolved()
	out := struct {
		Algorithm  Algorithm `json:"algorithm"`
		Key        Key       `json:"key"`
		Alpha      float64   `json:"alpha"`
		Width      int       `json:"context_width"`
		Scope      Scope     `json:"deduplicate_contexts"`
		MaxHistory *int      `json:"deduplicate_contexts_max_history"`
		PRF        string    `json:"prf"`
		TargetOnly bool      `json:"allow_target_only_watermarking"`
	}{c.Algorithm, c.Key, *c.Alpha, c.ContextWidth, c.DeduplicateContexts, nil, PRF, c.AllowTargetOnlyWatermarking}
	if c.DeduplicateContextsMaxHistory != Unlimited {
		out.MaxHistory = &c.DeduplicateContextsMaxHistory
	}
	return json.Marshal(out)
}

// String returns the JSON of [Config.MarshalJSON].
func (c Config) String() string {
	b, err := c.MarshalJSON()
	if err != nil { // alpha is not a number
		return fmt.Sprintf("vllm: %v", err)
	}
	return string(b)
}
