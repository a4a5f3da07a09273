package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets a test start this binary as the server's process, and ends the one
// that tests share.
func TestMain(m *testing.M) {
	if os.Getenv("DYETRACE_TEST_SERVER") != "" {
		limitFiles(os.Getenv("DYETRACE_TEST_FILES"))
		main()
		os.Exit(0)
	}
	code := m.Run()
	if shared.process != nil {
		_ = shared.cmd.Process.Signal(syscall.SIGTERM)
		if err := shared.cmd.Wait(); err != nil {
			fmt.Println("the shared server:", err, shared.log)
			code = 1
		}
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// fetched returns the folder with llama.cpp and the model, which fetch.sh fetches
// where it is not there.
func fetched(t testing.TB) string {
	t.Helper()
	dir, err := fetch()
	var status *exec.ExitError
	if errors.As(err, &status) && status.ExitCode() == 69 {
		t.Skip(err)
	}
	require.NoError(t, err)
	return dir
}

var fetch = sync.OnceValues(func() (string, error) {
	if out, err := exec.Command("bash", "fetch.sh").CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch.sh: %w: %s", err, out)
	}
	return filepath.Abs(".cache")
})

// A process is the real server.
type process struct {
	cmd  *exec.Cmd
	url  string
	keys string // folder
	dir  string // of everything that it writes
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) add(line string) { b.mu.Lock(); b.buf.WriteString(line); b.mu.Unlock() }
func (b *lockedBuffer) String() string  { b.mu.Lock(); defer b.mu.Unlock(); return b.buf.String() }

// testName is what servers of tests call the model.
const testName = "smollm2"

// program returns the command of a server that keeps everything in dir.
func program(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	files := fetched(t)
	self, err := os.Executable()
	require.NoError(t, err)
	all := []string{"-listen", "127.0.0.1:0", "-library", filepath.Join(files, "lib"), "-model", filepath.Join(files, "model.gguf"), "-name", testName, "-context", "1024", "-threads", "1",
		"-keys", filepath.Join(dir, "keys"), "-ledger", filepath.Join(dir, "ledger"), "-epoch", "2026-11", "-again", "50ms", "-header"}
	cmd := exec.Command(self, append(all, args...)...)
	cmd.Env = append(os.Environ(), "DYETRACE_TEST_SERVER=1")
	return cmd
}

// launch starts a server and waits until it serves.
func launch(t testing.TB, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, dir: dir, keys: filepath.Join(dir, "keys"), log: new(lockedBuffer)}
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(pipe)
	for p.url == "" {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, p.log)
		p.log.add(line)
		if _, address, ok := strings.Cut(line, "serving "+testName+" at "); ok {
			p.url = strings.TrimSpace(address)
		}
	}
	go func() {
		for {
			line, err := lines.ReadString('\n')
			p.log.add(line)
			if err != nil {
				return
			}
		}
	}()
	return p
}

// start starts a server of a test's own, and ends it with the test.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := launch(t, dir, program(t, dir, args...))
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			assert.NoError(t, p.end(), p.log)
		}
	})
	return p
}

// end ends a server as an operator does.
func (p *process) end() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// API keys of the tests.
const (
	alice = "alice-key" // of cohort blue
	bob   = "bob-key"   // of cohort blue
	carol = "carol-key" // of no cohort
	admin = "admin-key" // trusted
)

func hashOf(key string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(key))) }

func accountsFile(t testing.TB, dir string) string {
	path := filepath.Join(dir, "accounts")
	lines := fmt.Sprintf("%s blue\n%s blue\n%s -\n%s - trusted\n", hashOf(alice), hashOf(bob), hashOf(carol), hashOf(admin))
	require.NoError(t, os.WriteFile(path, []byte(lines), 0o600))
	return path
}

var shared struct {
	once sync.Once
	*process
	dir string
}

// server returns the server that tests share.
func theServer(t testing.TB) *process {
	t.Helper()
	fetched(t)
	shared.once.Do(func() {
		var err error
		shared.dir, err = os.MkdirTemp("", "llamacpp")
		require.NoError(t, err)
		shared.process = launch(t, shared.dir, program(t, shared.dir, "-accounts", accountsFile(t, shared.dir)))
	})
	require.NotNil(t, shared.process, "the shared server did not start")
	return shared.process
}

// send sends a request and returns the response with its body open.
func (p *process) send(t testing.TB, key, path string, body any, header ...string) *http.Response {
	t.Helper()
	var data []byte
	switch b := body.(type) {
	case string:
		data = []byte(b)
	default:
		var err error
		data, err = json.Marshal(b)
		require.NoError(t, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, bytes.NewReader(data))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	return resp
}

// post sends a request and returns the response with its body read.
func (p *process) post(t testing.TB, key, path string, body any, header ...string) (*http.Response, []byte) {
	t.Helper()
	resp := p.send(t, key, path, body, header...)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, all
}

// get returns the body of a page.
func (p *process) get(t testing.TB, key, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	require.NoError(t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(all)
}

// metric returns the value of a line of the metrics.
func (p *process) metric(t testing.TB, line string) string {
	t.Helper()
	_, text := p.get(t, admin, "/metrics")
	for l := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(l, line+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// eventually waits for a line of the metrics to have a value.
func (p *process) eventually(t testing.TB, line, want string) {
	t.Helper()
	require.Eventually(t, func() bool { return p.metric(t, line) == want }, 20*time.Second, 5*time.Millisecond, "%s is %s, want %s", line, p.metric(t, line), want)
}

// M is a JSON object.
type M = map[string]any

func user(text string) []M { return []M{{"role": "user", "content": text}} }

// An answered is what a client reads of an answer, of either endpoint, streamed or
// not.
type answered struct {
	ID, Object, Model string
	Fingerprint       string `json:"system_fingerprint"`
	Choices           []answeredChoice
	Usage             *usage
	Error             *failure

	done   bool
	events int
}

type answeredChoice struct {
	Index        int
	Message      answeredMessage
	Delta        answeredMessage
	Text         string
	LogProbs     json.RawMessage
	FinishReason string  `json:"finish_reason"`
	TokenIDs     []int32 `json:"token_ids"`
}

type answeredMessage struct {
	Role      string
	Content   string
	ToolCalls []wireCall `json:"tool_calls"`
}

func (c answeredChoice) said() string { return c.Text + c.Message.Content }

// ask posts a request, requires status 200 and reads the answer.
func (p *process) ask(t testing.TB, key, path string, body M, header ...string) answered {
	t.Helper()
	resp, raw := p.post(t, key, path, body, header...)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(raw))
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return readStream(t, bytes.NewReader(raw))
	}
	var a answered
	require.NoError(t, json.Unmarshal(raw, &a), string(raw))
	return a
}

// readStream puts a stream together.
func readStream(t testing.TB, r io.Reader) (all answered) {
	t.Helper()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			require.Empty(t, lines.Text())
			continue
		}
		require.False(t, all.done, "data after [DONE]")
		if all.done = data == "[DONE]"; all.done {
			continue
		}
		var e answered
		require.NoError(t, json.Unmarshal([]byte(data), &e), data)
		all.events++
		all.ID, all.Object, all.Model = e.ID, e.Object, e.Model
		if e.Usage != nil {
			all.Usage = e.Usage
		}
		if e.Error != nil {
			all.Error = e.Error
		}
		for _, c := range e.Choices {
			for len(all.Choices) <= c.Index {
				all.Choices = append(all.Choices, answeredChoice{Index: len(all.Choices)})
			}
			into := &all.Choices[c.Index]
			require.True(t, into.FinishReason == "", "a piece after the end")
			into.Text += c.Text
			into.Message.Role += c.Delta.Role
			into.Message.Content += c.Delta.Content
			into.Message.ToolCalls = append(into.Message.ToolCalls, c.Delta.ToolCalls...)
			into.FinishReason = c.FinishReason
			into.TokenIDs = append(into.TokenIDs, c.TokenIDs...)
			if len(c.LogProbs) > 0 && string(c.LogProbs) != "null" {
				into.LogProbs = append(append(into.LogProbs, c.LogProbs...), '\n')
			}
		}
	}
	return all
}
