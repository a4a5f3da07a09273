package main

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClearRemovesAnEarlierRun(t *testing.T) {
	f, err := openFolder(t.TempDir())
	require.NoError(t, err)
	old := []string{f.path(frameFile), f.path(served, journalFile), f.path(control, reportFile)}
	for _, path := range old {
		require.NoError(t, f.clear(served, control))
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	}
	mine := f.path(control, "notes.txt")
	require.NoError(t, os.WriteFile(mine, []byte("mine"), 0o644))
	require.NoError(t, f.clear(served, control))
	for _, path := range old {
		assert.NoFileExists(t, path)
	}
	assert.FileExists(t, mine, "what no run wrote stays")
}

// A directory where the last report belongs is found before any work is done.
func TestStoryFailsAtOnceForWhatIsInTheWay(t *testing.T) {
	f, err := openFolder(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(f.path(control, reportFile), 0o755))
	log, err := os.Create(f.path("log"))
	require.NoError(t, err)
	defer log.Close()
	err = tell(t.Context(), 1, nil, f, newProgress(log), func(verdict) error { return errors.New("a verdict") })
	assert.EqualError(t, err, "quickstart: "+f.path(control, reportFile)+" is a directory, want a file or nothing")
	steps, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	assert.Empty(t, steps, "no step was finished")
}
