package ledger_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

var children = map[string]func(dir string) error{
	"append": appendUntilKilled,
	"open":   openOnce,
	"full":   fillDisk,
}

// child returns this binary as a process of a mode of children.
func child(t *testing.T, mode, dir string, env ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), append(env, "DYETRACE_TEST_LEDGER="+mode, "DYETRACE_TEST_DIR="+dir)...)
	return cmd
}

const appenders = 8

// number returns the number of the planting that an appender makes as its j-th
// in a round.
func number(round, appender, j int) uint64 {
	return uint64(round)<<32 | uint64(appender)<<24 | uint64(j)
}

// killOptions make runs and marks so short that kills fall into the writing of
// marks and into recovery from them.
func killOptions() ledger.Options {
	return ledger.Small(options(uint64(time.Now().UnixNano())), 256, 64)
}

// appendUntilKilled appends with 8 goroutines and writes down every receipt. Each
// goroutine begins with the leaf of the round before of which nobody knows
// whether it was acknowledged.
func appendUntilKilled(dir string) error {
	round, err := strconv.Atoi(os.Getenv("DYETRACE_TEST_ROUND"))
	if err != nil {
		return err
	}
	retries := strings.Split(os.Getenv("DYETRACE_TEST_RETRY"), ",")
	l, err := ledger.Open(dir, killOptions())
	if err != nil {
		return err
	}
	if _, err := l.AppendBatch(bg, bindings()); err != nil {
		return err
	}
	failed := make(chan error)
	for a := range appenders {
		go func() {
			j, err := strconv.Atoi(retries[a])
			for r := round - 1; err == nil; j++ {
				n := number(r, a, j)
				var got ledger.Receipt
				if got, err = l.Append(bg, planting(n)); err == nil {
					// One write of so few bytes to a pipe is never torn.
					_, err = os.Stdout.WriteString(fmt.Sprintf("leaf %d %d\n", n, got.Index))
				}
				if r < round {
					r, j = round, -1
				}
			}
			failed <- err
		}()
	}
	go func() {
		for {
			signed, err := l.Checkpoint()
			if err != nil {
				failed <- err
				return
			}
			fmt.Printf("checkpoint %x\n", signed)
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return <-failed
}

// A killed ledger is the folder in which processes are killed, and what they had
// written down.
type killed struct {
	dir         string
	indexes     map[uint64]int64 // of acknowledged leaves
	fresh       []uint64         // acknowledged in the last round
	retries     [appenders]int
	checkpoints [][]byte
	empty       int // rounds in which nothing was acknowledged
}

// round starts a process, kills it some time after its start, or after its first
// acknowledged leaf, and reads what it wrote.
func (k *killed) round(t *testing.T, round int, first bool, after time.Duration) {
	var retries []string
	for _, r := range k.retries {
		retries = append(retries, strconv.Itoa(r))
	}
	cmd := child(t, "append", k.dir, "DYETRACE_TEST_ROUND="+strconv.Itoa(round), "DYETRACE_TEST_RETRY="+strings.Join(retries, ","))
	var problems bytes.Buffer
	cmd.Stderr = &problems
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(pipe)
	var out strings.Builder
	for first && !strings.Contains(out.String(), "leaf ") {
		line, err := lines.ReadString('\n')
		out.WriteString(line)
		if err != nil {
			break // it ended by itself: stderr says why
		}
	}
	time.Sleep(after)
	_ = cmd.Process.Kill()
	_, err = io.Copy(&out, lines)
	require.NoError(t, err)
	_ = cmd.Wait() // it was killed
	require.Empty(t, problems.String())

	k.fresh = nil
	last := [appenders]int{}
	for line := range strings.Lines(out.String()) {
		if text, ok := strings.CutPrefix(line, "checkpoint "); ok {
			signed, err := hex.DecodeString(strings.TrimSpace(text))
			require.NoError(t, err)
			k.checkpoints = append(k.checkpoints, signed)
			continue
		}
		var n uint64
		var index int64
		_, err := fmt.Sscanf(line, "leaf %d %d\n", &n, &index)
		require.NoError(t, err, line)
		if old, twice := k.indexes[n]; twice {
			require.Equal(t, old, index, "a retry has another place")
		}
		k.indexes[n] = index
		k.fresh = append(k.fresh, n)
		if int(n>>32) == round {
			last[n>>24&0xff] = int(n&0xffffff) + 1
		}
	}
	k.retries = last
	if len(k.fresh) == 0 {
		k.empty++
	}
}

// check holds a reader to what was acknowledged: every leaf is where its receipt
// says, and there is a proof of it.
func (k *killed) check(t *testing.T, r *ledger.Reader, numbers []uint64) {
	c := r.Checkpoint()
	for _, n := range numbers {
		want := planting(n)
		want.Time = hour
		got, err := r.Leaf(k.indexes[n])
		require.NoError(t, err)
		require.Equal(t, want, got)
		proof, err := r.Prove(k.indexes[n], r.Size())
		require.NoError(t, err)
		require.NoError(t, c.CheckInclusion(k.indexes[n], want, proof))
	}
}

// cut takes the end of the leaves away, from one byte of the last leaf that was
// acknowledged on, or more: that is damage, opening changes nothing, and with the
// bytes again there is none.
func (k *killed) cut(t *testing.T, rng *rand.Rand) {
	if len(k.fresh) == 0 {
		return
	}
	last := int64(0)
	for _, n := range k.fresh {
		last = max(last, k.indexes[n])
	}
	path := filepath.Join(k.dir, "leaves")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	ends, leaves := framesOf(t, data)
	f, _ := slices.BinarySearch(leaves, last+1) // the frame that has it ends here
	at := ends[f] - 1
	if rng.IntN(2) == 0 {
		at = ends[f-1] + rng.Int64N(ends[f]-ends[f-1])
	}
	require.NoError(t, os.Truncate(path, at))
	_, err = ledger.Open(k.dir, killOptions())
	var damage *ledger.Damage
	require.ErrorAs(t, err, &damage, "cut at %d, %d bytes in", at, at-ends[f-1])
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data[:at], left))
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

// kill -9 at random instants under 8 appenders: every leaf that was acknowledged
// is there and provable, every checkpoint that was given away holds, and no leaf
// is there twice although all that was unknown was tried again. After every
// third kill this process cuts off a byte of what was acknowledged, which is
// noticed, puts it back, opens the log itself and closes it; the other kills are
// found by the next process that appends.
func TestKilledAtRandomInstants(t *testing.T) {
	want := 500 // kills after something was acknowledged
	if testing.Short() {
		want = 60
	}
	k := &killed{dir: filepath.Join(t.TempDir(), "ledger"), indexes: map[uint64]int64{}}
	rng := rand.New(rand.NewPCG(7, 1))
	round := 0
	for round-k.empty < want {
		round++
		k.round(t, round, round%8 != 0, time.Duration(rng.IntN(15000))*time.Microsecond)
		if round%3 != 0 {
			continue
		}
		k.cut(t, rng)
		l := open(t, k.dir, killOptions())
		k.check(t, l.Reader(), k.fresh)
		require.NoError(t, l.Close())
	}
	l := open(t, k.dir, killOptions())
	require.NoError(t, l.Close())
	report, err := ledger.Verify(k.dir, public, k.checkpoints...)
	require.NoError(t, err)
	assert.Zero(t, report.Torn)
	assert.Zero(t, report.Repeated)
	assert.GreaterOrEqual(t, report.Kinds[ledger.KindPlanting], int64(len(k.indexes)))

	r, err := ledger.OpenReader(k.dir, public)
	require.NoError(t, err)
	defer r.Close()
	seen := map[ledger.Nonce]bool{}
	for e, err := range r.Scan(ledger.Filter{Kind: ledger.KindPlanting}) {
		require.NoError(t, err)
		require.False(t, seen[e.Leaf.Nonce], "leaf %d repeats a nonce", e.Index)
		seen[e.Leaf.Nonce] = true
	}
	for n := range k.indexes {
		require.True(t, seen[nonce(n)])
	}
	var all []uint64
	for n := range k.indexes {
		all = append(all, n)
	}
	k.check(t, r, all[:min(len(all), 5000)])
	t.Logf("%d kills, %d of them before anything was acknowledged; %d leaves acknowledged, %d in the log, %d checkpoints",
		round, k.empty, len(k.indexes), report.Leaves, len(k.checkpoints))
}
