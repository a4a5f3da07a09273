package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBadLibraries opens folders of libraries that lack one, or have another in
// its place, each in a process of its own, since a library stays loaded.
func TestBadLibraries(t *testing.T) {
	if folder := os.Getenv("ENGINE_TEST_LIBRARY"); folder != "" {
		_, err := engine.Open(engine.Config{Library: folder, Model: model})
		require.Error(t, err)
		t.Logf("error: %v", err)
		return
	}
	real(t)
	whole, err := os.ReadFile(filepath.Join(library, "libggml-base.so"))
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		change func(folder string) error
		want   string
	}{
		{"no folder", os.RemoveAll, "libggml.so: no such file"},
		{"no libllama", func(f string) error { return os.Remove(filepath.Join(f, "libllama.so")) }, "libllama.so: no such file"},
		{"no library", func(f string) error {
			return replace(filepath.Join(f, "libggml-base.so"), []byte("this is no library"))
		}, "libggml-base.so"},
		{"another version", func(f string) error {
			return replace(filepath.Join(f, "libggml-base.so"), []byte(strings.Replace(string(whole), "0.25.1", "0.26.3", 1)))
		}, "libggml-base.so is ggml 0.26.3, want 0.25.1, that of llama.cpp v0.5.0"},
		{"another library", func(f string) error {
			return os.Rename(filepath.Join(f, "libggml.so"), filepath.Join(f, "libggml-base.so"))
		}, "no such file"},
		{"no backends", func(f string) error {
			files, err := filepath.Glob(filepath.Join(f, "libggml-cpu-*.so"))
			for _, file := range files {
				if err == nil {
					err = os.Remove(file)
				}
			}
			return err
		}, "has no ggml backend that runs on this processor"},
	} {
		folder := filepath.Join(t.TempDir(), "lib")
		require.NoError(t, os.MkdirAll(folder, 0o700))
		files, err := filepath.Glob(filepath.Join(library, "*.so"))
		require.NoError(t, err)
		for _, file := range files {
			source, err := filepath.Abs(file)
			require.NoError(t, err)
			require.NoError(t, os.Symlink(source, filepath.Join(folder, filepath.Base(file))))
		}
		require.NoError(t, c.change(folder))
		cmd := exec.Command(os.Args[0], "-test.run", "^TestBadLibraries$", "-test.v")
		cmd.Env = append(os.Environ(), "ENGINE_TEST_LIBRARY="+folder)
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s: %s", c.name, out)
		assert.Contains(t, string(out), c.want, c.name)
	}
}

// replace puts a file in the place of a link.
func replace(path string, data []byte) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
