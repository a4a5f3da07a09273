package conformance_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// A recorder takes down what a check would have said of a test.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Fatal(args ...any)   { r.failed = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Errorf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// record runs a check that may end its goroutine.
func record(check func(t testing.TB)) *recorder {
	r, done := &recorder{}, make(chan struct{})
	go func() {
		defer close(done)
		check(r)
	}()
	<-done
	return r
}

type row struct {
	N int `json:"n"`
}

// TestRows: what is not there is skipped; what is there is read whole, or fails.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DYETRACE_VECTORS", dir)
	read := func(text string) (rows []row, r *recorder) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.jsonl"), []byte(text), 0o600))
		r = record(func(t testing.TB) { rows = conformance.Rows[row](t, "x.jsonl") })
		return rows, r
	}
	rows, r := read("{\"n\": 1}\n{\"n\": 2}\n")
	assert.Empty(t, r.failed+r.skipped)
	assert.Equal(t, []row{{1}, {2}}, rows)
	for text, want := range map[string]string{
		"":                         "x.jsonl in " + dir + " has no rows",
		"{\"n\": 1}\n{\"m\": 2}\n": `x.jsonl row 1: json: unknown field "m"`,
		"{\"n\": 1} {\"n\": 2}\n":  "x.jsonl row 0: more follows the row",
		"{\"n\": 1}\n\n":           "x.jsonl row 1: EOF",
		"{\"n\": \"1\"}\n":         "x.jsonl row 0: json: cannot unmarshal string",
	} {
		_, r := read(text)
		assert.Contains(t, r.failed, want)
	}
	r = record(func(t testing.TB) { conformance.Rows[row](t, "y.jsonl") })
	assert.Equal(t, &recorder{skipped: "no y.jsonl in " + dir}, r)

	found := 0
	r = record(func(t testing.TB) { found = conformance.Known(t, "x*", "x.jsonl") })
	assert.Empty(t, r.failed)
	assert.Equal(t, 1, found)
	r = record(func(t testing.TB) { conformance.Known(t, "x*", "x_texts.jsonl") })
	assert.Contains(t, r.failed, "no test reads")
}

func TestNumbers(t *testing.T) {
	assert.Equal(t, -1.5, conformance.Float64(t, "bff8000000000000"))
	assert.Equal(t, []float32{1, -2}, conformance.Float32s(t, []string{"3f800000", "c0000000"}))
	assert.Contains(t, record(func(t testing.TB) { conformance.Float32(t, "bff8000000000000") }).failed, "out of range")
	assert.Contains(t, record(func(t testing.TB) { conformance.BothFloat64(t, "bff8000000000000", 1.5) }).failed, "beside it")
	for got, ok := range map[float64]bool{2 + 1e-9: true, 2 + 3e-9: false, math.NaN(): false, math.Inf(1): false} {
		r := record(func(t testing.TB) { conformance.Near(t, 2, got, 1e-9, "x") })
		assert.Equal(t, ok, r.failed == "", "%v", got)
	}
	size, sum := conformance.SetSHA256([]uint64{2, 1}) // ids 1 and 64
	assert.Equal(t, 2, size)
	assert.Equal(t, "4ea17a26ec94acaadf3d92f4b12493432dd3abf35680341a90bcb933a458c7fc", sum)
}

// TestChance: the checks pass what happens and fail what does not, NaN included.
func TestChance(t *testing.T) {
	assert.Equal(t, math.Log(1e-6), float64(conformance.FalseAlarm))
	for k, ok := range map[int]bool{0: true, 5: true, 12: true, 13: true, 40: false} {
		r := record(func(t testing.TB) { conformance.AtMost(t, k, 200, 0.02) })
		assert.Equal(t, ok, r.failed == "", "%d", k)
	}
	logP := make([][]float64, 100) // of keys, with 30 texts each
	for i := range logP {
		logP[i] = make([]float64, 30)
	}
	calibrated := func() bool {
		return record(func(t testing.TB) { conformance.Calibrated(t, logP, "x") }).failed == ""
	}
	assert.True(t, calibrated())
	for i := range 15 {
		logP[i][3] = -5
	}
	assert.False(t, calibrated(), "one text under too many keys")
	for i := range logP {
		logP[i][3] = 0
		for j := range 3 {
			logP[i][(i+j*7)%30] = -5
		}
	}
	assert.False(t, calibrated(), "too many texts under each key")
	for mean, ok := range map[float64]bool{0: true, 0.01: true, 0.02: true, 0.5: false, math.NaN(): false} {
		r := record(func(t testing.TB) { conformance.MeanAtMost(t, slices.Repeat([]float64{mean}, 10), 0.01, "x") })
		assert.Equal(t, ok, r.failed == "", "%v", mean)
	}
}

// A fixed session takes one id, or one place where it gets a row of candidates.
type fixed struct {
	conformance.Session
	first bool
}

func (s fixed) Sample(ids []int32, _ []float32) (int32, error) {
	if s.first && ids != nil {
		return ids[0], nil
	}
	return 7, nil
}

func TestChoose(t *testing.T) {
	assert.Equal(t, int32(7), conformance.Choose(t, fixed{}, []int32{7, 9}, []float32{0, 1}))
	r := record(func(t testing.TB) { conformance.Choose(t, fixed{first: true}, []int32{7, 9}, []float32{0, 1}) })
	assert.Contains(t, r.failed, "token 9 in another order, 7 in a dense row, want 7")
}
