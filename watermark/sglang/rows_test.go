package sglang

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// vectors is the folder of the engine's own results.
func vectors() string {
	if dir := os.Getenv("DYETRACE_VECTORS"); dir != "" {
		return dir
	}
	return filepath.Join("testdata", "vectors")
}

// TestVectorFiles fails for a file of the engine that no test here reads.
func TestVectorFiles(t *testing.T) {
	known := []string{"sglang_keys.jsonl", "sglang_prf.jsonl", "sglang_steps.jsonl", "sglang_tails.jsonl", "sglang_texts.jsonl"}
	files, err := filepath.Glob(filepath.Join(vectors(), "sglang_*"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no sglang_* in %s", vectors())
	}
	for _, f := range files {
		assert.Contains(t, known, filepath.Base(f))
	}
}

// rows reads a file of vectors; a field that Row lacks is a failure.
func rows[Row any](t *testing.T, name string) []Row {
	t.Helper()
	f, err := os.Open(filepath.Join(vectors(), name))
	if os.IsNotExist(err) {
		t.Skipf("no %s in %s", name, vectors())
	}
	require.NoError(t, err)
	defer f.Close()
	var all []Row
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var row Row
		in := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		in.DisallowUnknownFields()
		require.NoError(t, in.Decode(&row), "%s row %d", name, len(all))
		all = append(all, row)
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, all)
	t.Logf("%d rows of %s", len(all), name)
	return all
}

func integer(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err)
	return n
}

// float returns the number of a field's bits, and checks that the field's readable
// form is the same.
func float(t *testing.T, bits string, readable float64) float64 {
	t.Helper()
	n, err := strconv.ParseUint(bits, 16, 64)
	require.NoError(t, err)
	assert.Equal(t, readable, math.Float64frombits(n))
	return math.Float64frombits(n)
}

func float32s(t *testing.T, bits ...string) []float32 {
	t.Helper()
	out := make([]float32, len(bits))
	for i, s := range bits {
		n, err := strconv.ParseUint(s, 16, 32)
		require.NoError(t, err)
		out[i] = math.Float32frombits(uint32(n))
	}
	return out
}

// assertNear compares to a relative tolerance.
func assertNear(t *testing.T, want, got, relative float64, what string) bool {
	t.Helper()
	return assert.LessOrEqual(t, math.Abs(got-want), relative*math.Abs(want)+math.SmallestNonzeroFloat64, "%s: %v, want %v", what, got, want)
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

func accept(t testing.TB, s *watermark.Session, tokens ...watermark.Token) {
	t.Helper()
	for _, x := range tokens {
		require.NoError(t, s.Accept(x))
	}
}

// shuffled returns candidates and logits in another order.
func shuffled(ids []watermark.Token, logits []float32) ([]watermark.Token, []float32) {
	ids, logits = slices.Clone(ids), slices.Clone(logits)
	slices.Reverse(ids)
	slices.Reverse(logits)
	return ids, logits
}

const (
	testKey  = 0x9E1D_7C55_0A3B_F2C6
	testKeyB = 0x3A90_41EE_8D27_605B
)

// falseAlarm is ln of the rate at which a statistical assertion fails although what
// it asserts is true.
var falseAlarm = math.Log(1e-6)

// assertAtMost checks that an event of probability at most p, seen k times in n
// independent trials, was not seen too often.
func assertAtMost(t testing.TB, k, n int, p float64) {
	t.Helper()
	assert.Greater(t, tail.Binomial(int64(k), int64(n), p), falseAlarm, "%d of %d, want about %.1f or fewer", k, n, p*float64(n))
}
