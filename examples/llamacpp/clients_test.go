package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Versions of OpenAI's clients.
const (
	pythonClient = "openai==3.57.0"
	nodeClient   = "openai@7.57.0"
)

// installed returns a folder in which a client is installed, by its language's own
// package manager, once for all runs. It skips the test where there is none.
func installed(t *testing.T, what string, need []string, install func(dir string) *exec.Cmd) string {
	t.Helper()
	for _, program := range need {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed, which installs %s", program, what)
		}
	}
	cache, err := filepath.Abs(".cache")
	require.NoError(t, err)
	dir := filepath.Join(cache, "clients", what)
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if out, err := install(dir).CombinedOutput(); err != nil {
		t.Skipf("%s could not be had: %v: %s", what, err, out)
	}
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	return dir
}

// A clientSaid is what a client's program says of its calls.
type clientSaid struct {
	Model, Retrieved string
	Whole, Streamed  string
	Usage            int
	StreamedUsage    int `json:"streamed_usage"`
	Events           bool
	Choices          int
	LogProbs         int
	Tool, City       string
	JSON             bool
	Echo, Completion bool
	Errors           [][2]string
}

func (s clientSaid) check(t *testing.T) {
	t.Helper()
	assert.Equal(t, testName, s.Model)
	assert.Equal(t, testName, s.Retrieved)
	assert.NotEmpty(t, s.Whole)
	assert.Equal(t, s.Whole, s.Streamed)
	assert.Equal(t, s.Usage, s.StreamedUsage)
	assert.Greater(t, s.Usage, 24)
	assert.True(t, s.Events)
	assert.Equal(t, 2, s.Choices)
	assert.Equal(t, 2, s.LogProbs)
	assert.Equal(t, "weather", s.Tool)
	assert.Contains(t, []string{"Oslo", "Rome"}, s.City)
	assert.True(t, s.JSON)
	assert.True(t, s.Echo)
	assert.True(t, s.Completion)
	assert.Equal(t, [][2]string{{"AuthenticationError", "invalid_api_key"}, {"NotFoundError", "model_not_found"}, {"BadRequestError", "context_length_exceeded"}}, s.Errors)
}

func (p *process) talk(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = append(os.Environ(), "KEY="+alice)
	out, err := cmd.Output()
	if status := new(exec.ExitError); errors.As(err, &status) {
		t.Logf("%s", status.Stderr)
	}
	require.NoError(t, err)
	var s clientSaid
	require.NoError(t, json.Unmarshal(out, &s), string(out))
	s.check(t)
}

// OpenAI's own client for Python works unmodified.
func TestPythonClient(t *testing.T) {
	dir := installed(t, pythonClient, []string{"python3"}, func(dir string) *exec.Cmd {
		return exec.Command("bash", "-c", `python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check "$2"`, "install", dir, pythonClient)
	})
	p := theServer(t)
	p.talk(t, exec.Command(filepath.Join(dir, "bin", "python"), filepath.Join("clients", "client.py"), p.url))
}

// OpenAI's own client for Node works unmodified.
func TestNodeClient(t *testing.T) {
	dir := installed(t, nodeClient, []string{"node", "npm"}, func(dir string) *exec.Cmd {
		return exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir, nodeClient)
	})
	p := theServer(t)
	program, err := os.ReadFile(filepath.Join("clients", "client.mjs"))
	require.NoError(t, err)
	path := filepath.Join(dir, "client.mjs") // where node finds the package
	require.NoError(t, os.WriteFile(path, program, 0o644))
	p.talk(t, exec.Command("node", path, p.url))
}
