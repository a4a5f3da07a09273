package examples_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// A snippet in a document is a comment that names a file and a region, followed
// by the code:
//
//	<!-- snippet: watermark/example_test.go serve -->
//	```go
//	…
//	```
var snippet = regexp.MustCompile("(?s)<!-- snippet: (\\S+) (\\S+) -->\n```go\n(.*?)```\n")

// region returns the lines between "// snippet: name" and "// end", without the
// indentation of the first.
func region(source, name string) (string, bool) {
	_, text, found := strings.Cut(source, "// snippet: "+name+"\n")
	text, _, ended := strings.Cut(text, "// end\n")
	if !found || !ended {
		return "", false
	}
	indent := text[:len(text)-len(strings.TrimLeft(text, "\t"))]
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimPrefix(line, indent))
	}
	return strings.TrimRight(out.String(), "\t\n") + "\n", true
}

func TestSnippets(t *testing.T) {
	readme := read(t, "README.md")
	found := snippet.FindAllStringSubmatch(readme, -1)
	require.Len(t, found, strings.Count(readme, "```go"), "code in the README that no snippet comment goes before")
	require.GreaterOrEqual(t, len(found), 3)
	for _, s := range found {
		file, name, shown := s[1], s[2], s[3]
		require.True(t, strings.HasSuffix(file, "_test.go"), "%s is not compiled by the tests", file)
		want, ok := region(read(t, file), name)
		require.True(t, ok, "%s has no region %s", file, name)
		assert.Equal(t, want, shown, "%s %s", file, name)
	}
}

func TestRegion(t *testing.T) {
	const source = "func f() {\n\t// snippet: one\n\tif x {\n\t\ty()\n\t}\n\n\t// end\n}\n// snippet: two\n"
	got, ok := region(source, "one")
	assert.True(t, ok)
	assert.Equal(t, "if x {\n\ty()\n}\n", got)
	_, ok = region(source, "two")
	assert.False(t, ok, "a region that does not end")
	_, ok = region(source, "three")
	assert.False(t, ok)
}

func TestLengths(t *testing.T) {
	assert.LessOrEqual(t, strings.Count(read(t, "README.md"), "\n"), 150, "lines of README.md")
	assert.LessOrEqual(t, strings.Count(read(t, ".github/SECURITY.md"), "\n"), 40, "lines of SECURITY.md")
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// TestLinks follows the links of the documents within the repository.
func TestLinks(t *testing.T) {
	for _, name := range []string{"README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md"} {
		for _, l := range link.FindAllStringSubmatch(read(t, name), -1) {
			_, err := os.Stat(filepath.Join(root, filepath.Dir(name), filepath.FromSlash(l[1])))
			assert.NoError(t, err, "%s links to %s", name, l[1])
		}
	}
}

var testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z]\w*`)

// TestNamedTests looks for every test that the documents name.
func TestNamedTests(t *testing.T) {
	var sources strings.Builder
	for name, text := range files(t) {
		if strings.HasSuffix(name, "_test.go") {
			sources.Write(text)
		}
	}
	for _, name := range []string{"README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md"} {
		named := testName.FindAllString(read(t, name), -1)
		for _, n := range named {
			assert.Contains(t, sources.String(), "\nfunc "+n+"(", "%s names a test that is not there", name)
		}
	}
}

// keyVectors is the one file that may hold secret keys in text: the vectors of
// package keys, whose secrets are counts and patterns.
const keyVectors = "watermark/keys/testdata/vectors.txt"

// TestNoKeysInFiles looks for a key in text in everything that is not compiled:
// test data and golden files, documents, reports.
func TestNoKeysInFiles(t *testing.T) {
	k, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{1}, keys.Size)))
	require.NoError(t, err)
	text := k.Reveal()
	prefix := text[:strings.LastIndex(text, "_")+1]
	require.NotEmpty(t, prefix)
	key := regexp.MustCompile(regexp.QuoteMeta(prefix) + `[a-z2-7]{16}`)
	require.True(t, key.MatchString(text))
	require.Regexp(t, key, read(t, keyVectors), "the search finds no keys where they are")

	var found []string
	for name, text := range files(t) {
		if !strings.HasSuffix(name, ".go") && name != keyVectors && key.Match(text) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	assert.Empty(t, found, "files with a secret key in text")
}

// files returns what is in the repository by path, .git and large files apart.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" && d.IsDir() {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 32<<20 {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		all[filepath.ToSlash(name)] = text
		return err
	})
	require.NoError(t, err)
	return all
}
