package transformers

import (
	"encoding/json"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
	"github.com/dyetrace/dyetrace/watermark/synthid"
)

// The types of package synthid, under the names that this package gives them.
type (
	// SynthIDKeys are the layers' keys, held so that nothing prints them.
	SynthIDKeys = synthid.Keys
	// SynthIDDetector reads texts as the engine's functions do.
	SynthIDDetector = synthid.Detector
	// SynthIDResult is what the engine's functions say of a text.
	SynthIDResult = synthid.Result
	// SynthIDBayesian is the engine's BayesianDetectorModel.
	SynthIDBayesian = synthid.Bayes
)

// NewSynthIDKeys returns the keys of as many layers, the first layer's first.
func NewSynthIDKeys(keys ...int64) SynthIDKeys { return synthid.NewKeys(keys...) }

// SynthIDConfig is the engine's SynthIDTextWatermarkingConfig. The zero value of each
// field but NgramLen and Keys is the engine's default.
type SynthIDConfig struct {
	// NgramLen is "ngram_len": the token that is marked and those before it that are
	// hashed with it, 2 to 65. Required.
	NgramLen int
	// Keys are "keys", 1 to 1024. Required. Those of the engine's examples are public.
	Keys SynthIDKeys
	// ContextHistorySize is "context_history_size": in how many of the last positions
	// a repeated context is looked for, [synthid.NoHistory] for none. Defaults to 1024.
	ContextHistorySize int
	// SamplingTableSeed is "sampling_table_seed".
	SamplingTableSeed int64
	// SamplingTableSize is "sampling_table_size", 1 to 2^24. Defaults to 65536. With
	// another size than a power of two, and above 2^20, there is no LogP.
	SamplingTableSize int
	// SkipFirstNgramCalls is "skip_first_ngram_calls": it leaves the first NgramLen−1
	// tokens unmarked.
	SkipFirstNgramCalls bool

	// SamplingTable, if set, is the table instead, one drawn on another device;
	// SamplingTableSHA256, if set, is what its entries hash to, in hex.
	SamplingTable       []byte
	SamplingTableSHA256 string
	// VocabSize, if known, is the number of token ids: detectors refuse others.
	VocabSize int
}

// ParseSynthIDConfig reads a SynthIDTextWatermarkingConfig of the engine as a JSON
// object, as in the watermarking_config of a generation_config.json, and checks it. It
// refuses unknown fields; no error quotes a key.
func ParseSynthIDConfig(data []byte) (SynthIDConfig, error) {
	o, err := strictjson.Parse("transformers: synthid config", data, "ngram_len", "keys", "context_history_size",
		"sampling_table_seed", "sampling_table_size", "skip_first_ngram_calls", "debug_mode")
	if err != nil {
		return SynthIDConfig{}, err
	}
	c := SynthIDConfig{ContextHistorySize: 1024, SamplingTableSize: 1 << 16}
	for _, name := range []string{"ngram_len", "keys"} {
		if !o.Has(name) {
			o.Fail(name, "is missing")
		}
	}
	var keys []int64
	o.Int("ngram_len", &c.NgramLen)
	o.Int64s("keys", &keys)
	c.Keys = NewSynthIDKeys(keys...)
	if o.Int("context_history_size", &c.ContextHistorySize); c.ContextHistorySize < 0 {
		o.Fail("context_history_size", "is %d, want 0 or more", c.ContextHistorySize)
	} else if c.ContextHistorySize == 0 {
		c.ContextHistorySize = synthid.NoHistory
	}
	o.Int64("sampling_table_seed", &c.SamplingTableSeed)
	if o.Int("sampling_table_size", &c.SamplingTableSize); c.SamplingTableSize == 0 {
		o.Fail("sampling_table_size", "is 0, want 1 to 16777216")
	}
	o.Bool("skip_first_ngram_calls", &c.SkipFirstNgramCalls)
	debug := false
	if o.Bool("debug_mode", &debug); debug {
		o.Fail("debug_mode", "is true, want false: it makes all tokens equally likely")
	}
	if err := o.Err(); err != nil {
		return SynthIDConfig{}, err
	}
	return c, c.check()
}

// engine returns the configuration of package synthid.
func (c SynthIDConfig) engine() (synthid.Config, error) {
	if c.NgramLen == 0 {
		return synthid.Config{}, fmt.Errorf("transformers: ngram_len is missing, want 2 to 65")
	}
	return synthid.Config{
		Hash: synthid.Table, NgramLen: c.NgramLen, Keys: c.Keys, ContextHistorySize: c.ContextHistorySize,
		SamplingTableSeed: c.SamplingTableSeed, SamplingTableSize: c.SamplingTableSize, SkipFirstNgramCalls: c.SkipFirstNgramCalls,
		SamplingTable: c.SamplingTable, SamplingTableSHA256: c.SamplingTableSHA256, VocabSize: c.VocabSize,
	}, nil
}

func (c SynthIDConfig) check() error {
	e, err := c.engine()
	if err != nil {
		return err
	}
	if err := e.Check(); err != nil {
		return fmt.Errorf("transformers: %w", err)
	}
	return nil
}

// MarshalJSON writes the engine's own object with the public name of the keys in place
// of the keys: ParseSynthIDConfig refuses it.
func (c SynthIDConfig) MarshalJSON() ([]byte, error) {
	if c.ContextHistorySize == 0 {
		c.ContextHistorySize = 1024
	}
	if c.SamplingTableSize == 0 {
		c.SamplingTableSize = 1 << 16
	}
	return json.Marshal(map[string]any{
		"ngram_len": c.NgramLen, "keys": c.Keys, "context_history_size": max(0, c.ContextHistorySize),
		"sampling_table_seed": c.SamplingTableSeed, "sampling_table_size": c.SamplingTableSize,
		"skip_first_ngram_calls": c.SkipFirstNgramCalls,
	})
}

// String returns the text of [SynthIDConfig.MarshalJSON].
func (c SynthIDConfig) String() string {
	b, err := c.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("transformers: %v", err)
	}
	return string(b)
}

// NewSynthID returns the mark of a configuration: that of [synthid.New] with the
// released hash.
func NewSynthID(c SynthIDConfig) (*watermark.Watermark, error) {
	e, err := c.engine()
	if err != nil {
		return nil, err
	}
	w, err := synthid.New(e)
	if err != nil {
		return nil, fmt.Errorf("transformers: %w", err)
	}
	return w, nil
}

// NewSynthIDDetector returns a detector of the engine's figures.
func NewSynthIDDetector(c SynthIDConfig) (*SynthIDDetector, error) {
	e, err := c.engine()
	if err != nil {
		return nil, err
	}
	d, err := synthid.NewDetector(e)
	if err != nil {
		return nil, fmt.Errorf("transformers: %w", err)
	}
	return d, nil
}

// DetectSynthID reads a single answer, of which ids from the first eos on are not
// counted; [synthid.NoEOS] is that of no text. It fails for answers of fewer than
// NgramLen ids.
func DetectSynthID(c SynthIDConfig, tokens []watermark.Token, eos watermark.Token) (*SynthIDResult, error) {
	d, err := NewSynthIDDetector(c)
	if err != nil {
		return nil, err
	}
	return d.Detect(tokens, eos)
}

// ParseSynthIDBayesian reads the model.safetensors of a BayesianDetectorModel.
func ParseSynthIDBayesian(data []byte) (*SynthIDBayesian, error) { return synthid.ParseBayes(data) }
