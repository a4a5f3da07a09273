package textseal

import (
	"encoding/json"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

// Watermark types: the values of the engine's watermark_type that this package
// reads and writes.
const (
	GumbelMax       = "gumbelmax"
	GreenList       = "greenlist"
	SynthID         = "synthid"
	SynthIDWeighted = "synthid-weighted" // writes as SynthID does, scores with weights
	// TextSeal is the mark of two keys of the source tree after release 0.0.5.
	TextSeal = "textseal"
)

// Scoring methods: what the engine's detector scores once.
const (
	V1   = "v1"   // a window
	V2   = "v2"   // a window with the token after it
	None = "none" // nothing: every position counts, however often it occurs
)

// A Key is one of the engine's integers, held so that nothing prints it.
type Key = intkey.Key

// NewKey returns a key of the engine. Its public ID hides nothing but an integer
// that was drawn at random from all 2^64.
func NewKey(secret int64) Key { return intkey.New("textseal", uint64(secret)) }

const (
	maxNgram = 10 // the engine has no more primes
	maxDepth = 64 // the bits of a word
)

// keyOffset is how far key B lies from key A where none is given.
const keyOffset = 12345

// Config is a mark of the engine, with the engine's names. The zero value of each
// field but SecretKey is the engine's default.
type Config struct {
	// WatermarkType defaults to GumbelMax.
	WatermarkType string
	// SecretKey is required. The engine's own default, 42, is a public key: no
	// evidence.
	SecretKey Key
	// Ngram is the number of tokens that seed a position, 1 to 10. Defaults to 1.
	Ngram int
	// Gamma is the share of green tokens, in (0, 1). Defaults to 0.5. What is
	// green is r < Gamma for r of 8,191 values, so that the share is really
	// 4096/8191 at 0.5.
	Gamma float64
	// Delta is the bias of green tokens, in nats, in (0, 100]. Defaults to 2.
	Delta float64
	// Depth is the number of tournament layers, 1 to 64. Defaults to 30.
	Depth int
	// BeforeTopP is after_topp false: green tokens are raised before temperature
	// and truncation, so that Session.Perturb has to be asked there.
	BeforeTopP bool
	// ScoringMethod is what the engine's detector scores once. Defaults to V2.
	ScoringMethod string

	// SecretKeyB is key B of TextSeal. Defaults to SecretKey + 12345.
	SecretKeyB Key
	// MixingAlpha is how likely TextSeal draws with key A, in (0, 1]. Defaults to
	// 0.5.
	MixingAlpha float64

	// VocabSize, if known, is the number of token ids: detectors refuse others.
	VocabSize int
}

// names are the fields of the engine's WatermarkConfig: first those that decide a
// mark of this package, then those of other marks and of training, which do not.
var names = []string{
	"watermark_type", "secret_key", "ngram", "gamma", "delta", "depth", "after_topp", "scoring_method", "method",
	"secret_key_b", "mixing_alpha", "key_routing",
	"alpha", "k_morphmark", "p_0", "chunk_size", "num_drafts", "base_watermark",
	"attenuation", "attenuation_weight", "backprop_on_nonzero",
}

// ParseConfig reads a WatermarkConfig of the engine as a JSON object, and checks
// it. Absent fields have the engine's defaults, which for secret_key is the public
// key 42. An unknown field is an error.
func ParseConfig(data []byte) (Config, error) {
	o, err := strictjson.Parse("textseal: config", data, names...)
	if err != nil {
		return Config{}, err
	}
	c := Config{WatermarkType: GumbelMax, Ngram: 1, Gamma: 0.5, Delta: 2, Depth: 30, ScoringMethod: V2}
	o.String("watermark_type", &c.WatermarkType)
	secret := int64(42)
	o.Int64("secret_key", &secret)
	c.SecretKey = NewKey(secret)
	o.Int("ngram", &c.Ngram)
	o.Float("gamma", &c.Gamma)
	o.Float("delta", &c.Delta)
	o.Int("depth", &c.Depth)
	after := true
	o.Bool("after_topp", &after)
	c.BeforeTopP = !after
	o.String("scoring_method", &c.ScoringMethod)
	method := "uniform"
	if o.String("method", &method); method != "uniform" && method != "binary" {
		o.Fail("method", "is %q, want uniform or binary", method)
	}
	c.parseDual(o)
	if err := o.Err(); err != nil {
		return Config{}, err
	}
	for name, zero := range map[string]bool{"ngram": c.Ngram == 0, "gamma": c.Gamma == 0, "delta": c.Delta == 0, "depth": c.Depth == 0,
		"watermark_type": c.WatermarkType == "", "scoring_method": c.ScoringMethod == ""} {
		if zero { // which in a Config means the default
			return Config{}, fmt.Errorf("textseal: config: %s is empty or 0", name)
		}
	}
	if err := c.check(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) parseDual(o *strictjson.Object) {
	if c.WatermarkType != TextSeal {
		for _, name := range []string{"secret_key_b", "mixing_alpha"} {
			if o.Has(name) {
				o.Fail(name, "goes with watermark_type textseal only")
			}
		}
	}
	if second := int64(-1); o.Int64("secret_key_b", &second) && second >= 0 {
		c.SecretKeyB = NewKey(second)
	}
	if c.MixingAlpha = 0.5; o.Float("mixing_alpha", &c.MixingAlpha) && c.MixingAlpha == 0 {
		o.Fail("mixing_alpha", "is 0, want in (0, 1]: without key A the mark is gumbelmax with key B")
	}
	routed := false
	if o.Bool("key_routing", &routed); routed {
		o.Fail("key_routing", "is true, want false: green lists and tournaments of two keys are not read")
	}
}

// withDefaults returns c with nothing left to default, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return Config{}, err
	}
	c.defaults()
	return c, nil
}

func (c *Config) defaults() {
	set(&c.WatermarkType, GumbelMax)
	set(&c.Ngram, 1)
	set(&c.Gamma, 0.5)
	set(&c.Delta, 2)
	set(&c.Depth, 30)
	set(&c.ScoringMethod, V2)
	set(&c.MixingAlpha, 0.5)
	if c.SecretKeyB.IsZero() && !c.SecretKey.IsZero() {
		c.SecretKeyB = NewKey(int64(c.SecretKey.Value() + keyOffset))
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) check() error {
	c.defaults()
	switch c.WatermarkType {
	case GumbelMax, GreenList, SynthID, SynthIDWeighted, TextSeal:
	default:
		return fmt.Errorf("textseal: watermark_type is %q, want gumbelmax, greenlist, synthid, synthid-weighted or textseal", c.WatermarkType)
	}
	switch c.ScoringMethod {
	case V1, V2, None:
	default:
		return fmt.Errorf("textseal: scoring_method is %q, want v1, v2 or none", c.ScoringMethod)
	}
	switch n := greens(c.Gamma); {
	case c.SecretKey.IsZero():
		return fmt.Errorf("textseal: secret_key is missing, want one from NewKey")
	case c.Ngram < 1 || c.Ngram > maxNgram:
		return fmt.Errorf("textseal: ngram is %d, want 1 to %d", c.Ngram, maxNgram)
	case !(c.Gamma > 0 && c.Gamma < 1) || n == modulus:
		return fmt.Errorf("textseal: gamma is %v, want more than 0 and at most 8190/8191", c.Gamma)
	case !(c.Delta > 0 && c.Delta <= 100):
		return fmt.Errorf("textseal: delta is %v nats, want in (0, 100]", c.Delta)
	case c.Depth < 1 || c.Depth > maxDepth:
		return fmt.Errorf("textseal: depth is %d, want 1 to %d", c.Depth, maxDepth)
	case !(c.MixingAlpha > 0 && c.MixingAlpha <= 1):
		return fmt.Errorf("textseal: mixing_alpha is %v, want in (0, 1]", c.MixingAlpha)
	case c.VocabSize < 0:
		return fmt.Errorf("textseal: vocabulary has %d ids, want 0 (unknown) or more", c.VocabSize)
	}
	return nil
}

// MarshalJSON writes the engine's own object with the names of the keys in place
// of the keys: ParseConfig refuses it.
func (c Config) MarshalJSON() ([]byte, error) {
	c.defaults()
	fields := map[string]any{
		"watermark_type": c.WatermarkType, "secret_key": c.SecretKey, "ngram": c.Ngram, "scoring_method": c.ScoringMethod,
	}
	switch c.WatermarkType {
	case GreenList:
		fields["gamma"], fields["delta"], fields["after_topp"] = c.Gamma, c.Delta, !c.BeforeTopP
	case SynthID, SynthIDWeighted:
		fields["gamma"], fields["depth"] = c.Gamma, c.Depth
	case TextSeal:
		fields["secret_key_b"], fields["mixing_alpha"] = c.SecretKeyB, c.MixingAlpha
	}
	return json.Marshal(fields)
}

// String returns the text of [Config.MarshalJSON].
func (c Config) String() string {
	b, err := c.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("textseal: %v", err) // a number that JSON has no text for
	}
	return string(b)
}
