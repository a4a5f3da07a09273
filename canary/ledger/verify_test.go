package ledger_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	signed, err := l.Checkpoint()
	require.NoError(t, err)
	for n := range uint64(20) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
	}
	_, err = l.Append(bg, ledger.Leaf{Kind: ledger.KindOutput, Of: nonce(3), Digest: digest(4)})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	report, err := ledger.Verify(dir, public, signed)
	require.NoError(t, err)
	assert.Equal(t, "example.com/planted", report.Origin)
	assert.Equal(t, int64(24), report.Leaves)
	assert.Equal(t, map[ledger.Kind]int64{ledger.KindCommitment: 1, ledger.KindBook: 1, ledger.KindPolicy: 1, ledger.KindPlanting: 20, ledger.KindOutput: 1}, report.Kinds)
	assert.Equal(t, ledger.Checkpoint{Origin: report.Origin, Size: 24, Root: report.Root}, report.Signed)
	assert.Zero(t, report.Torn)
}

func TestVerifyProgress(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	for n := range uint64(20) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	info, err := os.Stat(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	calls, last := 0, int64(0)
	_, err = ledger.VerifyProgress(dir, public, func(done, total int64) error {
		calls++
		assert.Greater(t, done, last)
		assert.LessOrEqual(t, done, total)
		assert.Equal(t, info.Size(), total)
		last = done
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, calls, 20, "a frame an append")
	enough := errors.New("enough")
	_, err = ledger.VerifyProgress(dir, public, func(int64, int64) error { calls--; return enough })
	assert.ErrorIs(t, err, enough)
	assert.Greater(t, calls, 19, "it ended at once")
}

// forge changes the first byte of the output's hash in the planting that is
// alone in the last frame, and makes the frame's sums fit again as whoever can
// change the file can.
func forge(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "leaves")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	leaf := planting(77)
	leaf.Time = hour
	b, err := leaf.MarshalBinary()
	require.NoError(t, err)
	at := len(data) - len(b) - 2 - 28
	require.Equal(t, b, data[len(data)-len(b):])
	data[len(data)-len(b)+80] ^= 1
	table := crc32.MakeTable(crc32.Castagnoli)
	h := data[at : at+28]
	binary.LittleEndian.PutUint32(h[20:], crc32.Checksum(data[at+28:], table))
	var salt [16]byte
	key := options(1).Random
	_, err = key.Read(salt[:])
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(h[24:], crc32.Update(crc32.Checksum(salt[:], table), table, h[:24]))
	require.NoError(t, os.WriteFile(path, data, 0o600))
	for _, name := range []string{"mark", "hashes", "index"} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
}

// A leaf that was changed with all sums made to fit, and everything that is
// derived made anew, is not what was signed.
func TestForgedLeaf(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	_, err := l.Append(bg, planting(77))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	forge(t, dir)
	_, err = ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "ledger: leaves is damaged: its first 4 leaves have root ")
	_, err = ledger.Verify(dir, public)
	assert.ErrorContains(t, err, "ledger: leaves is damaged: its first 4 leaves have root ")
	assert.ErrorContains(t, err, ", checkpoint says ")
}

// A ledger that was cut back to a state that it signed is in order by itself. A
// checkpoint that somebody kept shows it.
func TestRolledBack(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 20)
	old := copied(t, dir)
	l := open(t, dir, options(1))
	_, err := l.Append(bg, planting(100))
	require.NoError(t, err)
	kept, err := l.Checkpoint()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = ledger.Verify(dir, public, kept)
	require.NoError(t, err)

	_, err = ledger.Verify(old, public)
	require.NoError(t, err)
	_, err = ledger.Verify(old, public, kept)
	assert.ErrorContains(t, err, "it has 23 whole leaves, known checkpoint 0 speaks of 24: its end is missing")

	// It went on from there, another way.
	l = open(t, old, options(1))
	_, err = l.Append(bg, planting(200))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = ledger.Verify(old, public, kept)
	assert.ErrorContains(t, err, "its first 24 leaves have root ")
	assert.ErrorContains(t, err, "known checkpoint 0 says ")
}

func TestSwappedCheckpoint(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	grown(t, dir, options(1), 20)
	later := options(1)
	later.Clock = func() time.Time { return (hour + 60).Time() }
	grown(t, other, later, 21)
	path := filepath.Join(dir, "checkpoint")
	own, err := os.ReadFile(path)
	require.NoError(t, err)
	foreign, err := os.ReadFile(filepath.Join(other, "checkpoint"))
	require.NoError(t, err)
	sign := func(c ledger.Checkpoint, secret string) []byte {
		signed, err := note.Sign(&note.Note{Text: c.Text()}, signer(secret))
		require.NoError(t, err)
		return signed
	}
	c, err := ledger.OpenCheckpoint(own, "example.com/planted", public)
	require.NoError(t, err)
	elsewhere, fork := c, c
	elsewhere.Origin = "example.com/elsewhere"
	fork.Root[3]++
	for name, swap := range map[string]struct {
		signed []byte
		want   string
	}{
		"longer log":     {foreign, "its end is missing"},
		"other key":      {sign(c, witnessSecret), "note has no verifiable signatures"},
		"other origin":   {sign(elsewhere, logSecret), `checkpoint is of "example.com/elsewhere", want "example.com/planted"`},
		"other root":     {sign(fork, logSecret), "its first 23 leaves have root "},
		"other text":     {append([]byte("x"), own...), "invalid signature"},
		"no note":        {[]byte("hello\n"), "malformed note"},
		"nothing":        {nil, "malformed note"},
		"not checkpoint": {sign(ledger.Checkpoint{Origin: c.Origin, Size: -1}, logSecret), `size of a checkpoint is "-1"`},
	} {
		require.NoError(t, os.WriteFile(path, swap.signed, 0o600))
		var damage *ledger.Damage
		_, err = ledger.Verify(dir, public)
		assert.ErrorAs(t, err, &damage, name)
		assert.ErrorContains(t, err, swap.want, name)
		_, err = ledger.Open(dir, options(1))
		assert.ErrorAs(t, err, &damage, name)
		assert.ErrorContains(t, err, swap.want, name)
		_, err = ledger.OpenReader(dir, public)
		assert.Error(t, err, name)
	}
	require.NoError(t, os.Remove(path))
	_, err = ledger.Verify(dir, public)
	assert.EqualError(t, err, "ledger: checkpoint is damaged: it is missing")
	_, err = ledger.Open(dir, options(1))
	assert.EqualError(t, err, "ledger: checkpoint is damaged: it is missing")
	_, err = ledger.Verify(other, public, own)
	assert.Error(t, err, "two ledgers of one origin do not fit each other")
	_, err = ledger.Verify(other, public, []byte("x"))
	assert.ErrorContains(t, err, "(known checkpoint 0)")
}
