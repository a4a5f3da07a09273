package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// openOnce opens the log and closes it.
func openOnce(dir string) error {
	l, err := ledger.Open(dir, options(1))
	if err != nil {
		return err
	}
	return l.Close()
}

func TestOptions(t *testing.T) {
	for want, change := range map[string]func(*ledger.Options){
		"ledger: a signer and a verifier are required":                                                       func(o *ledger.Options) { o.Signer = nil },
		"ledger: a signer and a verifier are required ":                                                      func(o *ledger.Options) { o.Verifier = nil },
		"ledger: signer is example.com/planted+1667c149, verifier witness.example/w1+a831f069, want one key": func(o *ledger.Options) { o.Verifier = verifier(witnessPublic) },
		"ledger: bucket is 1m30s, want whole minutes, 1 minute to 744 hours":                                 func(o *ledger.Options) { o.Bucket = 90 * time.Second },
		"ledger: bucket is -1h0m0s, want whole minutes, 1 minute to 744 hours":                               func(o *ledger.Options) { o.Bucket = -time.Hour },
		"ledger: recall is -1 leaves, want 1 or more":                                                        func(o *ledger.Options) { o.Recall = -1 },
		"ledger: origin has 256 bytes, want 1 to 255":                                                        func(o *ledger.Options) { o.Origin = strings.Repeat("x", 256) },
		`ledger: origin "a b" holds ' ', want printable characters without spaces and plus`:                  func(o *ledger.Options) { o.Origin = "a b" },
		`ledger: origin "a+b" holds '+', want printable characters without spaces and plus`:                  func(o *ledger.Options) { o.Origin = "a+b" },
		"ledger: origin \"a\\nb\" holds '\\n', want printable characters without spaces and plus":            func(o *ledger.Options) { o.Origin = "a\nb" },
		"ledger: origin \"\\xff\" is not valid UTF-8":                                                        func(o *ledger.Options) { o.Origin = "\xff" },
		"ledger: salt: EOF": func(o *ledger.Options) { o.Random = bytes.NewReader(nil) },
	} {
		o := options(1)
		change(&o)
		dir := filepath.Join(t.TempDir(), "ledger")
		_, err := ledger.Open(dir, o)
		assert.EqualError(t, err, strings.TrimSpace(want))
		_, err = os.Stat(filepath.Join(dir, "leaves"))
		assert.ErrorIs(t, err, os.ErrNotExist)
	}
}

// liar signs with another key than it says.
type liar struct{ note.Signer }

func (liar) Sign(msg []byte) ([]byte, error) { return signer(witnessSecret).Sign(msg) }

func TestSignerOfAnotherKey(t *testing.T) {
	o := options(1)
	o.Signer = liar{o.Signer}
	_, err := ledger.Open(t.TempDir(), o)
	assert.ErrorContains(t, err, "ledger: signer and verifier are not of one key: ")
}

func TestSecondOpener(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	_, err := ledger.Open(dir, options(1))
	require.ErrorIs(t, err, ledger.ErrLocked)

	cmd := child(t, "open", dir)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "ledger: another log has this folder open: "+dir)

	_, err = l.Append(bg, planting(1))
	require.NoError(t, err, "the first one goes on")
	require.NoError(t, l.Close())
	require.NoError(t, openOnce(dir))
	out, err = child(t, "open", dir).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestOtherVersionOriginOrKey(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 10)
	before, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)

	o := options(1)
	o.Origin = "example.com/other"
	_, err = ledger.Open(dir, o)
	assert.EqualError(t, err, `ledger: folder holds the ledger of "example.com/planted", want "example.com/other"`)
	o.Signer, o.Verifier, o.Origin = signer(witnessSecret), verifier(witnessPublic), "example.com/planted"
	_, err = ledger.Open(dir, o)
	const key = "ledger: folder holds a ledger of key example.com/planted+1667c149, want witness.example/w1+a831f069"
	assert.EqualError(t, err, key)
	_, err = ledger.OpenReader(dir, verifier(witnessPublic))
	assert.EqualError(t, err, key)
	_, err = ledger.Verify(dir, verifier(witnessPublic))
	assert.EqualError(t, err, key)
	_, err = ledger.OpenReader(dir, nil)
	assert.ErrorContains(t, err, "ledger: no verifier")
	_, err = ledger.Verify(dir, nil)
	assert.ErrorContains(t, err, "ledger: no verifier")

	path := filepath.Join(dir, "leaves")
	for text, want := range map[string]string{
		"dyetrace ledger/2\n" + string(before): `ledger: folder holds version "dyetrace ledger/2", want "dyetrace ledger/1"`,
		"something else\n":                     `ledger: leaves is damaged at byte 0: it begins with "something else", want "dyetrace ledger/1"`,
		"":                                     `ledger: leaves is damaged at byte 0: it begins with "", want "dyetrace ledger/1"`,
		string(before[:40]):                    `ledger: leaves is damaged at byte 0: its header has 3 lines, want 4 and an empty one`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err = ledger.Open(dir, options(1))
		assert.EqualError(t, err, want)
		_, err = ledger.Verify(dir, public)
		assert.EqualError(t, err, want)
	}
	require.NoError(t, os.WriteFile(path, before, 0o600))
	require.NoError(t, openOnce(dir))
}

// Leaves that went away while their checkpoint stayed are no new ledger.
func TestLeavesMissing(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 10)
	require.NoError(t, os.Remove(filepath.Join(dir, "leaves")))
	_, err := ledger.Open(dir, options(1))
	assert.EqualError(t, err, "ledger: leaves is damaged: it is missing, and a checkpoint of 13 leaves was signed")
}

// A process that died after the first of two steps of making a ledger leaves
// what the next one takes up.
func TestCreationIsTakenUp(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, openOnce(dir))
	require.NoError(t, os.Remove(filepath.Join(dir, "leaves")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "leaves.new"), []byte("dyetr"), 0o600))
	l := started(t, dir, options(1))
	require.NoError(t, l.Close())
	_, err := ledger.Verify(dir, public)
	require.NoError(t, err)
}

func TestFolderThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Join(file, "x"), filepath.Join(dir, "a", "b"), ""} {
		_, err := ledger.Open(path, options(1))
		assert.ErrorContains(t, err, "ledger: ", "%q", path)
	}
	_, err := ledger.OpenReader(dir, public)
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = ledger.Verify(dir, public)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
