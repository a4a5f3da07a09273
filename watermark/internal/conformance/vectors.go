// Package conformance is what the tests of other engines' marks share: it reads the
// files of vectors, compares numbers with them, and makes the texts that p-values are
// calibrated on and the rows that benchmarks sample from. Only tests import it.
//
// A token is an int32 here, of which watermark.Token is another name: the tests of
// package watermark itself may use this package too.
package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// variable is the environment variable that names another folder of vectors.
const variable = "DYETRACE_VECTORS"

// Folder is the folder of the vectors of the package under test: testdata/vectors, or
// DYETRACE_VECTORS where that is set.
func Folder() string { return or(filepath.Join("testdata", "vectors")) }

func or(local string) string {
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	return local
}

// Rows reads a JSON Lines file of [Folder]. A field that Row lacks is a failure, and so
// is a file without rows; a file that is not there skips the test.
func Rows[Row any](t testing.TB, name string) []Row {
	t.Helper()
	return RowsIn[Row](t, filepath.Join("testdata", "vectors"), name)
}

// RowsIn is Rows of another folder where DYETRACE_VECTORS is not set.
func RowsIn[Row any](t testing.TB, local, name string) []Row {
	t.Helper()
	dir := or(local)
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no %s in %s", name, dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []Row
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var row Row
		if err := decode(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s row %d: %v", name, len(rows), err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s after row %d: %v", name, len(rows), err)
	}
	if len(rows) == 0 {
		t.Fatalf("%s in %s has no rows, want some", name, dir)
	}
	t.Logf("%d rows of %s", len(rows), name)
	return rows
}

// Decode reads one row whose type depends on what it says of itself. A field that v
// lacks is a failure.
func Decode(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := decode(data, v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

func decode(data []byte, v any) error {
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the row")
	}
	return nil
}

// Known fails for a file of [Folder] that matches a pattern and is not among names: no
// test would read it. It returns how many files match.
func Known(t testing.TB, pattern string, names ...string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Folder(), pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(names, filepath.Base(f)) {
			t.Errorf("no test reads %s, want one of %v", f, names)
		}
	}
	return len(files)
}

// A Text is what the rows of vllm, sglang and transformers say of a text. The row's
// type embeds it and adds what the engine's detector found.
type Text struct {
	ID            string          `json:"id"`
	Kind          string          `json:"kind"`
	Engine        string          `json:"engine"`
	EngineVersion string          `json:"engine_version"`
	Config        json.RawMessage `json:"config"`
	Model         string          `json:"model"`
	VocabSize     int             `json:"vocab_size"`
	Temperature   float64         `json:"temperature"`
	TopK          int             `json:"top_k"`
	Prompt        []int32         `json:"prompt_ids"`
	Completion    []int32         `json:"completion_ids"`
	Trace         string          `json:"trace"`
}

// Check fails for tags that are not known, and for another engine than the test is of.
func (x Text) Check(t testing.TB, engine, version string) {
	t.Helper()
	wantEngine, wantVersion := engine, version
	switch x.Kind {
	case "marked", "edge", "long":
	case "unmarked":
		wantEngine, wantVersion = "none", ""
	default:
		t.Fatalf("%s: unknown kind %q", x.ID, x.Kind)
	}
	if x.Engine != wantEngine || x.EngineVersion != wantVersion {
		t.Fatalf("%s: engine is %q version %q, want %q version %q", x.ID, x.Engine, x.EngineVersion, wantEngine, wantVersion)
	}
}
