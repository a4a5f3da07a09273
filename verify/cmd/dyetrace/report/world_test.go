package report_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/cmd/dyetrace/report"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A byte is a token.
func encode(text string) []watermark.Token {
	out := make([]watermark.Token, len(text))
	for i := range text {
		out[i] = watermark.Token(text[i])
	}
	return out
}

func ends(text string) []int {
	out := make([]int, len(text))
	for i := range out {
		out[i] = i + 1
	}
	return out
}

var bytesID = verify.TokenizerID{Name: "bytes", Digest: sha256.Sum256([]byte("bytes"))}

func recompute() verify.Recompute {
	return verify.Recompute{Mark: marks.Open, Tokenizer: func(verify.TokenizerID, []byte) (verify.Tokenizer, error) {
		return verify.Tokenizer{TokenizerID: bytesID, Encode: encode}, nil
	}}
}

// newKey returns key i of a stream that is fixed.
func newKey(t testing.TB, i uint64) keys.Key {
	var seed [32]byte
	seed[0] = byte(i)
	k, err := keys.New(rand.NewChaCha8(seed))
	require.NoError(t, err)
	return k
}

// writes returns letters as a mark, or nobody, prefers them.
func writes(t testing.TB, mark *watermark.Watermark, share float64, n int, rng *rand.Rand) string {
	session, err := mark.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(rng.Uint64())})
	require.NoError(t, err)
	const letters = " abcdefghijklmnopqrstuvwxyz"
	ids := encode(letters)
	logits := make([]float32, len(ids))
	var b strings.Builder
	for range n {
		at := ids[rng.IntN(len(ids))]
		if rng.Float64() < share {
			at, err = session.Sample(ids, logits)
			require.NoError(t, err)
		}
		require.NoError(t, session.Accept(at))
		b.WriteByte(byte(at))
	}
	return b.String()
}

const carriers = 40

// book has carriers of two made-up words each.
func book(t testing.TB) *canary.Book {
	var b strings.Builder
	b.WriteString("dyetrace canary book/1\nname small\nparser prose/1\nmode tilt 0.9\nclassifier none\nbucket none\ntree vendor 1\n")
	for i := range carriers {
		fmt.Fprintf(&b, "carrier c%d\nform %s\nform %s\n", i, wordOf(i, 0), wordOf(i, 1))
	}
	out, err := canary.Read(strings.NewReader(b.String()), "small.txt")
	require.NoError(t, err)
	return out
}

func wordOf(i, form int) string {
	return string([]byte{'k', "aeiou"[i%5], 'l', "aeiou"[i/5%5], 'm', "aeiou"[i/25%5], "bd"[form], 'o'})
}

// A world is what a case of these tests is made of.
type world struct {
	suspect string
	key     string  // name of the key under which the suspect's answers are marked
	share   float64 // of the suspect's letters that the mark chose, and by how much it leans to the key's forms
	more    string  // at the end of each answer
	scheme  watermark.Scheme
	change  func(*verify.Case, *verify.Enclosures)
}

// bundle plays the whole protocol.
func (w world) bundle(t testing.TB) *verify.Bundle {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 7))
	if w.scheme == nil {
		w.scheme = watermark.Gumbel{}
	}
	key, spare, holder := newKey(t, 1), newKey(t, 2), canary.Holder("vendor", newKey(t, 3))
	text := book(t)
	option := make(map[string]int)
	for _, u := range text.Units() {
		var err error
		option[u.Carrier], err = text.Option(holder.Option, u)
		require.NoError(t, err)
	}
	var c verify.Case
	var x verify.Enclosures
	nonce := [32]byte{7}
	plan := &verify.Plan{Suspect: w.suspect, Sequence: 1, Alpha: 1e-3, Decoys: 1000, Tokenizer: bytesID, Controls: []string{"older"},
		Nonce: verify.Nonce{Value: collect.Digest{9}, Source: "a beacon"}, Tests: []verify.Test{{Name: verify.G1, First: 1500}, {Name: verify.Cells}},
		Book: verify.BookPlan{Name: text.Name(), Hash: text.Hash(), Baseline: "older"}}
	for i, k := range []keys.Key{key, spare} {
		native := marks.Native{Key: k, Scheme: w.scheme, Width: 2}
		mark, err := watermark.New(k, native.Scheme, watermark.Options{Width: native.Width})
		require.NoError(t, err)
		o := verify.Opened{Name: []string{w.key, "spare"}[i], Mark: mark, Key: k, Nonce: nonce}
		p, err := verify.Commit(o.Name, mark, k, nonce)
		require.NoError(t, err)
		p.HeldOut = i == 1
		plan.Keys, c.Keys = append(plan.Keys, p), append(c.Keys, o)
		spec, err := marks.Of(native)
		require.NoError(t, err)
		line, err := spec.Encode()
		require.NoError(t, err)
		secret, err := native.Secret().Reveal()
		require.NoError(t, err)
		x.Keys = append(x.Keys, verify.Reveal(o.Name, line, secret))
	}
	p, err := verify.CommitTree("canaries", text, holder, nonce)
	require.NoError(t, err)
	secret, err := marks.KeySecret(holder.Option, keys.Key{}).Reveal()
	require.NoError(t, err)
	plan.Keys, c.Keys = append(plan.Keys, p), append(c.Keys, verify.Opened{Name: "canaries", Key: holder.Option, Nonce: nonce})
	plan.Products = []verify.Product{{Name: "all", Parts: []verify.Part{{Key: w.key, Test: verify.G1}, {Key: "canaries", Test: verify.Cells}}}}
	x.Keys = append(x.Keys, verify.Reveal("canaries", nil, secret))
	x.Software = verify.Software{Module: "github.com/dyetrace/dyetrace v1.2.3", Go: "go1.26 linux/amd64"}

	var asked []string
	for i := range 30 {
		asked = append(asked, fmt.Sprintf("Tell me of number %d.", i))
	}
	c.Plan, c.Book = plan, text
	c.Tokenizer = verify.Tokenizer{TokenizerID: bytesID, Encode: encode}
	c.Frames.Prompts, err = collect.NewFrame(asked)
	require.NoError(t, err)
	plan.Frame = verify.FramePlan{Digest: c.Frames.Prompts.Digest(), Size: 30, Ask: 25, Logged: "a public log, entry 4711"}
	if w.change != nil {
		w.change(&c, &x)
	}
	answer := func(share float64) string {
		var words []string
		for i := range carriers {
			if rng.Float64() < 0.4 {
				continue
			}
			form := rng.IntN(2)
			if rng.Float64() < share {
				form = option[fmt.Sprintf("c%d", i)]
			}
			words = append(words, "there", wordOf(i, form), "was")
		}
		return writes(t, c.Keys[0].Mark, share, 100, rng) + "\n\n" + strings.Join(append(words, "then."), " ") + w.more
	}
	said := func(suspect string, share float64) (*collect.Transcript, collect.Seal) {
		digest, err := plan.Digest()
		require.NoError(t, err)
		task, err := plan.Task(c.Frames)
		require.NoError(t, err)
		out := &collect.Transcript{Plan: digest, Suspect: suspect}
		for i, q := range task.Prompts {
			out.Prompts = append(out.Prompts, collect.Exchange{Stage: collect.Prompts, N: i, Question: q, Status: collect.Complete, Text: answer(share),
				Model: "model of " + suspect, Asked: 1, First: 1_800_000_000_000 + int64(i), Last: 1_800_000_060_000 + int64(i)})
		}
		seal, err := out.Seal()
		require.NoError(t, err)
		return out, seal
	}
	c.Transcript, c.Seal = said(w.suspect, w.share)
	older, seal := said("older", 0)
	c.Controls = []verify.Control{{Transcript: older, Seal: seal}}
	r, err := verify.Judge(context.Background(), c)
	require.NoError(t, err)
	b, err := verify.NewBundle(c, r, x)
	require.NoError(t, err)
	return b
}

// source reads a bundle as the command does.
func source(t testing.TB, b *verify.Bundle) report.Source {
	s, err := report.FromBundle(context.Background(), b, recompute())
	require.NoError(t, err)
	s.Name, s.Ends, s.Texts = "bundle.dyetrace", ends, 2
	return s
}

// written returns a page.
func written(t testing.TB, s report.Source) string {
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, s))
	return b.String()
}

var once sync.Once
var shared *verify.Bundle

// student returns the bundle of one that learnt from marked answers: the same for all.
func student(t testing.TB) *verify.Bundle {
	once.Do(func() { shared = world{suspect: "student", key: "vendor", share: 0.5}.bundle(t) })
	return shared
}
