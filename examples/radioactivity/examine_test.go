package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// rows are the rows of the recording, computed once.
func rowsOf(t *testing.T, r *recording, decoys int) []row {
	var rows []row
	for _, name := range r.models() {
		found, err := r.examine(context.Background(), name, decoys)
		require.NoError(t, err)
		rows = append(rows, found...)
	}
	return rows
}

// The product's rule, one position for the first occurrence of a window, counted
// before anything is dropped, finds the student wherever the independent program
// does, within 5 % of its log10 p; models that never saw a mark are found nowhere;
// and decoy keys follow the null laws in every row.
func TestProductsRule(t *testing.T) {
	if testing.Short() {
		t.Skip("a dozen seconds")
	}
	r := folder(t)
	var sections map[string]json.RawMessage
	if r.json("expected.json", &sections) != nil {
		t.Skip("the recording has no expected.json")
	}
	section := func(name string) map[string]expectation {
		out := make(map[string]expectation)
		if data, ok := sections[name]; ok {
			require.NoError(t, json.Unmarshal(data, &out))
		}
		return out
	}
	compared := 0
	for _, x := range rowsOf(t, r, 200) {
		l := lineOf(x)
		name := fmt.Sprintf("%s %s supervised %t", l.Suspect, l.Test, l.Supervised)
		assert.True(t, l.Valid, "%s: %s", name, l.Void)
		_, student := r.meta.ReferenceOf[l.Suspect]
		if !student {
			assert.False(t, l.Rejected, name)
			assert.Greater(t, l.LogP, -3.0, name)
			continue
		}
		assert.Less(t, l.LogP, math.Log10(0.05), name)
		var want expectation
		switch {
		case strings.HasPrefix(l.Test, "G"):
			want = section("gen_" + l.Suspect)[l.Test+"/pair"]
		case l.Supervised:
			want = section("read_sup")[l.Suspect+"/"+form(l.Test)]
		default:
			want = section("read_new")[l.Suspect+"/"+form(l.Test)]
		}
		if want.Raw != l.Raw || want.Scored == 0 || want.T != nil && x.lists < listed {
			continue // a part of the recording, or a test that the program does not know
		}
		compared++
		assert.InEpsilon(t, want.LogP, l.LogP, 0.05, name)
	}
	assert.GreaterOrEqual(t, compared, 4)
}

// form is the independent program's name of a test.
func form(test string) string {
	switch test {
	case verify.R1, verify.R2:
		return test + "/window"
	case verify.R3:
		return test + "/top20"
	case verify.R4:
		return test + "/top20_sqrt"
	case verify.R4h:
		return test + "/sqrt"
	}
	return test
}

// Keys that nothing was made with find nobody: the 200 keys of the recording, and 800
// more for the tests of single tokens. Each test's p-values are uniform.
func TestWrongKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("a dozen seconds")
	}
	r := folder(t)
	name := r.models()[0]
	said, err := r.texts("gen_" + name)
	require.NoError(t, err)
	rec := &verify.Record{}
	for _, x := range said {
		rec.Texts = append(rec.Texts, watermark.Text{Tokens: x.Completion})
		rec.Prompts = append(rec.Prompts, x.Prompt)
	}
	rec.Passages, rec.Predictions, err = r.predictions("read_sup_"+name, r.train)
	require.NoError(t, err)
	rec.Texts, rec.Prompts = rec.Texts[:min(len(rec.Texts), 5)], rec.Prompts[:min(len(rec.Texts), 5)]
	rec.Passages, rec.Predictions = rec.Passages[:3], rec.Predictions[:3]
	tests := []verify.Test{{Name: verify.G1}, {Name: verify.R1}, {Name: verify.R2}, {Name: verify.R4h}, {Name: verify.R3}, {Name: verify.R4}}
	logP := make([][]float64, len(tests))
	for i := range 1000 {
		var mark *watermark.Watermark
		if i < len(r.keys.Wrong) {
			mark, err = r.markOf(r.keys.Wrong[i])
			require.NoError(t, err)
		} else {
			mark = r.mark.Decoy([32]byte{1}, i)
		}
		now := tests
		if i >= len(r.keys.Wrong) { // tails of weighted sums take a while
			now = tests[:4]
		}
		found, err := verify.Examination{Name: "wrong", Mark: mark, Tests: now, Alpha: alpha}.Run(context.Background(), rec)
		require.NoError(t, err)
		for k, f := range found {
			logP[k] = append(logP[k], f.LogTail)
			assert.False(t, f.Rejected)
		}
	}
	for k, test := range tests {
		for _, level := range []float64{0.5, 0.2, 0.05, 0.01} {
			small := 0
			for _, x := range logP[k] {
				if x <= math.Log(level) {
					small++
				}
			}
			n := int64(len(logP[k]))
			// Both sides, all tests and levels together: a false alarm once in 10^6.
			assert.Greater(t, tail.Binomial(int64(small), n, level), math.Log(1e-6/48), "%s: %d of %d at %v", test, small, n, level)
			assert.Greater(t, tail.Binomial(n-int64(small), n, 1-level), math.Log(1e-6/48), "%s: %d of %d at %v", test, small, n, level)
		}
	}
}

// The JSON has the fields that scripts read.
func TestLines(t *testing.T) {
	r := folder(t)
	rows, err := r.examine(context.Background(), r.models()[0], 0)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, writeLines(&b, rows[:1]))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &fields))
	for _, name := range []string{"suspect", "test", "supervised", "n_raw", "n_scored", "log10_p", "log10_p_bound", "log10_e", "decoy_p", "dispersion", "valid"} {
		assert.Contains(t, fields, name)
	}
	b.Reset()
	require.NoError(t, writeTable(&b, r, rows, 0))
	assert.NotContains(t, b.String(), "NaN")
	for line := range strings.SplitSeq(b.String(), "\n") {
		if !strings.HasPrefix(line, "key ") && !strings.Contains(line, "void") {
			assert.LessOrEqual(t, len([]rune(line)), 120, line)
		}
	}
}
