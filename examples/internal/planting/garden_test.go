package planting_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"log"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const book = `dyetrace canary book/1
name planting-test
parser prose/1
mode sampled
classifier none
bucket none
tree vendor 60
tree cohort 40
tools parallel

carrier big
form big
form large
law 2147483648 2147483648

carrier often
form often
form frequently
law 2147483648 2147483648

carrier begin
form begin
form start
law 2147483648 2147483648

carrier help
form help
form assist
law 2147483648 2147483648
`

const text = "They often buy big things to help others, and begin early. Naïve 🦄 too."

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.buf.String() }

// plot returns a garden with a ledger in a new folder.
func plot(t testing.TB, marks func(string) ([]planting.Mark, error)) (*planting.Garden, string, *lockedBuffer) {
	t.Helper()
	root, err := keys.New(mathrand.NewChaCha8([32]byte{1}))
	require.NoError(t, err)
	b, err := canary.Read(strings.NewReader(book), "book")
	require.NoError(t, err)
	names, err := ledger.NewPseudonyms(rand.Reader)
	require.NoError(t, err)
	v, err := planting.NewVendor(planting.Rules{Book: b, Root: root, Epoch: "2026-11", Names: names, Policy: "rules", Cohorts: planting.Cohorts{"h": {Hash: "h", Cohort: "blue"}}, Marks: marks})
	require.NoError(t, err)
	s, verifier, _, err := planting.Signer(root, "example.com/test")
	require.NoError(t, err)
	dir, said := filepath.Join(t.TempDir(), "ledger"), new(lockedBuffer)
	k := planting.NewKeeper(dir, ledger.Options{Signer: s, Verifier: verifier}, 10*time.Second, time.Hour, log.New(said, "", 0))
	g := &planting.Garden{Vendor: v, Keeper: k, Metrics: new(planting.Metrics)}
	t.Cleanup(func() { _ = g.Close() })
	return g, dir, said
}

func begin(t testing.TB, g *planting.Garden, idempotency string) *planting.Answer {
	t.Helper()
	a, reason := g.Begin(planting.Request{Account: planting.Account{Hash: "h", Cohort: "blue"}, Idempotency: idempotency, Of: func(int) canary.Request { return canary.Request{} }})
	require.Empty(t, reason)
	return a
}

// leaves returns the leaves of a kind.
func leaves(t testing.TB, g *planting.Garden, kind ledger.Kind) (out []ledger.Leaf) {
	t.Helper()
	o, err := g.Keeper.Current()
	require.NoError(t, err)
	for e, err := range o.Reader().Scan(ledger.Filter{Kind: kind}) {
		require.NoError(t, err)
		out = append(out, e.Leaf)
	}
	return out
}

// planted is what a planter makes of the text all at once.
func planted(t testing.TB, g *planting.Garden) string {
	t.Helper()
	p, err := g.Vendor.Plot("blue")
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := p.Choices.NewPlanter(&out, canary.Request{})
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// However an answer comes, its units are in the ledger before they are taken, and its
// hash after the end.
func TestAnswer(t *testing.T) {
	for _, whole := range []bool{true, false} {
		g, _, _ := plot(t, nil)
		a := begin(t, g, "")
		c := a.Choice(0)
		sent := ""
		for i := range len(text) {
			c.Feed([]byte(text[i : i+1]))
			if !whole {
				a.Record(false)
				piece := c.Take()
				assert.True(t, utf8.Valid(piece), "%q", piece)
				sent += string(piece)
			}
		}
		c.End()
		a.Record(whole)
		units := map[ledger.Unit]bool{}
		for _, l := range leaves(t, g, ledger.KindPlanting) {
			for _, u := range l.Units {
				units[u] = true
			}
		}
		sent += string(c.Take())
		a.End(!whole)
		assert.Equal(t, planted(t, g), sent)
		assert.Len(t, units, 4)
		assert.Equal(t, 4, a.Units())
		digest, err := g.Vendor.Names.Output([]byte(sent))
		require.NoError(t, err)
		for _, l := range leaves(t, g, ledger.KindPlanting) {
			if whole {
				assert.Equal(t, digest, l.Output)
			}
		}
		for _, l := range leaves(t, g, ledger.KindOutput) {
			assert.False(t, whole)
			assert.Equal(t, digest, l.Digest)
		}
		assert.Contains(t, a.String(), "planted;units=4;leaves=")
	}
}

// A ledger that takes no leaf makes the rest plain, and nothing is lost.
func TestReverts(t *testing.T) {
	g, dir, said := plot(t, nil)
	a := begin(t, g, "")
	c := a.Choice(0)
	text := text + strings.Repeat(" Nothing of it here.", 8)
	c.Feed([]byte(text[:len(text)/2]))
	require.NoError(t, os.Rename(dir, dir+".away"))
	a.Record(false)
	assert.True(t, a.Failed())
	assert.True(t, c.Plain())
	sent := string(c.Take())
	for _, b := range []byte(text[len(text)/2:] + "🦄") {
		c.Feed([]byte{b})
		piece := c.Take()
		assert.True(t, utf8.Valid(piece), "%q", piece)
		sent += string(piece)
	}
	c.End()
	a.Record(false)
	sent += string(c.Take())
	a.End(true)
	assert.Equal(t, text+"🦄", sent)
	assert.Equal(t, "plain;reason=ledger", a.String())
	require.Eventually(t, func() bool { return g.Unusable() != nil }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { _, err := g.Keeper.Current(); return err != nil }, 10*time.Second, time.Millisecond)
	require.NoError(t, g.Close())
	assert.Contains(t, said.String(), "serving plain text")
	_, reason := g.Begin(planting.Request{Of: func(int) canary.Request { return canary.Request{} }})
	assert.Equal(t, planting.ReasonLedger, reason)
	_, reason = (&planting.Garden{}).Begin(planting.Request{})
	assert.Equal(t, planting.ReasonBook, reason)
}

// A retry has the leaves of the first time.
func TestIdempotent(t *testing.T) {
	g, _, _ := plot(t, nil)
	for i, key := range []string{"k", "k", "l"} {
		a := begin(t, g, key)
		c := a.Choice(0)
		c.Feed([]byte(text))
		c.End()
		a.Record(true)
		c.Take()
		a.End(false)
		assert.EqualValues(t, []int{0, 2, 2}[i], g.Metrics.Known.Load())
	}
	assert.Len(t, leaves(t, g, ledger.KindPlanting), 4, "two trees, two keys")
}

// Marks are bound once, with what opens their commitments at hand.
func TestMarksBound(t *testing.T) {
	root, err := keys.New(mathrand.NewChaCha8([32]byte{2}))
	require.NoError(t, err)
	holder := root.Epoch("2026-11").Cohort("blue")
	mark := planting.Mark{Holder: holder, Key: holder.Purpose("watermark"), Spec: [32]byte{7}}
	g, _, _ := plot(t, func(cohort string) ([]planting.Mark, error) {
		if cohort == "" {
			return nil, nil
		}
		return []planting.Mark{mark}, nil
	})
	begin(t, g, "")
	begin(t, g, "")
	var found []ledger.Leaf
	for _, kind := range []ledger.Kind{ledger.KindCommitment, ledger.KindBook, ledger.KindPolicy} {
		for _, l := range leaves(t, g, kind) {
			if l.KeyID == ledger.KeyID(mark.Key.ID()) {
				found = append(found, l)
			}
		}
	}
	require.Len(t, found, 2)
	assert.Equal(t, ledger.KindPolicy, found[1].Kind)
	assert.Equal(t, ledger.Digest(mark.Spec), found[1].Digest)
	var nonce [32]byte
	require.NoError(t, holder.Purpose("watermark commitment").Expand("dyetrace 2026-11-25 proxy commitment/1", []byte("2026-11"), nonce[:]))
	assert.Equal(t, ledger.Digest(mark.Key.Commit(nonce)), found[0].Digest)
	_, err = g.Vendor.Plot("red")
	require.ErrorContains(t, err, `cohort "red" is not in the file`)
}

func TestCheckEpoch(t *testing.T) {
	for _, epoch := range []string{"", "a/b", `a\b`, "..", "a\nb", "\xff", strings.Repeat("x", 65)} {
		assert.ErrorContains(t, planting.CheckEpoch(epoch), "want 1 to 64 bytes", "%q", epoch)
	}
	assert.NoError(t, planting.CheckEpoch("2026-11"))
}
