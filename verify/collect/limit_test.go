//go:build linux || darwin

package collect_test

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// limitFiles makes writes fail beyond limit bytes, as on a full disk.
func limitFiles(limit string) error {
	if limit == "" {
		return nil
	}
	n, err := strconv.ParseUint(limit, 10, 32)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = n
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
}

// A full disk stops the collection in the middle of a line; what was collected
// stays, and with space again the collection goes on.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	done, stderr := start(t, path, "20000", 1<<20, 0)
	require.False(t, done)
	assert.Contains(t, stderr, "collect: journal: write ")
	assert.Contains(t, stderr, "what is recorded stays, run again to go on")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, int64(20000), info.Size())
	before := answeredIn(t, path)
	assert.Greater(t, len(before), 10)
	m := echo()
	got, err := collect.Run(context.Background(), task(questions), collect.Suspect{Name: "s", Text: m}, path, collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, questions, got.Counts().Complete)
	for q := range before {
		assert.Zero(t, m.n[q])
	}
}

// A full disk in the middle of predictions.
func TestReadFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	done, stderr := start(t, path, "40000", 1<<20, 0, readEnv)
	require.False(t, done)
	assert.Contains(t, stderr, "what is recorded stays, run again to go on")
	before := recorded(t, path)
	assert.Greater(t, len(before), 20)
	s, r, ref := reading()
	m := echo()
	s.Text = m
	got := run(t, killTask(), s, path, collect.Options{})
	assert.Equal(t, len(spans(killTask())), got.ReadingCounts().Complete)
	for q := range before {
		assert.Zero(t, m.n[q]+r.n[q])
		scored, _ := strings.CutPrefix(q, "reference ")
		assert.True(t, scored == q || ref.n[scored] == 0)
	}
}
