package marks

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

var (
	synthidKind   = kind[synthid.Config, synthidBody]{EngineSynthID, synthid.New, describeSynthID}
	hfSynthIDKind = kind[transformers.SynthIDConfig, hfSynthIDBody]{EngineHFSynthID, transformers.NewSynthID, describeHFSynthID}
)

type synthidBody struct {
	Hash      synthid.Hash `json:"hash"`
	Layers    int          `json:"layers"` // and keys
	Ngram     int          `json:"ngram_len"`
	History   int          `json:"context_history_size"` // 0: NoHistory
	Seed      *int64       `json:"sampling_table_seed,omitempty"`
	Size      *int         `json:"sampling_table_size,omitempty"`
	SkipFirst bool         `json:"skip_first_ngram_calls"`
	Leaves    int          `json:"num_leaves"`
	Table     []byte       `json:"sampling_table,omitempty"` // see packed
	TableSum  string       `json:"sampling_table_sha256,omitempty"`
	Vocab     int          `json:"vocab_size,omitempty"`
}

func describeSynthID(c synthid.Config) (b synthidBody, err error) {
	b.Hash = c.Hash
	if b.Hash == "" {
		b.Hash = synthid.Table
	}
	b.Layers, b.Table, b.TableSum, b.Vocab = c.Keys.Len(), packed(c.SamplingTable), c.SamplingTableSHA256, c.VocabSize
	return b, spelledOut(c, &b)
}

func (b synthidBody) limit() error { return limitLayers(b.Layers) }

func limitLayers(n int) error {
	if n < 1 || n > maxIntegers {
		return fmt.Errorf("layers are %d, want 1 to %d", n, maxIntegers)
	}
	return nil
}

func (b synthidBody) standIn() material { return ones(b.Layers) }

func (b synthidBody) config(m material) (synthid.Config, error) {
	c := synthid.Config{
		Hash: b.Hash, NgramLen: b.Ngram, ContextHistorySize: b.History, SamplingTableSeed: or0(b.Seed), SamplingTableSize: or0(b.Size),
		SkipFirstNgramCalls: b.SkipFirst, NumLeaves: b.Leaves, SamplingTableSHA256: b.TableSum, VocabSize: b.Vocab,
	}
	if b.History == 0 {
		c.ContextHistorySize = synthid.NoHistory
	}
	var err error
	if c.SamplingTable, err = unpacked(b.Table, c.SamplingTableSize); err != nil {
		return c, err
	}
	values, err := m.signed(b.Layers, b.Layers)
	c.Keys = synthid.NewKeys(values...)
	return c, err
}

type hfSynthIDBody struct {
	Layers    int    `json:"layers"`
	Ngram     int    `json:"ngram_len"`
	History   int    `json:"context_history_size"`
	Seed      int64  `json:"sampling_table_seed"`
	Size      int    `json:"sampling_table_size"`
	SkipFirst bool   `json:"skip_first_ngram_calls"`
	Table     []byte `json:"sampling_table,omitempty"`
	TableSum  string `json:"sampling_table_sha256,omitempty"`
	Vocab     int    `json:"vocab_size,omitempty"`
}

func describeHFSynthID(c transformers.SynthIDConfig) (b hfSynthIDBody, err error) {
	b.Layers, b.Table, b.TableSum, b.Vocab = c.Keys.Len(), packed(c.SamplingTable), c.SamplingTableSHA256, c.VocabSize
	return b, spelledOut(c, &b)
}

func (b hfSynthIDBody) limit() error { return limitLayers(b.Layers) }

func (b hfSynthIDBody) standIn() material { return ones(b.Layers) }

func (b hfSynthIDBody) config(m material) (transformers.SynthIDConfig, error) {
	c := transformers.SynthIDConfig{
		NgramLen: b.Ngram, ContextHistorySize: b.History, SamplingTableSeed: b.Seed, SamplingTableSize: b.Size,
		SkipFirstNgramCalls: b.SkipFirst, SamplingTableSHA256: b.TableSum, VocabSize: b.Vocab,
	}
	if b.History == 0 {
		c.ContextHistorySize = synthid.NoHistory
	}
	var err error
	if c.SamplingTable, err = unpacked(b.Table, b.Size); err != nil {
		return c, err
	}
	values, err := m.signed(b.Layers, b.Layers)
	c.Keys = transformers.NewSynthIDKeys(values...)
	return c, err
}

// packed returns a sampling table with entry i at bit i mod 8 of byte i/8.
func packed(table []byte) []byte {
	if table == nil {
		return nil
	}
	out := make([]byte, (len(table)+7)/8)
	for i, g := range table {
		out[i/8] |= g & 1 << (i % 8)
	}
	return out
}

// unpacked returns the table of size entries that packed makes data of.
func unpacked(data []byte, size int) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	if size < 1 || len(data) != (size-1)/8+1 {
		return nil, fmt.Errorf("sampling_table has %d bytes, want one for each 8 of %d entries", len(data), size)
	}
	table := make([]byte, size)
	for i := range table {
		table[i] = data[i/8] >> (i % 8) & 1
	}
	return table, nil
}
