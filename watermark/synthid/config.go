package synthid

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

// A Hash is one of the two hashes that go by the version number 0.2.1.
type Hash string

const (
	// Table is the hash of the released package and of transformers: an n-gram's key
	// picks an entry of a sampling table.
	Table Hash = "table"
	// TableFree is the hash of the repository since 13 June 2025: an n-gram's key is
	// hashed on, from a start value made of all keys.
	TableFree Hash = "table-free"
)

// NoHistory as a ContextHistorySize marks and counts repeats: the engine's 0.
const NoHistory = -1

const (
	maxNgram   = 65   // windows of this library are at most 64 tokens
	maxDepth   = 1024 // layers; DeepMind uses 30
	maxLeaves  = 1 << 20
	maxHistory = 1 << 30
)

// Config is a mark of the engine, with the engine's names. The zero value of each
// field but Keys is the engine's default.
type Config struct {
	// Hash defaults to Table.
	Hash Hash
	// NgramLen is the number of tokens that are hashed, the last one being the token
	// that is marked: 2 to 65. Defaults to 5.
	NgramLen int
	// Keys are the layers' keys, 1 to 1024. Required. DeepMind's demonstration keys
	// are public: no evidence.
	Keys Keys
	// ContextHistorySize is in how many of the last positions a repeated context is
	// looked for. Defaults to 1024.
	ContextHistorySize int
	// SamplingTableSeed seeds the table of the hash Table.
	SamplingTableSeed int64
	// SamplingTableSize is its number of entries, 1 to 2^24. Defaults to 65536. Only
	// with a power of two do g-values depend on so few bits that their null law is
	// known: with another size, or above 2^20, there is no evidence, LogP being 0.
	SamplingTableSize int
	// SkipFirstNgramCalls leaves the first NgramLen−1 tokens unmarked, where the
	// context would hold zeros.
	SkipFirstNgramCalls bool
	// NumLeaves is that of the tournament, 2 to 2^20. Defaults to 2; more distort.
	NumLeaves int

	// SamplingTable, if set, is used instead of a table drawn here: torch draws
	// another one on a GPU than on a CPU. It has SamplingTableSize entries, 0 or 1.
	// New and NewDetector copy it.
	SamplingTable []byte
	// SamplingTableSHA256, if set, is what the table's entries hash to, one byte each,
	// in hex: any other table is refused.
	SamplingTableSHA256 string
	// VocabSize, if known, is the number of token ids: detectors refuse others.
	VocabSize int
}

// names are the arguments of the engine's processor: first those that decide a mark,
// then those of its sampler, of which a session here sees the result.
var names = []string{
	"ngram_len", "keys", "context_history_size", "sampling_table_seed", "sampling_table_size", "skip_first_ngram_calls", "num_leaves",
	"temperature", "top_k", "apply_top_k", "device",
}

// ParseConfig reads the arguments of DeepMind's SynthIDLogitsProcessor as a JSON
// object, and checks them. Which of the two hashes they are for the arguments do not
// say, but that the table-free hash has no sampling table: ParseConfig refuses its
// fields there. "keys" is required; other absent fields have the defaults of
// DeepMind's configuration. An unknown field is an error.
func ParseConfig(hash Hash, data []byte) (Config, error) {
	o, err := strictjson.Parse("synthid: config", data, names...)
	if err != nil {
		return Config{}, err
	}
	c := Config{Hash: hash}
	o.Int("ngram_len", &c.NgramLen)
	var keys []int64
	o.Int64s("keys", &keys)
	c.Keys = NewKeys(keys...)
	if o.Int("context_history_size", &c.ContextHistorySize); o.Has("context_history_size") && c.ContextHistorySize == 0 {
		c.ContextHistorySize = NoHistory
	} else if c.ContextHistorySize < 0 {
		o.Fail("context_history_size", "is %d, want 0 or more", c.ContextHistorySize)
	}
	o.Int64("sampling_table_seed", &c.SamplingTableSeed)
	o.Int("sampling_table_size", &c.SamplingTableSize)
	o.Bool("skip_first_ngram_calls", &c.SkipFirstNgramCalls)
	o.Int("num_leaves", &c.NumLeaves)
	c.parseSampler(o)
	for name, value := range map[string]int{"ngram_len": c.NgramLen, "sampling_table_size": c.SamplingTableSize, "num_leaves": c.NumLeaves} {
		if o.Has(name) && value == 0 { // which in a Config means the default
			o.Fail(name, "is 0")
		}
		if hash == TableFree && name == "sampling_table_size" && o.Has(name) || hash == TableFree && o.Has("sampling_table_seed") {
			o.Fail("sampling_table_size, sampling_table_seed", "are of the table hash, and this is the table-free one")
		}
	}
	if err := o.Err(); err != nil {
		return Config{}, err
	}
	if err := c.check(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// parseSampler reads what the engine does before the tournament. It is checked and
// dropped: sessions take logits after temperature and top-k.
func (c *Config) parseSampler(o *strictjson.Object) {
	temperature, top := 1.0, 40
	if o.Float("temperature", &temperature); !(temperature > 0) {
		o.Fail("temperature", "is %v, want more than 0", temperature)
	}
	if o.Int("top_k", &top); top < 2 {
		o.Fail("top_k", "is %d, want 2 or more", top)
	}
	apply, device := true, "cpu"
	o.Bool("apply_top_k", &apply)
	if o.String("device", &device); device != "cpu" && c.Hash == Table {
		o.Fail("device", "is %q, want cpu: a table drawn elsewhere goes into Config.SamplingTable", device)
	}
}

func (c *Config) defaults() {
	set(&c.Hash, Table)
	set(&c.NgramLen, 5)
	set(&c.ContextHistorySize, 1024)
	set(&c.SamplingTableSize, 1<<16)
	set(&c.NumLeaves, 2)
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Check returns what is wrong with a configuration, which New would say too; it does
// not draw the table.
func (c Config) Check() error { return c.check() }

// withDefaults returns c with nothing left to default, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return Config{}, err
	}
	c.defaults()
	return c, nil
}

func (c Config) check() error {
	c.defaults()
	switch {
	case c.Hash != Table && c.Hash != TableFree:
		return fmt.Errorf("synthid: hash is %q, want %q or %q", c.Hash, Table, TableFree)
	case c.NgramLen < 2 || c.NgramLen > maxNgram:
		return fmt.Errorf("synthid: ngram_len is %d, want 2 to %d", c.NgramLen, maxNgram)
	case c.Keys.Len() < 1 || c.Keys.Len() > maxDepth:
		return fmt.Errorf("synthid: keys are %d, want 1 to %d", c.Keys.Len(), maxDepth)
	case c.ContextHistorySize != NoHistory && (c.ContextHistorySize < 1 || c.ContextHistorySize > maxHistory):
		return fmt.Errorf("synthid: context_history_size is %d, want NoHistory or 1 to %d", c.ContextHistorySize, maxHistory)
	case c.SamplingTableSize < 1 || c.SamplingTableSize > maxTable:
		return fmt.Errorf("synthid: sampling_table_size is %d, want 1 to %d", c.SamplingTableSize, maxTable)
	case c.NumLeaves < 2 || c.NumLeaves > maxLeaves:
		return fmt.Errorf("synthid: num_leaves is %d, want 2 to %d", c.NumLeaves, maxLeaves)
	case c.SamplingTable != nil && len(c.SamplingTable) != c.SamplingTableSize:
		return fmt.Errorf("synthid: the sampling table has %d entries, want sampling_table_size = %d", len(c.SamplingTable), c.SamplingTableSize)
	case c.Hash == TableFree && (c.SamplingTable != nil || c.SamplingTableSHA256 != ""):
		return fmt.Errorf("synthid: a sampling table is given, and the hash is table-free")
	case c.VocabSize < 0:
		return fmt.Errorf("synthid: vocabulary has %d ids, want 0 (unknown) or more", c.VocabSize)
	}
	return nil
}

// rules are those of the engine: a repeated context is not marked, nor is it
// scored; the head, padded with zeros, is marked or skipped and never scored; the
// prompt is never seen.
func (c *Config) rules() watermark.Rules {
	r := watermark.Rules{Width: c.NgramLen - 1, Write: watermark.WriteRules{Head: watermark.HeadPadded, History: c.ContextHistorySize}}
	if c.SkipFirstNgramCalls {
		r.Write.Head = watermark.HeadPlain
	}
	if c.ContextHistorySize == NoHistory {
		r.Write.History, r.Write.Repeats = 0, true
	}
	return r
}

// MarshalJSON writes the engine's own arguments with the public name of the keys in
// place of the keys: ParseConfig refuses it.
func (c Config) MarshalJSON() ([]byte, error) {
	c.defaults()
	fields := map[string]any{
		"ngram_len": c.NgramLen, "keys": c.Keys, "context_history_size": max(0, c.ContextHistorySize),
		"skip_first_ngram_calls": c.SkipFirstNgramCalls, "num_leaves": c.NumLeaves,
	}
	if c.Hash == Table {
		fields["sampling_table_seed"], fields["sampling_table_size"] = c.SamplingTableSeed, c.SamplingTableSize
	}
	return json.Marshal(fields)
}

// String returns the text of [Config.MarshalJSON] after the name of the hash.
func (c Config) String() string {
	c.defaults()
	b, err := c.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("synthid: %v", err)
	}
	return string(c.Hash) + " " + string(b)
}

// table returns the sampling table, or nil for the table-free hash.
func (c *Config) table() (*lookup, error) {
	if c.Hash == TableFree {
		return nil, nil
	}
	table := slices.Clone(c.SamplingTable)
	if table == nil {
		var err error
		if table, err = SamplingTable(c.SamplingTableSeed, c.SamplingTableSize); err != nil {
			return nil, err
		}
	}
	if err := c.checkTable(table); err != nil {
		return nil, err
	}
	return newLookup(table), nil
}
