package collect_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// TestMain lets a test start this binary again as a process that collects.
func TestMain(m *testing.M) {
	if path := os.Getenv("DYETRACE_TEST_COLLECT"); path != "" {
		os.Exit(child(path, os.Getenv("DYETRACE_TEST_LIMIT"), os.Getenv("DYETRACE_TEST_READ") != ""))
	}
	os.Exit(m.Run())
}

// model answers as its function says and counts how often each prompt came.
type model struct {
	f  func(prompt string, time int) (collect.Answer, error)
	mu sync.Mutex
	n  map[string]int
}

func (m *model) Answer(ctx context.Context, prompt string) (collect.Answer, error) {
	if err := ctx.Err(); err != nil {
		return collect.Answer{}, err
	}
	m.mu.Lock()
	if m.n == nil {
		m.n = map[string]int{}
	}
	m.n[prompt]++
	k := m.n[prompt]
	m.mu.Unlock()
	return m.f(prompt, k)
}

// echo answers everything at once.
func echo() *model {
	return &model{f: func(p string, _ int) (collect.Answer, error) {
		return collect.Answer{Text: "re: " + p, Model: "echo/1"}, nil
	}}
}

// clock is a clock that only sleeps move.
type clock struct {
	mu    sync.Mutex
	t     time.Time
	slept []time.Duration
}

func newClock() *clock { return &clock{t: time.UnixMilli(1_800_000_000_000)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.t = c.t.Add(d)
		c.slept = append(c.slept, d)
	}
	return ctx.Err()
}

func prompts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("question %d", i)
	}
	return out
}

func digest(b byte) collect.Digest {
	d, err := collect.ParseDigest(strings.Repeat(fmt.Sprintf("%02x", b), 32))
	if err != nil {
		panic(err)
	}
	return d
}

func task(n int) collect.Task {
	return collect.Task{Plan: digest(1), Prompts: prompts(n), Probes: []string{"who are you?", "2+2?"}}
}
