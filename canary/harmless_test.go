package canary_test

import (
	"bytes"
	"compress/bzip2"
	"encoding/json"
	"flag"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

var harmlessDirs = flag.String("harmless", "", "more folders for TestHarmless, with colons between them")

// goEnv asks the go command, whose answers name what a Go machine has.
func goEnv(t *testing.T, name string) string {
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// TestHarmless plants, with every tree keyed and λ = 1, into each file as if it
// were an answer, and again behind a sentence of prose. Files are sources, Markdown,
// JSON, YAML, patches and texts of Go itself and of the modules on this machine,
// novels, and answers of a model; with -harmless also those in other folders, such
// as /usr/share/doc. What differs is what was declared and nothing else.
func TestHarmless(t *testing.T) {
	h := harm{t: t, c: choices(t), kinds: map[string]int{}}
	budget := map[string]int{".md": 4 << 20, ".json": 4 << 20, ".yaml": 1 << 20, ".yml": 1 << 20, ".patch": 2 << 20, ".diff": 2 << 20,
		".txt": 4 << 20, ".html": 2 << 20, ".py": 4 << 20, ".tex": 2 << 20, ".rst": 2 << 20, ".js": 2 << 20, ".ts": 2 << 20, ".c": 2 << 20, ".toml": 1 << 20}
	dirs := []string{filepath.Join(goEnv(t, "GOROOT"), "doc"), filepath.Join(goEnv(t, "GOROOT"), "src"), goEnv(t, "GOMODCACHE")}
	if testing.Short() {
		for k := range budget {
			budget[k] /= 16
		}
	}
	if *harmlessDirs != "" {
		dirs = append(strings.Split(*harmlessDirs, ":"), dirs...)
		for k := range budget {
			budget[k] *= 20
		}
		budget[".jsonl"] = 40 << 20
	}
	h.walk(dirs, budget)
	h.novels(testing.Short())
	for _, text := range pilotTexts(t, "base") {
		h.answer("pilot", canary.Request{Prompt: "Tell me."}, text)
		h.kinds["chat"] += len(text)
	}
	if testing.Short() {
		h.walk(dirs, map[string]int{".go": 1 << 20})
	} else { // Go's own sources fill up what a bare machine lacks
		h.walk(dirs, map[string]int{".go": max(4<<20, 21_000_000-h.total())})
	}
	total := h.total()
	t.Logf("%.1f MB in kinds %v, %d plantings, %d of them changes", float64(total)/1e6, h.kinds, h.planted, h.changed)
	least, size := 1_000, 20_000_000
	if testing.Short() {
		least, size = 400, 3_000_000
	}
	assert.Greater(t, total, size)
	assert.Greater(t, h.changed, least)
}

// A harm looks for some.
type harm struct {
	t                *testing.T
	c                *canary.Choices
	kinds            map[string]int
	planted, changed int
}

func (h *harm) total() (n int) {
	for _, k := range h.kinds {
		n += k
	}
	return n
}

// walk takes the files in folders whose kinds have some of their budgets left.
func (h *harm) walk(dirs []string, budget map[string]int) {
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			kind := filepath.Ext(path)
			if err != nil || d.IsDir() || budget[kind] <= 0 {
				return nil
			}
			if kind == ".jsonl" {
				h.transcripts(path, budget)
				return nil
			}
			info, err := d.Info()
			if err != nil || info.Size() > 1<<20 {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			budget[kind] -= len(text)
			h.file(path, kind, text)
			return nil
		})
	}
}

// transcripts takes requests and answers of JSON Lines.
func (h *harm) transcripts(path string, budget map[string]int) {
	f, err := os.Open(path)
	require.NoError(h.t, err)
	defer f.Close()
	for d := json.NewDecoder(f); budget[".jsonl"] > 0; {
		var row struct{ Prompt, Text string }
		if d.Decode(&row) != nil {
			return
		}
		budget[".jsonl"] -= len(row.Text)
		h.kinds["chat"] += len(row.Text)
		h.answer(path, canary.Request{Prompt: row.Prompt}, row.Text)
	}
}

func (h *harm) novels(short bool) {
	f, err := os.Open("../examples/quickstart/corpus/books.txt.bz2")
	require.NoError(h.t, err)
	defer f.Close()
	text, err := io.ReadAll(bzip2.NewReader(f))
	require.NoError(h.t, err)
	if short {
		text = text[:1<<20]
	}
	for _, chapter := range strings.Split(string(text), "\n\n") {
		h.answer("novels", canary.Request{}, strings.ReplaceAll(chapter, "\n", "\n\n"))
	}
	h.kinds["novels"] += len(text)
}

const opening = "Certainly! It is an essential part of the project, for example. Here it is:\n\n"

func (h *harm) file(path, kind string, text []byte) {
	h.kinds[kind] += len(text)
	alone := h.answer(path, canary.Request{}, string(text))
	behind := h.answer(path, canary.Request{}, opening+string(text))
	fenced := h.answer(path, canary.Request{}, opening+"````````\n"+string(text)+"\n````````\nFor example, that.\n")
	_, tail, _ := strings.Cut(behind, "Here it is:\n\n")
	_, inside, _ := strings.Cut(fenced, "````````\n")
	inside, _, _ = strings.Cut(inside, "\n````````\n")
	if !bytes.Contains(text, []byte("\n````````")) {
		assert.True(h.t, inside == string(text), "%s: a fenced block differs", path)
	}
	switch kind {
	case ".json":
		assert.True(h.t, alone == string(text), "%s: JSON differs", path)
		assert.True(h.t, tail == string(text), "%s: JSON behind prose differs", path)
	case ".yaml", ".yml", ".patch", ".diff":
		assert.True(h.t, alone == string(text), "%s: structured text differs", path)
	case ".go":
		if tokens, ok := goTokens(text); ok {
			for _, planted := range []string{alone, tail} {
				got, ok := goTokens([]byte(planted))
				assert.True(h.t, ok && got == tokens, "%s: Go code differs", path)
			}
		}
	}
}

// goTokens returns the tokens of Go source but comments. ok is false if there are
// errors.
func goTokens(text []byte) (tokens string, ok bool) {
	var s scanner.Scanner
	errors := 0
	files := token.NewFileSet()
	s.Init(files.AddFile("", files.Base(), len(text)), text, func(token.Position, string) { errors++ }, 0)
	var out strings.Builder
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			return out.String(), errors == 0
		}
		out.WriteString(tok.String() + " " + lit + "\n")
	}
}

// untouchables are what must be byte-identical, found by other means than the
// parser's.
var untouchables = map[string]*regexp.Regexp{
	"number":      regexp.MustCompile(`[0-9]+(?:[.,][0-9]+)*`),
	"URL":         regexp.MustCompile(`(?:https?://|www\.)[^\s<>"]+`),
	"mail":        regexp.MustCompile(`[\w.+-]+@[\w-]+\.[\w.]+`),
	"code span":   regexp.MustCompile("(?m)(?:^|[ (])`[^`\n]+`(?:[ .,;:)]|$)"),
	"quotation":   regexp.MustCompile(`(?m)(?:^|[ (])"[^"\n]+"(?:[ .,;:)]|$)`),
	"quotation ”": regexp.MustCompile(`“[^“”\n]+”`),
	"table":       regexp.MustCompile(`(?m)^ *\|.*$`),
	"blockquote":  regexp.MustCompile(`(?m)^ ? ?>.*$`),
	"heading":     regexp.MustCompile(`(?m)^#.*$`),
	"indented":    regexp.MustCompile(`(?m)^(?:    |\t)[^-*+0-9 \n].*$`),
	"formula":     regexp.MustCompile(`\$\$[^$]+\$\$|\\\([^\n]+?\\\)`),
}

// answer plants into a text and compares.
func (h *harm) answer(name string, r canary.Request, text string) string {
	out, planted := plant(h.t, h.c, r, text)
	b := h.c.Book()
	from, to := int64(0), int64(0)
	for _, p := range planted {
		options, err := b.Options(p.Unit)
		require.NoError(h.t, err)
		was, is := text[p.Begin:p.End], out[p.NewBegin:p.NewEnd]
		form := func(s string) bool {
			return slices.ContainsFunc(options, func(o string) bool { return strings.EqualFold(o, strings.ReplaceAll(s, "’", "'")) })
		}
		assert.True(h.t, form(was) && form(is), "%s: %q became %q, which are no forms of %s", name, was, is, p.Unit)
		h.between(name, text[from:p.Begin], out[to:p.NewBegin])
		from, to = p.End, p.NewEnd
		h.planted++
		if was != is {
			h.changed++
		}
	}
	h.between(name, text[from:], out[to:])
	if same := strings.TrimPrefix(text, opening); strings.HasSuffix(out, same) {
		return out // nothing but the opening differs
	}
	for what, re := range untouchables {
		if !slices.Equal(re.FindAllString(text, -1), re.FindAllString(out, -1)) {
			x, y := re.FindAllString(text, -1), re.FindAllString(out, -1)
			for i := range x {
				if i >= len(y) || x[i] != y[i] {
					assert.Fail(h.t, "touched", "%s: a %s differs: %q", name, what, x[i])
					break
				}
			}
		}
	}
	return out
}

var article = regexp.MustCompile(`(?i)(?:^|[^\w])an? $`)

// between compares what stands between two planted forms: equal, but for an
// article in front of the second.
func (h *harm) between(name, was, is string) {
	if was == is {
		return
	}
	a, b := article.FindStringIndex(was), article.FindStringIndex(is)
	same := a != nil && b != nil && strings.TrimRight(was, "nN ") == strings.TrimRight(is, "nN ")
	assert.True(h.t, same, "%s: %q became %q outside of forms", name, was[max(0, len(was)-80):], is[max(0, len(is)-80):])
}

// TestPython compiles planted Python where there is an interpreter: sources of its
// own library, alone and behind prose.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	out, err := exec.Command(python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "*.py"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("python3 has no sources of its library here")
	}
	if testing.Short() {
		files = files[:min(len(files), 20)]
	}
	c := choices(t)
	dir := t.TempDir()
	n := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		n += len(text)
		alone, _ := plant(t, c, canary.Request{}, string(text))
		behind, _ := plant(t, c, canary.Request{}, opening+string(text))
		_, tail, _ := strings.Cut(behind, "Here it is:\n\n")
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a_"+filepath.Base(path)), []byte(alone), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "b_"+filepath.Base(path)), []byte(tail), 0o600))
	}
	check := exec.Command(python, "-c", "import sys, glob, ast\nfor f in glob.glob(sys.argv[1] + '/*.py'):\n compile(open(f, 'rb').read(), f, 'exec')", dir)
	said, err := check.CombinedOutput()
	assert.NoError(t, err, "%s", said)
	t.Logf("%d files, %.1f MB", len(files), float64(n)/1e6)
}
