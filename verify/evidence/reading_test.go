package evidence_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A reading is a position of testdata/reading.jsonl.gz: what a real student and
// its base predict there, and the scores of the same tokens.
type reading struct {
	L []float64 `json:"l"`
	R []float64 `json:"r"`
	S []float64 `json:"s"`
}

func readings(t testing.TB) []reading {
	t.Helper()
	name := "testdata/reading.jsonl.gz"
	if full := os.Getenv("DYETRACE_READING"); full != "" { // the whole of a reading
		name = full
	}
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var rows []reading
	for d := json.NewDecoder(z); ; {
		var r reading
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return rows
		} else {
			require.NoError(t, err)
		}
		rows = append(rows, r)
	}
}

// roots is √q − √q⁰, the default of R4; shares q of the returned set, R3.
func roots(r reading) []float64 {
	a := make([]float64, len(r.L))
	for v := range a {
		a[v] = math.Exp(r.L[v]/2) - math.Exp(r.R[v]/2)
	}
	return a
}

func shares(r reading) []float64 {
	a, sum := make([]float64, len(r.L)), 0.0
	for v := range a {
		a[v] = math.Exp(r.L[v])
		sum += a[v]
	}
	for v := range a {
		a[v] /= sum
	}
	return a
}

// weigh returns the statistic of readings of Gumbel scores, its terms and sum.
func weigh(t testing.TB, rows []reading, coefs func(reading) []float64) (w *evidence.Weighted, xs []float64, sum float64) {
	t.Helper()
	var all []float64
	var ends []int
	for _, r := range rows {
		all = append(all, coefs(r)...)
		ends = append(ends, len(all))
	}
	w, err := evidence.NewWeighted(tail.Exponential(), all, ends)
	require.NoError(t, err)
	for i, r := range rows {
		xs = append(xs, w.Term(i, r.S))
		sum += xs[i]
	}
	return w, xs, sum
}
