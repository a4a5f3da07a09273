package synthid_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/synthid"
)

func TestParseConfig(t *testing.T) {
	c, err := synthid.ParseConfig(synthid.Table, []byte(`{"ngram_len": 4, "keys": [-9223372036854775808, 9223372036854775807, 3],
		"sampling_table_size": 1024, "sampling_table_seed": 7, "context_history_size": 64, "skip_first_ngram_calls": true, "num_leaves": 3,
		"temperature": 0.7, "top_k": 40, "apply_top_k": true, "device": "cpu"}`))
	require.NoError(t, err)
	assert.Equal(t, 4, c.NgramLen)
	assert.Equal(t, 3, c.Keys.Len())
	assert.Equal(t, 1024, c.SamplingTableSize)
	assert.Equal(t, int64(7), c.SamplingTableSeed)
	assert.Equal(t, 64, c.ContextHistorySize)
	assert.True(t, c.SkipFirstNgramCalls)
	assert.Equal(t, 3, c.NumLeaves)
	c, err = synthid.ParseConfig(synthid.TableFree, []byte(`{"keys": [1], "context_history_size": 0}`))
	require.NoError(t, err)
	assert.Equal(t, synthid.TableFree, c.Hash)
	assert.Equal(t, synthid.NoHistory, c.ContextHistorySize)
}

func TestBadConfigs(t *testing.T) {
	for text, want := range map[string]string{
		`7`:                               "not a JSON object",
		`{}`:                              "keys are 0, want 1 to 1024",
		`{"keys": []}`:                    "keys are 0, want 1 to 1024",
		`{"keys": [1.5]}`:                 "keys is a list, want a list of integers from -9223372036854775808",
		`{"keys": [9223372036854775808]}`: "keys is a list, want a list of integers",
		`{"keys": ["1"]}`:                 "keys is a list, want a list of integers",
		`{"keys": 5}`:                     "keys is another number, want a list",
		`{"keys": [1], "ngram_len": 1}`:   "ngram_len is 1, want 2 to 65",
		`{"keys": [1], "ngram_len": 0}`:   "ngram_len is 0",
		`{"keys": [1], "ngram_len": 66}`:  "ngram_len is 66, want 2 to 65",
		`{"keys": [1], "context_history_size": -1}`:          "context_history_size is -1, want 0 or more",
		`{"keys": [1], "sampling_table_size": 16777217}`:     "sampling_table_size is 16777217, want 1 to 16777216",
		`{"keys": [1], "sampling_table_size": 0}`:            "sampling_table_size is 0",
		`{"keys": [1], "num_leaves": 1}`:                     "num_leaves is 1, want 2 to 1048576",
		`{"keys": [1], "top_k": 1}`:                          "top_k is 1, want 2 or more",
		`{"keys": [1], "temperature": 0}`:                    "temperature is 0, want more than 0",
		`{"keys": [1], "device": "cuda:0"}`:                  `device is "cuda:0", want cpu`,
		`{"keys": [1], "Ngram_len": 5}`:                      `unknown field "Ngram_len"`,
		`{"keys": [1], "debug_mode": false}`:                 `unknown field "debug_mode"`,
		`{"greenlist_ratio": 0.25, "hashing_key": 15485863}`: `unknown field "greenlist_ratio", "hashing_key"`,
		`{"secret_key": 42}`:                                 `unknown field "secret_key"`,
	} {
		_, err := synthid.ParseConfig(synthid.Table, []byte(text))
		assert.ErrorContains(t, err, want, text)
	}
	_, err := synthid.ParseConfig(synthid.TableFree, []byte(`{"keys": [1], "sampling_table_seed": 0}`))
	assert.ErrorContains(t, err, "are of the table hash")
	_, err = synthid.ParseConfig("sha", []byte(`{"keys": [1]}`))
	assert.ErrorContains(t, err, `hash is "sha", want "table" or "table-free"`)

	keys := synthid.NewKeys(1, 2)
	for want, c := range map[string]synthid.Config{
		"keys are 0":                              {},
		"keys are 1025, want 1 to 1024":           {Keys: synthid.NewKeys(make([]int64, 1025)...)},
		"ngram_len is -2":                         {Keys: keys, NgramLen: -2},
		"context_history_size is -2":              {Keys: keys, ContextHistorySize: -2},
		"the sampling table has 3 entries":        {Keys: keys, SamplingTable: make([]byte, 3)},
		"entry 1 of the sampling table is 2":      {Keys: keys, SamplingTable: []byte{0, 2}, SamplingTableSize: 2},
		"a sampling table is given":               {Keys: keys, Hash: synthid.TableFree, SamplingTable: []byte{0, 1}, SamplingTableSize: 2},
		"vocabulary has -1 ids":                   {Keys: keys, VocabSize: -1},
		"SHA-256 of the sampling table is a3e9e1": {Keys: keys, SamplingTableSHA256: "00"},
	} {
		_, err := synthid.New(c)
		assert.ErrorContains(t, err, want)
		_, err = synthid.NewDetector(c)
		assert.ErrorContains(t, err, want)
		_, err = synthid.Detect(c, make([]watermark.Token, 9), synthid.NoEOS)
		assert.ErrorContains(t, err, want)
	}
	_, err = synthid.SamplingTable(0, 0)
	assert.ErrorContains(t, err, "sampling_table_size is 0, want 1 to 16777216")
}

// The table of the engine's defaults, by its published hash.
func TestTableByItsHash(t *testing.T) {
	c := synthid.Config{Keys: synthid.NewKeys(1), SamplingTableSHA256: "a3e9e18ea34546849c5136cf9b06c7bfd03e50e601da14af47cd926f9e623a85"}
	w, err := synthid.New(c)
	require.NoError(t, err)
	c.SamplingTableSeed = 1
	_, err = synthid.New(c)
	assert.ErrorContains(t, err, "drawn by another generator, from another seed or in another size")
	c.SamplingTableSeed = 1 << 32 // of which torch takes the low half
	_, err = synthid.New(c)
	assert.NoError(t, err)

	table, err := synthid.SamplingTable(0, 65536)
	require.NoError(t, err)
	given, err := synthid.New(synthid.Config{Keys: synthid.NewKeys(1), SamplingTable: table})
	require.NoError(t, err)
	table[5] ^= 1
	ids := []watermark.Token{5, 6, 7, 8, 9, 10, 11}
	a, b := make([]float64, 7), make([]float64, 7)
	require.True(t, w.Scores(ids[:4], ids, a))
	require.True(t, given.Scores(ids[:4], ids, b))
	assert.Equal(t, a, b, "a given table is copied")
	other, err := synthid.New(synthid.Config{Keys: synthid.NewKeys(1), SamplingTable: table})
	require.NoError(t, err)
	assert.NotEqual(t, given.ID(), other.ID())
}

func TestBadTexts(t *testing.T) {
	c := synthid.Config{Keys: synthid.NewKeys(1, 2), VocabSize: 100}
	for n := range 5 {
		_, err := synthid.Detect(c, make([]watermark.Token, n), synthid.NoEOS)
		assert.ErrorContains(t, err, fmt.Sprintf("text has %d ids, want at least ngram_len = 5", n))
	}
	_, err := synthid.Detect(c, []watermark.Token{1, 2, 3, 4, 5, 100}, synthid.NoEOS)
	assert.ErrorContains(t, err, "token 5 of the text is 100, want 0 to 99")
	_, err = synthid.Detect(c, []watermark.Token{1, -2, 3, 4, 5, 6}, synthid.NoEOS)
	assert.ErrorContains(t, err, "token 1 of the text is -2, want 0 to 99")
}

// Nothing that prints a configuration or a mark shows a key.
func TestKeysAreNotPrinted(t *testing.T) {
	const secret int64 = 0x7654_3210_ABCD_EF01
	for _, hash := range []synthid.Hash{synthid.Table, synthid.TableFree} {
		c := synthid.Config{Hash: hash, Keys: synthid.NewKeys(secret, -secret)}
		w, err := synthid.New(c)
		require.NoError(t, err)
		d, err := synthid.NewDetector(c)
		require.NoError(t, err)
		var out bytes.Buffer
		for _, v := range []any{c, &c, c.Keys, &c.Keys, []synthid.Keys{c.Keys}, w.ID(), w.Info(), w.Scheme()} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", v)
		}
		for _, v := range []any{c, d, c.Keys} {
			b, err := json.Marshal(v)
			require.NoError(t, err)
			out.Write(b)
		}
		text := strings.ToLower(out.String())
		for _, digits := range []string{fmt.Sprint(int64(secret)), fmt.Sprintf("%x", secret)} {
			assert.NotContains(t, text, digits)
		}
		b, err := c.MarshalJSON()
		require.NoError(t, err)
		_, err = synthid.ParseConfig(hash, b)
		assert.ErrorContains(t, err, "keys is a string, want a list of integers")
	}
	assert.Equal(t, "redacted:none", synthid.Keys{}.String())
	assert.Equal(t, "none", synthid.NewKeys().ID())
}

func TestKinds(t *testing.T) {
	kind := func(keys ...int64) watermark.Kind {
		w, err := synthid.New(synthid.Config{Keys: synthid.NewKeys(keys...)})
		require.NoError(t, err)
		decoy := w.Decoy([32]byte{1}, 0)
		assert.Equal(t, watermark.Statistical, decoy.Info().Kind)
		assert.NotEqual(t, decoy.ID(), w.Decoy([32]byte{1}, 1).ID())
		return w.Info().Kind
	}
	assert.Equal(t, watermark.PublicKey, kind(654, 400, 836, 123, 340, 443, 597, 160, 57))
	assert.Equal(t, watermark.PublicKey, kind(42))
	assert.Equal(t, watermark.Statistical, kind(654, 400, 836, 0x5A17_0BAD_F00D))
}
