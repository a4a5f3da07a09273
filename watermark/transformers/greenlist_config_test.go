package transformers_test

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
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

func TestParseGreenListConfig(t *testing.T) {
	c, err := transformers.ParseGreenListConfig([]byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, 0.25, c.GreenlistRatio)
	assert.Equal(t, 2.0, c.Bias)
	assert.Equal(t, transformers.LeftHash, c.SeedingScheme)
	assert.Equal(t, 1, c.ContextWidth)
	assert.Equal(t, uint64(15485863), c.HashingKey.Value())
	c, err = transformers.ParseGreenListConfig([]byte(
		`{"greenlist_ratio": 0.5, "bias": 1, "hashing_key": 9223372036854775807, "seeding_scheme": "selfhash", "context_width": 64}`))
	require.NoError(t, err)
	assert.Equal(t, uint64(math.MaxInt64), c.HashingKey.Value())
	assert.Equal(t, transformers.SelfHash, c.SeedingScheme)
	assert.Equal(t, 64, c.ContextWidth)
}

func TestGreenListConfigErrors(t *testing.T) {
	for _, v := range []struct{ json, want string }{
		{`{"greenlist_ratio": 0}`, "transformers: greenlist_ratio is 0, want more than 0 and less than 1"},
		{`{"greenlist_ratio": 1}`, "transformers: greenlist_ratio is 1, want more than 0 and less than 1"},
		{`{"bias": 0}`, "transformers: bias is 0 nats, want more than 0 and at most 100"},
		{`{"bias": -2}`, "transformers: bias is -2 nats, want more than 0 and at most 100"},
		{`{"hashing_key": -4711}`, "transformers: greenlist config: hashing_key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"hashing_key": 18446744073709551616}`, "transformers: greenlist config: hashing_key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"hashing_key": 9223372036854775808, "seeding_scheme": "selfhash"}`, "transformers: hashing_key is above 2^63-1, want 0 to 2^63-1 with selfhash"},
		{`{"seeding_scheme": "LeftHash"}`, `transformers: seeding_scheme is "LeftHash", want "lefthash" or "selfhash"`},
		{`{"seeding_scheme": ""}`, `transformers: seeding_scheme is "", want "lefthash" or "selfhash"`},
		{`{"context_width": 0}`, "transformers: context_width is 0, want 1 to 64"},
		{`{"context_width": 65}`, "transformers: context_width is 65, want 1 to 64"},
		{`{"key": 3, "algorithm": "gumbel"}`, `transformers: greenlist config: unknown field "algorithm", "key", want among greenlist_ratio, bias, hashing_key, seeding_scheme, context_width`},
		{`{"ngram_len": 5, "keys": [1]}`, `transformers: greenlist config: unknown field "keys", "ngram_len", want among greenlist_ratio, bias, hashing_key, seeding_scheme, context_width`},
		{`[]`, "transformers: greenlist config: not a JSON object"},
	} {
		_, err := transformers.ParseGreenListConfig([]byte(v.json))
		assert.EqualError(t, err, v.want)
	}
	key := transformers.NewHashingKey(99194853)
	for _, v := range []struct {
		c    transformers.GreenListConfig
		want string
	}{
		{transformers.GreenListConfig{VocabSize: 100}, "transformers: hashing_key is missing, want one from NewHashingKey"},
		{transformers.GreenListConfig{HashingKey: key}, "transformers: vocab_size is 0, want 2 to 2147483647"},
		{transformers.GreenListConfig{HashingKey: key, VocabSize: 1}, "transformers: vocab_size is 1, want 2 to 2147483647"},
		{transformers.GreenListConfig{HashingKey: key, VocabSize: 100, GreenlistRatio: 0.009}, "transformers: greenlist_ratio is 0.009, want at least 1/100: a list would be empty"},
		{transformers.GreenListConfig{HashingKey: key, VocabSize: 100, GreenlistRatio: math.NaN()}, "transformers: greenlist_ratio is NaN, want more than 0 and less than 1"},
		{transformers.GreenListConfig{HashingKey: key, VocabSize: 100, Bias: math.Inf(1)}, "transformers: bias is +Inf nats, want more than 0 and at most 100"},
		{transformers.GreenListConfig{HashingKey: key, VocabSize: 100, ContextWidth: -1}, "transformers: context_width is -1, want 1 to 64"},
	} {
		_, err := transformers.NewGreenList(v.c)
		assert.EqualError(t, err, v.want)
		_, err = transformers.NewGreenListDetector(v.c, transformers.GreenListDetectorOptions{})
		assert.EqualError(t, err, v.want)
	}
	_, err := transformers.NewGreenListDetector(transformers.GreenListConfig{HashingKey: key, VocabSize: 100},
		transformers.GreenListDetectorOptions{ZThreshold: math.NaN()})
	assert.EqualError(t, err, "transformers: z_threshold is NaN, want a number")
}

// A config prints as the engine's object, without its key.
func TestGreenListConfigPrintsNoKey(t *testing.T) {
	c := transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(8675309123), VocabSize: 100}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
	}
	b, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(b)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c)
	w, err := transformers.NewGreenList(c)
	require.NoError(t, err)
	fmt.Fprintf(&out, "%v %+v %+v", w, w.Info(), w.Scheme())
	for _, digits := range []string{"8675309123", "20515a543", "20515A543"} {
		assert.NotContains(t, out.String(), digits)
	}
	assert.Contains(t, out.String(), `{"greenlist_ratio":0.25,"bias":2,"hashing_key":"redacted:`+c.HashingKey.ID()+`","seeding_scheme":"lefthash","context_width":1}`)
	_, err = transformers.ParseGreenListConfig(b)
	assert.ErrorContains(t, err, "hashing_key is a string")
}

func TestGreenListSourceInfo(t *testing.T) {
	c := transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(8675309123), VocabSize: 100}
	w, err := transformers.NewGreenList(c)
	require.NoError(t, err)
	assert.Equal(t, watermark.SourceInfo{
		Name: "transformers lefthash context_width=1 vocab_size=100 greenlist_size=25", KeyID: c.HashingKey.ID(), Kind: watermark.Statistical,
	}, w.Info())
	for _, public := range []uint64{15485863, 42} {
		c.HashingKey = transformers.NewHashingKey(public)
		known, err := transformers.NewGreenList(c)
		require.NoError(t, err)
		assert.Equal(t, watermark.PublicKey, known.Info().Kind)
		assert.Equal(t, watermark.Statistical, known.Decoy([32]byte{1}, 0).Info().Kind)
	}
	decoy := w.Decoy([32]byte{1}, 0)
	assert.Equal(t, decoy.ID(), w.Decoy([32]byte{1}, 0).ID())
	assert.NotEqual(t, decoy.ID(), w.Decoy([32]byte{1}, 1).ID())
	a, b, same := make([]float64, 100), make([]float64, 100), make([]float64, 100)
	ids := make([]watermark.Token, 100)
	for i := range ids {
		ids[i] = watermark.Token(i)
	}
	require.True(t, w.Scores([]watermark.Token{3}, ids, a))
	require.True(t, decoy.Scores([]watermark.Token{3}, ids, b))
	require.True(t, w.Decoy([32]byte{1}, 0).Scores([]watermark.Token{3}, ids, same))
	assert.NotEqual(t, a, b)
	assert.Equal(t, b, same)
	green := 0.0
	for _, s := range b {
		green += s
	}
	assert.Equal(t, 25.0, green)
}

func TestGreenListDetectErrors(t *testing.T) {
	bos := watermark.Token(1)
	d, err := transformers.NewGreenListDetector(
		transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(8675309123), VocabSize: 100, ContextWidth: 3},
		transformers.GreenListDetectorOptions{BOSTokenID: &bos})
	require.NoError(t, err)
	long := []watermark.Token{5, 6, 7, 8}
	for _, v := range []struct {
		texts [][]watermark.Token
		want  string
	}{
		{[][]watermark.Token{{}}, "transformers: text 0 is empty, want at least 4 tokens"},
		{[][]watermark.Token{{5, 6, 7}}, "transformers: text 0 has 3 tokens without bos, want at least 4"},
		{[][]watermark.Token{{1, 5, 6, 7}}, "transformers: text 0 has 3 tokens without bos, want at least 4"},
		{[][]watermark.Token{long, {5, 6, 7, 8, 9}}, "transformers: text 1 has 5 tokens and text 0 has 4, want as many"},
		{[][]watermark.Token{{1, 5, 6, 7, 8}, {5, 6, 7, 8, 9}}, "transformers: text 1 and text 0 do not both begin with the bos token, want all or none"},
		{[][]watermark.Token{long, {5, 6, -1, 8}}, "transformers: token 2 of text 1 is -1, want 0 to 99"},
		{[][]watermark.Token{{5, 6, 7, 100}}, "transformers: token 3 of text 0 is 100, want 0 to 99"},
	} {
		_, err := d.Detect(v.texts...)
		assert.EqualError(t, err, v.want)
	}
	none, err := d.Detect()
	require.NoError(t, err)
	assert.Empty(t, none)
	two, err := d.Detect([]watermark.Token{1, 5, 6, 7, 8, 9}, []watermark.Token{1, 50, 60, 70, 80, 90})
	require.NoError(t, err)
	assert.Len(t, two, 2)
	assert.Equal(t, 2, two[1].NumTokensScored)
}

func TestGreenListThresholdIsStrict(t *testing.T) {
	c := transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(8675309123), VocabSize: 100}
	text := []watermark.Token{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	at := func(z float64) transformers.GreenListDetection {
		d, err := transformers.NewGreenListDetector(c, transformers.GreenListDetectorOptions{ZThreshold: z})
		require.NoError(t, err)
		r, err := d.Detect(text)
		require.NoError(t, err)
		return r[0]
	}
	z := at(3).ZScore
	require.NotZero(t, z)
	assert.False(t, at(z).Prediction)
	assert.True(t, at(math.Nextafter(z, -9)).Prediction)
}
