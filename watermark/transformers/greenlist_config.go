package transformers

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

// A SeedingScheme says what seeds a green list.
type SeedingScheme string

// The seeding schemes of the engine.
const (
	// LeftHash seeds one list a position, with the last token before it.
	LeftHash SeedingScheme = "lefthash"
	// SelfHash seeds a list a candidate, with the candidate and one of the
	// ContextWidth−1 tokens before it.
	SelfHash SeedingScheme = "selfhash"
)

// A HashingKey is the engine's integer, held so that nothing prints it.
type HashingKey = intkey.Key

// NewHashingKey returns a key of the engine. Its public ID hides nothing but an
// integer that was drawn at random from very many.
func NewHashingKey(secret uint64) HashingKey { return intkey.New("transformers greenlist", secret) }

// MaxContextWidth is the widest context of this package. The engine has no limit.
const MaxContextWidth = 64

// publicHashingKey is the engine's default, the millionth prime.
const publicHashingKey = 15485863

// GreenListConfig is the engine's WatermarkingConfig and the model's vocabulary.
// The zero value of each field but HashingKey and VocabSize is the engine's
// default.
type GreenListConfig struct {
	// GreenlistRatio is "greenlist_ratio", in (0, 1). A list holds
	// int(VocabSize·GreenlistRatio) tokens, at least 1. Defaults to 0.25.
	GreenlistRatio float64
	// Bias is "bias", what is added to the logit of a green token, in nats, in
	// (0, 100]. Defaults to 2.
	Bias float64
	// HashingKey is "hashing_key", 0 to 2^64−1, with SelfHash to 2^63−1. Required.
	// The engine's default is a public key.
	HashingKey HashingKey
	// SeedingScheme is "seeding_scheme". Defaults to LeftHash.
	SeedingScheme SeedingScheme
	// ContextWidth is "context_width", in tokens, 1 to MaxContextWidth. LeftHash
	// only demands that so many tokens exist. Defaults to 1.
	ContextWidth int
	// VocabSize is vocab_size of the model's configuration, which may be more than
	// its tokenizer has tokens: 2 to 2^31−1. Required.
	VocabSize int
	// CacheBytes is the memory in which a reader of texts keeps lists that it made,
	// about VocabSize/8 bytes each. The engine has nothing like it. Defaults to 1
	// MiB; with more, give texts to one Detector and Reset it between them.
	CacheBytes int
}

// ParseGreenListConfig reads a WatermarkingConfig of the engine as a JSON object
// and checks it. Absent fields have the engine's defaults, which for hashing_key
// is a public key. VocabSize is not in it and is left for the caller. It refuses
// unknown fields; no error quotes a key.
func ParseGreenListConfig(data []byte) (GreenListConfig, error) {
	o, err := strictjson.Parse("transformers: greenlist config", data,
		"greenlist_ratio", "bias", "hashing_key", "seeding_scheme", "context_width")
	if err != nil {
		return GreenListConfig{}, err
	}
	c := GreenListConfig{GreenlistRatio: 0.25, Bias: 2, SeedingScheme: LeftHash, ContextWidth: 1}
	o.Float("greenlist_ratio", &c.GreenlistRatio)
	o.Float("bias", &c.Bias)
	key, scheme := uint64(publicHashingKey), string(LeftHash)
	o.Uint64("hashing_key", &key)
	o.String("seeding_scheme", &scheme)
	o.Int("context_width", &c.ContextWidth)
	if err := o.Err(); err != nil {
		return GreenListConfig{}, err
	}
	c.HashingKey, c.SeedingScheme = NewHashingKey(key), SeedingScheme(scheme)
	return c, c.checkEngine()
}

// withDefaults returns c with nothing left to default, or what is wrong with it.
func (c GreenListConfig) withDefaults() (GreenListConfig, error) {
	c.defaults()
	if err := c.checkEngine(); err != nil {
		return c, err
	}
	if c.VocabSize < 2 || c.VocabSize > math.MaxInt32 {
		return c, fmt.Errorf("transformers: vocab_size is %d, want 2 to %d", c.VocabSize, math.MaxInt32)
	}
	if c.CacheBytes < 0 || c.CacheBytes > 1<<30 {
		return c, fmt.Errorf("transformers: cache is %d bytes, want 0 (for 1 MiB) to 2^30", c.CacheBytes)
	}
	if c.greenlistSize() < 1 {
		return c, fmt.Errorf("transformers: greenlist_ratio is %v, want at least 1/%d: a list would be empty", c.GreenlistRatio, c.VocabSize)
	}
	return c, nil
}

func (c *GreenListConfig) defaults() {
	if c.GreenlistRatio == 0 {
		c.GreenlistRatio = 0.25
	}
	if c.Bias == 0 {
		c.Bias = 2
	}
	if c.SeedingScheme == "" {
		c.SeedingScheme = LeftHash
	}
	if c.ContextWidth == 0 {
		c.ContextWidth = 1
	}
}

// checkEngine checks what is in the engine's object.
func (c GreenListConfig) checkEngine() error {
	switch {
	case c.HashingKey.IsZero():
		return fmt.Errorf("transformers: hashing_key is missing, want one from NewHashingKey")
	case !(c.GreenlistRatio > 0 && c.GreenlistRatio < 1):
		return fmt.Errorf("transformers: greenlist_ratio is %v, want more than 0 and less than 1", c.GreenlistRatio)
	case !(c.Bias > 0 && c.Bias <= 100):
		return fmt.Errorf("transformers: bias is %v nats, want more than 0 and at most 100", c.Bias)
	case c.SeedingScheme != LeftHash && c.SeedingScheme != SelfHash:
		return fmt.Errorf("transformers: seeding_scheme is %q, want %q or %q", string(c.SeedingScheme), LeftHash, SelfHash)
	case c.SeedingScheme == SelfHash && c.HashingKey.Value() > math.MaxInt64:
		return fmt.Errorf("transformers: hashing_key is above 2^63-1, want 0 to 2^63-1 with selfhash")
	case c.ContextWidth < 1 || c.ContextWidth > MaxContextWidth:
		return fmt.Errorf("transformers: context_width is %d, want 1 to %d", c.ContextWidth, MaxContextWidth)
	}
	return nil
}

// greenlistSize returns how many tokens a list holds, by the engine's arithmetic.
func (c GreenListConfig) greenlistSize() int { return int(float64(c.VocabSize) * c.GreenlistRatio) }

// MarshalJSON writes the engine's object with the key's public name in place of
// the key: ParseGreenListConfig refuses it.
func (c GreenListConfig) MarshalJSON() ([]byte, error) {
	c.defaults()
	return json.Marshal(struct {
		GreenlistRatio float64       `json:"greenlist_ratio"`
		Bias           float64       `json:"bias"`
		HashingKey     HashingKey    `json:"hashing_key"`
		SeedingScheme  SeedingScheme `json:"seeding_scheme"`
		ContextWidth   int           `json:"context_width"`
	}{c.GreenlistRatio, c.Bias, c.HashingKey, c.SeedingScheme, c.ContextWidth})
}

// String returns the text of [GreenListConfig.MarshalJSON].
func (c GreenListConfig) String() string {
	b, err := c.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("transformers: %v", err) // a number that JSON has no text for
	}
	return string(b)
}
