package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

func signNote(t testing.TB, text, secret string) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, signer(secret))
	require.NoError(t, err)
	return signed
}

// The layout is that of C2SP tlog-checkpoint: origin, size, root, no more.
func TestCheckpoint(t *testing.T) {
	l := started(t, t.TempDir(), options(1))
	signed, err := l.Checkpoint()
	require.NoError(t, err)
	lines := strings.Split(string(signed), "\n")
	require.Len(t, lines, 6)
	assert.Equal(t, "example.com/planted", lines[0])
	assert.Equal(t, "3", lines[1])
	root, err := tlog.ParseHash(lines[2])
	require.NoError(t, err)
	assert.Equal(t, l.Reader().Root(), root)
	assert.Equal(t, "", lines[3])
	assert.True(t, strings.HasPrefix(lines[4], "— example.com/planted "))
	n, err := note.Open(signed, note.VerifierList(public))
	require.NoError(t, err)
	c, err := ledger.OpenCheckpoint(signed, "example.com/planted", public)
	require.NoError(t, err)
	assert.Equal(t, ledger.Checkpoint{Origin: "example.com/planted", Size: 3, Root: root}, c)
	assert.Equal(t, n.Text, c.Text())
	again, err := l.Checkpoint()
	require.NoError(t, err)
	assert.Equal(t, signed, again)
	again[0]++ // the caller's
	third, err := l.Checkpoint()
	require.NoError(t, err)
	assert.Equal(t, signed, third)
}

// A checkpoint is on the disk before it is given away.
func TestCheckpointIsDurable(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	for n := range uint64(5) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
		signed, err := l.Checkpoint()
		require.NoError(t, err)
		stored, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
		require.NoError(t, err)
		require.Equal(t, signed, stored)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "checkpoint.new"), 0o700)) // in its way
	_, err := l.Append(bg, planting(9))
	require.NoError(t, err)
	_, err = l.Checkpoint()
	require.ErrorContains(t, err, "ledger: open ")
	require.NoError(t, os.Remove(filepath.Join(dir, "checkpoint.new")))
	_, err = l.Checkpoint()
	require.NoError(t, err)
}

func TestOpenCheckpoint(t *testing.T) {
	root := tlog.Hash{1}.String()
	good := "example.com/planted\n7\n" + root + "\n"
	for text, want := range map[string]string{
		good:                       "",
		good + "an extension\n":    "",
		"example.com/planted\n7\n": "ledger: checkpoint has 2 lines, want at least 3",
		"example.com/planted\n\n7\n" + root + "\n":                 "ledger: line 2 of a checkpoint is empty",
		"example.com/planted\n07\n" + root + "\n":                  `ledger: size of a checkpoint is "07", want a decimal number`,
		"example.com/planted\n+7\n" + root + "\n":                  `ledger: size of a checkpoint is "+7", want a decimal number`,
		"example.com/planted\n7x\n" + root + "\n":                  `ledger: size of a checkpoint is "7x", want a decimal number`,
		"example.com/planted\n7\n" + root[:40] + "\n":              `ledger: root of a checkpoint is "` + root[:40] + `", want 32 bytes in base64`,
		"example.com/planted\n9223372036854775808\n" + root + "\n": `ledger: size of a checkpoint is "9223372036854775808", want a decimal number`,
		"example.com/planted\n7\n" + root[:42] + "B=\n":            `ledger: root of a checkpoint is "` + root[:42] + `B=", want 32 bytes in base64`,
		"example.com/planted\n281474976710657\n" + root + "\n":     `ledger: checkpoint is of 281474976710657 leaves, want 0 to 281474976710656`,
		"example.com/x\n7\n" + root + "\n":                         `ledger: checkpoint is of "example.com/x", want "example.com/planted"`,
	} {
		c, err := ledger.OpenCheckpoint(signNote(t, text, logSecret), "example.com/planted", public)
		if want == "" {
			require.NoError(t, err)
			assert.Equal(t, ledger.Checkpoint{Origin: "example.com/planted", Size: 7, Root: tlog.Hash{1}}, c)
			continue
		}
		assert.EqualError(t, err, want)
		assert.Zero(t, c)
	}
	_, err := ledger.OpenCheckpoint(signNote(t, good, witnessSecret), "example.com/planted", public)
	assert.ErrorContains(t, err, "no verifiable signatures")
	_, err = ledger.OpenCheckpoint(make([]byte, 1<<17), "example.com/planted", public)
	assert.EqualError(t, err, "ledger: checkpoint has 131072 bytes, want at most 65536")
	_, err = ledger.OpenCheckpoint(nil, "example.com/planted", nil)
	assert.EqualError(t, err, "ledger: no verifier to check a checkpoint with")
}

func FuzzOpenCheckpoint(f *testing.F) {
	good := "example.com/planted\n7\n" + tlog.Hash{1}.String() + "\n"
	f.Add([]byte(good), signNote(f, good, logSecret))
	f.Add([]byte("example.com/planted\n0\nx\n\n"), []byte("—"))
	f.Fuzz(func(t *testing.T, text, signed []byte) {
		// Whatever is not signed is refused, but for signatures of others.
		if c, err := ledger.OpenCheckpoint(signed, "example.com/planted", public); err == nil {
			require.Equal(t, good, c.Text())
		}
		// Whatever was signed is refused, or begins with the text that it says.
		n := &note.Note{Text: string(text)}
		own, err := note.Sign(n, signer(logSecret))
		if err != nil {
			return
		}
		if c, err := ledger.OpenCheckpoint(own, "example.com/planted", public); err == nil {
			require.True(t, bytes.HasPrefix(text, []byte(c.Text())))
		}
	})
}

func TestConsistencyRefuses(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 10)
	r, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	defer r.Close()
	at := func(n int64) ledger.Checkpoint {
		root, err := rootOf(r, n)
		require.NoError(t, err)
		return ledger.Checkpoint{Origin: r.Origin(), Size: n, Root: root}
	}
	p, err := r.ProveTree(13, 5)
	require.NoError(t, err)
	require.NoError(t, at(13).CheckConsistency(at(5), p))
	assert.ErrorContains(t, at(5).CheckConsistency(at(13), p), "older checkpoint has 13 leaves, want at most 5")
	assert.ErrorContains(t, at(13).CheckConsistency(at(6), p), "does not begin with that of 6")
	assert.Error(t, at(13).CheckConsistency(at(5), p[1:]))
	assert.Error(t, at(13).CheckConsistency(at(5), append(p, tlog.Hash{})))
	other := at(5)
	other.Origin = "x"
	assert.ErrorContains(t, at(13).CheckConsistency(other, p), `checkpoints are of "x" and "example.com/planted"`)
	assert.Error(t, at(13).CheckConsistency(at(0), p))
	bad := at(0)
	bad.Root[0]++
	assert.Error(t, at(13).CheckConsistency(bad, nil))
	assert.Error(t, ledger.Checkpoint{}.CheckInclusion(0, planting(1), nil))
	// What package tlog would not come back from.
	huge := ledger.Checkpoint{Origin: r.Origin(), Size: 1<<63 - 1}
	assert.ErrorContains(t, huge.CheckConsistency(at(5), p), "checkpoint is of 9223372036854775807 leaves")
	leaf, err := r.Leaf(4)
	require.NoError(t, err)
	assert.ErrorContains(t, huge.CheckInclusion(4, leaf, nil), "checkpoint is of 9223372036854775807 leaves")
	assert.ErrorContains(t, at(4).CheckInclusion(4, leaf, nil), "ledger: leaf is number 4, want 0 to 3")
}
