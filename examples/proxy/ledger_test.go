package main

import (
	"bufio"
	"bytes"
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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
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
	text = text[:len(text)-planting.Incomplete([]byte(text))] // it may be cut anywhere
	uses, err := s.proxy.garden.Vendor.Book.Occurrences(r, text)
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
	names := s.proxy.garden.Vendor.Names
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
			assert.Equal(t, ledger.Digest(s.proxy.garden.Vendor.Book.Hash()), e.Leaf.Digest)
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
	of, err := s.proxy.garden.Vendor.Plot("")
	require.NoError(t, err)
	holder := testKey().Epoch(s.o.epoch).Vendor()
	var nonce [32]byte
	require.NoError(t, holder.Purpose("canary commitment").Expand("dyetrace 2026-11-25 proxy commitment/1", []byte(s.o.epoch), nonce[:]))
	option := canary.Holder("vendor", holder).Option
	i := slices.IndexFunc(of.Bindings, func(l ledger.Leaf) bool {
		return l.Kind == ledger.KindCommitment && l.KeyID == ledger.KeyID(option.ID())
	})
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, ledger.Digest(option.Commit(nonce)), of.Bindings[i].Digest)
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

		open, err := s.keeper.Current()
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
	open, err := s.keeper.Current()
	require.NoError(t, err)
	_, outputs := recorded(t, open.Reader(), ledger.Pseudonym{})
	digest, err := s.proxy.garden.Vendor.Names.Output([]byte(got))
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
		before := s.proxy.garden.Metrics.Leaves.Load()
		_, again := s.post(t, answersPath, b, plain...)
		assert.Equal(t, string(first), string(again))
		added := s.proxy.garden.Metrics.Leaves.Load() - before
		assert.Positive(t, added, "two answers are two")

		resp, first := s.post(t, answersPath, b, idempotent...)
		before, known := s.proxy.garden.Metrics.Leaves.Load(), s.proxy.garden.Metrics.Known.Load()
		resp2, again := s.post(t, answersPath, b, idempotent...)
		assert.Equal(t, string(first), string(again))
		assert.Equal(t, resp.Header.Get(headerName), resp2.Header.Get(headerName))
		assert.Equal(t, resp.Trailer.Get(trailerName), resp2.Trailer.Get(trailerName))
		assert.Equal(t, before, s.proxy.garden.Metrics.Leaves.Load(), "a retry adds no leaf")
		assert.Equal(t, added, s.proxy.garden.Metrics.Known.Load()-known)

		s.post(t, answersPath, b, append(bearer("mallory"), "Idempotency-Key", "k1")...)
		assert.Equal(t, before+added, s.proxy.garden.Metrics.Leaves.Load(), "another account's key is another")
	}
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
		in(w, seed, 2000, []byte(dialects[0].stream([][]string{pieces(rng, 30, text)})))
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
	o, err := s.keeper.Current()
	require.NoError(t, err)
	for i := 0; i < many; i += 20 {
		account, err := s.proxy.garden.Vendor.Names.Account(hashOf(fmt.Sprint("account ", i)))
		require.NoError(t, err)
		units, _ := recorded(t, o.Reader(), account)
		assert.Equal(t, s.must(t, "", canary.Request{Prompt: strings.Repeat("x", i)}, texts[i]), units)
	}
}
