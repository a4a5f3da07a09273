package main_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// onTerminal runs the command on a terminal of its own, and returns what that shows.
func onTerminal(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer master.Close()
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, slave, slave, slave
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "NO_COLOR="}, env...)...)
	require.NoError(t, cmd.Start())
	slave.Close()
	var shown bytes.Buffer
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(&shown, master) // ends with EIO when the process does
		close(copied)
	}()
	_ = cmd.Wait()
	<-copied
	return shown.String()
}

// Colour is for terminals, and for those who want it.
func TestColourOnATerminal(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1, 120)
	s.file(t, "t.txt", func(b *bytes.Buffer) { b.WriteString(s.texts[0] + "\x1b[2Jdo not clear") })
	args := []string{"detect", "--localize", "-m", "lab", "-t", absolute(t, tokenizerPath), "t.txt"}
	shown := onTerminal(t, s.dir, nil, args...)
	assert.Contains(t, shown, "\x1b[30;48;5;222m")
	assert.NotContains(t, shown, "\x1b[2J", "a text does not command the terminal")
	assert.Contains(t, shown, "FOUND")
	for name, env := range map[string][]string{"NO_COLOR": {"NO_COLOR=1"}, "dumb": {"TERM=dumb"}} {
		assert.NotContains(t, onTerminal(t, s.dir, env, args...), "\x1b[", name)
	}
	assert.NotContains(t, onTerminal(t, s.dir, nil, append(args, "--color", "never")...), "\x1b[")
	assert.NotContains(t, dyetrace(t, s.dir, args...).out, "\x1b[")
}

// What takes more than two seconds shows rate and time left, on a terminal only, and
// wipes its line.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	dir, _ := newStudy(t, 60)
	m, err := novels()
	require.NoError(t, err)
	s := serve(t, m, 10)
	s.delay = 100 * time.Millisecond
	args := []string{"collect", "study", "--url", s.URL, "--model", "student", "--concurrency", "2"}
	shown := onTerminal(t, dir, nil, args...)
	assert.Regexp(t, `questions +\d+ % `, shown)
	assert.Regexp(t, ` of 60 `, shown)
	assert.Regexp(t, `\d/s `, shown)
	assert.Regexp(t, `\ds left`, shown)
	assert.Less(t, strings.Index(shown, "left"), strings.Index(shown, "60 prompts: 60 whole"))
	require.NoError(t, os.Remove(filepath.Join(dir, "study/journal.jsonl")))
	s.delay = 0
	assert.NotContains(t, onTerminal(t, dir, nil, args...), " left", "of what is soon done nothing is shown")
	require.NoError(t, os.Remove(filepath.Join(dir, "study/journal.jsonl")))
	s.delay = 80 * time.Millisecond
	o := dyetrace(t, dir, args...)
	assert.NotContains(t, o.err+o.out, " left")
}
