package keys_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

// write puts text in a new file under mode, whatever the umask is.
func write(t *testing.T, name, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func TestFileRoundTrip(t *testing.T) {
	k := testKey(t, 1)
	path := filepath.Join(t.TempDir(), "vendor.key")
	require.NoError(t, keys.WriteFile(path, k))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, k.Reveal()+"\n", string(text))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode())
	}
	got, err := keys.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, got.Equal(k))
}

func TestReadFileAcceptsLineEnds(t *testing.T) {
	k := testKey(t, 1)
	for _, end := range []string{"", "\n", "\r\n"} {
		got, err := keys.ReadFile(write(t, "k", k.Reveal()+end, 0o400))
		require.NoError(t, err)
		assert.True(t, got.Equal(k))
	}
}

// TestReadFileRefusesOpenFiles takes the command from the error, runs it in a
// shell and finds the file mended.
func TestReadFileRefusesOpenFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode here")
	}
	k := testKey(t, 1)
	for _, name := range []string{"vendor.key", "my key's $HOME; true.key", "*", "-R"} {
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777} {
			path := write(t, name, k.Reveal(), mode)
			got, err := keys.ReadFile(path)
			require.Error(t, err)
			require.True(t, got.IsZero())
			assertNoPiece(t, err.Error(), k.Reveal())
			_, command, ok := strings.Cut(err.Error(), "want mode 0600: ")
			require.True(t, ok, err.Error())
			require.NoError(t, exec.Command("sh", "-c", command).Run(), command)
			got, err = keys.ReadFile(path)
			require.NoError(t, err)
			require.True(t, got.Equal(k))
		}
	}

	t.Chdir(filepath.Dir(write(t, "-R", k.Reveal(), 0o644)))
	_, err := keys.ReadFile("-R")
	assert.EqualError(t, err, `keys: key file "-R" is open to others (mode 0644), want mode 0600: chmod 600 ./-R`)
}

func TestReadFileRefuses(t *testing.T) {
	k := testKey(t, 1)
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	_, err := keys.ReadFile(missing)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "keys: key file: open ")
	_, err = keys.ReadFile("")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = keys.ReadFile(dir)
	assert.ErrorContains(t, err, "is a directory, want a file")

	for text, want := range map[string]string{
		"":                          `: keys: text is empty, want a secret key, dyetrace_secret1_…`,
		"\n":                        `: keys: text is empty, want a secret key, dyetrace_secret1_…`,
		k.ID().String() + "\n":      `: keys: text is a public ID, want a secret key, dyetrace_secret1_…`,
		k.Reveal() + "\n\n":         `: keys: text is surrounded by white space, want a secret key, dyetrace_secret1_…`,
		k.Reveal()[:50]:             `: keys: secret key has 33 characters after its prefix, want 64: it was cut short`,
		strings.Repeat("x\n", 2049): ` has more than 4096 bytes, want one line with a key`,
	} {
		path := write(t, "k", text, 0o600)
		got, err := keys.ReadFile(path)
		assert.ErrorContains(t, err, "keys: key file ")
		assert.ErrorContains(t, err, path)
		assert.True(t, strings.HasSuffix(err.Error(), want), err.Error())
		assert.True(t, got.IsZero())
		assertNoPiece(t, err.Error(), k.Reveal())
	}
}

func TestWriteFileRefuses(t *testing.T) {
	k := testKey(t, 1)
	path := write(t, "k", "precious", 0o600)
	err := keys.WriteFile(path, k)
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.ErrorContains(t, err, "keys: key file exists, want a new path: ")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(text))

	path = filepath.Join(t.TempDir(), "new")
	err = keys.WriteFile(path, keys.Key{})
	assert.EqualError(t, err, "keys: cannot write a key file: key is zero, want one from New, Parse or ReadFile")
	assert.NoFileExists(t, path)
	err = keys.WriteFile(filepath.Join(path, "in", "no", "folder"), k)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "keys: key file: open ")
}

// TestKeyForPath: a key given where its file was wanted is not quoted, whole or
// mistyped.
func TestKeyForPath(t *testing.T) {
	k := testKey(t, 1)
	const want = "keys: path of key file is a secret key itself, want the name of a file"
	for _, path := range []string{k.Reveal(), k.Reveal()[:40], "./" + k.Reveal(), strings.ToUpper(k.Reveal())} {
		_, err := keys.ReadFile(path)
		assert.EqualError(t, err, want)
		assert.EqualError(t, keys.WriteFile(path, k), want)
	}
}
