package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// TestMain lets a test start this binary as the proxy's process.
func TestMain(m *testing.M) {
	if os.Getenv("DYETRACE_TEST_PROXY") != "" {
		limitFiles(os.Getenv("DYETRACE_TEST_FILES"))
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// testBook plants every use of its carriers, so that what must be in the ledger
// follows from what was sent.
const testBook = `dyetrace canary book/1
name proxy-test
parser prose/1
mode sampled
classifier none
bucket paragraphs 2
tree vendor 50
tree epoch 30
tree cohort 20
reserve 0.5
tools parallel
sequential write_file
`

var testCarriers = [][]string{
	{"for example", "for instance"}, {"nonetheless", "nevertheless"}, {"furthermore", "moreover"}, {"make sure", "take care"},
	{"in order to", "so as to"}, {"a lot of", "plenty of"}, {"begin", "start"}, {"quickly", "rapidly"}, {"big", "large"},
	{"often", "frequently"}, {"maybe", "perhaps"}, {"almost", "nearly"}, {"buy", "purchase"}, {"help", "assist"},
}

func bookFile(t testing.TB) string {
	var b strings.Builder
	b.WriteString(testBook)
	for i, forms := range testCarriers {
		fmt.Fprintf(&b, "\ncarrier c%d\n", i)
		for _, f := range forms {
			fmt.Fprintf(&b, "form %s\n", f)
		}
		b.WriteString("law 2147483648 2147483648\n")
	}
	path := filepath.Join(t.TempDir(), "book.txt")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// prose returns sentences with carriers, and what must not be touched among them.
func prose(rng *rand.Rand, sentences int) string {
	fixed := []string{
		"The naïve café costs 3 € — 日本語 too 🦄👩‍👩‍👧.", "```go\nx := \"for example\" // big\n```\n", "He wrote \"maybe\\never\" there.", "\n\nA new\tparagraph\r\n",
		"See https://example.com/for/example?big=often.", "Inline `begin` stays.", "Control \u0001 and \u2028 too.",
	}
	var b strings.Builder
	for range sentences {
		if rng.IntN(4) == 0 {
			b.WriteString(fixed[rng.IntN(len(fixed))])
		} else {
			one := func() string { c := testCarriers[rng.IntN(len(testCarriers))]; return c[rng.IntN(len(c))] }
			fmt.Fprintf(&b, "People %s say that lawns are %s when they %s to mow, and %s so.", one(), one(), one(), one())
		}
		b.WriteByte(' ')
	}
	return b.String()
}

func testKey() keys.Key {
	k, err := keys.New(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		panic(err)
	}
	return k
}

// A stack is a proxy before a real server, in a folder of its own.
type stack struct {
	*service
	o        options
	url      string // of the proxy
	upstream *httptest.Server
	log      *bytes.Buffer
	verifier note.Verifier
}

// testOptions are those of a proxy in a new folder.
func testOptions(t testing.TB) options {
	dir := t.TempDir()
	o := options{
		book: bookFile(t), ledger: filepath.Join(dir, "ledger"), key: filepath.Join(dir, "root.key"), epoch: "2026-11", origin: "example.com/planted",
		header: true, limits: limits{1 << 20, 1 << 20}, patience: 10 * time.Second, again: 50 * time.Millisecond, drain: 10 * time.Second,
	}
	require.NoError(t, keys.WriteFile(o.key, testKey()))
	return o
}

// start starts a proxy before a handler. Change may be nil.
func start(t testing.TB, upstream http.HandlerFunc, change func(*options)) *stack {
	t.Helper()
	o := testOptions(t)
	if change != nil {
		change(&o)
	}
	s := &stack{o: o, upstream: httptest.NewServer(upstream), log: new(bytes.Buffer)}
	t.Cleanup(s.upstream.Close)
	var err error
	o.upstream, err = url.Parse(s.upstream.URL)
	require.NoError(t, err)
	_, s.verifier, _, err = planting.Signer(testKey(), o.origin)
	require.NoError(t, err)
	s.service, err = newService(o, log.New(io.MultiWriter(s.log, testWriter{t}), "", 0))
	require.NoError(t, err)
	front := httptest.NewServer(s.proxy)
	s.url = front.URL
	t.Cleanup(func() { front.Close(); _ = s.close() })
	return s
}

// A testWriter writes to a test's log.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) { w.t.Log(string(b)); return len(b), nil }

// planted returns what a planter makes of a text all at once.
func (s *stack) planted(t testing.TB, cohort string, r canary.Request, text string) string {
	t.Helper()
	of, err := s.proxy.garden.Vendor.Plot(cohort)
	require.NoError(t, err)
	var out bytes.Buffer
	p, err := of.Choices.NewPlanter(&out, r)
	require.NoError(t, err)
	_, err = io.WriteString(p, text)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	return out.String()
}

// post sends a request and returns the response, with its body read.
func (s *stack) post(t testing.TB, path, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), "POST", s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, all
}

// metric returns the value of a line of the metrics.
func (s *stack) metric(line string) string {
	var b bytes.Buffer
	s.proxy.writeMetrics(&b)
	for l := range strings.Lines(b.String()) {
		if v, ok := strings.CutPrefix(l, line+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// in writes bytes in pieces of sizes that a seed names, each flushed on its way.
func in(w http.ResponseWriter, seed uint64, most int, b []byte) {
	rng := rand.New(rand.NewPCG(seed, 2)) // its own: an answer may end while the next begins
	for len(b) > 0 {
		n := min(len(b), 1+rng.IntN(most))
		_, _ = w.Write(b[:n])
		w.(http.Flusher).Flush()
		b = b[n:]
	}
}

// pieces cuts a text into pieces of random sizes, in whole characters.
func pieces(rng *rand.Rand, most int, text string) (out []string) {
	runes := []rune(text)
	for len(runes) > 0 {
		n := min(len(runes), rng.IntN(most+1))
		out = append(out, string(runes[:n]))
		runes = runes[n:]
	}
	return out
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// utf16Of returns the units in which text is escaped in JSON.
func utf16Of(s string) []uint16 { return utf16.Encode([]rune(s)) }
