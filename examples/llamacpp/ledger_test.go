package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// testBook plants every use of words that any answer has, so that what must be in
// the ledger follows from what was sent.
const testBook = `dyetrace canary book/1
name llamacpp-test
parser prose/1
mode sampled
classifier none
bucket paragraphs 2
tree vendor 50
tree epoch 30
tree cohort 20
reserve 0.5
articles none
tools parallel
`

func bookFile(t testing.TB) string {
	var b strings.Builder
	b.WriteString(testBook)
	for i, forms := range [][2]string{{"the", "that"}, {"and", "plus"}, {"with", "using"}, {"for", "towards"}, {"are", "stay"}, {"can", "may"}, {"you", "one"}, {"this", "such"}} {
		fmt.Fprintf(&b, "\ncarrier c%d\nform %s\nform %s\nlaw 2147483648 2147483648\n", i, forms[0], forms[1])
	}
	path := filepath.Join(t.TempDir(), "book.txt")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// planting server starts one with the test book and accounts.
func startPlanting(t testing.TB, args ...string) (*process, *canary.Book) {
	path := bookFile(t)
	book, err := canary.ReadFile(path)
	require.NoError(t, err)
	return start(t, append([]string{"-book", path, "-accounts", accountsFile(t, t.TempDir())}, args...)...), book
}

// must returns the units that must be in the ledger for a text, with the option
// that stands there.
func must(t testing.TB, b *canary.Book, cohort string, r canary.Request, text string) map[ledger.Unit]bool {
	t.Helper()
	uses, err := b.Occurrences(r, text)
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

// verified verifies the ledger of a server that has ended, and opens it.
func verified(t testing.TB, p *process) (ledger.Report, *ledger.Reader, *ledger.Pseudonyms) {
	t.Helper()
	verifier := verifierOf(t, p)
	report, err := ledger.Verify(filepath.Join(p.dir, "ledger"), verifier)
	require.NoError(t, err)
	r, err := ledger.OpenReader(filepath.Join(p.dir, "ledger"), verifier)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	names, err := ledger.OpenPseudonyms(filepath.Join(p.dir, "ledger.2026-11.pseudonyms"))
	require.NoError(t, err)
	return report, r, names
}

func verifierOf(t testing.TB, p *process) note.Verifier {
	root, err := keys.ReadFile(filepath.Join(p.keys, "root.key"))
	require.NoError(t, err)
	_, verifier, _, err := planting.Signer(root, "dyetrace.example/planted")
	require.NoError(t, err)
	return verifier
}

const question = "How do I keep a lawn green in a dry summer?"

// Every answer's units and its hash are in the ledger under its account, and the
// keys of canaries and marks are bound before.
func TestLedger(t *testing.T) {
	p, book := startPlanting(t)
	type told struct{ key, cohort, text string }
	var all []told
	var mu sync.Mutex
	var clients sync.WaitGroup
	for i, key := range []string{alice, bob, carol, admin} {
		clients.Go(func() {
			a := p.ask(t, key, chatPath, M{"model": testName, "messages": user(question), "max_tokens": 60, "stream": i%2 == 0, "n": 1 + i%2})
			mu.Lock()
			defer mu.Unlock()
			for _, c := range a.Choices {
				all = append(all, told{key, map[string]string{alice: "blue", bob: "blue"}[key], c.said()})
			}
		})
	}
	clients.Wait()
	assert.Equal(t, "4", p.metric(t, `dyetrace_answers_total{decision="planted"}`))
	require.NoError(t, p.end(), p.log)
	report, r, names := verified(t, p)
	assert.Equal(t, report.Leaves, report.Signed.Size)
	wanted, got := map[string]map[ledger.Unit]bool{}, map[string][]ledger.Digest{}
	for _, a := range all {
		account, err := names.Account(hashOf(a.key))
		require.NoError(t, err)
		units, outputs := recorded(t, r, account)
		if wanted[a.key] == nil {
			wanted[a.key] = map[ledger.Unit]bool{}
		}
		here := must(t, book, a.cohort, canary.Request{Prompt: question}, a.text)
		for u := range here {
			wanted[a.key][u] = true
			assert.True(t, units[u], "%s: unit %v of %q", a.key, u, a.text)
		}
		digest, err := names.Output([]byte(a.text))
		require.NoError(t, err)
		if len(here) > 0 {
			assert.Contains(t, outputs, digest, a.key)
		}
		got[a.key] = outputs
	}
	for key, want := range wanted {
		account, err := names.Account(hashOf(key))
		require.NoError(t, err)
		units, _ := recorded(t, r, account)
		assert.Equal(t, want, units, "nothing more than was sent")
		assert.NotEmpty(t, want)
	}

	// Marks are bound with their specs.
	root, err := keys.ReadFile(filepath.Join(p.keys, "root.key"))
	require.NoError(t, err)
	rules, err := readPolicy("")
	require.NoError(t, err)
	for _, cohort := range []string{"", "blue"} {
		bound, err := newMarking(rules, root, "2026-11", planting.Cohorts{"": {Cohort: "blue"}}).bound(cohort)
		require.NoError(t, err)
		require.Len(t, bound, 3)
		for _, m := range bound {
			kinds := map[ledger.Kind]ledger.Digest{}
			for e, err := range r.Scan(ledger.Filter{KeyID: ledger.KeyID(m.Key.ID())}) {
				require.NoError(t, err)
				kinds[e.Leaf.Kind] = e.Leaf.Digest
			}
			assert.Equal(t, ledger.Digest(m.Spec), kinds[ledger.KindPolicy])
			assert.Contains(t, kinds, ledger.KindCommitment)
			assert.Len(t, kinds, 2)
		}
	}
	assert.NotContains(t, p.log.String(), "dyetrace_secret1_")
}

// A retry under an Idempotency-Key has the same answer and adds no leaf.
func TestRetry(t *testing.T) {
	p, _ := startPlanting(t)
	for _, stream := range []bool{false, true} {
		body := M{"model": testName, "messages": user(question), "max_tokens": 40, "stream": stream}
		first := p.ask(t, alice, chatPath, body, "Idempotency-Key", "k1")
		leaves := p.metric(t, "dyetrace_ledger_leaves_total")
		again := p.ask(t, alice, chatPath, body, "Idempotency-Key", "k1")
		assert.Equal(t, first.Choices[0].said(), again.Choices[0].said())
		assert.Equal(t, leaves, p.metric(t, "dyetrace_ledger_leaves_total"), "a retry adds no leaf")
		assert.NotEqual(t, "0", p.metric(t, "dyetrace_ledger_known_total"))
		other := p.ask(t, carol, chatPath, body, "Idempotency-Key", "k1")
		assert.NotEqual(t, first.Choices[0].said(), other.Choices[0].said(), "another account's key is another")
	}
}

// A trusted caller goes without canaries and without the mark, nobody else does.
func TestOptOut(t *testing.T) {
	p, book := startPlanting(t)
	body := M{"model": testName, "messages": user(question), "max_tokens": 40, "seed": 1}
	off := []string{headerName, "off", markName, "off"}
	resp, _ := p.post(t, admin, chatPath, body, off...)
	assert.Equal(t, "plain;reason=opt-out", resp.Header.Get(headerName))
	assert.Equal(t, "0", p.metric(t, "dyetrace_engine_marked_tokens_total"))
	assert.Equal(t, "0", p.metric(t, "dyetrace_ledger_leaves_total"))
	plain := p.ask(t, admin, chatPath, body, headerName, "off").Choices[0].said()
	assert.NotEqual(t, "0", p.metric(t, "dyetrace_engine_marked_tokens_total"))
	assert.Equal(t, "0", p.metric(t, "dyetrace_ledger_leaves_total"))
	planted := p.ask(t, carol, chatPath, body, off...).Choices[0].said() // of admin's cohort, and of its marks
	assert.Equal(t, "2", p.metric(t, "dyetrace_opt_outs_refused_total"))
	assert.NotEqual(t, plain, planted)
	body["stream"] = true
	resp, _ = p.post(t, carol, chatPath, body)
	assert.Equal(t, "stream", resp.Header.Get(headerName))
	assert.Contains(t, resp.Trailer.Get(trailerName), "planted;units=")
	// What differs is what was planted.
	uses, err := book.Occurrences(canary.Request{Prompt: question}, plain)
	require.NoError(t, err)
	assert.NotEmpty(t, uses)
}

// The answers of the real model are found from their text alone, each by its layers,
// and not by the marks of others.
func TestDetected(t *testing.T) {
	p := theServer(t)
	dir, tok := written(t)
	var mu sync.Mutex
	texts := map[string][]string{}
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			key := []string{alice, carol}[i%2]
			topics := []string{"rivers", "bread", "a lighthouse", "winter", "trains", "an old map", "bees", "the moon"}
			a := p.ask(t, key, chatPath, M{"model": testName, "messages": user("Write a long story about " + topics[i/2] + "."), "max_tokens": 200, "temperature": 1, "logit_bias": M{"0": -100, "2": -100}})
			mu.Lock()
			defer mu.Unlock()
			texts[key] = append(texts[key], a.Choices[0].said())
		})
	}
	clients.Wait()
	open := func(name string) *watermark.Watermark {
		spec, err := os.ReadFile(filepath.Join(dir, name+".mark.json"))
		require.NoError(t, err)
		secret, err := os.ReadFile(filepath.Join(dir, name+".secret.json"))
		require.NoError(t, err)
		w, _, err := marks.Open(spec, secret)
		require.NoError(t, err)
		return w
	}
	found, long := 0, 0
	for _, text := range append(texts[alice], texts[carol]...) {
		if len(tok.Encode(text)) < 190 {
			continue
		}
		long++
		if p := logP(t, open("vendor"), tok, text); p < -13.8 { // 1e-6
			found++
		}
	}
	assert.GreaterOrEqual(t, long, 6)
	assert.GreaterOrEqual(t, 20*found, 19*long-19, "%d of %d answers of 200 tokens at p < 1e-6", found, long)
	for name, want := range map[string][2]bool{"vendor": {true, true}, "epoch-2026-11": {true, true}, "cohort-2026-11-blue": {true, false}, "cohort-2026-11--": {false, true}} {
		for i, key := range []string{alice, carol} {
			p := logP(t, open(name), tok, texts[key]...)
			t.Logf("%-20s %s: %d answers, ln p = %.1f", name, key, len(texts[key]), p)
			if want[i] {
				assert.Less(t, p, -20.0, "%s of %s", name, key)
			} else {
				assert.Greater(t, p, -13.8, "%s of %s", name, key) // a false alarm at 1e-6
			}
		}
	}
	t.Logf("%d of %d answers of 200 tokens at p < 1e-6 by the vendor's layer alone", found, long)
}

func logP(t testing.TB, w *watermark.Watermark, tok *tokenizer.Tokenizer, texts ...string) float64 {
	t.Helper()
	d := w.NewDetector()
	for _, text := range texts {
		require.NoError(t, d.Add(watermark.Text{Tokens: tok.Encode(text)}))
	}
	return d.Result().LogP
}

// A client that hangs up in the middle frees its sequence, and the ledger has the
// hash of what it was sent.
func TestHangUp(t *testing.T) {
	p, _ := startPlanting(t)
	ctx, hangUp := context.WithCancel(t.Context())
	body := strings.NewReader(`{"model":"smollm2","stream":true,"max_tokens":900,"logit_bias":{"0":-100,"2":-100},"messages":[{"role":"user","content":"` + question + `"}]}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+chatPath, body)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+alice)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	got := ""
	buf := make([]byte, 4096)
	planted := func() bool {
		_, metrics := p.get(t, admin, "/metrics")
		return strings.Contains(metrics, "\ndyetrace_units_planted_total{")
	}
	for strings.Count(got, "data: ") < 30 || !planted() {
		n, err := resp.Body.Read(buf)
		require.NoError(t, err)
		got += string(buf[:n])
	}
	assert.Equal(t, "1", p.metric(t, "dyetrace_engine_running"))
	hangUp()
	p.eventually(t, "dyetrace_engine_running", "0")
	p.eventually(t, "dyetrace_clients_gone_total", "1")
	require.NoError(t, p.end(), p.log)
	_, ledgered, names := verified(t, p)
	account, err := names.Account(hashOf(alice))
	require.NoError(t, err)
	units, outputs := recorded(t, ledgered, account)
	assert.NotEmpty(t, units)
	assert.NotEmpty(t, outputs)
}
