package collect_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

func journal(t *testing.T) string { return filepath.Join(t.TempDir(), "journal") }

func TestRunKeepsEverything(t *testing.T) {
	m := &model{f: func(p string, _ int) (collect.Answer, error) {
		switch p {
		case "question 1":
			return collect.Answer{Text: "I would rather not.", Refused: true}, nil
		case "question 2":
			return collect.Answer{}, nil
		case "question 3":
			return collect.Answer{Text: "half an ans"}, errors.New("connection reset\xff")
		case "question 4":
			return collect.Answer{Text: "\xff\xfe broken"}, nil
		}
		return collect.Answer{Text: "yes", Model: "m-7"}, nil
	}}
	var last collect.Progress
	events := 0
	path := journal(t)
	got, err := collect.Run(context.Background(), task(6), collect.Suspect{Name: "s", Text: m}, path, collect.Options{
		Concurrency: 3, Clock: newClock(), Progress: func(p collect.Progress) { last = p; events++ },
	})
	require.NoError(t, err)
	assert.Equal(t, collect.Counts{Complete: 3, Refused: 1, Empty: 1, Failed: 1}, got.Counts())
	assert.Equal(t, collect.Progress{Total: 12, Counts: collect.Counts{Complete: 9, Refused: 1, Empty: 1, Failed: 1}}, last)
	assert.Equal(t, 24, events)
	assert.Equal(t, []string{"m-7"}, got.Models())
	assert.Empty(t, got.ProbesDiffer())
	assert.Equal(t, "half an ans", got.Prompts[3].Text)
	assert.Equal(t, "connection reset\uFFFD", got.Prompts[3].Error)
	assert.Equal(t, "\xff\xfe broken", got.Prompts[4].Text)
	for p, n := range m.n {
		want := 1
		if !strings.HasPrefix(p, "question") {
			want = 3
		}
		assert.Equal(t, want, n, p)
	}
	// Running again asks nothing and says the same.
	again, err := collect.Run(context.Background(), task(6), collect.Suspect{Name: "s", Text: &model{}}, path, collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, got, again)
	// The file says the same too.
	var b bytes.Buffer
	_, err = got.WriteTo(&b)
	require.NoError(t, err)
	read, err := collect.ReadTranscript(&b)
	require.NoError(t, err)
	assert.Equal(t, got, read)
}

// The probes are asked before, between and after the halves of the prompts.
func TestRunOrder(t *testing.T) {
	var order []string
	m := &model{f: func(p string, _ int) (collect.Answer, error) {
		order = append(order, p)
		return collect.Answer{Text: "x"}, nil
	}}
	task := collect.Task{Plan: digest(1), Prompts: prompts(3), Probes: []string{"probe"}}
	_, err := collect.Run(context.Background(), task, collect.Suspect{Name: "s", Text: m}, journal(t), collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"probe", "question 0", "question 1", "probe", "question 2", "probe"}, order)
}

func TestRunNoticesAnotherModel(t *testing.T) {
	var n atomic.Int32
	m := &model{f: func(p string, k int) (collect.Answer, error) {
		a := collect.Answer{Text: "four", Model: "old"}
		if n.Add(1) > 5 {
			a = collect.Answer{Text: "4", Model: "new"}
		}
		return a, nil
	}}
	got, err := collect.Run(context.Background(), task(6), collect.Suspect{Name: "s", Text: m}, journal(t), collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"new", "old"}, got.Models())
	assert.Equal(t, []int{0, 1}, got.ProbesDiffer())
}

func TestRunRetriesOnlyWhereNothingArrived(t *testing.T) {
	m := &model{f: func(p string, k int) (collect.Answer, error) {
		switch {
		case p == "question 0" && k <= 2:
			return collect.Answer{}, &collect.TransportError{Err: errors.New("refused")}
		case p == "question 1":
			return collect.Answer{}, errors.New("HTTP 400")
		case p == "question 2":
			return collect.Answer{}, &collect.TransportError{Err: errors.New("down"), RetryAfter: 7 * time.Second}
		}
		return collect.Answer{Text: "ok"}, nil
	}}
	c, path := newClock(), journal(t)
	job := collect.Task{Plan: digest(1), Prompts: prompts(4)}
	got, err := collect.Run(context.Background(), job, collect.Suspect{Name: "s", Text: m}, path, collect.Options{Clock: c, Retries: 2})
	require.NoError(t, err)
	assert.Equal(t, collect.Counts{Complete: 2, Failed: 1, Missing: 1, Unreached: 5}, got.Counts())
	assert.Equal(t, 3, got.Prompts[0].Asked)
	assert.Equal(t, []string{"no byte of an answer: refused", "no byte of an answer: refused"}, got.Prompts[0].Unreached)
	assert.Equal(t, 1, m.n["question 1"])
	assert.Equal(t, 3, m.n["question 2"])
	// 1 s and 2 s of backoff for question 0; for question 2 the same, each
	// filled up to the 7 s it asked for, which the next question waits for too.
	assert.Equal(t, []time.Duration{1e9, 2e9, 1e9, 6e9, 2e9, 5e9, 7e9}, c.slept)

	// What is missing is asked again by the next run, and nothing else.
	before := m.n["question 0"]
	m.f = func(string, int) (collect.Answer, error) { return collect.Answer{Text: "late"}, nil }
	got, err = collect.Run(context.Background(), job, collect.Suspect{Name: "s", Text: m}, path, collect.Options{Clock: c})
	require.NoError(t, err)
	assert.Equal(t, collect.Counts{Complete: 3, Failed: 1, Unreached: 5}, got.Counts())
	assert.Equal(t, before, m.n["question 0"])
	assert.Equal(t, "late", got.Prompts[2].Text)
}

func TestRunPausesBetweenRequests(t *testing.T) {
	c := newClock()
	_, err := collect.Run(context.Background(), collect.Task{Plan: digest(1), Prompts: prompts(4)},
		collect.Suspect{Name: "s", Text: echo()}, journal(t), collect.Options{Clock: c, Every: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{time.Minute, time.Minute, time.Minute}, c.slept)
}

func TestRunGivesUpOnTheUnreachable(t *testing.T) {
	m := &model{f: func(string, int) (collect.Answer, error) {
		return collect.Answer{}, &collect.TransportError{Err: errors.New("no route")}
	}}
	path := journal(t)
	_, err := collect.Run(context.Background(), task(50), collect.Suspect{Name: "s", Text: m}, path,
		collect.Options{Clock: newClock(), Retries: -1, Unreachable: 3})
	assert.EqualError(t, err, "collect: 3 questions in a row got no answer; the last: no byte of an answer: no route")
	assert.Len(t, m.n, 3)
	got, err := collect.Run(context.Background(), task(50), collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, 50, got.Counts().Complete)
}

func TestRunHonoursConcurrency(t *testing.T) {
	var now, most atomic.Int32
	gate := make(chan struct{})
	m := &model{f: func(string, int) (collect.Answer, error) {
		if k := now.Add(1); k == 4 {
			close(gate) // all four are inside
		}
		<-gate
		most.Store(max(most.Load(), now.Load()))
		now.Add(-1)
		return collect.Answer{Text: "x"}, nil
	}}
	_, err := collect.Run(context.Background(), collect.Task{Plan: digest(1), Prompts: prompts(16)},
		collect.Suspect{Name: "s", Text: m}, journal(t), collect.Options{Concurrency: 4})
	require.NoError(t, err)
	assert.LessOrEqual(t, most.Load(), int32(4))
}

func TestRunStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	m := &model{}
	m.f = func(p string, _ int) (collect.Answer, error) {
		if p == "question 3" {
			cancel(errors.New("enough"))
			return collect.Answer{}, context.Canceled
		}
		return collect.Answer{Text: "x"}, nil
	}
	path := journal(t)
	_, err := collect.Run(ctx, task(10), collect.Suspect{Name: "s", Text: m}, path, collect.Options{})
	assert.EqualError(t, err, "enough")
	assert.Zero(t, m.n["question 4"])
	got, err := collect.Run(context.Background(), task(10), collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"interrupted"}, got.Prompts[3].Unreached)
	assert.Equal(t, 2, got.Prompts[3].Asked)
	assert.Equal(t, 10, got.Counts().Complete)
}

func TestRunRefuses(t *testing.T) {
	ok := collect.Suspect{Name: "s", Text: echo()}
	path := journal(t)
	_, err := collect.Run(context.Background(), task(4), ok, path, collect.Options{})
	require.NoError(t, err)
	plan := task(4)
	plan.Plan = digest(2)
	for want, call := range map[string]struct {
		task    collect.Task
		suspect collect.Suspect
		opt     collect.Options
	}{
		"collect: task has no plan digest":                                                   {collect.Task{Prompts: prompts(1)}, ok, collect.Options{}},
		"collect: task has 0 prompts and 0 passages, want at least 1 of either":              {collect.Task{Plan: digest(1)}, ok, collect.Options{}},
		"collect: prompt 0 is not valid UTF-8":                                               {collect.Task{Plan: digest(1), Prompts: []string{"\xff"}}, ok, collect.Options{}},
		"collect: probe 0 is not valid UTF-8":                                                {collect.Task{Plan: digest(1), Prompts: prompts(1), Probes: []string{"\xff"}}, ok, collect.Options{}},
		"collect: suspect has no name":                                                       {task(4), collect.Suspect{Text: echo()}, collect.Options{}},
		"collect: name of the suspect is not valid UTF-8":                                    {task(4), collect.Suspect{Name: "\xff", Text: echo()}, collect.Options{}},
		"collect: no such access to the suspect s: it answers no prompts":                    {task(4), collect.Suspect{Name: "s"}, collect.Options{}},
		"collect: concurrency is -1, want at least 1, or 0 for 1":                            {task(4), ok, collect.Options{Concurrency: -1}},
		"collect: time between requests is -1ns, want at least 0":                            {task(4), ok, collect.Options{Every: -1}},
		"collect: backoff is -1ns, want at least 0":                                          {task(4), ok, collect.Options{Backoff: -1}},
		"collect: unreachable limit is -1, want at least 1, or 0 for 10":                     {task(4), ok, collect.Options{Unreachable: -1}},
		"collect: journal is of plan " + digest(1).String() + ", want " + digest(2).String(): {plan, ok, collect.Options{}},
		`collect: journal is of suspect "s", want "t"`:                                       {task(4), collect.Suspect{Name: "t", Text: echo()}, collect.Options{}},
		"collect: journal is of other prompts, probes or passages, or of another order":      {task(5), ok, collect.Options{}},
	} {
		_, err := collect.Run(context.Background(), call.task, call.suspect, path, call.opt)
		assert.EqualError(t, err, want)
	}
	_, err = collect.Run(context.Background(), task(4), collect.Suspect{Name: "s"}, path, collect.Options{})
	assert.ErrorIs(t, err, collect.ErrNoAccess)
	_, err = collect.Run(context.Background(), task(4), ok, filepath.Join(path, "x"), collect.Options{})
	assert.ErrorContains(t, err, "collect: journal: open ")
}

func TestRunRefusesAForeignJournal(t *testing.T) {
	path := journal(t)
	_, err := collect.Run(context.Background(), task(1), collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{})
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(data), "\n")
	for want, content := range map[string]string{
		`collect: journal header: invalid character 'h'`:               "hello\n",
		`collect: journal has schema "dyetrace/journal/9"`:             strings.Replace(lines[0], "journal/1", "journal/9", 1),
		`collect: line 2 of the journal: json: unknown field "x"`:      lines[0] + `{"x":1}` + "\n",
		"collect: line 2 of the journal: cut off after 0 bytes":        lines[0] + "\n",
		"collect: line 3 of the journal: question start 0 is answered": lines[0] + lines[1] + lines[2] + lines[2],
		"collect: line 2 of the journal: question start 0 was not":     lines[0] + lines[2],
		"collect: line 2 of the journal: there is no question start 9": lines[0] + `{"at":0,"kind":"ask","stage":"start","n":9}` + "\n",
		"collect: line 2 of the journal: there is no question dusk 0":  lines[0] + `{"at":0,"kind":"ask","stage":"dusk","n":0}` + "\n",
		"there is no question prompt -1":                               lines[0] + `{"at":0,"kind":"ask","stage":"prompt","n":-1}` + "\n",
		`event has kind "guess", want ask, unreached, read or answer`:  lines[0] + lines[1] + `{"at":0,"kind":"guess","stage":"start","n":0}` + "\n",
		`an answer cannot be missing`:                                  lines[0] + lines[1] + `{"at":0,"kind":"answer","stage":"start","n":0,"status":"missing"}` + "\n",
		`status is "fine", want complete`:                              lines[0] + lines[1] + `{"at":0,"kind":"answer","stage":"start","n":0,"status":"fine"}` + "\n",
	} {
		if strings.HasPrefix(want, "collect: line 3 of the journal: question start 0 is") {
			want = strings.Replace(want, "line 3", "line 4", 1)
		}
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := collect.Run(context.Background(), task(1), collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{})
		assert.ErrorContains(t, err, want)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(after), "a refused journal is left as it is")
	}
}
