package ledger_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

var secret = []byte("not random: for tests only......")

func pseudonyms(t testing.TB) *ledger.Pseudonyms {
	t.Helper()
	p, err := ledger.NewPseudonyms(bytes.NewReader(secret))
	require.NoError(t, err)
	return p
}

func TestPseudonyms(t *testing.T) {
	p := pseudonyms(t)
	seen := map[string]string{}
	note := func(what string, b []byte, err error) {
		require.NoError(t, err)
		text := hex.EncodeToString(b[:16])
		require.Empty(t, seen[text], "%s and %s are one", what, seen[text])
		seen[text] = what
	}
	other, err := ledger.NewPseudonyms(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	require.NoError(t, err)
	for _, q := range []*ledger.Pseudonyms{p, other} {
		for _, name := range []string{"a", "b", "ab", "a\x00"} {
			c, err := q.Cohort(name)
			note("cohort "+name, c[:], err)
			again, err := q.Cohort(name)
			require.NoError(t, err)
			require.Equal(t, c, again)
			a, err := q.Account(name)
			note("account "+name, a[:], err)
			d, err := q.Output([]byte(name))
			note("output "+name, d[:], err)
		}
	}
	_, err = p.Cohort("")
	assert.EqualError(t, err, "ledger: name of the cohort is empty")
	_, err = p.Account("")
	assert.EqualError(t, err, "ledger: name of the account is empty")
	_, err = ledger.NewPseudonyms(bytes.NewReader(secret[:31]))
	assert.ErrorContains(t, err, "ledger: key of pseudonyms: ")
	_, err = ledger.NewPseudonyms(bytes.NewReader(make([]byte, 32)))
	assert.EqualError(t, err, "ledger: key of pseudonyms is 32 zeros, want random bytes")
}

func TestPseudonymFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	p, err := ledger.CreatePseudonyms(path, bytes.NewReader(secret))
	require.NoError(t, err)
	_, err = ledger.CreatePseudonyms(path, bytes.NewReader(secret))
	require.ErrorIs(t, err, os.ErrExist)
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "dyetrace_pseudonyms1_"+hex.EncodeToString(secret)))
	q, err := ledger.OpenPseudonyms(path)
	require.NoError(t, err)
	a, err := p.Account("somebody")
	require.NoError(t, err)
	b, err := q.Account("somebody")
	require.NoError(t, err)
	assert.Equal(t, a, b)

	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		_, err := ledger.OpenPseudonyms(path)
		require.Error(t, err, "byte %d", i)
		assert.NotContains(t, err.Error(), string(text[30:40]))
	}
	for bad, want := range map[string]string{
		"":                            "text does not begin with dyetrace_pseudonyms1_",
		string(text[:40]):             "text has 19 characters after its prefix, want 72",
		string(text) + "\n":           "text has 73 characters after its prefix, want 72",
		strings.Repeat("\x00", 94):    "text does not begin with dyetrace_pseudonyms1_",
		strings.Repeat("x", 1<<20):    "text does not begin with dyetrace_pseudonyms1_",
		strings.ToUpper(string(text)): "text does not begin with",
		string(text[:21]) + strings.Repeat("0", 72): "key is erased: 32 zeros",
		string(text[:21]) + strings.Repeat("g", 72): "text holds characters that are no hexadecimal digits",
	} {
		require.NoError(t, os.WriteFile(path, []byte(bad), 0o600))
		_, err := ledger.OpenPseudonyms(path)
		assert.ErrorContains(t, err, want)
	}
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(path, 0o640))
		_, err = ledger.OpenPseudonyms(path)
		assert.ErrorContains(t, err, "is open to others (mode 0640), want mode 0600")
	}
	_, err = ledger.OpenPseudonyms(filepath.Join(path, "x"))
	assert.ErrorContains(t, err, "ledger: key of pseudonyms: ")
}

// Erasing the key makes leaves anonymous and leaves them valid. Its bytes are
// overwritten before the name goes: a second name of the file shows them.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "key"), filepath.Join(dir, "link")
	p, err := ledger.CreatePseudonyms(path, bytes.NewReader(secret))
	require.NoError(t, err)
	require.NoError(t, os.Link(path, link))
	leaf := planting(1)
	leaf.Account, err = p.Account("somebody")
	require.NoError(t, err)
	leaf.Output, err = p.Output([]byte("an answer"))
	require.NoError(t, err)
	l := started(t, filepath.Join(dir, "ledger"), options(1))
	got, err := l.Append(bg, leaf)
	require.NoError(t, err)

	require.NoError(t, p.Erase())
	_, err = p.Account("somebody")
	require.ErrorIs(t, err, ledger.ErrErased)
	_, err = p.Cohort("x")
	require.ErrorIs(t, err, ledger.ErrErased)
	_, err = p.Output(nil)
	require.ErrorIs(t, err, ledger.ErrErased)
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	left, err := os.ReadFile(link)
	require.NoError(t, err)
	assert.Equal(t, make([]byte, 94), left)
	require.NoError(t, p.Erase())
	assert.Equal(t, "redacted:none", fmt.Sprint(p))

	signed, err := l.Checkpoint()
	require.NoError(t, err)
	c, err := ledger.OpenCheckpoint(signed, "example.com/planted", public)
	require.NoError(t, err)
	proof, err := l.Reader().Prove(got.Index, c.Size)
	require.NoError(t, err)
	assert.NoError(t, c.CheckInclusion(got.Index, got.Leaf, proof))
	require.NoError(t, l.Close())
	_, err = ledger.Verify(filepath.Join(dir, "ledger"), public)
	require.NoError(t, err)

	// The file went before: nothing is left to do.
	p, err = ledger.CreatePseudonyms(path, bytes.NewReader(secret))
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, p.Erase())
	// The file cannot be overwritten: the key is forgotten, and the rest is
	// tried again.
	p, err = ledger.CreatePseudonyms(path, bytes.NewReader(secret))
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, link))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.ErrorContains(t, p.Erase(), "ledger: erase the key of pseudonyms: ")
	_, err = p.Account("somebody")
	require.ErrorIs(t, err, ledger.ErrErased)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Rename(link, path))
	require.NoError(t, p.Erase())
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPseudonymsAtOnce(t *testing.T) {
	p := pseudonyms(t)
	want, err := p.Account("somebody")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				got, err := p.Account("somebody")
				if err != nil {
					assert.ErrorIs(t, err, ledger.ErrErased)
					return
				}
				assert.Equal(t, want, got)
			}
		})
	}
	require.NoError(t, p.Erase())
	wg.Wait()
}

type printer struct{ *strings.Builder }

func (p printer) Errorf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// Nothing that prints shows the key: not its bytes, not its hexadecimal digits.
func TestPseudonymsAreRedacted(t *testing.T) {
	p := pseudonyms(t)
	var out strings.Builder
	for _, v := range []any{p, struct{ P *ledger.Pseudonyms }{p}, struct{ p *ledger.Pseudonyms }{p}, map[string]any{"p": p}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		assert.Equal(printer{&out}, v, 1) // what a failed test prints
		text, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	assert.Contains(t, out.String(), "redacted:ledger pseudonyms")
	all := strings.ToLower(out.String())
	for _, form := range []string{string(secret[:8]), hex.EncodeToString(secret[:4]), fmt.Sprint(secret[:4])[1:12], "6e, 0x6f", "6e 6f 74"} {
		assert.NotContains(t, all, form)
	}
}
