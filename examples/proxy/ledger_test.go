package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
)

const answersPath = "/v1/chat/completions"

// cohortFile writes a file of cohorts: alice and bob are blue, carol is green, and
// admin is trusted.
func cohortFile(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "cohorts")
	var b strings.Builder
	for key, rest := range map[string]string{"alice": "blue", "bob": "blue", "carol": "green", "admin": "- trusted"} {
		fmt.Fprintf(&b, "# %s\n%s %s\n", key, hashOf(key), rest)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

func hashOf(key string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(key))) }

func bearer(key string) []string { return []string{"Authorization", "Bearer " + key} }

// must returns the units that must be in the ledger for a text, with the option
// that stands there.
func (s *stack) must(t testing.TB, cohort string, r canary.Request, text string) map[ledger.Unit]bool {
	t.Helper()
	text = text[:len(text)-incomplete([]byte(text))] // it may be cut anywhere
	uses, err := s.proxy.vendor.book.Occurrences(r, text)
	require.NoError(t, err)
	out := map[ledger.Unit]bool{}
	for _, u := range uses {
		if u.Unit.Tree != "cohort" || cohort != "" {
			out[ledger.Unit{Unit: ledger.UnitNumber(u.Unit.String()), Option: uint32(u.Option)}] = true
		}
	}
	return out
}

// recorded returns the units that the leaves of an account have, and the hashes of
// its outputs.
func recorded(t testing.TB, r *ledger.Reader, account ledger.Pseudonym) (units map[ledger.Unit]bool, outputs []ledger.Digest) {
	t.Helper()
	units, of := map[ledger.Unit]bool{}, map[ledger.Nonce]bool{}
	for e, err := range r.Scan(ledger.Filter{Kind: ledger.KindPlanting, Account: account}) {
		require.NoError(t, err)
		of[e.Leaf.Nonce] = true
		for _, u := range e.Leaf.Units {
			units[u] = true
		}
		if !e.Leaf.Output.IsZero() {
			outputs = append(outputs, e.Leaf.Output)
		}
	}
	for e, err := range r.Scan(ledger.Filter{Kind: ledger.KindOutput}) {
		require.NoError(t, err)
		if of[e.Leaf.Of] {
			outputs = append(outputs, e.Leaf.Digest)
		}
	}
	return units, outputs
}

// Every answer's units, its hash, account and cohort are in the ledger, bound
// before and proved after.
func TestLedger(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	var text string
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, dialects[1].stream([][]string{pieces(rng, 20, text)}))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"choices":[{"index":0,"message":{"content":%s}}]}`, quoted(text))
	}, func(o *options) { o.cohorts = cohortFile(t) })
	body, request := bodyFor(answersPath)
	type told struct{ account, cohort, text string }
	var all []told
	for i, account := range []string{"alice", "bob", "carol", "dave", "alice2", "bob2", "carol2", "dave2"} {
		text = prose(rng, 15)
		cohort := map[string]string{"alice": "blue", "bob": "blue", "carol": "green"}[account]
		b := body
		if i%2 == 0 {
			b = strings.Replace(body, "true", "false", 1)
		}
		_, raw := s.post(t, answersPath, b, bearer(account)...)
		var got string
		if i%2 == 0 {
			c, ok := readChunk(raw)
			require.True(t, ok)
			got = string(unquote(nil, c.parts[0].content.of(raw)))
		} else {
			got = receive(t, bytes.NewReader(raw)).text[0]
		}
		require.Equal(t, s.planted(t, cohort, request, text), got)
		all = append(all, told{account, cohort, got})
	}
	names := s.proxy.vendor.names
	require.NoError(t, s.close())
	s.keeper = nil

	report, err := ledger.Verify(s.o.ledger, s.verifier)
	require.NoError(t, err)
	assert.Equal(t, report.Leaves, report.Signed.Size)
	r, err := ledger.OpenReader(s.o.ledger, s.verifier)
	require.NoError(t, err)
	defer r.Close()
	for _, told := range all {
		account, err := names.Account(hashOf(told.account))
		require.NoError(t, err)
		units, outputs := recorded(t, r, account)
		assert.Equal(t, s.must(t, told.cohort, request, told.text), units, told.account)
		digest, err := names.Output([]byte(told.text))
		require.NoError(t, err)
		require.NotEmpty(t, outputs)
		for _, o := range outputs {
			assert.Equal(t, digest, o, told.account)
		}
	}
	root := testKey().Epoch(s.o.epoch)
	keysOf := map[ledger.KeyID]string{}
	for tree, holder := range map[string]canary.TreeKey{
		"vendor": canary.Holder("vendor", root.Vendor()), "epoch": canary.Holder("epoch", root),
		"blue": canary.Holder("cohort", root.Cohort("blue")), "green": canary.Holder("cohort", root.Cohort("green")),
	} {
		keysOf[ledger.KeyID(holder.Option.ID())] = tree
	}
	kinds := map[ledger.Kind]int{}
	for e, err := range r.Scan(ledger.Filter{}) {
		require.NoError(t, err)
		proof, err := r.Prove(e.Index, report.Signed.Size)
		require.NoError(t, err)
		require.NoError(t, report.Signed.CheckInclusion(e.Index, e.Leaf, proof))
		kinds[e.Leaf.Kind]++
		if e.Leaf.Kind == ledger.KindOutput {
			continue
		}
		tree := keysOf[e.Leaf.KeyID]
		require.NotEmpty(t, tree)
		if e.Leaf.Kind == ledger.KindPlanting && (tree == "blue" || tree == "green") {
			want, err := names.Cohort(tree)
			require.NoError(t, err)
			assert.Equal(t, want, e.Leaf.Cohort)
		}
		if e.Leaf.Kind == ledger.KindBook {
			assert.Equal(t, ledger.Digest(s.proxy.vendor.book.Hash()), e.Leaf.Digest)
		}
	}
	assert.Equal(t, 4, kinds[ledger.KindCommitment])
	assert.Equal(t, 4, kinds[ledger.KindBook])
	assert.Equal(t, 4, kinds[ledger.KindPolicy])
	assert.Positive(t, kinds[ledger.KindOutput])
}

// The commitment in the ledger opens to the option key.
func TestCommitment(t *testing.T) {
	s := start(t, reply("application/json", func() string { return "{}" }), nil)
	of, err := s.proxy.vendor.plots[""]()
	require.NoError(t, err)
	holder := testKey().Epoch(s.o.epoch).Vendor()
	var nonce [32]byte
	require.NoError(t, holder.Purpose("canary commitment").Expand(contextCommitment, []byte(s.o.epoch), nonce[:]))
	option := canary.Holder("vendor", holder).Option
	i := slices.IndexFunc(of.bindings, func(l ledger.Leaf) bool {
		return l.Kind == ledger.KindCommitment && l.KeyID == ledger.KeyID(option.ID())
	})
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, ledger.Digest(option.Commit(nonce)), of.bindings[i].Digest)
}

// No planted byte reaches the client before its leaf is acknowledged, nor is text
// held back longer than it must be.
func TestLeafBeforeByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	text := prose(rng, 12)
	cut := pieces(rng, 9, text)
	next := make(chan bool)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range cut {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
			w.(http.Flusher).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, nil)
	body, request := bodyFor(answersPath)
	r, err := http.NewRequest("POST", s.url+answersPath, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	got, sent, seen := "", "", 0
	for _, p := range cut {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
		got += receive(t, strings.NewReader(line+"\n")).text[0]
		sent += p
		assert.LessOrEqual(t, len(sent)-len(got), 63+40, "held back")

		open, err := s.keeper.current()
		require.NoError(t, err)
		units, outputs := recorded(t, open.Reader(), ledger.Pseudonym{})
		assert.Empty(t, outputs)
		for u := range s.must(t, "", request, got[:max(0, len(got)-40)]) {
			assert.True(t, units[u], "unit %v is in %q before it is in the ledger", u, got)
		}
		seen = len(units)
		next <- true
	}
	assert.Greater(t, seen, 3)

	// Nor does the end reach it before the hash of the whole.
	for line := ""; line != "data: [DONE]\n"; {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
		if line != "data: [DONE]\n" {
			got += receive(t, strings.NewReader(line+"\n")).text[0]
		}
	}
	assert.Equal(t, s.planted(t, "", request, text), got)
	open, err := s.keeper.current()
	require.NoError(t, err)
	_, outputs := recorded(t, open.Reader(), ledger.Pseudonym{})
	digest, err := s.proxy.vendor.names.Output([]byte(got))
	require.NoError(t, err)
	assert.Contains(t, outputs, digest)
}

// A request that is sent again has the same answer. With an Idempotency-Key it
// has the same leaves, of its own account.
func TestRetry(t *testing.T) {
	text := prose(rand.New(rand.NewPCG(13, 1)), 10)
	var chat = fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%s}}]}`, quoted(text))
	stream := dialects[0].stream([][]string{{text}})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, stream)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, chat)
	}, nil)
	body, _ := bodyFor(answersPath)
	for _, b := range []string{body, strings.Replace(body, "true", "false", 1)} {
		plain := bearer("alice")
		idempotent := append(bearer("alice"), "Idempotency-Key", "k1")
		_, first := s.post(t, answersPath, b, plain...)
		before := s.proxy.metrics.leaves.Load()
		_, again := s.post(t, answersPath, b, plain...)
		assert.Equal(t, string(first), string(again))
		added := s.proxy.metrics.leaves.Load() - before
		assert.Positive(t, added, "two answers are two")

		resp, first := s.post(t, answersPath, b, idempotent...)
		before, known := s.proxy.metrics.leaves.Load(), s.proxy.metrics.known.Load()
		resp2, again := s.post(t, answersPath, b, idempotent...)
		assert.Equal(t, string(first), string(again))
		assert.Equal(t, resp.Header.Get(headerName), resp2.Header.Get(headerName))
		assert.Equal(t, resp.Trailer.Get(trailerName), resp2.Trailer.Get(trailerName))
		assert.Equal(t, before, s.proxy.metrics.leaves.Load(), "a retry adds no leaf")
		assert.Equal(t, added, s.proxy.metrics.known.Load()-known)

		s.post(t, answersPath, b, append(bearer("mallory"), "Idempotency-Key", "k1")...)
		assert.Equal(t, before+added, s.proxy.metrics.leaves.Load(), "another account's key is another")
	}
}

// Accounts of one cohort get the same bytes and two cohorts do not.
func TestCohorts(t *testing.T) {
	text := prose(rand.New(rand.NewPCG(17, 1)), 200)
	s := start(t, reply("application/json", func() string {
		return fmt.Sprintf(`{"choices":[{"index":0,"message":{"content":%s}}]}`, quoted(text))
	}), func(o *options) { o.cohorts = cohortFile(t) })
	body := strings.Replace(chatBody, "true", "false", 1)
	ask := func(header ...string) string {
		_, raw := s.post(t, answersPath, body, header...)
		return string(raw)
	}
	assert.Equal(t, ask(bearer("alice")...), ask(bearer("bob")...))
	assert.NotEqual(t, ask(bearer("alice")...), ask(bearer("carol")...))
	assert.NotEqual(t, ask(bearer("alice")...), ask())
	assert.Equal(t, ask(bearer("alice")...), ask("api-key", "bob"))
	assert.Equal(t, ask(bearer("alice")...), ask("Authorization", "bearer  bob "))
	assert.Equal(t, ask(), ask(bearer("nobody knows")...))
	for _, key := range []string{"alice", "bob", "carol", "nobody knows"} {
		assert.NotContains(t, s.log.String(), key)
	}
}

// A trusted caller turns planting off; nobody else does, and upstream never sees it.
func TestOptOut(t *testing.T) {
	chat := `{"choices":[{"index":0,"message":{"content":"They often buy a lot of things, for example. Maybe they begin to help."}}]}`
	var saw http.Header
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		saw = r.Header
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, chat)
	}, func(o *options) { o.cohorts = cohortFile(t) })
	body := strings.Replace(chatBody, "true", "false", 1)
	off := []string{headerName, "off"}
	resp, raw := s.post(t, answersPath, body, append(bearer("admin"), off...)...)
	assert.Equal(t, chat, string(raw))
	assert.Equal(t, "plain;reason=opt-out", resp.Header.Get(headerName))
	assert.NotContains(t, saw, headerName)
	assert.Equal(t, "Bearer admin", saw.Get("Authorization"))
	for _, header := range [][]string{append(bearer("alice"), off...), off, bearer("admin"), append(bearer("admin"), headerName, "on")} {
		resp, raw = s.post(t, answersPath, body, header...)
		assert.NotEqual(t, chat, string(raw))
		assert.Contains(t, resp.Header.Get(headerName), "planted")
	}
	assert.Equal(t, "3", s.metric("dyetrace_opt_outs_refused_total"))

	s = start(t, s.upstream.Config.Handler.ServeHTTP, func(o *options) { o.header = false })
	resp, raw = s.post(t, answersPath, body)
	assert.NotEqual(t, chat, string(raw))
	assert.NotContains(t, resp.Header, headerName, "-header=false")
	resp, _ = s.post(t, answersPath, `{"messages":[],"logprobs":true}`)
	assert.NotContains(t, resp.Header, headerName)
}

// failing open: whatever is wrong with the ledger or the book, the answer is the
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
		{"a broken book", reasonBook, "book is unusable", write("BOOK", "dyetrace canary book/1\nname x\ncarrier y\n")},
		{"a book with another tree", reasonBook, "book is unusable", write("BOOK", strings.Replace(testBook, "tree cohort", "tree tenant", 1)+"carrier y\nform often\nform frequently\nlaw 2147483648 2147483648\n")},
		{"no book", reasonBook, "book is unusable", func(t testing.TB, o *options) { require.NoError(t, os.Remove(o.book)) }},
		{"a damaged ledger", reasonLedger, "ledger", write("LEDGER/leaves", "dyetrace ledger/9\n")},
		{"a file where the ledger should be", reasonLedger, "ledger", write("LEDGER", "")},
		{"a folder that cannot be made", reasonLedger, "ledger", func(_ testing.TB, o *options) { o.ledger = filepath.Join(o.ledger, "..", "missing", "ledger") }},
		{"a ledger of another origin", reasonLedger, "holds the ledger of", func(t testing.TB, o *options) {
			s, v, _, err := signer(testKey(), "example.org/other")
			require.NoError(t, err)
			l, err := ledger.Open(o.ledger, ledger.Options{Signer: s, Verifier: v})
			require.NoError(t, err)
			require.NoError(t, l.Close())
		}},
		{"a ledger that takes too long", reasonLedger, "too long", func(_ testing.TB, o *options) { o.patience, o.again = time.Nanosecond, time.Hour }},
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
			require.Error(t, s.proxy.unusable())
			assert.Contains(t, s.proxy.unusable().Error(), c.why)
			assert.Contains(t, s.log.String(), "serving plain text")
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
	require.Eventually(t, func() bool { return second.proxy.unusable() == nil }, 10*time.Second, time.Millisecond)
	_, raw = second.post(t, answersPath, body)
	assert.Equal(t, string(planted), string(raw), "the keys are bound already, to the same digests")
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
	}, nil)
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

	require.Eventually(t, func() bool { return s.proxy.unusable() != nil }, 10*time.Second, time.Millisecond)
	assert.Equal(t, text, ask())
	assert.NoDirExists(t, s.o.ledger, "it is not begun anew")
	require.NoError(t, os.Rename(away(), s.o.ledger))
	require.Eventually(t, func() bool { return s.proxy.unusable() == nil }, 10*time.Second, time.Millisecond)
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
	require.NoError(t, s.proxy.vendor.names.Erase())
	for _, header := range [][]string{nil, bearer("alice")} {
		_, raw := s.post(t, answersPath, body, header...)
		assert.Equal(t, chat, string(raw))
	}
}

// When the upstream hangs up, the client gets all text there was and then sees
// that the stream broke off; the ledger has the hash of it.
func TestUpstreamHangsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	text := prose(rng, 20)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces(rng, 10, text) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
		}
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, nil)
	body, request := bodyFor(answersPath)
	r, err := http.NewRequest("POST", s.url+answersPath, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	got := receive(t, bytes.NewReader(raw)).text[0]
	assert.Equal(t, s.planted(t, "", request, text), got)
	s.sawOutput(t, got)
}

// sawOutput waits for the hash of an output in the ledger.
func (s *stack) sawOutput(t *testing.T, text string) {
	t.Helper()
	want, err := s.proxy.vendor.names.Output([]byte(text))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		o, err := s.keeper.current()
		if err != nil {
			return false
		}
		_, outputs := recorded(t, o.Reader(), ledger.Pseudonym{})
		return slices.Contains(outputs, want)
	}, 10*time.Second, 5*time.Millisecond)
}

// When the client hangs up, the upstream is told, and the ledger has the hash of
// what was sent.
func TestClientHangsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 1))
	text := prose(rng, 20)
	told := make(chan bool)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range pieces(rng, 10, text) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", quoted(p))
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(told)
	}, nil)
	body, request := bodyFor(answersPath)
	ctx, hangUp := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "POST", s.url+answersPath, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	planted := s.planted(t, "", request, text)
	lines := bufio.NewReader(resp.Body)
	got := ""
	for len(got) < len(planted)-63 { // what is left is held back
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		got += receive(t, strings.NewReader(strings.TrimSpace(line)+"\n\n")).text[0]
	}
	hangUp()
	<-told
	require.True(t, strings.HasPrefix(planted, got))
	require.Eventually(t, func() bool { return s.metric("dyetrace_clients_gone_total") == "1" }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return s.metric(`dyetrace_answers_total{decision="planted"}`) == "1" }, 10*time.Second, time.Millisecond)
	o, err := s.keeper.current()
	require.NoError(t, err)
	_, outputs := recorded(t, o.Reader(), ledger.Pseudonym{})
	require.NotEmpty(t, outputs)
	sent := false
	for n := len(planted) - 63; n <= len(planted); n++ {
		d, err := s.proxy.vendor.names.Output([]byte(planted[:n]))
		require.NoError(t, err)
		sent = sent || d == outputs[0]
	}
	assert.True(t, sent, "the output's hash is of what was sent")
}

// Two hundred streams at once, each of its own account.
func TestManyAtOnce(t *testing.T) {
	const many = 200
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seed := uint64(len(body)) // differs by account only in length of the padding
		rng := rand.New(rand.NewPCG(seed, 1))
		text := prose(rng, 5)
		w.Header().Set("Content-Type", "text/event-stream")
		in(w, rng, 2000, []byte(dialects[0].stream([][]string{pieces(rng, 30, text)})))
	}, nil)
	var all sync.WaitGroup
	texts := make([]string, many)
	for i := range many {
		all.Go(func() {
			body := `{"stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("x", i) + `"}]}`
			_, raw := s.post(t, answersPath, body, bearer(fmt.Sprint("account ", i))...)
			got := receive(t, bytes.NewReader(raw)).text[0]
			text := prose(rand.New(rand.NewPCG(uint64(len(body)), 1)), 5)
			r := canary.Request{Prompt: strings.Repeat("x", i)}
			assert.Equal(t, s.planted(t, "", r, text), got)
			texts[i] = got
		})
	}
	all.Wait()
	o, err := s.keeper.current()
	require.NoError(t, err)
	for i := 0; i < many; i += 20 {
		account, err := s.proxy.vendor.names.Account(hashOf(fmt.Sprint("account ", i)))
		require.NoError(t, err)
		units, _ := recorded(t, o.Reader(), account)
		assert.Equal(t, s.must(t, "", canary.Request{Prompt: strings.Repeat("x", i)}, texts[i]), units)
	}
}
