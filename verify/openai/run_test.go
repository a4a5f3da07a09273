package openai_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// TestMain lets a test start this binary again as a process of its own.
func TestMain(m *testing.M) {
	switch os.Getenv("DYETRACE_TEST_OPENAI") {
	case "collect":
		os.Exit(collectChild(os.Getenv("DYETRACE_TEST_URL"), os.Getenv("DYETRACE_TEST_JOURNAL")))
	case "proxy":
		os.Exit(askBehindProxy(os.Getenv("DYETRACE_TEST_PROXY")))
	}
	os.Exit(m.Run())
}

// service answers prompts and reads passages; some requests are turned away
// before an answer, some answers break off.
type service struct {
	toy  *toy
	mu   sync.Mutex
	rng  *rand.Rand
	sent map[string]int // bodies that were answered, whole or not
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the child was killed
	}
	s.mu.Lock()
	fate := s.rng.IntN(20)
	if fate > 2 {
		s.sent[string(data)]++
	}
	s.mu.Unlock()
	switch fate {
	case 0:
		w.Header().Set("Retry-After", "0.001")
		http.Error(w, `{"error":{"message":"slow down"}}`, http.StatusTooManyRequests)
		return
	case 1:
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	case 2:
		panic(http.ErrAbortHandler) // hangs up
	}
	if r.URL.Path == "/v1/completions" {
		r.Body = io.NopCloser(bytes.NewReader(data))
		s.toy.ServeHTTP(w, r)
		return
	}
	var q request
	if err := json.Unmarshal(data, &q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	prompt := q.Messages[0].Content
	text, _ := json.Marshal("re: " + prompt)
	out := fmt.Sprintf(`{"model":"toy","system_fingerprint":"fp_1","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, text)
	if strings.HasSuffix(prompt, "7") {
		w.Header().Set("Content-Length", fmt.Sprint(len(out)))
		out = out[:len(out)/2] // breaks off
	}
	_, _ = io.WriteString(w, out)
}

func job() collect.Task {
	t := collect.Task{Plan: collect.Digest{1}, Probes: []string{"who are you?"}, Want: collect.Want{Argmax: true, Top: 3}, Reference: true, Span: 4}
	for i := range 20 {
		t.Prompts = append(t.Prompts, fmt.Sprintf("question %d", i))
	}
	rng := rand.New(rand.NewPCG(11, 11))
	for range 6 {
		t.Passages = append(t.Passages, *passage(rng, 2, 10))
	}
	return t
}

func under(url string) (collect.Suspect, error) {
	c, err := openai.New(openai.Config{URL: url, Model: "toy", Key: secret, Server: openai.VLLM, Name: "suspect",
		Reading: &openai.Reading{Vocabulary: vocabulary{}, Top: 6, Batch: 4}})
	if err != nil {
		return collect.Suspect{}, err
	}
	ref, err := openai.New(openai.Config{URL: url, Model: "base", Server: openai.VLLM, Reading: &openai.Reading{SameTokenizer: true, Top: 8, Batch: 4}})
	if err != nil {
		return collect.Suspect{}, err
	}
	s := c.Suspect()
	s.Reference = ref.Reference()
	return s, nil
}

const atOnce = 3

func collectChild(url, path string) int {
	s, err := under(url)
	if err == nil {
		_, err = collect.Run(context.Background(), job(), s, path, collect.Options{Concurrency: atOnce, Backoff: time.Millisecond, Retries: 20,
			Progress: func(collect.Progress) { fmt.Println("event") }})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A collection over a loopback server, killed at random instants and resumed, has
// every answer once, as the model gives it, and the key nowhere.
func TestCollectionKilledAndResumed(t *testing.T) {
	svc := &service{toy: &toy{t: t, server: openai.VLLM}, rng: rand.New(rand.NewPCG(1, 9)), sent: map[string]int{}}
	server := httptest.NewServer(svc)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "journal")
	self, err := os.Executable()
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(2, 2))
	kills := 0
	for done := false; !done; kills++ {
		require.Less(t, kills, 200, "the collection does not get on")
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "DYETRACE_TEST_OPENAI=collect", "DYETRACE_TEST_URL="+server.URL, "DYETRACE_TEST_JOURNAL="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 5 + rng.IntN(30) {
			if !lines.Scan() {
				break
			}
		}
		for range rng.IntN(3000) {
			runtime.Gosched()
		}
		_ = cmd.Process.Kill() // fails if it has ended, which Wait tells
		for lines.Scan() {
		}
		done = cmd.Wait() == nil
	}
	kills--
	require.Positive(t, kills)

	server.Close() // everything is in the journal
	s, err := under(server.URL)
	require.NoError(t, err)
	got, err := collect.Run(context.Background(), job(), s, path, collect.Options{})
	require.NoError(t, err)
	count := got.Counts()
	t.Logf("%d kills, %d times nothing came back, %+v", kills, count.Unreached, count)
	assert.Zero(t, count.Missing)
	assert.Equal(t, 2, count.Failed, "questions 7 and 17 break off")
	for i, e := range got.Prompts {
		if i%10 == 7 {
			assert.Equal(t, collect.Failed, e.Status)
			assert.Contains(t, e.Error, "answer broke off after")
			continue
		}
		assert.Equal(t, "re: "+e.Question, e.Text)
		assert.Equal(t, "toy fp_1", e.Model)
		for _, u := range e.Unreached {
			assert.Regexp(t, "interrupted|status 429|status 502|EOF", u)
		}
	}
	m := mode{"", openai.VLLM, openai.Reading{Top: 6}, &toy{}}
	require.Len(t, got.Readings, 18)
	task, short := job(), 0
	for _, e := range got.Readings {
		require.Equal(t, collect.Complete, e.Status, e.Error)
		for i, p := range e.Predictions {
			want := m.expected(&task.Passages[e.Passage], e.Begin+i, task.Want)
			assert.Equal(t, want.Argmax, p.Argmax)
			sameList(t, want, p, "")
			assert.Len(t, p.Reference, len(p.IDs))
			if len(p.IDs) < task.Want.Top {
				short++
			}
		}
	}
	assert.Positive(t, short, "some lists have fewer tokens of the marked model")
	// A question is sent a second time only if it was open when the process was killed.
	again := 0
	for _, n := range svc.sent {
		again += n - 1
	}
	// The probe is asked three times, and equal prefixes of the reference's are equal requests.
	assert.LessOrEqual(t, again, 2+atOnce*kills)

	var file strings.Builder
	_, err = got.WriteTo(&file)
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, file.String()+string(data), secret)
}

// A wrong key stops a collection and spoils nothing of it: with the right one every
// question has its answer.
func TestWrongKeySpoilsNothing(t *testing.T) {
	const right = "the-right-key-of-sixteen"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+right {
			http.Error(w, `{"error":{"message":"who are you?"}}`, http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"model":"m","choices":[{"index":0,"message":{"content":"an answer"},"finish_reason":"stop"}]}`)
	}))
	defer server.Close()
	task := collect.Task{Plan: collect.Digest{2}, Prompts: []string{"one", "two", "three", "four"}}
	path := filepath.Join(t.TempDir(), "journal")
	with := func(key openai.Key) (*collect.Transcript, error) {
		c := client(t, openai.Config{URL: server.URL, Key: key})
		return collect.Run(t.Context(), task, c.Suspect(), path, collect.Options{Backoff: time.Millisecond, Retries: 1, Unreachable: 2})
	}
	_, err := with("a-wrong-key-of-sixteen")
	require.ErrorContains(t, err, "status 401, the API key is missing or wrong: who are you?")
	got, err := with(right)
	require.NoError(t, err)
	assert.Equal(t, 4, got.Counts().Complete)
}
