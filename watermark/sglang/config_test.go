package sglang

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
)

const some = `"key": "a1b2c3d4"`

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{` + some + `}`))
	require.NoError(t, err)
	assert.Equal(t, uint64(0xa1b2c3d4), c.Key.secret.Value())
	want := `{"key":"redacted:` + c.Key.ID() + `","context_window":4,"mixing_probability":0.5,"max_probability":1,"default_enabled":false,"enforce_all":false}`
	assert.Equal(t, want, c.String(), "the engine's defaults")
	assert.Equal(t, want, Config{Key: c.Key}.String(), "a literal has them too")

	c, err = ParseConfig([]byte(`{"key": "0x1", "key_b": "0XfF", "context_window": 64, "mixing_probability": 0.25, "max_probability": 0.8,` +
		`"default_enabled": true, "enforce_all": true}`))
	require.NoError(t, err)
	assert.Equal(t, `{"key":"`+c.Key.String()+`","key_b":"`+c.KeyB.String()+`","context_window":64,"mixing_probability":0.25,"max_probability":0.8,`+
		`"default_enabled":true,"enforce_all":true}`, c.String())
	assert.Equal(t, uint64(255), c.KeyB.secret.Value())

	_, err = ParseConfig([]byte(c.String()))
	assert.EqualError(t, err, "sglang: watermark config: key is not 1 to 16 hexadecimal digits after an optional 0x", "what was redacted is gone")

	c, err = ParseConfig([]byte(`{"context_window": 8}`))
	require.NoError(t, err, "requests may bring their keys")
	assert.NotContains(t, c.String(), "key")
	c, err = ParseConfig([]byte(`{` + some + `, "key_b": null}`))
	require.NoError(t, err)
	assert.True(t, c.KeyB.IsZero())
}

func TestParseConfigErrors(t *testing.T) {
	const badKey = "is not 1 to 16 hexadecimal digits after an optional 0x"
	for _, c := range []struct{ json, want string }{
		{`{"key": "xyz31337"}`, "sglang: watermark config: key " + badKey},
		{`{"key": ""}`, "sglang: watermark config: key " + badKey},
		{`{"key": "31337313373133731"}`, "sglang: watermark config: key " + badKey},
		{`{"key": 31337}`, "sglang: watermark config: key is another number, want a string"},
		{`{"key": null}`, "sglang: watermark config: key is null, want a string"},
		{`{` + some + `, "key_b": "g"}`, "sglang: watermark config: key_b " + badKey},
		{`{"key_b": "1"}`, "sglang: key_b is given without key, want both or key alone"},
		{`{` + some + `, "context_window": 0}`, "sglang: watermark config: context_window is 0, want 1 to 64"},
		{`{` + some + `, "context_window": 65}`, "sglang: context_window is 65, want 1 to 64"},
		{`{` + some + `, "context_window": true}`, "sglang: watermark config: context_window is a boolean, want an integer"},
		{`{` + some + `, "key_b": "1", "mixing_probability": 0}`, "sglang: watermark config: mixing_probability is 0, want above 0 and below 1"},
		{`{` + some + `, "key_b": "1", "mixing_probability": 1}`, "sglang: mixing_probability is 1, want above 0 and below 1"},
		{`{` + some + `, "mixing_probability": 0.25}`, "sglang: mixing_probability is 0.25 without key_b, want 0.5"},
		{`{` + some + `, "max_probability": 0}`, "sglang: watermark config: max_probability is 0, want above 0 to 1"},
		{`{` + some + `, "max_probability": 1.1}`, "sglang: max_probability is 1.1, want above 0 to 1"},
		{`{` + some + `, "enforce_all": 1}`, "sglang: watermark config: enforce_all is another number, want true or false"},
		{`{"key": 31337, "algorithm": "gumbel"}`, // vLLM's
			`sglang: watermark config: unknown field "algorithm", want among key, key_b, context_window, mixing_probability, max_probability, default_enabled, enforce_all`},
		{`{` + some, "sglang: watermark config: not a JSON object: it is cut off"},
		{`{` + some + strings.Repeat(" ", 4096) + `}`, fmt.Sprintf("sglang: watermark config has %d bytes, want at most 4096", len(some)+4098)},
	} {
		_, err := ParseConfig([]byte(c.json))
		assert.EqualError(t, err, c.want, c.json)
		assert.NotContains(t, c.want, "31337")
	}
}

func TestParseKeyErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "sglang: key has 0 hexadecimal digits, want 1 to 16",
		"0x":                 "sglang: key has 0 hexadecimal digits, want 1 to 16",
		"12345678901234567":  "sglang: key has 17 hexadecimal digits, want 1 to 16",
		"0x0x1":              "sglang: key has a character that is no hexadecimal digit, want 1 to 16 digits after an optional 0x",
		" 1":                 "sglang: key has a character that is no hexadecimal digit, want 1 to 16 digits after an optional 0x",
		"-1":                 "sglang: key has a character that is no hexadecimal digit, want 1 to 16 digits after an optional 0x",
		"00123456789abcdef0": "sglang: key has 18 hexadecimal digits, want 1 to 16",
	} {
		_, err := ParseKey(text)
		assert.EqualError(t, err, want)
	}
}

func TestNewErrors(t *testing.T) {
	key := NewKey(testKey)
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, "sglang: key is missing, want 1 to 16 hexadecimal digits"},
		{Config{KeyB: key}, "sglang: key_b is given without key, want both or key alone"},
		{Config{Key: key, ContextWindow: -1}, "sglang: context_window is -1, want 1 to 64"},
		{Config{Key: key, MixingProbability: 0.3}, "sglang: mixing_probability is 0.3 without key_b, want 0.5"},
		{Config{Key: key, KeyB: key, MixingProbability: -0.3}, "sglang: mixing_probability is -0.3, want above 0 and below 1"},
		{Config{Key: key, MaxProbability: 2}, "sglang: max_probability is 2, want above 0 to 1"},
	} {
		_, err := New(c.config)
		assert.EqualError(t, err, c.want)
		_, err = Detect(c.config, DetectorOptions{}, watermark.Text{})
		assert.EqualError(t, err, c.want)
	}
}

func TestRequests(t *testing.T) {
	server := Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB), ContextWindow: 6, MixingProbability: 0.3}
	r, err := ParseRequest([]byte(`{"enabled": true, "key": "0xFF", "context_window": 3}`))
	require.NoError(t, err)
	assert.True(t, *r.Enabled)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Equal(t, `{"enabled":true,"key":"`+r.Key.String()+`","context_window":3}`, string(b))
	c, err := server.With(r)
	require.NoError(t, err)
	assert.Equal(t, NewKey(255).ID(), c.Key.ID())
	assert.Equal(t, server.KeyB.ID(), c.KeyB.ID())
	assert.Equal(t, 3, c.ContextWindow)

	r, err = ParseRequest([]byte(`{}`))
	require.NoError(t, err)
	assert.Nil(t, r.Enabled)
	c, err = server.With(r)
	require.NoError(t, err)
	assert.Equal(t, newMark(t, server).ID(), newMark(t, c).ID())

	_, err = server.With(Request{ContextWindow: 7})
	assert.EqualError(t, err, "sglang: context_window of the request is 7, want 1 to the server's 6")
	_, err = Config{Key: NewKey(1)}.With(Request{ContextWindow: 5})
	assert.EqualError(t, err, "sglang: context_window of the request is 5, want 1 to the server's 4")
	for text, want := range map[string]string{
		`{"key_b": "1"}`:        `sglang: watermark of a request: unknown field "key_b", want among enabled, key, context_window`,
		`{"context_window": 0}`: "sglang: watermark of a request: context_window is 0, want 1 to 64",
		`{"enabled": "yes"}`:    "sglang: watermark of a request: enabled is a string, want true or false",
		`{"key": "-1"}`:         "sglang: watermark of a request: key is not 1 to 16 hexadecimal digits after an optional 0x",
	} {
		_, err := ParseRequest([]byte(text))
		assert.EqualError(t, err, want)
	}
}

// TestRedacted prints all that holds a key.
func TestRedacted(t *testing.T) {
	c := Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB)}
	w := newMark(t, c)
	d, err := NewDetector(c, DetectorOptions{})
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{c, &c, c.Key, &c.Key, Request{Key: c.Key}, w, *w, d, *d, []Config{c}, map[string]any{"config": c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	text := strings.ToLower(out.String())
	r := newSource(c.resolved()).open()
	words := []uint64{testKey, testKeyB, uint64(r.keyed[0]), uint64(r.keyed[1]), uint64(r.coin)}
	for _, key := range words {
		for _, digits := range []string{fmt.Sprint(key), fmt.Sprint(int64(key)), fmt.Sprintf("%x", key), fmt.Sprint(uint32(key))} {
			assert.False(t, strings.Contains(text, digits), "%s is printed", digits)
		}
	}
	assert.Contains(t, text, c.Key.ID())
}

func TestInfo(t *testing.T) {
	info := newMark(t, Config{Key: NewKey(testKey)}).Info()
	assert.Equal(t, watermark.Statistical, info.Kind)
	assert.Equal(t, NewKey(testKey).ID(), info.KeyID)
	assert.Equal(t, watermark.PublicKey, newMark(t, Config{Key: parseKey(t, "0123456789abcdef")}).Info().Kind)
	assert.Equal(t, watermark.PublicKey, newMark(t, Config{Key: NewKey(testKey), KeyB: NewKey(42)}).Info().Kind)

	ids := map[string]bool{}
	for _, c := range []Config{
		{}, {KeyB: NewKey(testKeyB)}, {KeyB: NewKey(testKeyB), MixingProbability: 0.25}, {ContextWindow: 5}, {MaxProbability: 0.9},
		{Key: NewKey(2)}, {KeyB: NewKey(3)},
	} {
		if c.Key.IsZero() {
			c.Key = NewKey(testKey)
		}
		ids[newMark(t, c).ID()] = true
	}
	assert.Len(t, ids, 7, "marks that differ have IDs that differ")
}
