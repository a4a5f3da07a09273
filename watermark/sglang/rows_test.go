package sglang

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// TestVectorFiles fails for a file of the engine that no test here reads.
func TestVectorFiles(t *testing.T) {
	if conformance.Known(t, "sglang_*", "sglang_keys.jsonl", "sglang_prf.jsonl", "sglang_steps.jsonl", "sglang_tails.jsonl", "sglang_texts.jsonl") == 0 {
		t.Skipf("no sglang_* in %s", conformance.Folder())
	}
}

var (
	minusInfinity = float32(math.Inf(-1))
	nan           = float32(math.NaN())
)

// The tolerances of the vectors' README; those of ln p hold one or the other.
const (
	scoreTolerance       = 1e-12
	pTolerance           = 1e-8
	logPTolerance        = 1e-9
	logPAbsolute         = 1e-11
	probabilityTolerance = 1e-6 // of a float32 softmax, summed in another order
)

func parseKey(t testing.TB, text string) Key {
	t.Helper()
	k, err := ParseKey(text)
	require.NoError(t, err)
	return k
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

const (
	testKey  = 0x9E1D_7C55_0A3B_F2C6
	testKeyB = 0x3A90_41EE_8D27_605B
)
