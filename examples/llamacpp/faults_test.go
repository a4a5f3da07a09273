//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
)

// Two hundred clients at once are all answered; more than may wait are told to come
// again, in the API's form.
func TestManyAtOnce(t *testing.T) {
	p := theServer(t)
	var clients sync.WaitGroup
	for i := range 200 {
		clients.Go(func() {
			a := p.ask(t, []string{alice, bob, carol}[i%3], textPath, M{"model": testName, "prompt": "Once upon a time", "max_tokens": 2, "stream": i%2 == 0})
			assert.NotEmpty(t, a.Choices[0].FinishReason)
		})
	}
	clients.Wait()
	p.eventually(t, "dyetrace_engine_running", "0")

	p = start(t, "-sequences", "1", "-queue", "2")
	var mu sync.Mutex
	status := map[int]int{}
	for range 12 {
		clients.Go(func() {
			resp, raw := p.post(t, "", textPath, M{"model": testName, "prompt": "Once upon a time", "max_tokens": 20})
			mu.Lock()
			defer mu.Unlock()
			status[resp.StatusCode]++
			if resp.StatusCode != http.StatusOK {
				assert.Contains(t, string(raw), `"code":"engine_overloaded"`)
				assert.Equal(t, "1", resp.Header.Get("Retry-After"))
			}
		})
	}
	clients.Wait()
	assert.Len(t, status, 2, "%v", status)
	assert.GreaterOrEqual(t, status[200], 3)
	assert.Positive(t, status[503])
}

// A told answer is what a client had when the connection ended.
type toldAnswer struct {
	key    string
	prompt string
	text   string
	done   bool
	failed bool // the stream ended with an error
}

// load streams answers to several clients, each under a key of its own that begins
// with name, until the server is gone.
func load(t testing.TB, p *process, name string, clients, tokens int, got chan<- toldAnswer) *sync.WaitGroup {
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := 0; ; i++ {
				key, prompt := fmt.Sprintf("%s-%d-%d", name, c, i), fmt.Sprintf("How do I keep %d lawns green?", c*100+i)
				body := fmt.Sprintf(`{"model":"smollm2","stream":true,"max_tokens":%d,"logit_bias":{"0":-100,"2":-100},"messages":[{"role":"user","content":%q}]}`, tokens, prompt)
				r, err := http.NewRequest(http.MethodPost, p.url+chatPath, strings.NewReader(body))
				if !assert.NoError(t, err) {
					return
				}
				r.Header.Set("Authorization", "Bearer "+key)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					return
				}
				raw, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					return
				}
				raw = raw[:bytes.LastIndex(raw, []byte("\n\n"))+2] // whole events
				a := readStream(t, bytes.NewReader(raw))
				told := toldAnswer{key: key, prompt: prompt, done: a.done, failed: a.Error != nil}
				if len(a.Choices) > 0 {
					told.text = a.Choices[0].said()
				}
				got <- told
				if err != nil {
					return
				}
			}
		})
	}
	return &all
}

// planting waits until so many leaves more than the keys' bindings are in the ledger.
func (p *process) planting(t testing.TB, leaves int) {
	t.Helper()
	require.Eventually(t, func() bool {
		n, err := strconv.Atoi(p.metric(t, "dyetrace_ledger_leaves_total"))
		return err == nil && n >= 16+leaves
	}, 30*time.Second, 5*time.Millisecond, "%s leaves", p.metric(t, "dyetrace_ledger_leaves_total"))
}

// SIGTERM under load: every answer that began finishes, and the ledger is closed
// with a signed checkpoint.
func TestTerminated(t *testing.T) {
	book := bookFile(t)
	p := start(t, "-book", book)
	got := make(chan toldAnswer, 1000)
	clients := load(t, p, "key", 8, 30, got)
	p.planting(t, 12)
	require.NoError(t, p.end(), p.log)
	clients.Wait()
	close(got)
	n := 0
	for a := range got {
		n++
		assert.True(t, a.done, "an answer was cut: %q", a.text)
		assert.False(t, a.failed)
	}
	assert.GreaterOrEqual(t, n, 8)
	report, _, _ := verified(t, p)
	assert.Zero(t, report.Torn)
	assert.Equal(t, report.Leaves, report.Signed.Size)
	assert.Positive(t, report.Kinds[ledger.KindPlanting])
}

// Answers that do not finish in time are told so, and the ledger is closed clean all
// the same.
func TestTerminatedLate(t *testing.T) {
	p := start(t, "-book", bookFile(t), "-drain", "200ms")
	got := make(chan toldAnswer, 1000)
	clients := load(t, p, "key", 4, 900, got)
	p.planting(t, 4)
	err := p.end()
	require.Error(t, err)
	assert.Contains(t, p.log.String(), "answers did not finish")
	clients.Wait()
	close(got)
	cut := 0
	for a := range got {
		if a.failed {
			cut++
			assert.False(t, a.done)
		}
	}
	assert.Positive(t, cut)
	report, r, names := verified(t, p)
	assert.Zero(t, report.Torn)
	assert.Equal(t, report.Leaves, report.Signed.Size)
	account, err := names.Account(hashOf("key-0-0"))
	require.NoError(t, err)
	units, outputs := recorded(t, r, account)
	if len(units) > 0 {
		assert.NotEmpty(t, outputs, "the hash of what was sent")
	}
}

// kill -9 under load: whatever reached a client is in the ledger, which verifies and
// goes on.
func TestKilled(t *testing.T) {
	dir, path := t.TempDir(), bookFile(t)
	book, err := canary.ReadFile(path)
	require.NoError(t, err)
	planted, whole := 0, 0
	for round := range 2 {
		p := launch(t, dir, program(t, dir, "-book", path))
		got := make(chan toldAnswer, 1000)
		clients := load(t, p, fmt.Sprint("round ", round), 8, 40, got)
		p.planting(t, 20)
		require.NoError(t, p.cmd.Process.Kill())
		_ = p.cmd.Wait() // it was killed
		clients.Wait()
		close(got)
		// The last checkpoint may be older than the last leaves: the next start reads
		// them and signs one.
		p = launch(t, dir, program(t, dir, "-book", path))
		require.NoError(t, p.end(), p.log)
		report, r, names := verified(t, p)
		assert.Equal(t, report.Leaves, report.Signed.Size)
		for a := range got {
			account, err := names.Account(hashOf(a.key))
			require.NoError(t, err)
			units, outputs := recorded(t, r, account)
			text := a.text
			if a.done {
				whole++
				digest, err := names.Output([]byte(text))
				require.NoError(t, err)
				if len(units) > 0 {
					assert.Contains(t, outputs, digest)
				}
			} else {
				text = text[:max(0, len(text)-64)] // a unit that is cut may be read as another
			}
			for u := range must(t, book, "", canary.Request{Prompt: a.prompt}, strings.ToValidUTF8(text, "")) {
				require.True(t, units[u], "unit %v of %q was sent and is not in the ledger", u, text)
				planted++
			}
		}
	}
	assert.Positive(t, planted)
	t.Logf("2 kills; %d planted units reached clients, %d answers were whole", planted, whole)
}

// A full disk: answers are plain, metrics and log say so, and the ledger verifies.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd := program(t, dir, "-book", bookFile(t))
	cmd.Env = append(cmd.Env, "DYETRACE_TEST_FILES=4096") // bytes of a file
	p := launch(t, dir, cmd)
	decisions := map[string]int{}
	for i := 0; i < 100 && decisions["plain;reason=ledger"] == 0; i++ {
		resp, raw := p.post(t, "", chatPath, M{"model": testName, "messages": user(question), "max_tokens": 30, "seed": i})
		require.Equal(t, 200, resp.StatusCode, string(raw))
		decided, _, _ := strings.Cut(resp.Header.Get(headerName), ";units")
		decisions[decided]++
	}
	assert.Positive(t, decisions["planted"], "%v", decisions)
	assert.Positive(t, decisions["plain;reason=ledger"], "%v", decisions)
	_, metrics := p.get(t, "", "/metrics")
	assert.Contains(t, metrics, "dyetrace_ledger_usable 0\n")
	assert.NotContains(t, metrics, "dyetrace_ledger_errors_total 0\n")
	_, health := p.get(t, "", "/healthz")
	assert.Contains(t, health, "ok, serving plain text: ")
	assert.Contains(t, p.log.String(), "serving plain text: ledger: ")
	a := p.ask(t, "", chatPath, M{"model": testName, "messages": user(question), "max_tokens": 30, "stream": true})
	assert.True(t, a.done)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	_ = p.cmd.Wait() // its last checkpoint may find no room
	_, err := ledger.Verify(filepath.Join(dir, "ledger"), verifierOf(t, p))
	require.NoError(t, err)
}

// A model that cannot be loaded, and whatever else a start stumbles on, is named.
func TestStart(t *testing.T) {
	files, dir := fetched(t), t.TempDir()
	head := make([]byte, 4<<20)
	model, err := os.Open(filepath.Join(files, "model.gguf"))
	require.NoError(t, err)
	defer model.Close()
	_, err = io.ReadFull(model, head)
	require.NoError(t, err)
	cut, text, other := filepath.Join(dir, "cut.gguf"), filepath.Join(dir, "text.gguf"), filepath.Join(dir, "other.gguf")
	require.NoError(t, os.WriteFile(cut, head, 0o600))
	require.NoError(t, os.WriteFile(text, []byte("not a model"), 0o600))
	require.NoError(t, os.WriteFile(other, bytes.Replace(head, []byte("\x05\x00\x00\x00\x00\x00\x00\x00llama"), []byte("\x05\x00\x00\x00\x00\x00\x00\x00lxama"), 1), 0o600))
	wrong := filepath.Join(dir, "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("sk-secret-0123 blue\n"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-model", cut}, 1, cut},
		{[]string{"-model", text}, 1, text},
		{[]string{"-model", other}, 1, other},
		{[]string{"-model", filepath.Join(dir, "none.gguf")}, 1, "none.gguf"},
		{[]string{"-library", dir}, 1, dir},
		{[]string{"-context", "1000000"}, 1, "1000000"},
		{[]string{"-accounts", wrong}, 1, wrong + ":1: first column has 14 characters"},
		{[]string{"-policy", wrong}, 1, "first line is"},
		{[]string{"-listen", "127.0.0.1:99999"}, 1, "99999"},
		{[]string{"-epoch", "a/b"}, 2, `-epoch is "a/b"`},
		{[]string{"-nonsense"}, 2, "-h lists the flags"},
		{[]string{"extra"}, 2, `argument "extra"`},
		{[]string{"-drain", "0s"}, 2, "-drain is 0s"},
	} {
		out, err := program(t, dir, c.args...).CombinedOutput()
		var status *exec.ExitError
		require.ErrorAs(t, err, &status, "%v: %s", c.args, out)
		assert.Equal(t, c.code, status.ExitCode(), "%v: %s", c.args, out)
		assert.Contains(t, string(out), c.want)
		assert.NotContains(t, string(out), "sk-secret")
		assert.NotContains(t, string(out), "panic")
	}
	out, err := program(t, dir, "-h").CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), "-write-marks")
}
