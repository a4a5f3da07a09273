package collect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

const readEnv = "DYETRACE_TEST_READ=1"

// killTask has 10 prompts, 6 probes and 54 readings.
func killTask() collect.Task {
	task := readTask(12)
	task.Want.Own = true
	task.Prompts, task.Probes = prompts(10), []string{"who are you?", "2+2?"}
	return task
}

// spans are the names of the questions about passages, in order.
func spans(task collect.Task) []string {
	var out []string
	for i := range task.Passages {
		p := &task.Passages[i]
		for b := 0; b < len(p.Tokens); b += task.Span {
			out = append(out, name(collect.Reading{Passage: p, Begin: b, End: min(b+task.Span, len(p.Tokens))}))
		}
	}
	return out
}

// recorded says what the journal holds: which questions the suspect answered, and
// of which spans the reference did too.
func recorded(t *testing.T, path string) map[string]bool {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	names := spans(killTask())
	out := map[string]bool{}
	for _, l := range strings.SplitAfter(string(data), "\n") {
		var ev struct {
			Kind, Stage string
			N           int
		}
		if !strings.HasSuffix(l, "\n") {
			continue
		}
		require.NoError(t, json.Unmarshal([]byte(l), &ev))
		switch ev.Stage + " " + ev.Kind {
		case "prompt answer":
			out[fmt.Sprintf("question %d", ev.N)] = true
		case "reading read":
			out[names[ev.N]] = true
		case "reading answer":
			out["reference "+names[ev.N]] = true
		}
	}
	return out
}

func logged(t *testing.T, path string) []string {
	data, err := os.ReadFile(path + ".log")
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// kill -9 at random instants of a collection that reads: what the suspect has
// predicted is never asked of it again, nor what the reference has scored of that.
func TestReadKilledAtRandomInstants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	rng := rand.New(rand.NewPCG(7, 2))
	kills, seen := 0, 0
	for done := false; !done; kills++ {
		require.Less(t, kills, 300, "the collection does not get on")
		var before map[string]bool
		if kills > 0 {
			before = recorded(t, path)
		}
		done, _ = start(t, path, "", rng.IntN(12), rng.IntN(3000), readEnv)
		log := logged(t, path)
		for _, q := range log[min(seen, len(log)):] {
			assert.False(t, before[q], "%s is asked though its answer is recorded", q)
		}
		seen = len(log)
	}
	times := map[string]int{}
	for _, q := range logged(t, path) {
		times[q]++
	}
	s, r, ref := reading()
	s.Text, r.f = &model{}, nobody(t)
	got := run(t, killTask(), s, path, collect.Options{})
	assert.Empty(t, ref.order)
	again := got.ReadingCounts().Unreached
	assert.Equal(t, collect.Counts{Complete: len(spans(killTask())), Unreached: again}, got.ReadingCounts())
	assert.LessOrEqual(t, again, 4*kills)
	assert.Equal(t, 10, got.Counts().Complete)
	for n, e := range got.Readings {
		q := collect.Reading{Passage: &killTask().Passages[e.Passage], Begin: e.Begin, End: e.End, Want: got.Want}
		require.Equal(t, spans(killTask())[n], name(q))
		want := predict(1, q)
		for i, p := range e.Predictions {
			assert.Equal(t, want.At[i].IDs, p.IDs)
			assert.Equal(t, want.At[i].LogProbs, p.LogProbs)
		}
		// A question whose process was killed between its record and its sending
		// is counted, but was not sent.
		assert.LessOrEqual(t, times[name(q)], e.Asked)
		assert.Positive(t, times[name(q)])
		assert.Equal(t, e.Asked-1, len(e.Unreached))
	}
	assert.Equal(t, got, reread(t, got))
	t.Logf("%d kills, %d readings asked again", kills-1, again)
}

// A journal of readings cut anywhere — around the ends of its lines and at every
// seventh byte — is taken up, with nothing asked again that is whole in it.
func TestReadTornAnywhere(t *testing.T) {
	path := journal(t)
	task := collect.Task{Plan: digest(1), Passages: passages(1), Want: collect.Want{Sample: true, Top: 1}, Reference: true, Span: 2}
	s, _, _ := reading()
	whole := run(t, task, s, path, collect.Options{Clock: newClock()})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range data {
		if near := data[max(0, n-2):min(n+2, len(data))]; n%7 != 0 && !bytes.Contains(near, []byte("\n")) {
			continue
		}
		require.NoError(t, os.WriteFile(path, data[:n], 0o600))
		s, r, ref := reading()
		got := run(t, task, s, path, collect.Options{Clock: newClock()})
		kept := string(data[:strings.LastIndexByte(string(data[:n]), '\n')+1])
		assert.Len(t, r.order, 2-strings.Count(kept, `"kind":"read"`), "cut after %d bytes", n)
		assert.Len(t, ref.order, 2-strings.Count(kept, `"kind":"answer"`), "cut after %d bytes", n)
		for i := range whole.Readings {
			assert.Equal(t, whole.Readings[i].Predictions, got.Readings[i].Predictions)
		}
	}
}

// Another process that writes to the journal is noticed before anything of it is
// overwritten.
func TestAnotherProcessWrites(t *testing.T) {
	path := journal(t)
	s, r, _ := reading()
	foreign := `{"at":0,"kind":"ask","stage":"reading","n":3}` + "\n"
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		if name(q) == "0 [2, 3)" {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteString(foreign)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		return predict(1, q), nil
	}
	_, err := collect.Run(t.Context(), readTask(2), s, path, collect.Options{})
	assert.ErrorContains(t, err, "another process writes to it; what is recorded stays, run again to go on")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(data), foreign))
	r.f = nil
	got := run(t, readTask(2), s, path, collect.Options{})
	assert.Equal(t, collect.Counts{Complete: 4, Unreached: 2}, got.ReadingCounts())
}
