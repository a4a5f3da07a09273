package marks_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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

// lines returns the files of the samples by name.
func lines(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, x := range samples(t) {
		line, err := x.spec.Encode()
		require.NoError(t, err)
		out[x.name] = string(line)
	}
	return out
}

func TestParseRefuses(t *testing.T) {
	all := lines(t)
	for _, c := range []struct{ sample, old, new, want string }{
		// the frame
		{"gumbel", "}\n", "}", "marks: spec does not end with a newline: cut off"},
		{"gumbel", all["gumbel"], "", "marks: spec does not end with a newline: cut off"},
		{"gumbel", all["gumbel"], "\n", "marks: spec: cut off after 0 bytes"},
		{"gumbel", all["gumbel"], "null\n", `marks: spec has schema "", want "dyetrace/mark/1"`},
		{"gumbel", all["gumbel"], "[]\n", "marks: spec: json: cannot unmarshal array"},
		{"gumbel", `}}`, `}`, "marks: spec: cut off after"},
		{"gumbel", "mark/1", "mark/2", `marks: spec has schema "dyetrace/mark/2", want "dyetrace/mark/1"`},
		{"gumbel", `"schema":"dyetrace/mark/1",`, ``, `marks: spec has schema "", want "dyetrace/mark/1"`},
		{"gumbel", `,"engine"`, `,"secret":1,"engine"`, `marks: spec: json: unknown field "secret"`},
		{"gumbel", `,"engine"`, `, "engine"`, "marks: spec: not in canonical form"},
		{"gumbel", "}\n", "}\n\n", "marks: spec: not in canonical form"},
		{"gumbel", "dyetrace/1", "dyetrace/2", `marks: engine is "dyetrace/2", want dyetrace/1, vllm, sglang, transformers/greenlist, transformers/synthid, synthid, textseal, markllm/kgw, markllm/unigram or markllm/exp`},
		{"gumbel", `"engine":"dyetrace/1",`, ``, "marks: spec: not in canonical form"},
		{"gumbel", `,"config":{"scheme":"gumbel","width":3}`, ``, "marks: spec: not in canonical form"},
		{"gumbel", `{"scheme":"gumbel","width":3}`, `null`, `marks: dyetrace/1: scheme is "", want gumbel`},
		{"gumbel", `{"scheme":"gumbel","width":3}`, `7`, `marks: config of dyetrace/1: json: cannot unmarshal number`},
		{"vllm default", `"engine":"vllm"`, `"engine":"sglang"`, `marks: config of sglang: json: unknown field "algorithm"`},
		// public names
		{"gumbel", `"key_id":"dye`, `"key_id":"Dye`, "marks: key ID: keys: text is something else, want a public ID"},
		{"vllm default", `"key_id":"`, `"key_id":"0`, `marks: key ID is "0`},
		{"vllm default", `"key_id":"`, `"key_id":"+`, `marks: key ID is "+`},
		{"sglang two keys", `+`, `-`, "want the form"},
		{"sglang two keys", `+`, `0`, "want the form"},
		{"layer epoch", `"layout_id":"dye`, `"layout_id":"Dye`, "marks: ID of the layout key: keys: text is something else"},
		{"layer epoch", `"layout_id":"` + testKey(t, 9).ID().String() + `",`, ``, "marks: ID of the layout key: keys: text is empty"},
		{"gumbel", `,"config"`, `,"layout_id":"` + testKey(t, 9).ID().String() + `","config"`, "marks: spec has the ID of a layout key, and its mark is no layer"},
		// the native mark
		{"gumbel", `"gumbel"`, `"gumbel2"`, `marks: dyetrace/1: scheme is "gumbel2", want gumbel, dualgumbel, greenlist or tournament`},
		{"gumbel", `"width":3`, `"width":17`, "marks: watermark: window is 17 tokens, want 1 to 16"},
		{"gumbel", `"width":3`, `"width":-1`, "marks: watermark: window is -1 tokens, want 1 to 16"},
		{"gumbel", `"width":3`, `"width":0`, `marks: config of dyetrace/1 is not in canonical form, want {"scheme":"gumbel","width":3}`},
		{"gumbel", `"width":3`, `"width":3.0`, "marks: config of dyetrace/1: json: cannot unmarshal number 3.0"},
		{"gumbel", `"width":3`, `"depth":30,"width":3`, `marks: config of dyetrace/1 is not in canonical form, want {"scheme":"gumbel","width":3}`},
		{"gumbel", `"width":3`, `"width":3,"width":3`, "marks: config of dyetrace/1 is not in canonical form"},
		{"gumbel", `"scheme":"gumbel","width":3`, `"width":3,"scheme":"gumbel"`, "marks: config of dyetrace/1 is not in canonical form"},
		{"gumbel", `"width":3`, `"width":3,"key":"x"`, `marks: config of dyetrace/1: json: unknown field "key"`},
		{"dualgumbel", `"alpha":0.1`, `"alpha":1.5`, "marks: watermark: dual Gumbel alpha is 1.5, want 0 to 1"},
		{"dualgumbel 0", `"alpha":0,`, ``, `want {"scheme":"dualgumbel","alpha":0,"width":3}`},
		{"greenlist", `"gamma":0.25`, `"gamma":2`, "marks: watermark: green list gamma is 2, want in (0, 1)"},
		{"greenlist", `"gamma":0.25`, `"gamma":2.5e-1`, `want {"scheme":"greenlist","gamma":0.25,"delta":2,"width":2}`},
		{"greenlist", `"delta":2,`, ``, "marks: watermark: green list delta is 0 nats, want in (0, 100]"},
		{"tournament", `"depth":30`, `"depth":65`, "marks: watermark: tournament depth is 65, want 1 to 64"},
		{"layer epoch", `"begin":2147483648`, `"begin":3435973836`, "marks: watermark: part of a layout is [3435973836,3435973836), want begin < end"},
		{"layer epoch", `"end":3435973836`, `"end":4294967297`, "marks: watermark: part of a layout is [2147483648,4294967297), want begin < end <= 2^32"},
		{"layer epoch", `"begin":2147483648`, `"begin":-1`, "marks: config of dyetrace/1: json: cannot unmarshal number -1"},
		{"layer epoch", `"width":2}`, `"width":5}`, "marks: watermark: gate of a layer reads 5 tokens, want 1 to 4"},
		{"layer epoch", `{"begin":2147483648,"end":3435973836,"width":2}`, `{"begin":0,"end":0,"width":0}`, "marks: watermark: part of a layout is [0,0)"},
		// other engines
		{"vllm default", `"alpha":0.1`, `"alpha":2`, "marks: vllm: alpha is 2, want 0 to 1"},
		{"vllm default", `"gumbel"`, `"Gumbel"`, `marks: vllm: algorithm is "Gumbel", want "gumbel" or "dual_key_gumbel"`},
		{"vllm default", `"context_width":4`, `"context_width":65`, "marks: vllm: context_width is 65, want 1 to 64"},
		{"vllm default", `:8192`, `:-1`, "not in canonical form"},
		{"vllm default", `:8192`, `:-2`, "marks: vllm: deduplicate_contexts_max_history is -2, want"},
		{"vllm default", `:8192`, `:0`, `"deduplicate_contexts_max_history":8192`},
		{"vllm default", `"single_turn"`, `"turn"`, `marks: vllm: deduplicate_contexts is "turn", want`},
		{"vllm default", `"alpha":0.1,`, ``, `marks: config of vllm is not in canonical form, want {"algorithm":"gumbel","alpha":0,`},
		{"sglang default", `"keys":1`, `"keys":3`, "marks: sglang: keys are 3, want 1 or 2"},
		{"sglang default", `"keys":1`, `"keys":2`, "want the form"},
		{"sglang default", `"context_window":4`, `"context_window":65`, "marks: sglang: context_window is 65, want 1 to 64"},
		{"sglang default", `"mixing_probability":0.5`, `"mixing_probability":0.4`, "marks: sglang: mixing_probability is 0.4 without key_b, want 0.5"},
		{"sglang default", `"max_probability":1`, `"max_probability":1.1`, "marks: sglang: max_probability is 1.1, want above 0 to 1"},
		{"greenlist lefthash", `"vocab_size":1000`, `"vocab_size":1`, "marks: transformers: vocab_size is 1, want 2 to 2147483647"},
		{"greenlist lefthash", `"vocab_size":1000`, `"vocab_size":4194305`, "marks: transformers/greenlist: vocab_size is 4194305, want at most 4194304"},
		{"greenlist lefthash", `"bias":2`, `"bias":101`, "marks: transformers: bias is 101 nats, want more than 0 and at most 100"},
		{"greenlist lefthash", `"lefthash"`, `"lefhash"`, `marks: transformers: seeding_scheme is "lefhash", want "lefthash" or "selfhash"`},
		{"greenlist selfhash", `"cache_bytes":65536`, `"cache_bytes":67108865`, "marks: transformers/greenlist: cache_bytes is 67108865, want at most 67108864"},
		{"greenlist selfhash", `"cache_bytes":65536`, `"cache_bytes":-1`, "marks: transformers: cache is -1 bytes, want 0"},
		{"greenlist selfhash", `"cache_bytes":65536`, `"cache_bytes":0`, "not in canonical form"},
		{"synthid default", `"hash":"table"`, `"hash":"murmur"`, `marks: synthid: hash is "murmur", want "table" or "table-free"`},
		{"synthid default", `"hash":"table"`, `"hash":"table-free"`, "marks: config of synthid is not in canonical form"},
		{"synthid default", `"layers":30`, `"layers":0`, "marks: synthid: layers are 0, want 1 to 1024"},
		{"synthid default", `"layers":30`, `"layers":1025`, "marks: synthid: layers are 1025, want 1 to 1024"},
		{"synthid default", `"ngram_len":5`, `"ngram_len":66`, "marks: synthid: ngram_len is 66, want 2 to 65"},
		{"synthid default", `"sampling_table_size":65536`, `"sampling_table_size":16777217`, "marks: synthid: sampling_table_size is 16777217, want 1 to 16777216"},
		{"synthid default", `"sampling_table_seed":0,`, ``, `"sampling_table_seed":0`},
		{"synthid default", `"num_leaves":2`, `"num_leaves":1`, "marks: synthid: num_leaves is 1, want 2 to 1048576"},
		{"synthid given table", `"bYgA"`, `"bYgQ"`, "marks: config of synthid is not in canonical form"},
		{"synthid given table", `"bYgA"`, `"bYg"`, "marks: config of synthid: illegal base64"},
		{"synthid given table", `"bYgA"`, `"bYg="`, "marks: synthid: sampling_table has 2 bytes, want one for each 8 of 20 entries"},
		{"synthid given table", `"bYgA"`, `"b4gA"`, "marks: synthid: SHA-256 of the sampling table is"},
		{"synthid given table", `"sampling_table_size":20`, `"sampling_table_size":25`, "marks: synthid: sampling_table has 3 bytes, want one for each 8 of 25 entries"},
		{"synthid given table", `"sampling_table_size":20`, `"sampling_table_size":-20`, "marks: synthid: sampling_table has 3 bytes, want one for each 8 of -20 entries"},
		{"synthid given table", `20,"skip_first_ngram_calls":false,"num_leaves":2,"sampling_table":"bYgA"`, `-8,"skip_first_ngram_calls":false,"num_leaves":2,"sampling_table":""`,
			"marks: synthid: sampling_table has 0 bytes, want one for each 8 of -8 entries"},
		{"synthid given table", `"sampling_table_sha256":"`, `"sampling_table_sha256":"00`, "marks: synthid: SHA-256 of the sampling table is"},
		{"hf synthid default", `"ngram_len":5`, `"ngram_len":0`, "marks: transformers: ngram_len is missing, want 2 to 65"},
		{"hf synthid default", `"layers":3`, `"layers":1025`, "marks: transformers/synthid: layers are 1025, want 1 to 1024"},
		{"textseal default", `"gumbelmax"`, `"gumbel"`, `marks: textseal: watermark_type is "gumbel", want`},
		{"textseal default", `"ngram":1`, `"ngram":11`, "marks: textseal: ngram is 11, want 1 to 10"},
		{"textseal default", `"ngram":1`, `"ngram":1,"gamma":0.5`, "marks: config of textseal is not in canonical form"},
		{"textseal default", `"textseal"`, `"textseal2"`, "marks: engine is"},
		{"textseal synthid", `"depth":64`, `"depth":65`, "marks: textseal: depth is 65, want 1 to 64"},
		{"textseal greenlist after", `"after_topp":true,`, ``, "marks: config of textseal is not in canonical form"},
		{"textseal key B", `"mixing_alpha":0.7`, `"mixing_alpha":0`, `"mixing_alpha":0.5`},
		{"textseal key B", `"mixing_alpha":0.7`, `"mixing_alpha":1.7`, "marks: textseal: mixing_alpha is 1.7, want in (0, 1]"},
		{"kgw default", `"f_scheme":"time"`, `"f_scheme":"sum"`, `marks: markllm: f_scheme is "sum", want time, additive, skip or min`},
		{"kgw default", `"z_threshold":4`, `"z_threshold":0`, `"z_threshold":4`},
		{"kgw default", `"vocab_size":1001`, `"vocab_size":4194305`, "marks: markllm/kgw: vocab_size is 4194305, want at most 4194304"},
		{"unigram", `"gamma":0.25`, `"gamma":1e-9`, "marks: markllm: gamma is 1e-09, want at least 1/1000: a list would be empty"},
		{"unigram", `"vocab_size":1000`, `"vocab_size":2147483647`, "marks: markllm/unigram: vocab_size is 2147483647, want at most 4194304"},
		{"exp", `"threshold":1e-7`, `"threshold":2`, "marks: markllm: threshold is 2, want more than 0 and at most 1"},
		{"exp", `"threshold":1e-7`, `"threshold":0.0000001`, `"threshold":1e-7`},
		{"exp", `"vocab_size":1000`, `"vocab_size":-1000`, "marks: markllm: vocab_size is -1000, want 2 to 2147483647"},
		{"exp", `"vocab_size":1000`, `"vocab_size":2147483647`, "marks: markllm/exp: vocab_size is 2147483647, want at most 4194304"},
	} {
		line := all[c.sample]
		require.Contains(t, line, c.old, c.sample)
		data := strings.Replace(line, c.old, c.new, 1)
		s, err := marks.Parse([]byte(data))
		if assert.Error(t, err, "%s: %s", c.sample, data) {
			assert.Contains(t, err.Error(), c.want, "%s: %s", c.sample, data)
			assert.Less(t, len(err.Error()), 600)
		}
		assert.True(t, s.IsZero() == (err != nil), c.sample)
	}
}

func TestOfRefuses(t *testing.T) {
	list := synthid.NewKeys(layerKeys(2)...)
	refused := func(want string) func(s marks.Spec, err error) {
		return func(s marks.Spec, err error) {
			t.Helper()
			assert.ErrorContains(t, err, want)
			assert.True(t, s.IsZero())
		}
	}
	key := testKey(t, 1)
	refused("marks: watermark: the key is the zero Key")(marks.Of(marks.Native{Scheme: watermark.Gumbel{}}))
	refused("marks: watermark: scheme is <nil>, want Gumbel")(marks.Of(marks.Native{Key: key}))
	refused("marks: watermark: scheme is *watermark.Gumbel, want Gumbel")(marks.Of(marks.Native{Key: key, Scheme: &watermark.Gumbel{}}))
	refused("marks: watermark: window is 17 tokens")(marks.Of(marks.Native{Key: key, Scheme: watermark.Gumbel{}, Width: 17}))
	refused("marks: watermark: dual Gumbel alpha is NaN")(marks.Of(marks.Native{Key: key, Scheme: watermark.DualGumbel{Alpha: math.NaN()}}))
	refused("marks: watermark: the layout key is the zero Key")(marks.Of(marks.Native{Key: key, Scheme: watermark.Gumbel{}, Part: watermark.Part{End: 1, Width: 3}}))
	refused("marks: watermark: part of a layout is [0,0)")(marks.Of(marks.Native{Key: key, Scheme: watermark.Gumbel{}, Layout: key}))
	refused("marks: vllm: key is missing")(marks.Of(vllm.Config{}))
	refused("marks: vllm: alpha is NaN, want 0 to 1")(marks.Of(vllm.Config{Key: vllm.NewKey(1), Alpha: ptr(math.NaN())}))
	refused("marks: sglang: key is missing")(marks.Of(sglang.Config{}))
	refused("marks: sglang: key_b is given without key")(marks.Of(sglang.Config{KeyB: sglang.NewKey(1)}))
	refused("marks: transformers: hashing_key is missing")(marks.Of(transformers.GreenListConfig{VocabSize: 10}))
	refused("marks: transformers: hashing_key is above 2^63-1, want 0 to 2^63-1 with selfhash")(marks.Of(transformers.GreenListConfig{
		HashingKey: transformers.NewHashingKey(big), SeedingScheme: transformers.SelfHash, VocabSize: 10}))
	refused("marks: transformers/greenlist: cache_bytes is 67108865, want at most 67108864")(marks.Of(transformers.GreenListConfig{
		HashingKey: transformers.NewHashingKey(1), VocabSize: 10, CacheBytes: 64<<20 + 1}))
	refused("marks: transformers/greenlist: vocab_size is 4194305, want at most 4194304")(marks.Of(transformers.GreenListConfig{
		HashingKey: transformers.NewHashingKey(1), VocabSize: 1<<22 + 1, GreenlistRatio: 0.01}))
	refused("marks: transformers: synthid: keys are 0, want 1 to 1024")(marks.Of(transformers.SynthIDConfig{NgramLen: 5}))
	refused("marks: synthid: keys are 0, want 1 to 1024")(marks.Of(synthid.Config{}))
	refused("marks: synthid: entry 0 of the sampling table is 2, want 0 or 1")(marks.Of(synthid.Config{Keys: list, SamplingTable: []byte{2}, SamplingTableSize: 1}))
	refused("marks: synthid: the sampling table has 0 entries, want sampling_table_size = 65536")(marks.Of(synthid.Config{Keys: list, SamplingTable: []byte{}}))
	refused("marks: synthid: vocabulary has -1 ids")(marks.Of(synthid.Config{Keys: list, VocabSize: -1}))
	refused("marks: textseal: secret_key is missing")(marks.Of(textseal.Config{}))
	refused("marks: textseal: gamma is 1")(marks.Of(textseal.Config{SecretKey: textseal.NewKey(1), Gamma: 1}))
	refused("marks: markllm: hash_key is missing")(marks.Of(markllm.KGWConfig{VocabSize: 10}))
	refused("marks: markllm/kgw: json: unsupported value: +Inf")(marks.Of(markllm.KGWConfig{HashKey: markllm.NewHashKey(1), VocabSize: 10, ZThreshold: math.Inf(1)}))
	refused("marks: markllm: hash_key is above 2^63-1")(marks.Of(markllm.UnigramConfig{HashKey: markllm.NewHashKey(big), VocabSize: 10}))
	refused("marks: markllm: hash_key is above")(marks.Of(markllm.EXPConfig{HashKey: markllm.NewHashKey(big), VocabSize: 10}))
}

func TestBuildRefuses(t *testing.T) {
	specs := map[string]marks.Spec{}
	for _, x := range samples(t) {
		specs[x.name] = x.spec
	}
	key := func(n byte) marks.Secret { return marks.KeySecret(testKey(t, n), keys.Key{}) }
	layer := func(n, layout byte) marks.Secret { return marks.KeySecret(testKey(t, n), testKey(t, layout)) }
	number := func(n ...int64) marks.Secret { return marks.IntegerSecret(n...) }
	huge := marks.IntegerSecret(uint64(big))
	id := func(n byte) string { return testKey(t, n).ID().String() }
	for _, c := range []struct {
		sample string
		secret marks.Secret
		want   string
	}{
		{"gumbel", marks.Secret{}, "marks: the secret is the zero Secret, want one from KeySecret, IntegerSecret or ParseSecret"},
		{"none", key(1), "marks: the zero Spec describes no mark, want one from Of or Parse"},
		{"gumbel", number(1, 2), "marks: dyetrace/1: secret has 2 integers, want a key"},
		{"gumbel", key(2), "marks: secret is of key " + id(2) + ", want " + id(1) + " as the spec says"},
		{"gumbel", layer(1, 9), "marks: dyetrace/1: secret has a layout key, and the mark is no layer"},
		{"layer epoch", key(2), "marks: dyetrace/1: secret has no layout key, and the mark is a layer"},
		{"layer epoch", layer(1, 9), "marks: secret is of key " + id(1) + ", want " + id(2) + " as the spec says"},
		{"layer epoch", layer(2, 8), "marks: layout key is " + id(8) + ", want " + id(9) + " as the spec says"},
		{"vllm default", key(1), "marks: vllm: secret is a key of package keys, want integers"},
		{"vllm default", number(1, 2), "marks: vllm: secret has 2 integers, want 1"},
		{"vllm default", number(-1), "marks: vllm: integer 0 of the secret is negative, want 0 to 2^64-1"},
		{"vllm default", number(1), "marks: secret is of key "},
		{"sglang default", number(1, 2), "marks: sglang: secret has 2 integers, want 1"},
		{"sglang two keys", number(1), "marks: sglang: secret has 1 integers, want 2"},
		{"sglang two keys", number(1, -2), "marks: sglang: integer 1 of the secret is negative, want 0 to 2^64-1"},
		{"sglang two keys", marks.IntegerSecret[uint64](small, big), "marks: secret is of key "}, // the other way round
		{"greenlist lefthash", number(1, 2), "marks: transformers/greenlist: secret has 2 integers, want 1"},
		{"greenlist selfhash", huge, "marks: transformers: hashing_key is above 2^63-1, want 0 to 2^63-1 with selfhash"},
		{"synthid default", number(layerKeys(29)...), "marks: synthid: secret has 29 integers, want 30"},
		{"synthid table-free", huge, "marks: synthid: integer 0 of the secret is above 2^63-1, want -2^63 to 2^63-1"},
		{"hf synthid default", number(1, 2, 3), "marks: secret is of key "},
		{"textseal default", number(1, 2), "marks: textseal: secret has 2 integers, want 1"},
		{"textseal default", huge, "marks: textseal: integer 0 of the secret is above 2^63-1, want -2^63 to 2^63-1"},
		{"textseal textseal", number(1, 2, 3), "marks: textseal: secret has 3 integers, want 1 to 2"},
		{"textseal key B", number(small), "marks: secret is of key "},
		{"unigram", huge, "marks: markllm: hash_key is above 2^63-1, want 0 to 2^63-1 with Unigram"},
		{"exp", huge, "marks: markllm: hash_key is above 18465"},
		{"kgw time", number(-1), "marks: markllm/kgw: integer 0 of the secret is negative, want 0 to 2^64-1"},
	} {
		w, err := specs[c.sample].Build(c.secret)
		assert.ErrorContains(t, err, c.want, c.sample)
		assert.Nil(t, w)
	}
	_, err := marks.Spec{}.Encode()
	assert.EqualError(t, err, "marks: the zero Spec describes no mark, want one from Of or Parse")
	_, err = marks.Spec{}.MarkID()
	assert.EqualError(t, err, "marks: the zero Spec describes no mark, want one from Of or Parse")
	assert.Equal(t, "marks.Spec(none)", marks.Spec{}.String())
}

// Key B that TextSeal derives may be given too.
func TestDerivedKeyB(t *testing.T) {
	s, err := marks.Of(textseal.Config{WatermarkType: textseal.TextSeal, SecretKey: textseal.NewKey(small)})
	require.NoError(t, err)
	a, err := s.Build(marks.IntegerSecret[int64](small))
	require.NoError(t, err)
	b, err := s.Build(marks.IntegerSecret[int64](small, small+12345))
	require.NoError(t, err)
	assert.Equal(t, a.ID(), b.ID())
	sameResults(t, "key B", a, b, write(t, a, 100))
}

// A table of a megabyte is not printed.
func TestLongSpecs(t *testing.T) {
	s, err := marks.Of(synthid.Config{Keys: synthid.NewKeys(1), SamplingTable: sampleTable(1 << 20), SamplingTableSize: 1 << 20})
	require.NoError(t, err)
	assert.Less(t, len(s.String()), 600)
	line, err := s.Encode()
	require.NoError(t, err)
	assert.Greater(t, len(line), 1<<17)
	_, err = marks.Parse(line)
	require.NoError(t, err)
	_, err = marks.Parse([]byte(strings.Replace(string(line), `"num_leaves":2,`, ``, 1)))
	require.ErrorContains(t, err, "marks: config of synthid is not in canonical form, want")
	assert.Less(t, len(err.Error()), 600)
}

// FuzzConfig is FuzzParse behind the frame of a spec, with the secret's form known.
func FuzzConfig(f *testing.F) {
	for _, x := range samples(f) {
		f.Add(x.spec.Engine(), x.want, 1+strings.Count(x.spec.KeyID(), "+"))
	}
	f.Fuzz(func(t *testing.T, engine, config string, integers int) {
		var spec marks.Spec
		for _, id := range []string{testKey(t, 1).ID().String(), "0123456789abcdef", "0123456789abcdef+0123456789abcdef"} {
			for _, layout := range []string{"", `"layout_id":"` + testKey(t, 2).ID().String() + `",`} {
				s, err := marks.Parse([]byte(`{"schema":"dyetrace/mark/1","engine":"` + engine + `","key_id":"` + id + `",` + layout + `"config":` + config + "}\n"))
				if err == nil {
					require.True(t, spec.IsZero(), "two forms of the names are accepted")
					spec = s
				}
			}
		}
		if spec.IsZero() {
			return
		}
		id, err := spec.MarkID()
		require.NoError(t, err)
		require.Contains(t, id, " key="+spec.KeyID())
		if integers < 1 || integers > 1024 {
			integers = 1
		}
		for _, secret := range []marks.Secret{
			marks.KeySecret(testKey(t, 1), keys.Key{}), marks.KeySecret(testKey(t, 1), testKey(t, 2)), marks.IntegerSecret(make([]int, integers)...),
		} {
			if w, err := spec.Build(secret); err == nil {
				require.Equal(t, id, w.ID())
				_, err := w.Detect(watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4, 5, 6}})
				require.NoError(t, err)
			}
		}
	})
}

// FuzzParse asks that what is read is written as it was, and that its mark can be made
// and called by its name.
func FuzzParse(f *testing.F) {
	for _, line := range lines(f) {
		f.Add([]byte(line))
	}
	for _, line := range []string{"", "\n", "null\n", `{"schema":"dyetrace/mark/1","engine":"vllm","key_id":"","config":null}` + "\n"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := marks.Parse(data)
		if err != nil {
			require.True(t, s.IsZero())
			return
		}
		line, err := s.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(line))
		id, err := s.MarkID()
		require.NoError(t, err)
		require.Contains(t, id, s.KeyID())
		for _, secret := range []marks.Secret{marks.KeySecret(testKey(t, 7), keys.Key{}), marks.IntegerSecret(7)} {
			if w, err := s.Build(secret); err == nil {
				require.Equal(t, id, w.ID())
			}
		}
	})
}
