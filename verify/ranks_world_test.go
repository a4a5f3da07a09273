package verify_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// loadBytes is a tokenizer of which every byte is a token.
func loadBytes(want verify.TokenizerID, _ []byte) (verify.Tokenizer, error) {
	return verify.Tokenizer{
		TokenizerID: verify.TokenizerID{Name: want.Name, Digest: sha256.Sum256([]byte("bytes\n"))},
		Encode: func(s string) []token {
			out := make([]token, len(s))
			for i := range out {
				out[i] = token(s[i])
			}
			return out
		},
	}, nil
}

// twinsText is a book of n twins with so many candidates each, and more lines.
func twinsText(n, candidates int, more string) string {
	var b strings.Builder
	b.WriteString("dyetrace canary book/1\nname twins\nparser prose/1\nmode tilt 0.5\nclassifier none\nbucket none\n" + more)
	birds := []string{"heron", "crane", "stork", "egret", "ibis", "rail", "coot", "grebe"}
	for i := range n {
		fmt.Fprintf(&b, "twins note%d\n", i)
		for c := range candidates {
			fmt.Fprintf(&b, "form At pond %d the %s waits.\n", i, birds[c])
		}
	}
	return b.String()
}

// briefTwins is a book of twins of three letters each, of which a run takes little time.
func briefTwins(n, candidates int) string {
	lines := strings.Split(twinsText(n, candidates, vendorTree), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "form ") {
			lines[i] = fmt.Sprintf("form x%c%c", 'a'+i%26, 'a'+i/26)
		}
	}
	return strings.Join(lines, "\n")
}

const vendorTree = "tree vendor 1\n"

func readBook(t testing.TB, text string) *canary.Book {
	book, err := canary.Read(strings.NewReader(text), "twins.txt")
	require.NoError(t, err)
	return book
}

// A ngram is a language model of bytes: what follows ten of them in the texts that it
// was trained on, smoothed. The last count is the sum.
type ngram struct {
	count map[string]*[257]float64
}

const ngramWidth = 10

func train(texts ...string) *ngram {
	m := &ngram{map[string]*[257]float64{}}
	for _, x := range texts {
		for i := ngramWidth; i < len(x); i++ {
			k := x[i-ngramWidth : i]
			if m.count[k] == nil {
				m.count[k] = new([257]float64)
			}
			m.count[k][x[i]]++
			m.count[k][256]++
		}
	}
	return m
}

// logP is ln p of a byte after those before it.
func (m *ngram) logP(before []token, next token) float64 {
	row := new([257]float64)
	if n := len(before); n >= ngramWidth {
		var k [ngramWidth]byte
		for i, t := range before[n-ngramWidth:] {
			k[i] = byte(t)
		}
		if r := m.count[string(k[:])]; r != nil {
			row = r
		}
	}
	return math.Log((row[next] + 0.001) / (row[256] + 0.256))
}

func (m *ngram) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	out := collect.Predictions{Model: "ngram"}
	for i := q.Begin; i < q.End; i++ {
		before := slices.Concat(q.Passage.Prompt, q.Passage.Tokens[:i])
		own := m.logP(before, q.Passage.Tokens[i])
		out.At = append(out.At, collect.Prediction{Argmax: collect.NoToken, Sample: collect.NoToken, Own: &own})
	}
	return out, nil
}

// A twinsCase is a case of Rank alone, whose suspect is still to be asked.
type twinsCase struct {
	*trialCase
	holder canary.TreeKey
}

var twinsPrompts = []string{"Note {item}: ", "We read under {item} that ", "{item} says: "}

// newTwins returns a case of a book under key i.
func newTwins(t testing.TB, book *canary.Book, i uint64, prompts ...string) *twinsCase {
	c := &twinsCase{trialCase: &trialCase{}}
	c.Book = book
	var err error
	c.Tokenizer, err = loadBytes(verify.TokenizerID{Name: "bytes"}, nil)
	require.NoError(t, err)
	c.Frames.Twins, err = verify.TwinsFrame(book, prompts, c.Tokenizer.Encode)
	require.NoError(t, err)
	size := c.Frames.Twins.Len()
	c.Plan = &verify.Plan{
		Suspect: "s", Sequence: 1, Alpha: 1e-3, Tests: []verify.Test{{Name: verify.Rank}}, Tokenizer: c.Tokenizer.TokenizerID,
		Book:  verify.BookPlan{Name: book.Name(), Hash: book.Hash()},
		Nonce: verify.Nonce{Value: collect.Digest{9}, Source: "a beacon"},
		Twins: verify.TwinsPlan{Frame: verify.FramePlan{Digest: c.Frames.Twins.Digest(), Size: size, Ask: size / len(prompts), Logged: "a log"}, Prompts: prompts},
	}
	c.hold(t, "vendor", canary.Holder("vendor", newKey(t, i)))
	return c
}

// hold adds the key of a tree.
func (c *twinsCase) hold(t testing.TB, name string, holder canary.TreeKey) {
	nonce := [32]byte{0x55, byte(len(c.Plan.Keys))}
	k, err := verify.CommitTree(name, c.Book, holder, nonce)
	require.NoError(t, err)
	c.Plan.Keys = append(c.Plan.Keys, k)
	c.Case.Keys = append(c.Case.Keys, verify.Opened{Name: name, Key: holder.Option, Nonce: nonce})
	c.holder = holder
}

// served is what a service wrote under the holder's key: each planted candidate.
func (c *twinsCase) served(t testing.TB) []string {
	choices, err := c.Book.Choose(c.holder)
	require.NoError(t, err)
	var out []string
	for _, item := range c.Book.Items() {
		if !item.Twins || item.Unit().Tree != c.holder.Tree {
			continue
		}
		p, err := choices.Pick(item.Name)
		require.NoError(t, err)
		out = append(out, "We note: "+p.Text+" That is all.")
	}
	return out
}

// common is what every model here was trained on: all candidates alike.
func common(book *canary.Book) []string {
	var out []string
	for _, item := range book.Items() {
		out = append(out, item.Options...)
	}
	return out
}

// say writes a transcript without a model: said gives ln p of a candidate, NaN for one of
// whose first token the model says nothing, or no answer.
func (c *twinsCase) say(t testing.TB, suspect string, said func(item, candidate int) (float64, bool)) (*collect.Transcript, collect.Seal) {
	task, err := c.Plan.Task(c.Frames)
	require.NoError(t, err)
	out := &collect.Transcript{Plan: task.Plan, Suspect: suspect, Want: task.Want}
	n := 0
	for i, item := range c.Book.Items() {
		for o := range item.Options {
			p := task.Passages[n]
			d, err := p.Digest()
			require.NoError(t, err)
			e := collect.ReadingExchange{N: n, Passage: n, End: len(p.Tokens), Question: d, Status: collect.Failed, Error: "no", Asked: 1}
			if x, ok := said(i, o); ok {
				e.Status, e.Error = collect.Complete, ""
				for k := range p.Tokens {
					y := x / float64(len(p.Tokens))
					at := collect.Prediction{Argmax: collect.NoToken, Sample: collect.NoToken, Own: &y}
					if math.IsNaN(x) {
						if y = -0.01; k == 0 {
							at.Own = nil
						}
					}
					e.Predictions = append(e.Predictions, at)
				}
			}
			out.Readings = append(out.Readings, e)
			n++
		}
	}
	seal, err := out.Seal()
	require.NoError(t, err)
	return out, seal
}

// rejudge judges what was collected; sealed as it is.
func (c *twinsCase) rejudge(t testing.TB) *verify.Report {
	r, err := verify.Judge(context.Background(), c.Case)
	require.NoError(t, err)
	return r
}

// ask collects from a local model.
func (c *twinsCase) ask(t testing.TB, m collect.Predictor) {
	c.Transcript, c.Seal = c.collect(t, collect.Suspect{Name: "s", TopLogProbs: m})
}

// enclosed bundles the case.
func (c *twinsCase) enclosed(t testing.TB) *verify.Bundle {
	x := verify.Enclosures{Software: verify.Software{Module: "m v1", Go: "go1"}, Tokenizer: []byte("bytes\n"),
		Ledger: []verify.LedgerPart{{Name: "toy", Data: fmt.Appendf(nil, "%v entry 3\n", c.Plan.Twins.Frame.Digest)}}}
	for _, k := range c.Case.Keys {
		secret, err := marks.KeySecret(k.Key, keys.Key{}).Reveal()
		require.NoError(t, err)
		x.Keys = append(x.Keys, verify.Reveal(k.Name, nil, secret))
	}
	b, err := verify.NewBundle(c.Case, c.rejudge(t), x)
	require.NoError(t, err)
	return b
}

// twinsRecompute makes the figures of these cases again.
var twinsRecompute = verify.Recompute{Mark: marks.Open, Tokenizer: loadBytes, Ledger: readLog}

// noise says something of every candidate that no key knows.
func noise(rng *rand.Rand) func(int, int) (float64, bool) {
	return func(int, int) (float64, bool) { return -20 * rng.Float64(), true }
}
