package collect_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

const questions = 60

// child is the process that the tests below start and kill: it collects into
// path and writes down, in path.log, every question that reaches the suspect. With
// read it collects readings too, and writes down what reaches the reference.
func child(path, limit string, read bool) int {
	log, err := os.OpenFile(path+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := limitFiles(limit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	m := &model{f: func(p string, _ int) (collect.Answer, error) {
		_, err := fmt.Fprintf(log, "%s\n", p)
		return collect.Answer{Text: strings.Repeat("answer to "+p+". ", 40)}, err
	}}
	job, s := task(questions), collect.Suspect{Name: "s", Text: m}
	if read {
		job = killTask()
		s.TopLogProbs = &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
			_, err := fmt.Fprintf(log, "%s\n", name(q))
			return predict(1, q), err
		}}
		s.Reference = &scorer{f: func(q collect.Reading, ids [][]int32, _ int) ([][]float64, error) {
			_, err := fmt.Fprintf(log, "reference %s\n", name(q))
			return rescore(2, q, ids), err
		}}
	}
	_, err = collect.Run(context.Background(), job, s, path, collect.Options{
		Concurrency: 4,
		Progress:    func(collect.Progress) { fmt.Println("event") },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// start runs child and kills it after some events and a few more instructions.
// It reports whether the child ended by itself, and what it wrote to stderr.
func start(t *testing.T, path, limit string, events, spin int, env ...string) (done bool, stderr string) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "DYETRACE_TEST_COLLECT="+path, "DYETRACE_TEST_LIMIT="+limit)
	cmd.Env = append(cmd.Env, env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for range events {
		if !lines.Scan() {
			break
		}
	}
	for range spin {
		runtime.Gosched()
	}
	_ = cmd.Process.Kill() // fails if it has ended, which Wait tells
	for lines.Scan() {
	}
	return cmd.Wait() == nil, errs.String()
}

func answeredIn(t *testing.T, path string) map[string]bool {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	out := map[string]bool{}
	for _, l := range strings.SplitAfter(string(data), "\n") {
		if strings.HasSuffix(l, "\n") && strings.Contains(l, `"kind":"answer","stage":"prompt"`) {
			var n int
			_, err := fmt.Sscanf(l[strings.Index(l, `"n":`):], `"n":%d`, &n)
			require.NoError(t, err)
			out[fmt.Sprintf("question %d", n)] = true
		}
	}
	return out
}

// kill -9 at random instants: nothing that was answered is asked again, at most
// Concurrency questions are asked twice a kill, and nothing is lost.
func TestKilledAtRandomInstants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	rng := rand.New(rand.NewPCG(3, 1))
	kills, seen := 0, 0
	for done := false; !done; kills++ {
		require.Less(t, kills, 200, "the collection does not get on")
		var before map[string]bool
		if kills > 0 {
			before = answeredIn(t, path)
		}
		done, _ = start(t, path, "", rng.IntN(25), rng.IntN(3000))
		log, err := os.ReadFile(path + ".log")
		require.NoError(t, err)
		asked := strings.Split(strings.TrimSuffix(string(log), "\n"), "\n")
		for _, q := range asked[min(seen, len(asked)):] {
			assert.False(t, before[q], "%s is asked though its answer is recorded", q)
		}
		seen = len(asked)
	}
	got, err := collect.Run(context.Background(), task(questions), collect.Suspect{Name: "s", Text: &model{}}, path, collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, collect.Counts{Complete: questions, Unreached: got.Counts().Unreached}, got.Counts())
	assert.LessOrEqual(t, got.Counts().Unreached, 4*kills)
	for _, e := range got.Prompts {
		assert.Equal(t, strings.Repeat("answer to "+e.Question+". ", 40), e.Text)
		assert.Equal(t, e.Asked-1, len(e.Unreached))
	}
	t.Logf("%d kills, %d questions asked again", kills-1, got.Counts().Unreached)
}

// A journal cut at any byte, as a power cut may leave it, is taken up.
func TestTornAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	job := collect.Task{Plan: digest(1), Prompts: prompts(3)}
	whole, err := collect.Run(context.Background(), job, collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{Clock: newClock()})
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range len(data) {
		require.NoError(t, os.WriteFile(path, data[:n], 0o600))
		m := echo()
		got, err := collect.Run(context.Background(), job, collect.Suspect{Name: "s", Text: m}, path, collect.Options{Clock: newClock()})
		require.NoError(t, err, "cut after %d bytes", n)
		answered := strings.Count(string(data[:n]), `"kind":"answer"`)
		if !strings.HasSuffix(string(data[:n]), "}\n") && strings.Contains(string(data[strings.LastIndexByte(string(data[:n]), '\n')+1:n]), `"kind":"answer"`) {
			answered-- // torn
		}
		assert.Len(t, m.n, 3-answered, "cut after %d bytes", n)
		for i := range whole.Prompts {
			assert.Equal(t, whole.Prompts[i].Text, got.Prompts[i].Text)
		}
	}
}
