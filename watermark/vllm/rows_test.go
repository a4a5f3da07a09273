package vllm

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// TestVectorFiles fails for a file of the engine that no test here reads.
func TestVectorFiles(t *testing.T) {
	if conformance.Known(t, "vllm_*", "vllm_keys.jsonl", "vllm_prf.jsonl", "vllm_steps.jsonl", "vllm_tails.jsonl", "vllm_texts.jsonl") == 0 {
		t.Skipf("no vllm_* in %s", conformance.Folder())
	}
}

var (
	minusInfinity = float32(math.Inf(-1))
	nan           = float32(math.NaN())
)

const (
	scoreTolerance = 1e-12
	pTolerance     = 1e-8
)

// configOf reads a generator's configuration, whose key the vectors quote.
func configOf(t *testing.T, raw json.RawMessage) Config {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &fields))
	fields["key"] = bytes.Trim(fields["key"], `"`)
	plain, err := json.Marshal(fields)
	require.NoError(t, err)
	c, err := ParseConfig(plain)
	require.NoError(t, err)
	return c
}

func newMark(t testing.TB, c Config) *watermark.Watermark {
	t.Helper()
	w, err := New(c)
	require.NoError(t, err)
	return w
}

func newSession(t testing.TB, c Config, opt watermark.SessionOptions) *watermark.Session {
	t.Helper()
	if opt.Seed == (watermark.Seed{}) {
		opt.Seed = watermark.SeedOf(1)
	}
	s, err := newMark(t, c).NewSession(opt)
	require.NoError(t, err)
	return s
}

const testKey = 0x9E1D_7C55_0A3B_F2C6

// assertBinomial checks both sides, with half the rate for each.
func assertBinomial(t testing.TB, k, n int, p float64) {
	t.Helper()
	assert.Greater(t, tail.Binomial(int64(k), int64(n), p), conformance.FalseAlarm-math.Ln2, "%d of %d, want about %.1f", k, n, p*float64(n))
	assert.Greater(t, tail.Binomial(int64(n-k), int64(n), 1-p), conformance.FalseAlarm-math.Ln2, "%d of %d, want about %.1f", k, n, p*float64(n))
}
