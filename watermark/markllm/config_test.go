package markllm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/markllm"
)

// The engine's own files.
const (
	kgwJSON = `{"algorithm_name": "KGW", "gamma": 0.5, "delta": 2.0, "hash_key": 15485863, "prefix_length": 1,
		"z_threshold": 4.0, "f_scheme": "time", "window_scheme": "left"}`
	unigramJSON = `{"algorithm_name": "Unigram", "gamma": 0.5, "delta": 2.0, "hash_key": 15485863, "z_threshold": 4.0}`
	expJSON     = `{"algorithm_name": "EXP", "prefix_length": 4, "hash_key": 15485863, "threshold": 1e-4, "sequence_length": 200, "top_k": 0}`
)

func TestParseConfigs(t *testing.T) {
	for _, data := range []string{kgwJSON, `{"algorithm_name": "KGW"}`} {
		c, err := markllm.ParseKGWConfig([]byte(data))
		require.NoError(t, err)
		assert.Equal(t, uint64(15485863), c.HashKey.Value())
		c.HashKey = markllm.HashKey{}
		assert.Equal(t, markllm.KGWConfig{Gamma: 0.5, Delta: 2, PrefixLength: 1, ZThreshold: 4, FScheme: markllm.Time}, c)
	}
	for _, data := range []string{unigramJSON, `{"algorithm_name": "Unigram"}`} {
		c, err := markllm.ParseUnigramConfig([]byte(data))
		require.NoError(t, err)
		assert.Equal(t, uint64(15485863), c.HashKey.Value())
		c.HashKey = markllm.HashKey{}
		assert.Equal(t, markllm.UnigramConfig{Gamma: 0.5, Delta: 2, ZThreshold: 4}, c)
	}
	for _, data := range []string{expJSON, `{"algorithm_name": "EXP"}`} {
		c, err := markllm.ParseEXPConfig([]byte(data))
		require.NoError(t, err)
		assert.Equal(t, uint64(15485863), c.HashKey.Value())
		c.HashKey = markllm.HashKey{}
		assert.Equal(t, markllm.EXPConfig{PrefixLength: 4, Threshold: 1e-4}, c)
	}
}

func TestParseErrors(t *testing.T) {
	kgw := func(s string) error { _, err := markllm.ParseKGWConfig([]byte(s)); return err }
	unigram := func(s string) error { _, err := markllm.ParseUnigramConfig([]byte(s)); return err }
	exp := func(s string) error { _, err := markllm.ParseEXPConfig([]byte(s)); return err }
	for _, v := range []struct {
		parse      func(string) error
		json, want string
	}{
		{kgw, expJSON, `markllm: KGW config: unknown field "sequence_length", "threshold", "top_k", want among gamma, delta, hash_key, prefix_length, z_threshold, f_scheme, window_scheme, algorithm_name`},
		{kgw, unigramJSON, `markllm: KGW config: algorithm_name is "Unigram", want "KGW"`},
		{kgw, `{}`, `markllm: KGW config: algorithm_name is "", want "KGW"`},
		{kgw, `{"algorithm_name": "KGW", "gamma": 1}`, "markllm: gamma is 1, want more than 0 and less than 1"},
		{kgw, `{"algorithm_name": "KGW", "delta": 0}`, "markllm: delta is 0 nats, want more than 0 and at most 100"},
		{kgw, `{"algorithm_name": "KGW", "prefix_length": 0}`, "markllm: prefix_length is 0, want 1 to 64"},
		{kgw, `{"algorithm_name": "KGW", "f_scheme": "max"}`, `markllm: f_scheme is "max", want time, additive, skip or min`},
		{kgw, `{"algorithm_name": "KGW", "window_scheme": "self"}`, `markllm: KGW config: window_scheme is "self", want left`},
		{kgw, `{"algorithm_name": "KGW", "z_threshold": 0}`, "markllm: KGW config: z_threshold is 0, want another number"},
		{kgw, `{"algorithm_name": "KGW", "hash_key": -4711}`, "markllm: KGW config: hash_key is another number, want an integer from 0 to 18446744073709551615"},
		{unigram, kgwJSON, `markllm: Unigram config: unknown field "f_scheme", "prefix_length", "window_scheme", want among gamma, delta, hash_key, z_threshold, algorithm_name`},
		{unigram, `{"algorithm_name": "Unigram", "hash_key": 9223372036854775808}`, "markllm: hash_key is above 2^63-1, want 0 to 2^63-1 with Unigram"},
		{exp, kgwJSON, `markllm: EXP config: unknown field "delta", "f_scheme", "gamma", "window_scheme", "z_threshold", want among prefix_length, hash_key, threshold, sequence_length, top_k, algorithm_name`},
		{exp, `{"algorithm_name": "EXP", "top_k": 50}`, "markllm: EXP config: top_k is 50, want 0: the engine fails for others"},
		{exp, `{"algorithm_name": "EXP", "threshold": 0}`, "markllm: threshold is 0, want more than 0 and at most 1"},
		{exp, `{"algorithm_name": "EXP", "prefix_length": 65}`, "markllm: prefix_length is 65, want 1 to 64"},
		{exp, `{"algorithm_name": "EXP", "sequence_length": 0}`, "markllm: EXP config: sequence_length is 0, want 1 or more"},
		{exp, `nonsense`, "markllm: EXP config: not a JSON object: byte 2"},
	} {
		assert.EqualError(t, v.parse(v.json), v.want)
	}
}

func TestConfigErrors(t *testing.T) {
	key := markllm.NewHashKey(8675309123)
	kgw := func(c markllm.KGWConfig) []error {
		_, a := markllm.NewKGW(c)
		_, b := markllm.NewKGWDetector(c)
		return []error{a, b}
	}
	unigram := func(c markllm.UnigramConfig) []error {
		_, a := markllm.NewUnigram(c)
		_, b := markllm.NewUnigramDetector(c)
		return []error{a, b}
	}
	exp := func(c markllm.EXPConfig) []error {
		_, a := markllm.NewEXP(c)
		_, b := markllm.NewEXPDetector(c)
		return []error{a, b}
	}
	for _, v := range []struct {
		errs []error
		want string
	}{
		{kgw(markllm.KGWConfig{VocabSize: 100}), "markllm: hash_key is missing, want one from NewHashKey"},
		{kgw(markllm.KGWConfig{HashKey: key}), "markllm: vocab_size is 0, want 2 to 2147483647"},
		{kgw(markllm.KGWConfig{HashKey: key, VocabSize: 10, Gamma: 0.05}), "markllm: gamma is 0.05, want at least 1/10: a list would be empty"},
		{kgw(markllm.KGWConfig{HashKey: key, VocabSize: 10, ZThreshold: math.NaN()}), "markllm: z_threshold is NaN, want a number"},
		{unigram(markllm.UnigramConfig{VocabSize: 100}), "markllm: hash_key is missing, want one from NewHashKey"},
		{unigram(markllm.UnigramConfig{HashKey: key, VocabSize: 1}), "markllm: vocab_size is 1, want 2 to 2147483647"},
		{unigram(markllm.UnigramConfig{HashKey: key, VocabSize: 100, Delta: math.NaN()}), "markllm: delta is NaN nats, want more than 0 and at most 100"},
		{exp(markllm.EXPConfig{VocabSize: 100}), "markllm: hash_key is missing, want one from NewHashKey"},
		{exp(markllm.EXPConfig{HashKey: key, VocabSize: -3}), "markllm: vocab_size is -3, want 2 to 2147483647"},
		{exp(markllm.EXPConfig{HashKey: markllm.NewHashKey(1 << 60), VocabSize: 49152}), "markllm: hash_key is above 375307604600304, want 0 to (2^64-1)/(vocab_size-1)"},
	} {
		for _, err := range v.errs {
			assert.EqualError(t, err, v.want)
		}
	}
}

func TestDetectErrors(t *testing.T) {
	key := markllm.NewHashKey(8675309123)
	kgw, err := markllm.NewKGWDetector(markllm.KGWConfig{HashKey: key, VocabSize: 100, PrefixLength: 2})
	require.NoError(t, err)
	_, err = kgw.Detect([]watermark.Token{1, 2})
	assert.EqualError(t, err, "markllm: text has 2 tokens, want at least 3 with prefix_length 2")
	_, err = kgw.Detect([]watermark.Token{1, 2, 100})
	assert.EqualError(t, err, "markllm: token 2 of the text is 100, want 0 to 99")
	unigram, err := markllm.NewUnigramDetector(markllm.UnigramConfig{HashKey: key, VocabSize: 100})
	require.NoError(t, err)
	_, err = unigram.Detect(nil)
	assert.EqualError(t, err, "markllm: text has 0 tokens, want at least 1")
	_, err = unigram.Detect([]watermark.Token{-1})
	assert.EqualError(t, err, "markllm: token 0 of the text is -1, want 0 to 99")
	exp, err := markllm.NewEXPDetector(markllm.EXPConfig{HashKey: key, VocabSize: 100})
	require.NoError(t, err)
	_, err = exp.Detect([]watermark.Token{1, 2, 3, 1 << 30})
	assert.EqualError(t, err, "markllm: token 3 of the text is 1073741824, want 0 to 99")
	short, err := exp.Detect([]watermark.Token{1, 2, 3})
	require.NoError(t, err)
	assert.Equal(t, -1, short.NumScored)
	assert.True(t, math.IsNaN(short.EnginePValue))
	assert.False(t, short.IsWatermarked)
	assert.Zero(t, short.LogP)
}

// Ids outside the vocabulary are no error of the shared Detector: they are red.
func TestTokensOutsideTheVocabulary(t *testing.T) {
	key := markllm.NewHashKey(8675309123)
	for _, f := range []markllm.FScheme{markllm.Time, markllm.Additive, markllm.Skip, markllm.Min} {
		w, err := markllm.NewKGW(markllm.KGWConfig{HashKey: key, VocabSize: 100, PrefixLength: 2, FScheme: f})
		require.NoError(t, err)
		r, err := w.Detect(watermark.Text{Tokens: []watermark.Token{1, 1 << 30, 500, math.MaxInt32, 700, 800}})
		require.NoError(t, err)
		assert.Zero(t, r.Score)
	}
}

func TestConfigsPrintNoKey(t *testing.T) {
	key := markllm.NewHashKey(8675309123)
	var out bytes.Buffer
	for _, c := range []any{markllm.KGWConfig{HashKey: key}, markllm.UnigramConfig{HashKey: key}, markllm.EXPConfig{HashKey: key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", c)
		}
		b, err := json.Marshal(c)
		require.NoError(t, err)
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c)
	}
	for _, digits := range []string{"8675309123", "20515a543", "20515A543"} {
		assert.NotContains(t, out.String(), digits)
	}
	assert.Contains(t, out.String(), `{"algorithm_name":"KGW","gamma":0.5,"delta":2,"hash_key":"redacted:`+key.ID()+`","prefix_length":1,"z_threshold":4,"f_scheme":"time","window_scheme":"left"}`)
}

func TestSourceInfo(t *testing.T) {
	for _, public := range []bool{false, true} {
		key, kind := markllm.NewHashKey(8675309123), watermark.Statistical
		if public {
			key, kind = markllm.NewHashKey(15485863), watermark.PublicKey
		}
		kgw, err := markllm.NewKGW(markllm.KGWConfig{HashKey: key, VocabSize: 100})
		require.NoError(t, err)
		unigram, err := markllm.NewUnigram(markllm.UnigramConfig{HashKey: key, VocabSize: 100})
		require.NoError(t, err)
		exp, err := markllm.NewEXP(markllm.EXPConfig{HashKey: key, VocabSize: 100})
		require.NoError(t, err)
		for name, w := range map[string]*watermark.Watermark{
			"markllm kgw f_scheme=time prefix_length=1 vocab_size=100 greenlist_size=50": kgw,
			"markllm unigram vocab_size=100 greenlist_size=50":                           unigram,
			"markllm exp prefix_length=4 vocab_size=100":                                 exp,
		} {
			assert.Equal(t, watermark.SourceInfo{Name: name, KeyID: key.ID(), Kind: kind}, w.Info())
			decoy := w.Decoy([32]byte{1}, 0)
			assert.Equal(t, watermark.Statistical, decoy.Info().Kind)
			assert.Equal(t, decoy.ID(), w.Decoy([32]byte{1}, 0).ID())
			assert.NotEqual(t, decoy.ID(), w.Decoy([32]byte{1}, 1).ID())
		}
	}
}
