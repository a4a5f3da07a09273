package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A study becomes a page: of its folder, of its bundle and of its report, each with what
// it can show.
func TestReport(t *testing.T) {
	dir, mark := newStudy(t, 20)
	o := dyetrace(t, dir, "report", "study")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "dyetrace judge study/")
	s := serve(t, learnt(t, mark, 150), 60)
	done(t, dir, "collect", "study", "--url", s.URL, "--model", "student")
	done(t, dir, "seal", "study")
	require.Equal(t, 1, dyetrace(t, dir, "judge", "study").code)

	page := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(data)
	}
	done(t, dir, "report", "study")
	study := page("study/report.html")
	assert.Contains(t, study, "shows use of outputs made under the key “lab”.")
	assert.Contains(t, study, `id="evidence"`)
	assert.Contains(t, study, `id="samples"`)
	assert.Contains(t, study, "<mark>")

	done(t, dir, "bundle", "make", "study")
	var r struct {
		File  string
		Bytes int
		OK    *bool
		Plots bool
	}
	decodeJSON(t, done(t, dir, "report", "--json", "study/bundle.dyetrace"), &r)
	assert.Equal(t, "study/bundle.html", r.File)
	require.NotNil(t, r.OK)
	assert.True(t, *r.OK && r.Plots)
	assert.Equal(t, study, page(r.File), "a study and its bundle have the same page")
	assert.Len(t, study, r.Bytes)
	assert.Equal(t, study, done(t, dir, "report", "study/bundle.dyetrace", "-o", "-"))
	assert.NotContains(t, done(t, dir, "report", "study/bundle.dyetrace", "-o", "-", "--texts", "0"), `id="samples"`)

	bare := dyetrace(t, dir, "report", "study/report.json", "-o", "bare.html")
	require.Zero(t, bare.code, bare.err)
	assert.Contains(t, bare.err, "without plots")
	assert.Contains(t, page("bare.html"), "shows use of outputs made under the key “lab”.")
	assert.NotContains(t, page("bare.html"), `id="evidence"`)

	// Keys that are elsewhere.
	require.NoError(t, os.Rename(filepath.Join(dir, "study/keys"), filepath.Join(dir, "vault")))
	o = dyetrace(t, dir, "report", "study", "-o", "locked.html")
	require.Zero(t, o.code, o.err)
	assert.NotContains(t, page("locked.html"), `id="evidence"`)
	done(t, dir, "report", "study", "--keys", "vault", "-o", "opened.html")
	assert.Equal(t, study, page("opened.html"))

	// What does not hold: a study is refused, a bundle's page says so.
	report := page("study/report.json")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "study/report.json"), []byte(strings.Replace(report, `"rejected":true`, `"rejected":false`, 1)), 0o644))
	o = dyetrace(t, dir, "report", "study", "--keys", "vault", "-o", "none.html")
	assert.Equal(t, 3, o.code)
	assert.Contains(t, o.err, "dyetrace judge study/")
	assert.NoFileExists(t, filepath.Join(dir, "none.html"))
	bundle := []byte(page("study/bundle.dyetrace"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "changed"), bytes.Replace(bundle, []byte(`"rejected":true`), []byte(`"rejected":falsy`), 1), 0o644))
	o = dyetrace(t, dir, "report", "changed", "-o", "none.html")
	assert.Equal(t, 3, o.code, "a bundle whose parts have another size is none")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "changed"), bytes.Replace(bundle, []byte(`"kind":"cryptographic"`), []byte(`"kind":"cryptographix"`), 1), 0o644))
	o = dyetrace(t, dir, "report", "changed", "-o", "changed.html")
	assert.Equal(t, 3, o.code)
	assert.Contains(t, o.err, "dyetrace bundle verify changed")
	assert.Contains(t, page("changed.html"), "This bundle does not hold")
	o = dyetrace(t, dir, "report", "changed", "-o", "changed.html", "--json")
	assert.Equal(t, 3, o.code)
	decodeJSON(t, o.out, &r)
	assert.False(t, *r.OK)
}

func TestReportRefuses(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text"), []byte("{}\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cut"), []byte(`{"schema":"dyetrace/bundle/1","software":{}}`), 0o644))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"absent"}, 2, "no bundle and no report"},
		{[]string{"text"}, 3, "text is no bundle, and as a report: verify: report: not in canonical form"},
		{[]string{"cut"}, 3, "first line of the bundle is cut off"},
		{[]string{"."}, 2, "no study yet"},
		{[]string{"text", "text"}, 2, "got 2 arguments"},
		{[]string{"text", "--texts", "-1"}, 2, "--texts is -1"},
	} {
		o := dyetrace(t, dir, append([]string{"report"}, c.args...)...)
		assert.Equal(t, c.code, o.code, "%v: %s", c.args, o.err)
		assert.Contains(t, o.err, c.want)
	}
	var failed struct{ Error string }
	require.NoError(t, json.Unmarshal([]byte(dyetrace(t, dir, "report", "absent", "--json").out), &failed))
	assert.Contains(t, failed.Error, "no bundle and no report")
}
