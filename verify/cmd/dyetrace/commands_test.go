package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// subcommands lists the commands of a help text.
func subcommands(help string) (names []string) {
	command := regexp.MustCompile(`^  ([a-z]+) +[A-Z]`)
	for line := range strings.Lines(help) {
		if m := command.FindStringSubmatch(line); m != nil && m[1] != "help" {
			names = append(names, m[1])
		}
	}
	return names
}

// leaves lists all commands that do something, with their help.
func leaves(t *testing.T, path ...string) map[string]string {
	t.Helper()
	help := done(t, ".", append(path, "--help")...)
	all := map[string]string{}
	subs := subcommands(help)
	for _, sub := range subs {
		for name, text := range leaves(t, append(path[:len(path):len(path)], sub)...) {
			all[name] = text
		}
	}
	if len(subs) == 0 {
		all[strings.Join(path, " ")] = help
	}
	return all
}

// Every command has examples, takes --json, has a manual page, and refuses flags that
// it does not know, with code 2 and where help is.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var man struct{ Pages []string }
	decodeJSON(t, done(t, dir, "man", "pages", "--json"), &man)
	all := leaves(t)
	require.Greater(t, len(all), 12)
	for name, help := range all {
		if strings.HasPrefix(name, "completion") { // cobra's own
			continue
		}
		assert.Contains(t, help, "Examples:", name)
		assert.Contains(t, help, "--json", name)
		assert.Contains(t, man.Pages, filepath.Join("pages", "dyetrace-"+strings.ReplaceAll(name, " ", "-")+".1"))
		args := strings.Fields(name)
		o := dyetrace(t, dir, append(args, "--frobnicate")...)
		assert.Equal(t, 2, o.code, name)
		assert.Contains(t, o.err, "see: dyetrace "+name+" --help")
		o = dyetrace(t, dir, append([]string{"--json"}, append(args, "--frobnicate")...)...)
		var r struct {
			Error string
			Exit  int
		}
		decodeJSON(t, o.out, &r)
		assert.Equal(t, 2, r.Exit, name)
		assert.Contains(t, r.Error, "frobnicate", name)
		assert.Equal(t, o.out, dyetrace(t, dir, append(args, "--frobnicate", "--json")...).out, "wherever --json stands")
		o = dyetrace(t, dir, append(args, "a", "b", "c", "d")...)
		assert.Equal(t, 2, o.code, "%s with four arguments: %s", name, o.out+o.err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "pages/dyetrace-plan.1"))
	require.NoError(t, err)
	assert.Regexp(t, `(?s)\.EX\n *dyetrace plan study/ --suspect NAME[^\n]*\n *dyetrace plan study/ --logged[^\n]*\n\.EE`, string(page), "command lines stand as they are")
	page, err = os.ReadFile(filepath.Join(dir, "pages/dyetrace.1"))
	require.NoError(t, err)
	for _, code := range []string{"Exit codes: 0 nothing found", "1 found", "2 the command", "3 evidence"} {
		assert.Contains(t, string(page), code)
		assert.Contains(t, done(t, dir, "--help"), code)
	}
}

// The scripts of shells are what these shells read.
func TestCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := done(t, dir, "completion", shell)
		assert.Contains(t, script, "dyetrace")
		if path, err := exec.LookPath(shell); err == nil {
			cmd := exec.Command(path, "-n")
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		}
	}
	assert.Contains(t, done(t, dir, "__complete", "detect", "--scheme", "tour"), "tournament:depth=30")
	assert.Contains(t, done(t, dir, "__complete", "plan", "--test", ""), "G1")
	assert.Contains(t, done(t, dir, "__complete", "judge", ""), ":16", "folders")
}

// A link that is written over stays one, and what is no file is written to.
func TestWritesThrough(t *testing.T) {
	t.Parallel()
	dir, _ := newStudy(t, 5)
	m, err := novels()
	require.NoError(t, err)
	done(t, dir, "collect", "study", "--url", serve(t, m, 60).URL, "--model", "student")
	done(t, dir, "seal", "study")
	judged := dyetrace(t, dir, "judge", "study")
	require.Contains(t, []int{0, 1}, judged.code, judged.err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kept.html"), nil, 0o644))
	require.NoError(t, os.Symlink("kept.html", filepath.Join(dir, "link.html")))
	done(t, dir, "report", "study", "-o", "link.html")
	info, err := os.Lstat(filepath.Join(dir, "link.html"))
	require.NoError(t, err)
	assert.Equal(t, os.ModeSymlink, info.Mode().Type())
	page, err := os.ReadFile(filepath.Join(dir, "kept.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "<!DOCTYPE html>")
	o := dyetrace(t, dir, "report", "study", "-o", ".")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "is a directory")

	// A pipe, as /dev/stdout is one here.
	piped := done(t, dir, "report", "study", "-q", "-o", "/dev/stdout")
	assert.True(t, strings.HasPrefix(piped, string(page)))
}

// Cobra's own commands know what there is, too.
func TestNoSuchCommand(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"help frob":       `there is no command "frob"`,
		"help key frob":   `there is no command "key frob"`,
		"completion tcsh": `the shell is "tcsh", want bash, zsh, fish or powershell`,
		"frob":            `unknown command "frob"`,
		"key frob":        `unknown command "frob"`,
	} {
		o := dyetrace(t, t.TempDir(), strings.Fields(args)...)
		assert.Equal(t, 2, o.code, args)
		assert.Contains(t, o.err, want, args)
		assert.Empty(t, o.out, args)
	}
	assert.Contains(t, done(t, ".", "help", "key", "mark"), "Examples:")
	assert.Contains(t, done(t, ".", "completion"), "bash")
}

// Of every command, what makes no sense is refused with code 2 and words for it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	done(t, dir, "key", "new", "root.key")
	done(t, dir, "key", "mark", "marks/lab")
	write := func(name, text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
	}
	write("empty.txt", "\n\n", 0o644)
	write("twice.txt", "one\none\n", 0o644)
	write("prompts.txt", "one\ntwo\n", 0o644)
	write("prompts.jsonl", "{\"question\":\"one\"}\n", 0o644)
	write("bad.key", "dyetrace_secret1_no", 0o600)
	write("c.json", `{"key":"no"}`, 0o600)
	write("null.json", `null`, 0o600)
	write("bad.commit.json", `{"name":"x"}`, 0o600)
	write("passages.jsonl", `{"prompt":"x"}`, 0o600)
	tok := absolute(t, smallPath)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"got 0 arguments", []string{"key", "new"}},
		{"bad.key", []string{"key", "show", "bad.key"}},
		{"neither a key file nor a mark", []string{"key", "show", "absent"}},
		{`step "month=1"`, []string{"key", "derive", "root.key", "month=1"}},
		{`has no name`, []string{"key", "derive", "root.key", "epoch="}},
		{"no such file", []string{"key", "derive", "absent.key", "vendor"}},
		{"is there already", []string{"key", "mark", "marks/lab"}},
		{"is a folder", []string{"key", "mark", "marks/"}},
		{"want gumbel", []string{"key", "mark", "x", "--scheme", "plaid"}},
		{"which it does not know", []string{"key", "mark", "x", "--scheme", "gumbel:depth=3"}},
		{"want a name and a number", []string{"key", "mark", "x", "--scheme", "greenlist:gamma"}},
		{"depth", []string{"key", "mark", "x", "--scheme", "tournament:depth=99"}},
		{"window is 17", []string{"key", "mark", "x", "--width", "17"}},
		{"want NAME=SHARE", []string{"key", "mark", "x", "--key", "root.key", "--layers", "vendor"}},
		{"layer is called", []string{"key", "mark", "x", "--key", "root.key", "--layers", "month=1"}},
		{"is there twice", []string{"key", "mark", "x", "--key", "root.key", "--layers", "vendor=1,vendor=1"}},
		{"needs --epoch", []string{"key", "mark", "x", "--key", "root.key", "--layers", "epoch=1"}},
		{"needs --cohort", []string{"key", "mark", "x", "--key", "root.key", "--layers", "cohort=1", "--epoch", "e"}},
		{"a name of epochs is empty", []string{"key", "mark", "x", "--key", "root.key", "--layers", "epoch=1", "--epoch", "@empty.txt,"}},
		{"is given twice", []string{"key", "mark", "x", "--key", "root.key", "--layers", "epoch=1", "--epoch", "a,a"}},
		{"has no layer account", []string{"key", "mark", "x", "--key", "root.key", "--layers", "epoch=1", "--epoch", "e", "--account", "a"}},
		{"without --layers", []string{"key", "mark", "x", "--key", "root.key", "--epoch", "e"}},
		{"need --key", []string{"key", "mark", "x", "--layers", "vendor=1"}},
		{"go together", []string{"key", "mark", "x", "--engine", "vllm"}},
		{"--engine is", []string{"key", "mark", "x", "--engine", "plaid", "--config", "c.json"}},
		{"key", []string{"key", "mark", "x", "--engine", "vllm", "--config", "c.json"}},
		{"is null", []string{"key", "mark", "x", "--engine", "vllm", "--config", "null.json"}},
		{"is no mark", []string{"key", "commit", "root.key"}},
		{"--suspect and --prompts", []string{"plan", "new"}},
		{"needs --suspect", []string{"plan", "new", "--prompts", "prompts.txt"}},
		{"is empty", []string{"plan", "new", "--suspect", "s", "--prompts", "empty.txt", "-m", "marks/lab"}},
		{"twice", []string{"plan", "new", "--suspect", "s", "--prompts", "twice.txt", "-m", "marks/lab"}},
		{"--prompt-field", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.jsonl", "-m", "marks/lab"}},
		{"want 1 to 2", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "--ask", "3", "-m", "marks/lab"}},
		{"no key to look for", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "--tokenizer", tok}},
		{"no tokenizer", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab"}},
		{"64 hexadecimal", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--nonce", "7", "--nonce-source", "x"}},
		{"go together", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--nonce", strings.Repeat("ab", 32)}},
		{"difference, ridge", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--tokenizer", tok, "--test", "G1,plaid"}},
		{"want a number", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--tokenizer", tok, "--test", "G1,first=x"}},
		{"G9", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--tokenizer", tok, "--test", "G9"}},
		{"--held-out names", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--tokenizer", tok, "--held-out", "none"}},
		{"bad.commit.json", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "--commitment", "bad.commit.json", "--tokenizer", tok}},
		{"alpha", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--tokenizer", tok, "--alpha", "2"}},
		{"want KEY:TEST", []string{"plan", "new", "--suspect", "s", "--prompts", "prompts.txt", "-m", "marks/lab", "--tokenizer", tok, "--product", "both=lab"}},
		{"neither a passage", []string{"plan", "new", "--suspect", "s", "--passages", "passages.jsonl", "-m", "marks/lab", "--tokenizer", tok}},
		{"want the folder of a study", []string{"plan", "a", "b"}},
		{"dyetrace plan makes one", []string{"collect", "absent"}},
		{"is no study yet", []string{"collect", "marks"}},
		{"is a file", []string{"seal", "root.key"}},
		{"dyetrace plan makes one", []string{"judge", "absent"}},
		{"dyetrace plan makes one", []string{"bundle", "make", "absent"}},
		{"no bundle", []string{"bundle", "verify", "absent"}},
		{"want --text", []string{"bundle", "object", "root.key"}},
		{"unknown command", []string{"frobnicate"}},
		{"--color is", []string{"--color", "blue", "key", "show", "root.key"}},
	} {
		o := dyetrace(t, dir, c.args...)
		assert.Equal(t, 2, o.code, "%v: %s%s", c.args, o.out, o.err)
		assert.Contains(t, o.err, c.want, "%v", c.args)
		assert.NotContains(t, o.err, "panic", "%v", c.args)
		assert.NoFileExists(t, filepath.Join(dir, "new", "plan.json"), "%v", c.args)
	}
	o := dyetrace(t, dir, "bundle", "verify", "root.key")
	assert.Equal(t, 3, o.code, "a file that is no bundle: %s", o.err)
}

// Every result has a JSON form of one line.
func TestJSONForms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fields := func(out string, want ...string) {
		t.Helper()
		var m map[string]json.RawMessage
		decodeJSON(t, out, &m)
		for _, name := range want {
			assert.Contains(t, m, name, out)
		}
	}
	fields(done(t, dir, "key", "new", "root.key", "--json"), "file", "id")
	fields(done(t, dir, "key", "derive", "root.key", "vendor", "--json"), "id")
	fields(done(t, dir, "key", "mark", "study/keys/lab", "--json"), "marks")
	fields(done(t, dir, "key", "show", "study/keys/lab", "--json"), "name", "mark", "engine", "key_id", "kind", "description")
	fields(done(t, dir, "key", "commit", "study/keys/lab", "--json"), "name", "mark", "key_id", "commitment")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 5, 4), "\n")), 0o644))
	fields(done(t, dir, "plan", "study", "--json", "--suspect", "s", "--prompts", "prompts.txt", "--tokenizer", absolute(t, smallPath), "--decoys", "1000"),
		"plan", "digest", "tests_in_family", "words", "finds", "next")
	m, err := novels()
	require.NoError(t, err)
	s := serve(t, m, 10)
	fields(done(t, dir, "collect", "study", "--json", "--url", s.URL, "--model", "student"), "suspect", "transcript", "digest", "prompts", "readings", "models", "next")
	fields(done(t, dir, "seal", "study", "--json"), "seals")
	fields(done(t, dir, "judge", "study", "--json"), "schema", "findings", "limits")
	fields(done(t, dir, "bundle", "make", "study", "--json"), "file", "bytes", "digest")
	fields(done(t, dir, "bundle", "verify", "study/bundle.dyetrace", "--json"), "ok", "bundle", "checks")
	fields(done(t, dir, "bundle", "object", "study/bundle.dyetrace", "--json", "--text", "no", "-o", "b2"), "file", "digest")
	fields(done(t, dir, "detect", "--json", "--key", "root.key", "-t", absolute(t, smallPath), "prompts.txt"), "texts", "tokens", "alpha", "found", "marks", "tokens_per_second")
}
