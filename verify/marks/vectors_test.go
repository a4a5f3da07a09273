package marks_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/markllm"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// A textRow is an answer that an engine's release wrote or made up.
type textRow struct {
	ID         string
	Kind       string
	Config     json.RawMessage
	VocabSize  int               `json:"vocab_size"`
	Prompt     []watermark.Token `json:"prompt_ids"`
	Completion []watermark.Token `json:"completion_ids"`
}

// textRows reads the vectors of an engine package.
func textRows(t *testing.T, engine, name string) []textRow {
	t.Helper()
	folder := os.Getenv("DYETRACE_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "watermark", engine, "testdata", "vectors")
	}
	f, err := os.Open(filepath.Join(folder, name))
	require.NoError(t, err)
	defer f.Close()
	var rows []textRow
	in := bufio.NewScanner(f)
	for in.Buffer(nil, 1<<24); in.Scan(); {
		var r textRow
		require.NoError(t, json.Unmarshal(in.Bytes(), &r))
		rows = append(rows, r)
	}
	require.NoError(t, in.Err())
	require.NotEmpty(t, rows)
	return rows
}

// engineConfig has the fields of all engines' configurations in the vectors.
type engineConfig struct {
	Algorithm    string
	Key          *string
	KeyB         *string `json:"key_b"`
	Alpha        *float64
	Gamma, Delta float64
	Bias         float64
	Depth        int
	Keys         []string
	Width        int     `json:"context_width"`
	Window       int     `json:"context_window"`
	Scope        string  `json:"deduplicate_contexts"`
	MaxHistory   int     `json:"deduplicate_contexts_max_history"`
	Mixing       float64 `json:"mixing_probability"`
	Max          float64 `json:"max_probability"`
	Ratio        float64 `json:"greenlist_ratio"`
	HashingKey   uint64  `json:"hashing_key"`
	Seeding      string  `json:"seeding_scheme"`
	NgramLen     int     `json:"ngram_len"`
	History      int     `json:"context_history_size"`
	Seed         int64   `json:"sampling_table_seed"`
	Size         *int    `json:"sampling_table_size"`
	SkipFirst    bool    `json:"skip_first_ngram_calls"`
	Type         string  `json:"watermark_type"`
	SecretKey    int64   `json:"secret_key"`
	Ngram        int
	HashKey      uint64 `json:"hash_key"`
	Prefix       int    `json:"prefix_length"`
	FScheme      string `json:"f_scheme"`
}

// Marks of files read the texts that the engines themselves wrote.
func TestEnginesTexts(t *testing.T) {
	for _, x := range []struct {
		engine, file string
		sample       func(c engineConfig, vocab int) sample
	}{
		{"vllm", "vllm_texts.jsonl", func(c engineConfig, _ int) sample {
			key, err := strconv.ParseUint(*c.Key, 10, 64)
			require.NoError(t, err)
			return of(t, "vllm", vllm.Config{
				Key: vllm.NewKey(key), Algorithm: vllm.Algorithm(c.Algorithm), Alpha: c.Alpha, ContextWidth: c.Width,
				DeduplicateContexts: vllm.Scope(c.Scope), DeduplicateContextsMaxHistory: c.MaxHistory,
			}, vllm.New, marks.IntegerSecret(key), "")
		}},
		{"sglang", "sglang_texts.jsonl", func(c engineConfig, _ int) sample {
			config := sglang.Config{ContextWindow: c.Window, MixingProbability: c.Mixing, MaxProbability: c.Max}
			var integers []uint64
			for i, text := range []*string{c.Key, c.KeyB} {
				if text == nil {
					continue
				}
				key, err := sglang.ParseKey(*text)
				require.NoError(t, err)
				n, err := strconv.ParseUint("0x"+(*text)[max(0, len(*text)-16):], 0, 64)
				require.NoError(t, err)
				integers = append(integers, n)
				*[]*sglang.Key{&config.Key, &config.KeyB}[i] = key
			}
			return of(t, "sglang", config, sglang.New, marks.IntegerSecret(integers...), "")
		}},
		{"transformers", "kgw_texts.jsonl", func(c engineConfig, vocab int) sample {
			return of(t, "greenlist", transformers.GreenListConfig{
				GreenlistRatio: c.Ratio, Bias: c.Bias, HashingKey: transformers.NewHashingKey(c.HashingKey),
				SeedingScheme: transformers.SeedingScheme(c.Seeding), ContextWidth: c.Width, VocabSize: vocab,
			}, transformers.NewGreenList, marks.IntegerSecret(c.HashingKey), "")
		}},
		{"synthid", "synthid_texts.jsonl", func(c engineConfig, _ int) sample {
			var list []int64
			for _, text := range c.Keys {
				n, err := strconv.ParseInt(text, 10, 64)
				require.NoError(t, err)
				list = append(list, n)
			}
			config := synthid.Config{Hash: synthid.TableFree, NgramLen: c.NgramLen, Keys: synthid.NewKeys(list...), ContextHistorySize: c.History, SkipFirstNgramCalls: c.SkipFirst}
			if c.Size != nil {
				config.Hash, config.SamplingTableSize, config.SamplingTableSeed = synthid.Table, *c.Size, c.Seed
			}
			return of(t, "synthid", config, synthid.New, marks.IntegerSecret(list...), "")
		}},
		{"textseal", "textseal_texts.jsonl", func(c engineConfig, _ int) sample {
			return of(t, "textseal", textseal.Config{
				WatermarkType: c.Type, SecretKey: textseal.NewKey(c.SecretKey), Ngram: c.Ngram, Gamma: c.Gamma, Delta: c.Delta, Depth: c.Depth,
			}, textseal.New, marks.IntegerSecret(c.SecretKey), "")
		}},
		{"markllm", "markllm_texts.jsonl", func(c engineConfig, vocab int) sample {
			key, secret := markllm.NewHashKey(c.HashKey), marks.IntegerSecret(c.HashKey)
			switch c.Algorithm {
			case "KGW":
				return of(t, "kgw", markllm.KGWConfig{
					Gamma: c.Gamma, Delta: c.Delta, HashKey: key, PrefixLength: c.Prefix, FScheme: markllm.FScheme(c.FScheme), VocabSize: vocab,
				}, markllm.NewKGW, secret, "")
			case "Unigram":
				return of(t, "unigram", markllm.UnigramConfig{Gamma: c.Gamma, Delta: c.Delta, HashKey: key, VocabSize: vocab}, markllm.NewUnigram, secret, "")
			}
			return of(t, "exp", markllm.EXPConfig{PrefixLength: c.Prefix, HashKey: key, VocabSize: vocab}, markllm.NewEXP, secret, "")
		}},
	} {
		texts, samples := map[string][]watermark.Text{}, map[string]sample{}
		for _, r := range textRows(t, x.engine, x.file) {
			if r.Kind != "marked" {
				continue
			}
			var c engineConfig
			require.NoError(t, json.Unmarshal(r.Config, &c), r.ID)
			name := string(r.Config)
			if samples[name].name == "" {
				samples[name] = x.sample(c, r.VocabSize)
			}
			texts[name] = append(texts[name], watermark.Text{Prompt: r.Prompt, PromptKnown: true, Tokens: r.Completion})
		}
		require.NotEmpty(t, samples)
		for name, s := range samples {
			want, got := s.mark.NewDetector(), reread(t, s).NewDetector()
			for _, text := range texts[name] {
				require.NoError(t, want.Add(text))
				require.NoError(t, got.Add(text))
			}
			assert.Equal(t, want.Result(), got.Result(), name)
			assert.Less(t, got.Result().LogP, -20.0, name)
		}
	}
}
