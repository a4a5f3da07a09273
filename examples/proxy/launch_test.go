//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// A process is the real program.
type process struct {
	cmd        *exec.Cmd
	url, admin string
	log        *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) add(line string) { b.mu.Lock(); b.buf.WriteString(line); b.mu.Unlock() }
func (b *lockedBuffer) String() string  { b.mu.Lock(); defer b.mu.Unlock(); return b.buf.String() }

func program(t testing.TB, args ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "DYETRACE_TEST_PROXY=1")
	return cmd
}

func arguments(o options, upstream string) []string {
	return []string{"-upstream", upstream, "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-book", o.book, "-ledger", o.ledger, "-key", o.key, "-epoch", o.epoch, "-origin", o.origin, "-again", "20ms", "-header"}
}

// launch starts the program and waits until it serves.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: new(lockedBuffer)}
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(pipe)
	for p.admin == "" {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, p.log)
		p.log.add(line)
		if _, address, ok := strings.Cut(line, " at http://"); ok {
			if address = strings.TrimSpace(address); p.url == "" {
				p.url = "http://" + address
			} else {
				p.admin = "http://" + address
			}
		}
	}
	go func() {
		for {
			line, err := lines.ReadString('\n')
			p.log.add(line)
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *process) get(t testing.TB, path string) string {
	t.Helper()
	resp, err := http.Get(p.admin + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	return string(body)
}

// slowProse streams prose that follows from the request, a piece at a time.
func slowProse(pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rng := rand.New(rand.NewPCG(uint64(len(body)), 1))
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces(rng, 12, proseFor(len(body))) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}
}

func proseFor(size int) string { return prose(rand.New(rand.NewPCG(uint64(size), 2)), 8) }

func bodyOfSize(extra int) (body string, r canary.Request) {
	r.Prompt = strings.Repeat("x", extra)
	return `{"stream":true,"messages":[{"role":"user","content":"` + r.Prompt + `"}]}`, r
}

// A told answer is what a client had when the connection ended.
type toldAnswer struct {
	account string
	request canary.Request
	body    int
	text    string
	done    bool
}

// load asks from several clients at once, until the server is gone.
func load(t testing.TB, base string, clients, round int, got chan<- toldAnswer) *sync.WaitGroup {
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := 0; ; i++ {
				account := fmt.Sprintf("%d-%d-%d", round, c, i)
				body, request := bodyOfSize(c*10 + i%10)
				r, err := http.NewRequest("POST", base+answersPath, strings.NewReader(body))
				if !assert.NoError(t, err) {
					return
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+account)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					return
				}
				raw, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if cut := bytes.LastIndex(raw, []byte("\n\n")); cut >= 0 {
					raw = raw[:cut+2]
				} else {
					raw = nil
				}
				a := receive(t, bytes.NewReader(raw))
				got <- toldAnswer{account, request, len(body), a.text[0], a.done}
				if err != nil {
					return
				}
			}
		})
	}
	return &all
}
