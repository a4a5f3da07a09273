package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// Whatever is wrong with the ledger or the book, the answer is the
// upstream's, and metrics, health and log say why.
func TestFailsOpen(t *testing.T) {
	const text = "They often buy a lot of things, for example. Maybe they begin to help."
	chat := fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%q}}]}`, text)
	write := func(path, text string) func(testing.TB, *options) {
		return func(t testing.TB, o *options) {
			name := strings.NewReplacer("LEDGER", o.ledger, "BOOK", o.book).Replace(path)
			require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
			require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		}
	}
	for _, c := range []struct {
		name, reason, why string
		break_            func(t testing.TB, o *options)
	}{
		{"a broken book", planting.ReasonBook, "book is unusable", write("BOOK", "dyetrace canary book/1\nname x\ncarrier y\n")},
		{"a book with another tree", planting.ReasonBook, "book is unusable", write("BOOK", strings.Replace(testBook, "tree cohort", "tree tenant", 1)+"carrier y\nform often\nform frequently\nlaw 2147483648 2147483648\n")},
		{"no book", planting.ReasonBook, "book is unusable", func(t testing.TB, o *options) { require.NoError(t, os.Remove(o.book)) }},
		{"a damaged ledger", planting.ReasonLedger, "ledger", write("LEDGER/leaves", "dyetrace ledger/9\n")},
		{"a file where the ledger should be", planting.ReasonLedger, "ledger", write("LEDGER", "")},
		{"a folder that cannot be made", planting.ReasonLedger, "ledger", func(_ testing.TB, o *options) { o.ledger = filepath.Join(o.ledger, "..", "missing", "ledger") }},
		{"a ledger of another origin", planting.ReasonLedger, "holds the ledger of", func(t testing.TB, o *options) {
			s, v, _, err := planting.Signer(testKey(), "example.org/other")
			require.NoError(t, err)
			l, err := ledger.Open(o.ledger, ledger.Options{Signer: s, Verifier: v})
			require.NoError(t, err)
			require.NoError(t, l.Close())
		}},
		{"a ledger that takes too long", planting.ReasonLedger, "too long", func(_ testing.TB, o *options) { o.patience, o.again = time.Nanosecond, time.Hour }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, reply("application/json", func() string { return chat }), func(o *options) {
				c.break_(t, o)
				if c.name == "a folder that cannot be made" { // the pseudonyms can
					require.NoError(t, os.MkdirAll(filepath.Dir(o.ledger), 0o700))
					require.NoError(t, os.Symlink("nowhere/at/all", o.ledger))
				}
			})
			for range 2 {
				resp, raw := s.post(t, answersPath, strings.Replace(chatBody, "true", "false", 1))
				assert.Equal(t, chat, string(raw))
				assert.Equal(t, "plain;reason="+c.reason, resp.Header.Get(headerName))
			}
			assert.Equal(t, "2", s.metric(fmt.Sprintf("dyetrace_answers_total{decision=%q}", c.reason)))
			assert.Equal(t, "0", s.metric(fmt.Sprintf("dyetrace_%s_usable", c.reason)))
			require.Error(t, s.proxy.garden.Unusable())
			assert.Contains(t, s.proxy.garden.Unusable().Error(), c.why)
			assert.Contains(t, s.log.String(), "serving plain text")
			if c.reason == planting.ReasonLedger {
				require.Eventually(t, func() bool { _, err := s.keeper.Current(); return err != nil }, 10*time.Second, time.Millisecond, "it is given up until it opens again")
			}
		})
	}
}

// A second proxy on a ledger serves plain text until the first lets go of it.
func TestSecondOpener(t *testing.T) {
	chat := `{"choices":[{"index":0,"message":{"content":"They often buy a lot of things, for example."}}]}`
	first := start(t, reply("application/json", func() string { return chat }), nil)
	second := start(t, reply("application/json", func() string { return chat }), func(o *options) { o.ledger, o.book, o.again = first.o.ledger, first.o.book, 5*time.Millisecond })
	body := strings.Replace(chatBody, "true", "false", 1)
	_, raw := second.post(t, answersPath, body)
	assert.Equal(t, chat, string(raw))
	_, planted := first.post(t, answersPath, body)
	assert.NotEqual(t, chat, string(planted))
	require.NoError(t, first.close())
	first.keeper = nil
	require.Eventually(t, func() bool { return second.proxy.garden.Unusable() == nil }, 10*time.Second, time.Millisecond)
	_, raw = second.post(t, answersPath, body)
	assert.Equal(t, string(planted), string(raw), "the keys are bound already, to the same digests")
	require.NoError(t, second.close())
	second.keeper = nil
	report, err := ledger.Verify(first.o.ledger, first.verifier)
	require.NoError(t, err)
	for _, kind := range []ledger.Kind{ledger.KindCommitment, ledger.KindBook, ledger.KindPolicy} {
		assert.EqualValues(t, 2, report.Kinds[kind], "bound once: vendor and epoch")
	}
}

// Another book in an epoch is refused by the ledger, so nothing is planted from it.
func TestAnotherBook(t *testing.T) {
	chat := `{"choices":[{"index":0,"message":{"content":"They often buy a lot of things, for example."}}]}`
	first := start(t, reply("application/json", func() string { return chat }), nil)
	body := strings.Replace(chatBody, "true", "false", 1)
	first.post(t, answersPath, body)
	require.NoError(t, first.close())
	first.keeper = nil
	for epoch, reason := range map[string]string{"2026-11": "plain;reason=ledger", "2026-12": "planted"} {
		s := start(t, reply("application/json", func() string { return chat }), func(o *options) {
			book, err := os.ReadFile(o.book)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(o.book, bytes.Replace(book, []byte("form often"), []byte("form oftentimes"), 1), 0o600))
			o.ledger, o.epoch = first.o.ledger, epoch
		})
		resp, _ := s.post(t, answersPath, body)
		assert.Contains(t, resp.Header.Get(headerName), reason)
		require.NoError(t, s.close())
		s.keeper = nil
	}
}

// mixed requires got to be what is planted in a text up to somewhere, and then the
// text.
func mixed(t *testing.T, planted, text, got string) (head int) {
	t.Helper()
	head, tail := 0, 0
	for head < min(len(got), len(planted)) && got[head] == planted[head] {
		head++
	}
	for tail < min(len(got), len(text)) && got[len(got)-1-tail] == text[len(text)-1-tail] {
		tail++
	}
	require.GreaterOrEqual(t, head+tail, len(got), "neither planted nor plain: %q", got[head:max(head, len(got)-tail)])
	return head
}

// A ledger that is removed in the middle of an answer ends the planting there,
// and no byte is lost. Put back, it goes on.
func TestRemovedMeanwhile(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 1))
	text := prose(rng, 40)
	cut := pieces(rng, 10, text)
	var s *stack
	away := func() string { return s.o.ledger + ".away" }
	removed := false
	s = start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for i, p := range cut {
			if i == len(cut)/3 && !removed {
				removed = true
				assert.NoError(t, os.Rename(s.o.ledger, away()))
			}
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond) // so that the pieces come one by one
		}
	}, func(o *options) { o.again = time.Hour }) // an append notices, not only the next checkpoint
	body, request := bodyFor(answersPath)
	ask := func() string {
		_, raw := s.post(t, answersPath, body)
		return receive(t, bytes.NewReader(raw)).text[0]
	}
	planted := s.planted(t, "", request, text)
	got := ask()
	head := mixed(t, planted, text, got)
	assert.Less(t, head, len(planted)*2/3)
	assert.Greater(t, head, len(planted)/5)

	require.Eventually(t, func() bool { return s.proxy.garden.Unusable() != nil }, 10*time.Second, time.Millisecond)
	assert.Equal(t, text, ask())
	s.keeper.Tend()
	assert.NoDirExists(t, s.o.ledger, "it is not begun anew")
	require.NoError(t, os.Rename(away(), s.o.ledger))
	require.Eventually(t, func() bool { s.keeper.Tend(); return s.proxy.garden.Unusable() == nil }, 10*time.Second, 5*time.Millisecond)
	assert.Equal(t, planted, ask())
	require.NoError(t, s.close())
	s.keeper = nil
	report, err := ledger.Verify(s.o.ledger, s.verifier)
	require.NoError(t, err)
	assert.Zero(t, report.Torn)
}

// Erased pseudonyms end the planting: a leaf has nobody's name then.
func TestErased(t *testing.T) {
	chat := `{"choices":[{"index":0,"message":{"content":"They often buy a lot of things, for example."}}]}`
	s := start(t, reply("application/json", func() string { return chat }), nil)
	body := strings.Replace(chatBody, "true", "false", 1)
	require.NoError(t, s.proxy.garden.Vendor.Names.Erase())
	for _, header := range [][]string{nil, bearer("alice")} {
		_, raw := s.post(t, answersPath, body, header...)
		assert.Equal(t, chat, string(raw))
	}
}
