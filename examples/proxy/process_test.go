//go:build unix

package main

import (
	"bytes"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// kill -9 under load: whatever reached a client is in the ledger, which verifies
// and goes on.
func TestKilled(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	s := start(t, slowProse(time.Millisecond), nil) // for its planter; the load goes to processes
	o := testOptions(t)
	rng := rand.New(rand.NewPCG(37, 1))
	planted, whole := 0, 0
	for round := range rounds {
		p := launch(t, program(t, arguments(o, s.upstream.URL)...))
		got := make(chan toldAnswer, 10000)
		clients := load(t, p.url, 8, round, got)
		time.Sleep(time.Duration(100+rng.IntN(300)) * time.Millisecond)
		require.NoError(t, p.cmd.Process.Kill())
		_ = p.cmd.Wait() // it was killed
		clients.Wait()
		close(got)

		_, v, _, err := planting.Signer(testKey(), o.origin)
		require.NoError(t, err)
		_, err = ledger.Verify(o.ledger, v)
		require.NoError(t, err)
		names, err := ledger.OpenPseudonyms(o.ledger + "." + o.epoch + ".pseudonyms")
		require.NoError(t, err)
		// The last checkpoint may be older than the last leaves: the next opening
		// reads them, and signs one.
		sg, _, _, err := planting.Signer(testKey(), o.origin)
		require.NoError(t, err)
		l, err := ledger.Open(o.ledger, ledger.Options{Signer: sg, Verifier: v})
		require.NoError(t, err)
		require.NoError(t, l.Close())
		report, err := ledger.Verify(o.ledger, v)
		require.NoError(t, err)
		assert.Equal(t, report.Leaves, report.Signed.Size)
		r, err := ledger.OpenReader(o.ledger, v)
		require.NoError(t, err)
		for a := range got {
			account, err := names.Account(hashOf(a.account))
			require.NoError(t, err)
			units, outputs := recorded(t, r, account)
			text := a.text
			full := s.planted(t, "", a.request, proseFor(a.body))
			require.True(t, strings.HasPrefix(full, text), "what came is what is planted")
			if a.done {
				whole++
				digest, err := names.Output([]byte(text))
				require.NoError(t, err)
				assert.Contains(t, outputs, digest)
			} else {
				text = text[:max(0, len(text)-64)] // a unit that is cut may be read as another
			}
			for u := range s.must(t, "", a.request, text) {
				require.True(t, units[u], "unit %v was sent and is not in the ledger", u)
				planted++
			}
		}
		require.NoError(t, r.Close())
	}
	assert.Greater(t, planted, 20*rounds)
	t.Logf("%d kills; %d planted units reached clients, %d answers were whole", rounds, planted, whole)
}

// SIGTERM under load: every answer that began finishes, and the ledger is closed
// clean.
func TestTerminated(t *testing.T) {
	s := start(t, slowProse(time.Millisecond), nil)
	o := testOptions(t)
	p := launch(t, program(t, arguments(o, s.upstream.URL)...))
	assert.Equal(t, "ok, planting\n", p.get(t, "/healthz"))
	got := make(chan toldAnswer, 10000)
	clients := load(t, p.url, 8, 0, got)
	time.Sleep(300 * time.Millisecond)
	metrics := p.get(t, "/metrics")
	for _, name := range []string{"dyetrace_ledger_usable 1", "dyetrace_book_usable 1", `dyetrace_units_planted_total{tree="vendor"} `, "dyetrace_in_flight ", `dyetrace_ledger_append_seconds_bucket{le="+Inf"} `} {
		assert.Contains(t, metrics, "\n"+name)
	}
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait(), p.log)
	clients.Wait()
	close(got)
	n := 0
	for a := range got {
		n++
		assert.True(t, a.done, "an answer was cut")
		assert.Equal(t, s.planted(t, "", a.request, proseFor(a.body)), a.text)
	}
	assert.GreaterOrEqual(t, n, 8)
	_, v, _, err := planting.Signer(testKey(), o.origin)
	require.NoError(t, err)
	report, err := ledger.Verify(o.ledger, v)
	require.NoError(t, err)
	assert.Zero(t, report.Torn)
	assert.Equal(t, report.Leaves, report.Signed.Size)
	assert.NotContains(t, p.log.String(), "dyetrace_secret")
}

// A ledger in a folder that may only be read: plain text, and it says so. Root
// may write anywhere: then the process is another user's.
func TestReadOnlyLedger(t *testing.T) {
	s := start(t, slowProse(0), nil)
	parent, err := os.MkdirTemp("", "proxy")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = filepath.WalkDir(parent, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o700) })
		assert.NoError(t, os.RemoveAll(parent))
	})
	o := testOptions(t)
	o.ledger = filepath.Join(parent, "ledger")
	first := launch(t, program(t, arguments(o, s.upstream.URL)...)) // begins it
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, first.cmd.Wait())
	cmd := program(t, arguments(o, s.upstream.URL)...)
	if os.Geteuid() == 0 {
		self := filepath.Join(parent, "proxy")
		bin, err := os.ReadFile(cmd.Path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(self, bin, 0o755))
		cmd.Path = self
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for _, name := range []*string{&o.book, &o.key} { // where the other user may read
			text, err := os.ReadFile(*name)
			require.NoError(t, err)
			copied := filepath.Join(parent, filepath.Base(*name))
			require.NoError(t, os.WriteFile(copied, text, 0o600))
			require.NoError(t, os.Chown(copied, 65534, 65534))
			*name = copied
		}
		require.NoError(t, os.Chown(o.ledger+"."+o.epoch+".pseudonyms", 65534, 65534))
		cmd.Args = append(cmd.Args[:1], arguments(o, s.upstream.URL)...)
	}
	require.NoError(t, filepath.WalkDir(o.ledger, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, map[bool]os.FileMode{true: 0o555, false: 0o444}[d.IsDir()])
	}))
	require.NoError(t, os.Chmod(parent, 0o755))
	p := launch(t, cmd)
	s.isPlain(t, p, "permission denied")
}

// isPlain holds a process to plain text, with a reason.
func (s *stack) isPlain(t *testing.T, p *process, why string) {
	t.Helper()
	body, _ := bodyOfSize(3)
	resp, raw := (&stack{url: p.url}).post(t, answersPath, body)
	assert.Equal(t, proseFor(len(body)), receive(t, bytes.NewReader(raw)).text[0])
	assert.Contains(t, []string{resp.Header.Get(headerName), resp.Trailer.Get(trailerName)}, "plain;reason=ledger")
	assert.Contains(t, p.get(t, "/metrics"), "dyetrace_ledger_usable 0\n")
	assert.Contains(t, p.get(t, "/healthz"), "ok, serving plain text: ")
	assert.Contains(t, p.log.String(), why)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait(), p.log)
}

// A disk that is full in the middle of an answer: the rest of it is plain, later
// answers are, and the ledger verifies.
func TestFullDisk(t *testing.T) {
	s := start(t, slowProse(0), nil)
	o := testOptions(t)
	cmd := program(t, arguments(o, s.upstream.URL)...)
	cmd.Env = append(cmd.Env, "DYETRACE_TEST_FILES=2500") // bytes of a file
	p := launch(t, cmd)
	whole, mixedUp := 0, 0
	for i := range 10 {
		body, request := bodyOfSize(i)
		_, raw := (&stack{url: p.url}).post(t, answersPath, body)
		got := receive(t, bytes.NewReader(raw)).text[0]
		text := proseFor(len(body))
		planted := s.planted(t, "", request, text)
		head := mixed(t, planted, text, got)
		switch {
		case got == planted && got != text:
			whole++
		case got != text && head > 0:
			mixedUp++
		}
	}
	assert.Positive(t, whole+mixedUp)
	assert.Less(t, whole, 9)
	s.isPlain(t, p, "serving plain text: ledger: ")
	_, v, _, err := planting.Signer(testKey(), o.origin)
	require.NoError(t, err)
	_, err = ledger.Verify(o.ledger, v)
	require.NoError(t, err)
}

// The command line: what is wrong is named, and -h lists everything.
func TestCommand(t *testing.T) {
	key := filepath.Join(t.TempDir(), "root.key")
	out, err := program(t, "-make-key", "-key", key).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.NotContains(t, string(out), "dyetrace_secret1_")
	out, err = program(t, "-make-key", "-key", key).CombinedOutput()
	require.Error(t, err, "a key is never written over")
	assert.Contains(t, string(out), "exists")

	server := httptest.NewServer(nil)
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	out, err = program(t, "-upstream", server.URL, "-key", key, "-epoch", "e", "-ledger", filepath.Join(t.TempDir(), "l"), "-listen", u.Host).CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "address already in use")
	out, err = program(t, "-upstream", server.URL, "-key", key+"x", "-epoch", "e", "-ledger", "l").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "root.keyx")
	out, err = program(t, "-h").CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), "-cohorts file")
	out, err = program(t, "-listen").CombinedOutput()
	var status *exec.ExitError
	require.ErrorAs(t, err, &status)
	assert.Equal(t, 2, status.ExitCode())
	assert.Contains(t, string(out), "-h lists the flags")
}

func TestDemo(t *testing.T) {
	out, err := program(t, "-demo").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, want := range []string{"upstream:\n", "alice-key, of cohort blue (planted;units=", "  streamed: the same (planted;units=", "as upstream has it: true", `dyetrace_answers_total{decision="planted"} 6`, "plantings proved to be in its signed checkpoint"} {
		assert.Contains(t, string(out), want)
	}
}
