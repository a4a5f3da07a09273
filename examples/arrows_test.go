package examples_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/dyetrace/dyetrace"

// root is the repository, seen from the folder of this test.
const root = ".."

// arrows say which packages of the module may be imported by which; a path that
// ends in /... stands for all below it. The first line that fits a package
// holds. An internal package is under the line of the folder that it is in, and
// whom it may be imported by is the go command's business.
var arrows = []struct {
	from string
	to   []string
}{
	{"examples/...", []string{"..."}},

	{"watermark/keys", nil},
	{"watermark/tail", nil},
	{"watermark", []string{"watermark/keys", "watermark/tail"}},
	{"watermark/transformers", []string{"watermark", "watermark/tail", "watermark/synthid"}}, // one hash, two configurations
	{"watermark/*", []string{"watermark", "watermark/tail"}},                                 // other engines' marks

	{"canary", []string{"watermark/keys"}},
	{"canary/ledger", nil},

	{"verify", []string{"verify/collect", "verify/evidence", "watermark", "watermark/keys", "watermark/tail", "canary", "canary/ledger"}},
	{"verify/evidence", []string{"watermark/tail"}},
	{"verify/collect", nil},
	{"verify/marks", []string{"watermark/..."}},
	{"verify/openai", []string{"verify/collect"}},
	{"verify/tokenizer", nil},
}

// keyless packages reach no key and no mark, through whatever they import: what
// a suspect is asked cannot depend on a secret.
var keyless = []string{"verify/collect", "verify/openai", "verify/tokenizer", "verify/evidence"}

// outside says who may import what from other modules, tests apart.
var outside = map[string][]string{
	"github.com/zeebo/blake3": {"..."},
	"golang.org/x/mod":        {"canary/ledger", "examples/..."},
}

// outsideTests are the other modules that tests may use besides.
var outsideTests = []string{"github.com/stretchr/testify"}

// A listed package is what the go command says of it.
type listed struct {
	ImportPath, Dir           string
	GoFiles                   []string
	Imports, Deps             []string
	TestImports, XTestImports []string
}

func (p listed) name() string { return inModule(p.ImportPath) }

// inModule returns a path relative to the module: "watermark/keys", "" for its
// root and for what is not of the module.
func inModule(importPath string) string {
	name, _ := strings.CutPrefix(importPath, module+"/")
	if name == importPath {
		return ""
	}
	return name
}

func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if parent, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == parent || strings.HasPrefix(name, parent+"/")
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// allowed reports whether package from may import package to, both relative to
// the module, and whether the table knows from.
func allowed(from, to string) (ok, known bool) {
	if parent, _, found := strings.Cut(from, "/internal/"); found {
		from = parent
	}
	for _, a := range arrows {
		if !matches(a.from, from) {
			continue
		}
		fits := func(pattern string) bool { return matches(pattern, to) }
		return strings.Contains(to, "/internal/") || slices.ContainsFunc(a.to, fits), true
	}
	return false, false
}

// allowedOutside reports whether package from may import a path of another
// module: any of the standard library, whose paths begin without a dot.
func allowedOutside(from, importPath string) bool {
	if first, _, _ := strings.Cut(importPath, "/"); !strings.Contains(first, ".") {
		return true
	}
	for of, users := range outside {
		if matches(of+"/...", importPath) {
			return slices.ContainsFunc(users, func(pattern string) bool { return matches(pattern, from) })
		}
	}
	return false
}

func packages(t *testing.T) []listed {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Deps,TestImports,XTestImports", "./...")
	list.Dir = root
	var problems bytes.Buffer
	list.Stderr = &problems
	out, err := list.Output()
	require.NoError(t, err, "go list: %s", problems.String())
	var all []listed
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		// The go command caches a test's result by the files that the test looks
		// at itself: look at what the answer depends on.
		_, err := os.ReadDir(p.Dir)
		require.NoError(t, err)
		for _, f := range p.GoFiles {
			_, err := os.Stat(filepath.Join(p.Dir, f))
			require.NoError(t, err)
		}
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		from := p.name()
		_, known := allowed(from, "")
		assert.True(t, known, "package %s is not in the table of arrows: say what it may import", from)
		for _, i := range p.Imports {
			if to := inModule(i); to != "" {
				ok, _ := allowed(from, to)
				assert.True(t, ok, "%s imports %s: no such arrow", from, to)
			} else {
				assert.True(t, allowedOutside(from, i), "%s imports %s", from, i)
			}
		}
		for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
			forTests := slices.ContainsFunc(outsideTests, func(m string) bool { return matches(m+"/...", i) })
			assert.True(t, inModule(i) != "" || forTests || allowedOutside(from, i), "a test of %s imports %s", from, i)
		}
	}
}

func TestKeyless(t *testing.T) {
	found := 0
	for _, p := range packages(t) {
		if !slices.Contains(keyless, p.name()) {
			continue
		}
		found++
		for _, d := range p.Deps {
			to := inModule(d)
			secret := matches("watermark/...", to) && !matches("watermark/tail/...", to) || matches("canary/...", to)
			assert.False(t, secret, "%s reaches %s", p.name(), to)
		}
	}
	assert.Positive(t, found, "none of %v was found", keyless)
}

// TestArrowTable holds the table itself to the rules that it is there for.
func TestArrowTable(t *testing.T) {
	for _, c := range []struct {
		from, to  string
		ok, known bool
	}{
		{"verify/collect", "watermark/keys", false, true},
		{"verify/collect", "watermark", false, true},
		{"verify/collect", "verify/internal/canon", true, true},
		{"verify/internal/canon", "watermark/keys", true, true}, // for collect see TestKeyless
		{"verify/evidence", "watermark/tail", true, true},
		{"verify/evidence", "watermark", false, true},
		{"watermark", "verify", false, true},
		{"watermark/keys", "watermark", false, true},
		{"watermark/internal/prf", "watermark/keys", true, true},
		{"watermark/vllm", "watermark", true, true},
		{"watermark/vllm", "verify", false, true},
		{"watermark/tail", "watermark/keys", false, true},
		{"canary", "watermark", false, true},
		{"canary/ledger", "canary", false, true},
		{"examples/quickstart", "verify", true, true},
		{"elsewhere", "watermark", false, false},
	} {
		ok, known := allowed(c.from, c.to)
		assert.Equal(t, c.ok, ok, "%s → %s", c.from, c.to)
		assert.Equal(t, c.known, known, c.from)
	}
	assert.True(t, allowedOutside("watermark", "crypto/aes"))
	assert.True(t, allowedOutside("watermark", "github.com/zeebo/blake3"))
	assert.False(t, allowedOutside("watermark", "golang.org/x/mod/sumdb/note"))
	assert.True(t, allowedOutside("canary/ledger", "golang.org/x/mod/sumdb/note"))
	assert.False(t, allowedOutside("watermark", "github.com/stretchr/testify/assert"))
}

// topLevel is all that the repository's top level may hold, dot-files apart.
var topLevel = []string{"README.md", "LICENSE", "go.mod", "go.sum", "watermark", "canary", "verify", "examples"}

func TestTopLevel(t *testing.T) {
	for _, name := range tracked(t) {
		first, _, _ := strings.Cut(name, "/")
		ok := strings.HasPrefix(first, ".") || slices.Contains(topLevel, first)
		assert.True(t, ok, "%s is at the top level, want only %v", first, topLevel)
	}
}

// tracked lists the files of the repository, or skips the test where this is not
// a checkout of its own.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip(fmt.Sprint("not a git checkout: ", err))
	}
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Skip(fmt.Sprint("git does not list this checkout: ", err))
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}
