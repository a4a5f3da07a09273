package marks_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/markllm"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

func testKey(t testing.TB, n byte) keys.Key {
	t.Helper()
	k, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{n}, 32)))
	require.NoError(t, err)
	return k
}

// A sample is a mark as its engine makes it, and what goes into files.
type sample struct {
	name   string
	mark   *watermark.Watermark
	spec   marks.Spec
	secret marks.Secret
	want   string // the configuration in the file
}

func of[C marks.Config](t testing.TB, name string, c C, open func(C) (*watermark.Watermark, error), secret marks.Secret, want string) sample {
	t.Helper()
	w, err := open(c)
	require.NoError(t, err, name)
	s, err := marks.Of(c)
	require.NoError(t, err, name)
	return sample{name, w, s, secret, want}
}

const (
	big   = 0xA1B2C3D4E5F60718 // above 2^63
	small = 0x31B2C3D4E5F60718
)

// sampleTable is a table that no seed draws.
func sampleTable(size int) []byte {
	r := rand.New(rand.NewPCG(1, 1))
	table := make([]byte, size)
	for i := range table {
		table[i] = byte(r.IntN(5) / 3)
	}
	return table
}

func sumOf(table []byte) string {
	sum := sha256.Sum256(table)
	return hex.EncodeToString(sum[:])
}

func layerKeys(n int) []int64 {
	r := rand.New(rand.NewPCG(2, 2))
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(r.Uint64())
	}
	return out
}

func natives(t testing.TB) []sample {
	open := func(c marks.Native) (*watermark.Watermark, error) {
		return watermark.New(c.Key, c.Scheme, watermark.Options{Width: c.Width})
	}
	one := func(name string, c marks.Native, want string) sample {
		c.Key = testKey(t, 1)
		return of(t, name, c, open, c.Secret(), want)
	}
	return []sample{
		one("gumbel", marks.Native{Scheme: watermark.Gumbel{}}, `{"scheme":"gumbel","width":3}`),
		one("gumbel wide", marks.Native{Scheme: watermark.Gumbel{}, Width: 16}, `{"scheme":"gumbel","width":16}`),
		one("dualgumbel", marks.Native{Scheme: watermark.DualGumbel{Alpha: 0.1}, Width: 1}, `{"scheme":"dualgumbel","alpha":0.1,"width":1}`),
		one("dualgumbel 0", marks.Native{Scheme: watermark.DualGumbel{}}, `{"scheme":"dualgumbel","alpha":0,"width":3}`),
		one("greenlist", marks.Native{Scheme: watermark.GreenList{Gamma: 0.25, Delta: 2}, Width: 2}, `{"scheme":"greenlist","gamma":0.25,"delta":2,"width":2}`),
		one("tournament", marks.Native{Scheme: watermark.Tournament{Depth: 30}}, `{"scheme":"tournament","depth":30,"width":3}`),
	}
}

// layers are those of one layout: the first, one in the middle that is wider than the
// gate, and the last.
func layers(t testing.TB) []sample {
	configs := []marks.Native{
		{Key: testKey(t, 1), Scheme: watermark.Gumbel{}},
		{Key: testKey(t, 2), Scheme: watermark.Tournament{Depth: 20}, Width: 4},
		{Key: testKey(t, 3), Scheme: watermark.GreenList{Gamma: 0.5, Delta: 4}, Width: 2},
	}
	names, shares := []string{"vendor", "epoch", "trial"}, watermark.Shares(50, 30, 20)
	var all []watermark.Layer
	for i, c := range configs {
		w, err := watermark.New(c.Key, c.Scheme, watermark.Options{Width: c.Width})
		require.NoError(t, err)
		all = append(all, watermark.Layer{Name: names[i], Share: shares[i], Mark: w})
	}
	l, err := watermark.NewLayers(testKey(t, 9), all...)
	require.NoError(t, err)
	want := []string{
		`{"scheme":"gumbel","width":3,"part":{"begin":0,"end":2147483648,"width":2}}`,
		`{"scheme":"tournament","depth":20,"width":4,"part":{"begin":2147483648,"end":3435973836,"width":2}}`,
		`{"scheme":"greenlist","gamma":0.5,"delta":4,"width":2,"part":{"begin":3435973836,"end":4294967296,"width":2}}`,
	}
	var out []sample
	for i, c := range configs {
		w := l.Mark(names[i])
		c.Layout = testKey(t, 9)
		c.Part, _ = w.Part()
		open := func(marks.Native) (*watermark.Watermark, error) { return w, nil }
		out = append(out, of(t, "layer "+names[i], c, open, c.Secret(), want[i]))
	}
	return out
}

func ptr[T any](v T) *T { return &v }

func vllms(t testing.TB) []sample {
	one := func(name string, c vllm.Config, want string) sample {
		c.Key = vllm.NewKey(big)
		return of(t, "vllm "+name, c, vllm.New, marks.IntegerSecret(uint64(big)), want)
	}
	return []sample{
		one("default", vllm.Config{}, `{"algorithm":"gumbel","alpha":0.1,"context_width":4,"deduplicate_contexts":"single_turn","deduplicate_contexts_max_history":8192,"allow_target_only_watermarking":false}`),
		one("dual", vllm.Config{Algorithm: vllm.DualKeyGumbel, Alpha: ptr(0.0), DeduplicateContexts: vllm.All, DeduplicateContextsMaxHistory: vllm.Unlimited},
			`{"algorithm":"dual_key_gumbel","alpha":0,"context_width":4,"deduplicate_contexts":"all","deduplicate_contexts_max_history":null,"allow_target_only_watermarking":false}`),
		one("odd", vllm.Config{ContextWidth: 64, DeduplicateContexts: vllm.None, DeduplicateContextsMaxHistory: 7, AllowTargetOnlyWatermarking: true},
			`{"algorithm":"gumbel","alpha":0.1,"context_width":64,"deduplicate_contexts":"none","deduplicate_contexts_max_history":7,"allow_target_only_watermarking":true}`),
	}
}

func sglangs(t testing.TB) []sample {
	return []sample{
		of(t, "sglang default", sglang.Config{Key: sglang.NewKey(big)}, sglang.New, marks.IntegerSecret(uint64(big)),
			`{"keys":1,"context_window":4,"mixing_probability":0.5,"max_probability":1,"default_enabled":false,"enforce_all":false}`),
		of(t, "sglang two keys", sglang.Config{Key: sglang.NewKey(big), KeyB: sglang.NewKey(small), ContextWindow: 2, MixingProbability: 0.3, MaxProbability: 0.9, DefaultEnabled: true},
			sglang.New, marks.IntegerSecret[uint64](big, small),
			`{"keys":2,"context_window":2,"mixing_probability":0.3,"max_probability":0.9,"default_enabled":true,"enforce_all":false}`),
		of(t, "sglang enforced", sglang.Config{Key: sglang.NewKey(0), EnforceAll: true}, sglang.New, marks.IntegerSecret(0),
			`{"keys":1,"context_window":4,"mixing_probability":0.5,"max_probability":1,"default_enabled":false,"enforce_all":true}`),
	}
}

func greenLists(t testing.TB) []sample {
	return []sample{
		of(t, "greenlist lefthash", transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(big), VocabSize: 1000}, transformers.NewGreenList, marks.IntegerSecret(uint64(big)),
			`{"greenlist_ratio":0.25,"bias":2,"seeding_scheme":"lefthash","context_width":1,"vocab_size":1000}`),
		of(t, "greenlist selfhash", transformers.GreenListConfig{
			HashingKey: transformers.NewHashingKey(small), VocabSize: 1001, GreenlistRatio: 0.4, Bias: 3, SeedingScheme: transformers.SelfHash, ContextWidth: 3, CacheBytes: 1 << 16,
		}, transformers.NewGreenList, marks.IntegerSecret[int64](small),
			`{"greenlist_ratio":0.4,"bias":3,"seeding_scheme":"selfhash","context_width":3,"vocab_size":1001,"cache_bytes":65536}`),
	}
}

func synthids(t testing.TB) []sample {
	list := layerKeys(70)
	one := func(name string, c synthid.Config, n int, want string) sample {
		c.Keys = synthid.NewKeys(list[:n]...)
		return of(t, "synthid "+name, c, synthid.New, marks.IntegerSecret(list[:n]...), want)
	}
	hf := func(name string, c transformers.SynthIDConfig, want string) sample {
		c.Keys = transformers.NewSynthIDKeys(list[:3]...)
		return of(t, "hf synthid "+name, c, transformers.NewSynthID, marks.IntegerSecret(list[:3]...), want)
	}
	return []sample{
		one("default", synthid.Config{}, 30, `{"hash":"table","layers":30,"ngram_len":5,"context_history_size":1024,"sampling_table_seed":0,"sampling_table_size":65536,"skip_first_ngram_calls":false,"num_leaves":2}`),
		one("odd modulus", synthid.Config{SamplingTableSize: 65537, SamplingTableSeed: -3, ContextHistorySize: synthid.NoHistory, SkipFirstNgramCalls: true}, 70,
			`{"hash":"table","layers":70,"ngram_len":5,"context_history_size":0,"sampling_table_seed":-3,"sampling_table_size":65537,"skip_first_ngram_calls":true,"num_leaves":2}`),
		one("table-free", synthid.Config{Hash: synthid.TableFree, NgramLen: 2, ContextHistorySize: 5, NumLeaves: 3, VocabSize: 1000}, 1,
			`{"hash":"table-free","layers":1,"ngram_len":2,"context_history_size":5,"skip_first_ngram_calls":false,"num_leaves":3,"vocab_size":1000}`),
		one("given table", synthid.Config{SamplingTable: sampleTable(20), SamplingTableSize: 20, SamplingTableSHA256: sumOf(sampleTable(20))}, 2,
			`{"hash":"table","layers":2,"ngram_len":5,"context_history_size":1024,"sampling_table_seed":0,"sampling_table_size":20,"skip_first_ngram_calls":false,"num_leaves":2,"sampling_table":"bYgA","sampling_table_sha256":"`+sumOf(sampleTable(20))+`"}`),
		hf("default", transformers.SynthIDConfig{NgramLen: 5}, `{"layers":3,"ngram_len":5,"context_history_size":1024,"sampling_table_seed":0,"sampling_table_size":65536,"skip_first_ngram_calls":false}`),
		hf("all", transformers.SynthIDConfig{
			NgramLen: 4, ContextHistorySize: synthid.NoHistory, SamplingTableSeed: 1 << 62, SamplingTableSize: 16, SkipFirstNgramCalls: true,
			SamplingTable: sampleTable(16), VocabSize: 1000,
		}, `{"layers":3,"ngram_len":4,"context_history_size":0,"sampling_table_seed":4611686018427387904,"sampling_table_size":16,"skip_first_ngram_calls":true,"sampling_table":"bYg=","vocab_size":1000}`),
	}
}

func textseals(t testing.TB) []sample {
	one := func(name string, c textseal.Config, want string) sample {
		c.SecretKey = textseal.NewKey(-small)
		return of(t, "textseal "+name, c, textseal.New, marks.IntegerSecret[int64](-small), want)
	}
	two := textseal.Config{WatermarkType: textseal.TextSeal, SecretKey: textseal.NewKey(small), SecretKeyB: textseal.NewKey(-1), MixingAlpha: 0.7, Ngram: 2, ScoringMethod: textseal.None}
	return []sample{
		one("default", textseal.Config{}, `{"watermark_type":"gumbelmax","ngram":1,"scoring_method":"v2"}`),
		one("greenlist", textseal.Config{WatermarkType: textseal.GreenList, Gamma: 0.3, Delta: 3, BeforeTopP: true, ScoringMethod: textseal.V1},
			`{"watermark_type":"greenlist","ngram":1,"gamma":0.3,"delta":3,"after_topp":false,"scoring_method":"v1"}`),
		one("greenlist after", textseal.Config{WatermarkType: textseal.GreenList, Ngram: 10},
			`{"watermark_type":"greenlist","ngram":10,"gamma":0.5,"delta":2,"after_topp":true,"scoring_method":"v2"}`),
		one("synthid", textseal.Config{WatermarkType: textseal.SynthID, Depth: 64, VocabSize: 1000},
			`{"watermark_type":"synthid","ngram":1,"gamma":0.5,"depth":64,"scoring_method":"v2","vocab_size":1000}`),
		one("weighted", textseal.Config{WatermarkType: textseal.SynthIDWeighted, Gamma: 0.25},
			`{"watermark_type":"synthid-weighted","ngram":1,"gamma":0.25,"depth":30,"scoring_method":"v2"}`),
		one("textseal", textseal.Config{WatermarkType: textseal.TextSeal}, `{"watermark_type":"textseal","ngram":1,"scoring_method":"v2","mixing_alpha":0.5}`),
		of(t, "textseal key B", two, textseal.New, marks.IntegerSecret[int64](small, -1), `{"watermark_type":"textseal","ngram":2,"scoring_method":"none","mixing_alpha":0.7}`),
	}
}

func markllms(t testing.TB) []sample {
	var out []sample
	for _, f := range []markllm.FScheme{markllm.Time, markllm.Additive, markllm.Skip, markllm.Min} {
		c := markllm.KGWConfig{HashKey: markllm.NewHashKey(big), FScheme: f, PrefixLength: 2, VocabSize: 1000, ZThreshold: -1}
		out = append(out, of(t, "kgw "+string(f), c, markllm.NewKGW, marks.IntegerSecret(uint64(big)),
			`{"gamma":0.5,"delta":2,"prefix_length":2,"z_threshold":-1,"f_scheme":"`+string(f)+`","vocab_size":1000}`))
	}
	return append(out,
		of(t, "kgw default", markllm.KGWConfig{HashKey: markllm.NewHashKey(1), VocabSize: 1001, Gamma: 0.3, Delta: 1.5}, markllm.NewKGW, marks.IntegerSecret(1),
			`{"gamma":0.3,"delta":1.5,"prefix_length":1,"z_threshold":4,"f_scheme":"time","vocab_size":1001}`),
		of(t, "unigram", markllm.UnigramConfig{HashKey: markllm.NewHashKey(small), VocabSize: 1000, Gamma: 0.25, Delta: 4, ZThreshold: 2.5}, markllm.NewUnigram, marks.IntegerSecret[int64](small),
			`{"gamma":0.25,"delta":4,"z_threshold":2.5,"vocab_size":1000}`),
		of(t, "exp", markllm.EXPConfig{HashKey: markllm.NewHashKey(small >> 12), VocabSize: 1000, Threshold: 1e-7}, markllm.NewEXP, marks.IntegerSecret[int64](small>>12),
			`{"prefix_length":4,"threshold":1e-7,"vocab_size":1000}`),
	)
}

func samples(t testing.TB) []sample {
	t.Helper()
	var out []sample
	for _, f := range []func(testing.TB) []sample{natives, layers, vllms, sglangs, greenLists, synthids, textseals, markllms} {
		out = append(out, f(t)...)
	}
	return out
}

// write returns a text of n tokens below vocabulary that a session draws after a
// prompt, from logits that depend on the last two tokens.
func write(t testing.TB, w *watermark.Watermark, n int) watermark.Text {
	t.Helper()
	const vocabulary = 1000
	prompt := []watermark.Token{5, 17, 256, 5, 9}
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(3), Prompt: prompt})
	require.NoError(t, err)
	text := watermark.Text{Prompt: prompt, PromptKnown: true}
	var a, b watermark.Token
	for range n {
		r := rand.New(rand.NewPCG(uint64(a), uint64(b)))
		logits := make([]float32, 40)
		ids := make([]watermark.Token, len(logits))
		for i := range ids {
			ids[i] = watermark.Token(r.IntN(vocabulary))
			logits[i] = float32(r.NormFloat64())
		}
		token, err := s.Sample(ids, logits)
		require.NoError(t, err)
		require.NoError(t, s.Accept(token))
		text.Tokens = append(text.Tokens, token)
		a, b = b, token
	}
	return text
}
