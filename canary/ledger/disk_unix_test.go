//go:build linux || darwin

package ledger_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// limitFiles makes writes beyond so many bytes of a file fail, as on a full disk,
// and in the middle of what is written.
func limitFiles(bytes uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(bytes, l.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
}

// fillDisk appends until the disk is full, finds the log in order, makes space
// and goes on.
func fillDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	l, err := ledger.Open(dir, ledger.Small(options(1), 16, 50))
	if err != nil {
		return err
	}
	if _, err := l.AppendBatch(bg, bindings()); err != nil {
		return err
	}
	n := uint64(0)
	for limit := uint64(10000); limit < 16000; limit += 555 {
		if err := limitFiles(limit); err != nil {
			return err
		}
		for ; ; n++ {
			if _, err = l.Append(bg, planting(n)); err != nil {
				break
			}
		}
		fmt.Println(n, err)
		for k := uint64(1); k <= 3; k++ { // it fails again, and forgets nothing
			if _, err := l.Append(bg, planting(n+k)); err == nil {
				n += k
			}
		}
		if report, err := ledger.Verify(dir, public); err != nil || report.Torn != 0 {
			return fmt.Errorf("%d bytes are left of what failed, %w", report.Torn, err)
		}
		if got, err := l.Append(bg, planting(0)); err != nil || !got.Known {
			return fmt.Errorf("retry of an old leaf: %v, %w", got, err)
		}
		r := l.Reader()
		if _, err := r.Prove(r.Size()-1, r.Size()); err != nil {
			return err
		}
	}
	if err := limitFiles(1 << 62); err != nil {
		return err
	}
	for k := range uint64(50) {
		if _, err := l.Append(bg, planting(n+k)); err != nil {
			return err
		}
	}
	return l.Close()
}

func TestFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	out, err := child(t, "full", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "ledger: nothing was appended: write ")
	report, err := ledger.Verify(dir, public)
	require.NoError(t, err)
	assert.Greater(t, report.Leaves, int64(100))
	assert.Zero(t, report.Torn)
	assert.Zero(t, report.Repeated)
}

// A folder that may only be read is refused for appending, and read and
// verified. Root may write anywhere: then a process of another user tries.
func TestReadOnlyFolder(t *testing.T) {
	parent, err := os.MkdirTemp("", "ledger")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = filepath.WalkDir(parent, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o700) })
		assert.NoError(t, os.RemoveAll(parent))
	})
	dir := filepath.Join(parent, "ledger")
	grown(t, dir, options(1), 20)
	require.NoError(t, filepath.WalkDir(parent, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == parent {
			return err
		}
		return os.Chmod(path, map[bool]os.FileMode{true: 0o555, false: 0o444}[d.IsDir()])
	}))
	require.NoError(t, os.Chmod(parent, 0o755))

	for _, path := range []string{dir, filepath.Join(dir, "new")} {
		cmd := child(t, "open", path)
		if os.Geteuid() == 0 {
			self := filepath.Join(parent, "test")
			bin, err := os.ReadFile(cmd.Path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(self, bin, 0o755))
			require.NoError(t, os.Chmod(self, 0o755))
			cmd.Path = self
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "ledger: ")
		assert.Contains(t, string(out), "permission denied")
	}
	r, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	assert.Equal(t, int64(23), r.Size())
	require.NoError(t, r.Close())
	_, err = ledger.Verify(dir, public)
	require.NoError(t, err)
}
