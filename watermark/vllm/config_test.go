package vllm

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
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"key": 18446744073709551615}`))
	require.NoError(t, err)
	assert.Equal(t, uint64(1<<64-1), c.Key.secret.Value())
	want := `{"algorithm":"gumbel","key":"redacted:` + c.Key.ID() + `","alpha":0.1,"context_width":4,"deduplicate_contexts":"single_turn",` +
		`"deduplicate_contexts_max_history":8192,"prf":"philox","allow_target_only_watermarking":false}`
	assert.Equal(t, want, c.String(), "the engine's defaults")
	assert.Equal(t, want, Config{Key: c.Key}.String(), "a literal has them too")

	full := `{"algorithm":"dual_key_gumbel","key":"K","alpha":0,"context_width":16,"deduplicate_contexts":"all",` +
		`"deduplicate_contexts_max_history":null,"prf":"philox","allow_target_only_watermarking":true}`
	c, err = ParseConfig([]byte(strings.Replace(full, `"K"`, "77777", 1)))
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(full, "K", c.Key.String(), 1), c.String())
	assert.Equal(t, Unlimited, c.DeduplicateContextsMaxHistory)
	assert.Zero(t, *c.Alpha, "0 is not the default")

	_, err = ParseConfig([]byte(c.String()))
	assert.EqualError(t, err, "vllm: watermark config: key is a string, want an integer from 0 to 18446744073709551615", "what was redacted is gone")
}

func TestParseConfigErrors(t *testing.T) {
	const some = `"key": 31337`
	for _, c := range []struct{ json, want string }{
		{`{}`, "vllm: key is missing, want an integer from 0 to 18446744073709551615"},
		{`{"key": -31337}`, "vllm: watermark config: key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"key": 18446744073709551616}`, "vllm: watermark config: key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"key": null}`, "vllm: watermark config: key is null, want an integer from 0 to 18446744073709551615"},
		{`{"key": true}`, "vllm: watermark config: key is a boolean, want an integer from 0 to 18446744073709551615"},
		{`{` + some + `, "algorithm": "kgw"}`, `vllm: algorithm is "kgw", want "gumbel" or "dual_key_gumbel"`},
		{`{` + some + `, "algorithm": ""}`, `vllm: watermark config: algorithm is "", want a name`},
		{`{` + some + `, "alpha": 1.5}`, "vllm: alpha is 1.5, want 0 to 1"},
		{`{` + some + `, "alpha": -0.1}`, "vllm: alpha is -0.1, want 0 to 1"},
		{`{` + some + `, "context_width": 0}`, "vllm: watermark config: context_width is 0, want 1 to 64"},
		{`{` + some + `, "context_width": 65}`, "vllm: context_width is 65, want 1 to 64"},
		{`{` + some + `, "context_width": "4"}`, "vllm: watermark config: context_width is a string, want an integer"},
		{`{` + some + `, "deduplicate_contexts": "multi_turn"}`, `vllm: deduplicate_contexts is "multi_turn", want "none", "single_turn" or "all"`},
		{`{` + some + `, "deduplicate_contexts": true}`, "vllm: watermark config: deduplicate_contexts is a boolean, want a string"},
		{`{` + some + `, "deduplicate_contexts_max_history": 0}`, "vllm: watermark config: deduplicate_contexts_max_history is 0, want null or 1 and more"},
		{`{` + some + `, "deduplicate_contexts_max_history": -1}`, "vllm: watermark config: deduplicate_contexts_max_history is -1, want null or 1 and more"},
		{`{` + some + `, "prf": "threefry"}`, `vllm: watermark config: prf is "threefry", want "philox"`},
		{`{"key": "0123456789abcdef", "context_window": 4, "mixing_probability": 0.5}`, // SGLang's
			`vllm: watermark config: unknown field "context_window", "mixing_probability", want among algorithm, key, alpha, context_width, ` +
				`deduplicate_contexts, deduplicate_contexts_max_history, prf, allow_target_only_watermarking`},
		{`{` + some + `, "Alpha": 0.5}`, `vllm: watermark config: unknown field "Alpha", want among algorithm, key, alpha, context_width, ` +
			`deduplicate_contexts, deduplicate_contexts_max_history, prf, allow_target_only_watermarking`},
		{`{` + some, "vllm: watermark config: not a JSON object: it is cut off"},
	} {
		_, err := ParseConfig([]byte(c.json))
		assert.EqualError(t, err, c.want, c.json)
		assert.NotContains(t, c.want, "31337")
	}
}

func TestNewErrors(t *testing.T) {
	key, half, two := NewKey(testKey), 0.5, 2.0
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, "vllm: key is missing, want an integer from 0 to 18446744073709551615"},
		{Config{Key: key, Algorithm: "exp"}, `vllm: algorithm is "exp", want "gumbel" or "dual_key_gumbel"`},
		{Config{Key: key, Alpha: &two}, "vllm: alpha is 2, want 0 to 1"},
		{Config{Key: key, Alpha: &half, ContextWidth: -1}, "vllm: context_width is -1, want 1 to 64"},
		{Config{Key: key, DeduplicateContextsMaxHistory: -2}, "vllm: deduplicate_contexts_max_history is -2, want 1 and more, or Unlimited (null)"},
	} {
		_, err := New(c.config)
		assert.EqualError(t, err, c.want)
		_, err = Detect(c.config, DetectorOptions{}, nil)
		assert.EqualError(t, err, c.want)
	}
}

func TestWarnings(t *testing.T) {
	assert.Empty(t, Config{}.Warnings())
	assert.Empty(t, Config{ContextWidth: 16, DeduplicateContextsMaxHistory: 1024}.Warnings())
	assert.Empty(t, Config{DeduplicateContextsMaxHistory: Unlimited}.Warnings())
	assert.Len(t, Config{ContextWidth: 17, DeduplicateContextsMaxHistory: 1023}.Warnings(), 2)
}

// TestRedacted prints all that holds a key.
func TestRedacted(t *testing.T) {
	c := Config{Key: NewKey(testKey), Algorithm: DualKeyGumbel}
	w := newMark(t, c)
	d, err := NewDetector(c, DetectorOptions{})
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{c, &c, c.Key, &c.Key, w, *w, d, *d, []Config{c}, map[string]any{"config": c}} {
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
	for _, key := range []uint64{testKey, subKey("key_a", testKey), subKey("key_b", testKey)} {
		for _, digits := range []string{fmt.Sprint(key), fmt.Sprint(int64(key)), fmt.Sprintf("%x", key), fmt.Sprint(uint32(key)), fmt.Sprint(key >> 32)} {
			assert.False(t, strings.Contains(text, digits), "%s is printed", digits)
		}
	}
	assert.Contains(t, text, c.Key.ID())
}

func TestInfo(t *testing.T) {
	info := newMark(t, Config{Key: NewKey(testKey)}).Info()
	assert.Equal(t, watermark.Statistical, info.Kind)
	assert.Equal(t, NewKey(testKey).ID(), info.KeyID)
	assert.Equal(t, watermark.PublicKey, newMark(t, Config{Key: NewKey(42)}).Info().Kind)

	ids := map[string]bool{}
	one := 1.0
	for _, c := range []Config{
		{}, {Algorithm: DualKeyGumbel}, {Algorithm: DualKeyGumbel, Alpha: &one}, {ContextWidth: 5}, {DeduplicateContexts: None},
		{DeduplicateContexts: All}, {DeduplicateContextsMaxHistory: Unlimited}, {AllowTargetOnlyWatermarking: true}, {Key: NewKey(2)},
	} {
		if c.Key.IsZero() {
			c.Key = NewKey(testKey)
		}
		ids[newMark(t, c).ID()] = true
	}
	assert.Len(t, ids, 9, "marks that differ have IDs that differ")
}

// TestDecoys: decoys have words of their own, with which a marked text scores as
// any other.
func TestDecoys(t *testing.T) {
	for _, algorithm := range []Algorithm{Gumbel, DualKeyGumbel} {
		w := newMark(t, Config{Key: NewKey(testKey), Algorithm: algorithm})
		text := watermark.Text{Tokens: marked(t, w, 200)}
		own, err := w.Detect(text)
		require.NoError(t, err)
		assert.Less(t, own.LogP, -20.0)
		for j := range 20 {
			decoy := w.Decoy([32]byte{1}, j)
			r, err := decoy.Detect(text)
			require.NoError(t, err)
			assert.Equal(t, own.Scored, r.Scored)
			assert.Greater(t, r.LogP, conformance.FalseAlarm)
			assert.NotEqual(t, w.ID(), decoy.ID())
		}
	}
}

// marked returns a completion that a session of the mark draws from flat rows of 50
// candidates.
func marked(t testing.TB, w *watermark.Watermark, n int) []watermark.Token {
	t.Helper()
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(9)})
	require.NoError(t, err)
	return conformance.Write(t, s, n)
}
