package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lines of the README's tour that need no server run as they stand there, in a
// home of the test's own.
func TestTour(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)<!-- tour -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, 3)
	dir := t.TempDir()
	var out strings.Builder
	for _, b := range blocks {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", b[1])
		cmd.Env = append(os.Environ(), "HOME="+dir, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", b[1], said)
		out.Write(said)
	}
	assert.Equal(t, 2, strings.Count(out.String(), "no mark found"))
	assert.Contains(t, out.String(), "cohort-2026-11-trial")
	assert.Contains(t, out.String(), `"integers"`)

	// Every command that the README names is one, with the flags that it gives.
	for _, line := range regexp.MustCompile(`(?m)^dyetrace .*$|\bdyetrace [a-z]+( [a-z]+)?`).FindAllString(string(readme), -1) {
		words := strings.Fields(strings.Split(line, ">")[0])[1:]
		name := words[:1]
		if len(words) > 1 && slices.Contains([]string{"key", "bundle", "ledger", "canary", "power"}, words[0]) && !strings.HasPrefix(words[1], "-") {
			name = words[:2]
		}
		if name[0] == "help" {
			continue
		}
		help := dyetrace(t, ".", append(append([]string{}, name...), "--help")...)
		require.Zero(t, help.code, line)
		for _, w := range words {
			if strings.HasPrefix(w, "--") {
				assert.Contains(t, help.out, strings.SplitN(w, "=", 2)[0], line)
			}
		}
	}
}
