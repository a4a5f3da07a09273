package markllm

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

// A HashKey is the engine's integer, held so that nothing prints it.
type HashKey = intkey.Key

// NewHashKey returns a key of the engine. Its public ID hides nothing but an integer
// that was drawn at random from very many.
func NewHashKey(secret uint64) HashKey { return intkey.New("markllm", secret) }

// MaxPrefixLength is the longest prefix of this package. The engine has no limit.
const MaxPrefixLength = 64

// publicHashKey is the engine's default, the millionth prime.
const publicHashKey = 15485863

// An FScheme is how KGW hashes the last PrefixLength tokens.
type FScheme string

// The hashes of KGW.
const (
	Time     FScheme = "time"     // product
	Additive FScheme = "additive" // sum
	Skip     FScheme = "skip"     // the token PrefixLength places back
	Min      FScheme = "min"      // the least value of the permutation
)

// KGWConfig is the engine's KGW.json and its vocabulary. The zero value of each field
// but HashKey and VocabSize is the engine's default.
type KGWConfig struct {
	// Gamma is "gamma", in (0, 1). A list holds int(VocabSize·Gamma) tokens, at
	// least 1. Defaults to 0.5.
	Gamma float64
	// Delta is "delta", what is added to the logit of a green token, in nats, in
	// (0, 100]. Defaults to 2.
	Delta float64
	// HashKey is "hash_key", 0 to 2^64−1. Required.
	HashKey HashKey
	// PrefixLength is "prefix_length", in tokens, 1 to MaxPrefixLength. Defaults to 1.
	PrefixLength int
	// ZThreshold is "z_threshold", which z has to exceed. Defaults to 4.
	ZThreshold float64
	// FScheme is "f_scheme". Defaults to Time.
	FScheme FScheme
	// VocabSize is vocab_size of the engine's TransformersConfig: 2 to 2^31−1.
	// Required.
	VocabSize int
}

// UnigramConfig is the engine's Unigram.json and its vocabulary. The zero value of
// each field but HashKey and VocabSize is the engine's default.
type UnigramConfig struct {
	Gamma      float64 // as in KGWConfig
	Delta      float64
	HashKey    HashKey // 0 to 2^63−1. Required.
	ZThreshold float64
	VocabSize  int // Required
}

// EXPConfig is the engine's EXP.json and its vocabulary. The zero value of each field
// but HashKey and VocabSize is the engine's default.
type EXPConfig struct {
	// PrefixLength is "prefix_length", in tokens, 1 to MaxPrefixLength. Defaults to 4.
	PrefixLength int
	// HashKey is "hash_key", 0 to (2^64−1)/(VocabSize−1): the engine fails where a
	// product with it is longer. Required.
	HashKey HashKey
	// Threshold is "threshold", below which p has to be, in (0, 1]. Defaults to 1e-4.
	Threshold float64
	// VocabSize is vocab_size of the engine's TransformersConfig: 2 to 2^31−1.
	// Required.
	VocabSize int
}

// ParseKGWConfig reads the engine's KGW.json and checks it. Absent fields but
// algorithm_name have the engine's defaults, which for hash_key is a public key.
// VocabSize is not in it and is left for the caller. It refuses unknown fields; no error
// quotes a key.
func ParseKGWConfig(data []byte) (KGWConfig, error) {
	o, err := parse("KGW", data, "gamma", "delta", "hash_key", "prefix_length", "z_threshold", "f_scheme", "window_scheme")
	if err != nil {
		return KGWConfig{}, err
	}
	c := KGWConfig{Gamma: 0.5, Delta: 2, PrefixLength: 1, ZThreshold: 4}
	o.Float("gamma", &c.Gamma)
	o.Float("delta", &c.Delta)
	o.Int("prefix_length", &c.PrefixLength)
	threshold(o, &c.ZThreshold)
	f, window := string(Time), "left"
	o.String("f_scheme", &f)
	if o.String("window_scheme", &window); window != "left" {
		o.Fail("window_scheme", "is %q, want left", window)
	}
	c.HashKey, c.FScheme = keyOf(o), FScheme(f)
	if err := o.Err(); err != nil {
		return KGWConfig{}, err
	}
	return c, c.checkEngine()
}

// ParseUnigramConfig reads the engine's Unigram.json, as [ParseKGWConfig] does KGW.json.
func ParseUnigramConfig(data []byte) (UnigramConfig, error) {
	o, err := parse("Unigram", data, "gamma", "delta", "hash_key", "z_threshold")
	if err != nil {
		return UnigramConfig{}, err
	}
	c := UnigramConfig{Gamma: 0.5, Delta: 2, ZThreshold: 4}
	o.Float("gamma", &c.Gamma)
	o.Float("delta", &c.Delta)
	threshold(o, &c.ZThreshold)
	c.HashKey = keyOf(o)
	if err := o.Err(); err != nil {
		return UnigramConfig{}, err
	}
	return c, c.checkEngine()
}

// ParseEXPConfig reads the engine's EXP.json, as [ParseKGWConfig] does KGW.json.
func ParseEXPConfig(data []byte) (EXPConfig, error) {
	o, err := parse("EXP", data, "prefix_length", "hash_key", "threshold", "sequence_length", "top_k")
	if err != nil {
		return EXPConfig{}, err
	}
	c := EXPConfig{PrefixLength: 4, Threshold: 1e-4}
	o.Int("prefix_length", &c.PrefixLength)
	o.Float("threshold", &c.Threshold)
	length, k := 200, 0
	if o.Int("sequence_length", &length); length < 1 {
		o.Fail("sequence_length", "is %d, want 1 or more", length)
	}
	if o.Int("top_k", &k); k != 0 {
		o.Fail("top_k", "is %d, want 0: the engine fails for others", k)
	}
	c.HashKey = keyOf(o)
	if err := o.Err(); err != nil {
		return EXPConfig{}, err
	}
	return c, c.checkEngine()
}

// parse opens the object of an algorithm.
func parse(algorithm string, data []byte, names ...string) (*strictjson.Object, error) {
	o, err := strictjson.Parse("markllm: "+algorithm+" config", data, append(names, "algorithm_name")...)
	if err != nil {
		return nil, err
	}
	name := ""
	if o.String("algorithm_name", &name); name != algorithm {
		o.Fail("algorithm_name", "is %q, want %q", name, algorithm)
	}
	return o, o.Err()
}

// threshold reads z_threshold. 0 would be the default in a config.
func threshold(o *strictjson.Object, dst *float64) {
	if o.Float("z_threshold", dst) && *dst == 0 {
		o.Fail("z_threshold", "is 0, want another number")
	}
}

func keyOf(o *strictjson.Object) HashKey {
	key := uint64(publicHashKey)
	o.Uint64("hash_key", &key)
	return NewHashKey(key)
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// withDefaults returns c with nothing left to default, or what is wrong with it.
func (c KGWConfig) withDefaults() (KGWConfig, error) {
	c.defaults()
	if err := c.checkEngine(); err != nil {
		return c, err
	}
	return c, checkList(c.Gamma, c.VocabSize)
}

func (c *KGWConfig) defaults() {
	orDefault(&c.Gamma, 0.5)
	orDefault(&c.Delta, 2)
	orDefault(&c.PrefixLength, 1)
	orDefault(&c.ZThreshold, 4)
	orDefault(&c.FScheme, Time)
}

func (c KGWConfig) checkEngine() error {
	switch c.FScheme {
	case Time, Additive, Skip, Min:
	default:
		return fmt.Errorf("markllm: f_scheme is %q, want time, additive, skip or min", string(c.FScheme))
	}
	if err := checkPrefix(c.PrefixLength); err != nil {
		return err
	}
	return checkGreen(c.Gamma, c.Delta, c.ZThreshold, c.HashKey)
}

func (c UnigramConfig) withDefaults() (UnigramConfig, error) {
	c.defaults()
	if err := c.checkEngine(); err != nil {
		return c, err
	}
	return c, checkList(c.Gamma, c.VocabSize)
}

func (c *UnigramConfig) defaults() {
	orDefault(&c.Gamma, 0.5)
	orDefault(&c.Delta, 2)
	orDefault(&c.ZThreshold, 4)
}

func (c UnigramConfig) checkEngine() error {
	if c.HashKey.Value() > math.MaxInt64 {
		return fmt.Errorf("markllm: hash_key is above 2^63-1, want 0 to 2^63-1 with Unigram")
	}
	return checkGreen(c.Gamma, c.Delta, c.ZThreshold, c.HashKey)
}

func (c EXPConfig) withDefaults() (EXPConfig, error) {
	c.defaults()
	if err := c.checkEngine(); err != nil {
		return c, err
	}
	if err := checkVocab(c.VocabSize); err != nil {
		return c, err
	}
	if most := math.MaxUint64 / uint64(c.VocabSize-1); c.HashKey.Value() > most {
		return c, fmt.Errorf("markllm: hash_key is above %d, want 0 to (2^64-1)/(vocab_size-1)", most)
	}
	return c, nil
}

func (c *EXPConfig) defaults() {
	orDefault(&c.PrefixLength, 4)
	orDefault(&c.Threshold, 1e-4)
}

func (c EXPConfig) checkEngine() error {
	if err := checkPrefix(c.PrefixLength); err != nil {
		return err
	}
	if !(c.Threshold > 0 && c.Threshold <= 1) {
		return fmt.Errorf("markllm: threshold is %v, want more than 0 and at most 1", c.Threshold)
	}
	return checkKey(c.HashKey)
}

func checkKey(k HashKey) error {
	if k.IsZero() {
		return fmt.Errorf("markllm: hash_key is missing, want one from NewHashKey")
	}
	return nil
}

func checkPrefix(n int) error {
	if n < 1 || n > MaxPrefixLength {
		return fmt.Errorf("markllm: prefix_length is %d, want 1 to %d", n, MaxPrefixLength)
	}
	return nil
}

func checkGreen(gamma, delta, threshold float64, key HashKey) error {
	switch {
	case !(gamma > 0 && gamma < 1):
		return fmt.Errorf("markllm: gamma is %v, want more than 0 and less than 1", gamma)
	case !(delta > 0 && delta <= 100):
		return fmt.Errorf("markllm: delta is %v nats, want more than 0 and at most 100", delta)
	case math.IsNaN(threshold):
		return fmt.Errorf("markllm: z_threshold is NaN, want a number")
	}
	return checkKey(key)
}

func checkVocab(size int) error {
	if size < 2 || size > math.MaxInt32 {
		return fmt.Errorf("markllm: vocab_size is %d, want 2 to %d", size, math.MaxInt32)
	}
	return nil
}

func checkList(gamma float64, size int) error {
	if err := checkVocab(size); err != nil {
		return err
	}
	if listSize(gamma, size) < 1 {
		return fmt.Errorf("markllm: gamma is %v, want at least 1/%d: a list would be empty", gamma, size)
	}
	return nil
}

// listSize returns how many tokens a list holds, by the engine's arithmetic.
func listSize(gamma float64, size int) int { return int(float64(size) * gamma) }

// MarshalJSON writes the engine's object with the key's public name in place of the
// key: ParseKGWConfig refuses it.
func (c KGWConfig) MarshalJSON() ([]byte, error) {
	c.defaults()
	return json.Marshal(struct {
		Algorithm    string  `json:"algorithm_name"`
		Gamma        float64 `json:"gamma"`
		Delta        float64 `json:"delta"`
		HashKey      HashKey `json:"hash_key"`
		PrefixLength int     `json:"prefix_length"`
		ZThreshold   float64 `json:"z_threshold"`
		FScheme      FScheme `json:"f_scheme"`
		WindowScheme string  `json:"window_scheme"`
	}{"KGW", c.Gamma, c.Delta, c.HashKey, c.PrefixLength, c.ZThreshold, c.FScheme, "left"})
}

// MarshalJSON is as [KGWConfig.MarshalJSON].
func (c UnigramConfig) MarshalJSON() ([]byte, error) {
	c.defaults()
	return json.Marshal(struct {
		Algorithm  string  `json:"algorithm_name"`
		Gamma      float64 `json:"gamma"`
		Delta      float64 `json:"delta"`
		HashKey    HashKey `json:"hash_key"`
		ZThreshold float64 `json:"z_threshold"`
	}{"Unigram", c.Gamma, c.Delta, c.HashKey, c.ZThreshold})
}

// MarshalJSON is as [KGWConfig.MarshalJSON], without sequence_length.
func (c EXPConfig) MarshalJSON() ([]byte, error) {
	c.defaults()
	return json.Marshal(struct {
		Algorithm    string  `json:"algorithm_name"`
		PrefixLength int     `json:"prefix_length"`
		HashKey      HashKey `json:"hash_key"`
		Threshold    float64 `json:"threshold"`
		TopK         int     `json:"top_k"`
	}{"EXP", c.PrefixLength, c.HashKey, c.Threshold, 0})
}

// String returns the text of [KGWConfig.MarshalJSON].
func (c KGWConfig) String() string { return text(c) }

// String returns the text of [UnigramConfig.MarshalJSON].
func (c UnigramConfig) String() string { return text(c) }

// String returns the text of [EXPConfig.MarshalJSON].
func (c EXPConfig) String() string { return text(c) }

func text(c json.Marshaler) string {
	b, err := c.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("markllm: %v", err) // a number that JSON has no text for
	}
	return string(b)
}
