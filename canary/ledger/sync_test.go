package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// After an fsync that failed nothing is acknowledged, retries of old leaves
// included; opening again finds all that was.
func TestFailedSync(t *testing.T) {
	dir := t.TempDir()
	fail := errors.New("input/output error")
	var broken bool
	o := ledger.WithSync(options(1), func(f *os.File) error {
		if filepath.Base(f.Name()) == "leaves" && broken {
			broken = false // the kernel reports it once
			return fail
		}
		return f.Sync()
	})
	l := started(t, dir, o)
	_, err := l.Append(bg, planting(1))
	require.NoError(t, err)
	broken = true
	_, err = l.Append(bg, planting(2))
	require.ErrorIs(t, err, ledger.ErrSync)
	require.ErrorIs(t, err, fail)
	for _, n := range []uint64{1, 2, 3} {
		_, err = l.Append(bg, planting(n))
		require.ErrorIs(t, err, ledger.ErrSync)
	}
	assert.Equal(t, int64(4), l.Reader().Size())
	signed, err := l.Checkpoint() // of what was acknowledged
	require.NoError(t, err)
	require.ErrorIs(t, l.Close(), ledger.ErrSync)

	l = open(t, dir, options(1))
	got, err := l.Append(bg, planting(1))
	require.NoError(t, err)
	assert.True(t, got.Known)
	_, err = l.Append(bg, planting(2))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = ledger.Verify(dir, public, signed)
	require.NoError(t, err)
}

// Hashes and index are only made durable for a mark. If that fails there is no
// mark any more, and the log goes on.
func TestFailedSyncOfDerived(t *testing.T) {
	dir := t.TempDir()
	fails := 0
	o := ledger.WithSync(ledger.Small(options(1), 16, 10), func(f *os.File) error {
		if filepath.Base(f.Name()) == "index" && fails == 0 {
			fails++
			return errors.New("input/output error")
		}
		return f.Sync()
	})
	l := started(t, dir, o)
	for n := range uint64(100) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	assert.Equal(t, 1, fails)
	assert.NoFileExists(t, filepath.Join(dir, "mark"))
	l = open(t, dir, options(1))
	assert.Equal(t, int64(103), l.Reader().Size())
	require.NoError(t, l.Close())
	_, err := ledger.Verify(dir, public)
	require.NoError(t, err)
}

// After an fsync that failed, what opening finds is written again and synced
// before anything is acknowledged: the kernel may hold it without writing it.
func TestOpenSyncsWhatItFinds(t *testing.T) {
	stop := unsigned(t, 1000, 8)
	dir, ends := stop.dir, stop.ends
	synced := 0
	o := ledger.WithSync(options(1), func(f *os.File) error {
		if filepath.Base(f.Name()) == "leaves" {
			synced++
			info, err := f.Stat()
			require.NoError(t, err)
			assert.NotEqual(t, int64(1), info.ModTime().Unix(), "synced, but nothing was written")
		}
		return f.Sync()
	})
	work := copied(t, dir)
	require.NoError(t, os.Chtimes(filepath.Join(work, "leaves"), time.Unix(1, 0), time.Unix(1, 0)))
	l := open(t, work, o)
	assert.Equal(t, 1, synced)
	require.NoError(t, l.Close())
	require.NoError(t, os.Truncate(filepath.Join(dir, "leaves"), ends[1]-1))
	require.NoError(t, os.Remove(filepath.Join(dir, "acknowledged")))
	l = open(t, dir, o)
	assert.Equal(t, 2, synced)
	require.NoError(t, l.Close())

	dir = unsigned(t, 1000, 8).dir
	fail := errors.New("input/output error")
	_, err := ledger.Open(dir, ledger.WithSync(options(1), func(*os.File) error { return fail }))
	assert.ErrorIs(t, err, ledger.ErrSync)
}
