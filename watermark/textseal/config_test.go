package textseal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

func TestParseConfig(t *testing.T) {
	c, err := textseal.ParseConfig([]byte(`{"watermark_type": "greenlist", "secret_key": 987654321987, "ngram": 3, "gamma": 0.25,
		"delta": 1.5, "after_topp": false, "method": "uniform", "alpha": 0.2, "scoring_method": "v1"}`))
	require.NoError(t, err)
	assert.Equal(t, textseal.GreenList, c.WatermarkType)
	assert.Equal(t, uint64(987654321987), c.SecretKey.Value())
	assert.Equal(t, 3, c.Ngram)
	assert.Equal(t, 0.25, c.Gamma)
	assert.Equal(t, 1.5, c.Delta)
	assert.True(t, c.BeforeTopP)
	assert.Equal(t, textseal.V1, c.ScoringMethod)

	c, err = textseal.ParseConfig([]byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, textseal.GumbelMax, c.WatermarkType)
	assert.Equal(t, uint64(42), c.SecretKey.Value())
	assert.Equal(t, 1, c.Ngram)

	c, err = textseal.ParseConfig([]byte(`{"watermark_type": "textseal", "secret_key": -5, "secret_key_b": -1, "mixing_alpha": 0.25}`))
	require.NoError(t, err)
	assert.Equal(t, -5, int(int64(c.SecretKey.Value())))
	assert.True(t, c.SecretKeyB.IsZero(), "−1 asks for the default")
	assert.Equal(t, 0.25, c.MixingAlpha)
	c, err = textseal.ParseConfig([]byte(`{"watermark_type": "textseal", "secret_key": 5, "secret_key_b": 0}`))
	require.NoError(t, err)
	assert.False(t, c.SecretKeyB.IsZero())
}

func TestBadConfigs(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                                  "not a JSON object",
		`{"secret_key": 1} x`:                 "more follows",
		`{"key": 1}`:                          `unknown field "key"`,
		`{"Secret_Key": 1}`:                   `unknown field "Secret_Key"`,
		`{"context_width": 4, "seed": 1}`:     `unknown field "context_width", "seed"`,
		`{"secret_key": 9223372036854775808}`: "secret_key is another number, want an integer from -9223372036854775808 to 9223372036854775807",
		`{"secret_key": "7"}`:                 "secret_key is a string, want an integer",
		`{"ngram": 0}`:                        "ngram is empty or 0",
		`{"ngram": 11}`:                       "ngram is 11, want 1 to 10",
		`{"gamma": 0}`:                        "gamma is empty or 0",
		`{"gamma": 1}`:                        "gamma is 1, want more than 0 and at most 8190/8191",
		`{"gamma": 0.9999}`:                   "gamma is 0.9999, want",
		`{"delta": -1}`:                       "delta is -1 nats, want in (0, 100]",
		`{"depth": 65}`:                       "depth is 65, want 1 to 64",
		`{"watermark_type": "dipmark"}`:       `watermark_type is "dipmark", want gumbelmax, greenlist, synthid, synthid-weighted or textseal`,
		`{"scoring_method": "v3"}`:            `scoring_method is "v3", want v1, v2 or none`,
		`{"method": "ternary"}`:               `method is "ternary", want uniform or binary`,
		`{"mixing_alpha": 0.5}`:               "mixing_alpha goes with watermark_type textseal only",
		`{"watermark_type": "textseal", "mixing_alpha": 0}`:   "mixing_alpha is 0, want in (0, 1]",
		`{"watermark_type": "textseal", "mixing_alpha": 1.5}`: "mixing_alpha is 1.5, want in (0, 1]",
		`{"watermark_type": "synthid", "key_routing": true}`:  "key_routing is true, want false",
		// Configurations of other engines.
		`{"key": 7, "algorithm": "gumbel", "context_width": 4}`: `unknown field "algorithm", "context_width", "key"`,
		`{"ngram_len": 5, "keys": [1, 2]}`:                      `unknown field "keys", "ngram_len"`,
	} {
		_, err := textseal.ParseConfig([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
	good := textseal.Config{SecretKey: textseal.NewKey(5)}
	for want, change := range map[string]func(c *textseal.Config){
		"secret_key is missing":               func(c *textseal.Config) { c.SecretKey = textseal.Key{} },
		"gamma is NaN":                        func(c *textseal.Config) { c.Gamma = math.NaN() },
		"delta is +Inf":                       func(c *textseal.Config) { c.Delta = math.Inf(1) },
		"mixing_alpha is NaN":                 func(c *textseal.Config) { c.MixingAlpha = math.NaN() },
		"vocabulary has -1 ids":               func(c *textseal.Config) { c.VocabSize = -1 },
		"ngram is -1, want 1 to 10":           func(c *textseal.Config) { c.Ngram = -1 },
		`watermark_type is "GumbelMax", want`: func(c *textseal.Config) { c.WatermarkType = "GumbelMax" },
	} {
		c := good
		change(&c)
		_, err := textseal.New(c)
		assert.ErrorContains(t, err, want)
		_, err = textseal.NewDetector(c)
		assert.ErrorContains(t, err, want)
		_, err = textseal.Detect(c, nil)
		assert.ErrorContains(t, err, want)
	}
}

func TestBadTexts(t *testing.T) {
	c := textseal.Config{SecretKey: textseal.NewKey(5), VocabSize: 100}
	_, err := textseal.Detect(c, []watermark.Token{1, 2, 100})
	assert.ErrorContains(t, err, "token 2 of the text is 100, want 0 to 99")
	_, err = textseal.Detect(c, []watermark.Token{-1})
	assert.ErrorContains(t, err, "token 0 of the text is -1, want 0 to 99")
	c.VocabSize = 0
	_, err = textseal.Detect(c, []watermark.Token{5, -7})
	assert.ErrorContains(t, err, "token 1 of the text is -7, want 0 to 2147483647")
	for n := range 3 { // too short to score anything
		r, err := textseal.Detect(c, make([]watermark.Token, n))
		require.NoError(t, err)
		assert.Zero(t, r.NumScored)
		assert.True(t, math.IsNaN(r.EngineP))
		assert.True(t, math.IsNaN(r.Mean))
		assert.False(t, r.Detected)
		assert.LessOrEqual(t, r.LogP, 0.0)
	}
}

// Nothing that prints a configuration or a mark shows a key.
func TestKeysAreNotPrinted(t *testing.T) {
	const secret int64 = 6917529027641081856 + 4711
	c := textseal.Config{SecretKey: textseal.NewKey(secret), SecretKeyB: textseal.NewKey(secret + 1), WatermarkType: textseal.TextSeal}
	w, err := textseal.New(c)
	require.NoError(t, err)
	d, err := textseal.NewDetector(c)
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{c, &c, w.ID(), w.Info(), w.Scheme()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", v)
	}
	b, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(b)
	//lint:ignore SA9005 that nothing comes out is the point
	b, err = json.Marshal(d)
	require.NoError(t, err)
	out.Write(b)
	text := strings.ToLower(out.String())
	for _, digits := range []string{fmt.Sprint(int64(secret)), fmt.Sprintf("%x", secret), fmt.Sprint(int64(secret + 1))} {
		assert.NotContains(t, text, digits)
	}
	assert.Contains(t, text, "redacted:")
	printed := c.String()
	_, err = textseal.ParseConfig([]byte(printed))
	assert.ErrorContains(t, err, "secret_key is a string", "what is printed cannot be mistaken for a configuration")
}

func TestKinds(t *testing.T) {
	for key, want := range map[int64]watermark.Kind{42: watermark.PublicKey, 0x5A17_0BAD_F00D: watermark.Statistical} {
		w, err := textseal.New(textseal.Config{SecretKey: textseal.NewKey(key)})
		require.NoError(t, err)
		assert.Equal(t, want, w.Info().Kind)
		decoy := w.Decoy([32]byte{1}, 3)
		assert.Equal(t, watermark.Statistical, decoy.Info().Kind)
		assert.NotEqual(t, w.ID(), decoy.ID())
		assert.NotEqual(t, decoy.ID(), w.Decoy([32]byte{1}, 4).ID())
	}
	w, err := textseal.New(textseal.Config{SecretKey: textseal.NewKey(0x5A17_0BAD_F00D), SecretKeyB: textseal.NewKey(42), WatermarkType: textseal.TextSeal})
	require.NoError(t, err)
	assert.Equal(t, watermark.PublicKey, w.Info().Kind)
}
