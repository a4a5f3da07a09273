package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// charactersFile defines a tokenizer: one character a token, from the one that it
// names on.
const charactersFile = "characters from 4e00\n"

// loadCharacters reads such a file, or has one itself.
func loadCharacters(want verify.TokenizerID, data []byte) (verify.Tokenizer, error) {
	if data == nil {
		data = []byte(charactersFile)
	}
	var first rune
	if n, err := fmt.Sscanf(string(data), "characters from %x\n", &first); n != 1 || err != nil {
		return verify.Tokenizer{}, fmt.Errorf("no file of characters: %v", err)
	}
	return verify.Tokenizer{
		TokenizerID: verify.TokenizerID{Name: want.Name, Digest: sha256.Sum256(data)},
		Encode: func(s string) (out []token) {
			for _, r := range s {
				out = append(out, max(0, r-first))
			}
			return out
		},
	}, nil
}

// recompute is what makes everything of these tests again.
var recompute = verify.Recompute{Mark: marks.Open, Tokenizer: loadCharacters, Ledger: readLog}

// readLog checks a toy ledger: one line of a digest and where it was logged each.
func readLog(part verify.LedgerPart, _ []verify.Claim) (proof verify.LedgerProof, err error) {
	for line := range strings.Lines(string(part.Data)) {
		text, where, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		d, err := collect.ParseDigest(text)
		if err != nil || !ok {
			return proof, fmt.Errorf("log %s: %w", part.Name, err)
		}
		proof.Anchors = append(proof.Anchors, verify.Anchor{Digest: d, Where: where})
	}
	proof.Checks = append(proof.Checks, verify.Check{Name: "entries", Result: verify.Passed, Detail: fmt.Sprint(len(proof.Anchors))})
	return proof, nil
}

// reveal returns what makes a native mark again; the layout key is that of layers.
func reveal(t testing.TB, o verify.Opened, layout keys.Key) verify.RevealedKey {
	native := marks.Native{Key: o.Key, Scheme: o.Mark.Scheme(), Width: o.Mark.Rules().Width}
	if part, ok := o.Mark.Part(); ok {
		native.Layout, native.Part = layout, part
	}
	spec, err := marks.Of(native)
	require.NoError(t, err)
	line, err := spec.Encode()
	require.NoError(t, err)
	secret, err := native.Secret().Reveal()
	require.NoError(t, err)
	return verify.Reveal(o.Name, line, secret)
}

// A bundled is a case with what its bundle holds beside it.
type bundled struct {
	*trialCase
	report *verify.Report
	verify.Enclosures
}

// enclose judges a case and reveals its keys.
func enclose(t testing.TB, c *trialCase, layout keys.Key) *bundled {
	b := &bundled{trialCase: c, report: c.judge(t)}
	b.Software = verify.Software{Module: "m v1", Go: "go1"}
	for _, o := range c.Keys {
		b.Enclosures.Keys = append(b.Enclosures.Keys, reveal(t, o, layout))
	}
	if c.Plan.Tokenizer != (verify.TokenizerID{}) {
		b.Enclosures.Tokenizer = []byte(charactersFile)
	}
	return b
}

func (b *bundled) bundle(t testing.TB) *verify.Bundle {
	out, err := verify.NewBundle(b.Case, b.report, b.Enclosures)
	require.NoError(t, err)
	return out
}

func file(t testing.TB, b *verify.Bundle) []byte {
	var w bytes.Buffer
	n, err := b.WriteTo(&w)
	require.NoError(t, err)
	require.Equal(t, int64(w.Len()), n)
	return w.Bytes()
}

// withCharacters makes the plan's tokenizer the one of charactersFile.
func (c *trialCase) withCharacters(t testing.TB) {
	var err error
	c.Tokenizer, err = loadCharacters(verify.TokenizerID{Name: "characters"}, nil)
	require.NoError(t, err)
	c.Plan.Tokenizer = c.Tokenizer.TokenizerID
}

// textCase is a case of texts, layers, served answers, a probe and a product, with a
// toy ledger.
func textCase(t testing.TB, decoys int) *bundled {
	c := twoLayers(t, 0.4, decoys)
	c.withCharacters(t)
	c.Plan.Probes = []string{"2+2?"}
	for _, s := range []collect.Stage{collect.Start, collect.Middle, collect.End} {
		c.Transcript.Probes = append(c.Transcript.Probes, collect.Exchange{Stage: s, Question: "2+2?", Status: collect.Complete, Text: "4", Asked: 1})
	}
	c.Plan.Products = []verify.Product{{Name: "release", Parts: verify.Across(verify.G1, "vendor", "epoch")}}
	b := enclose(t, c, newKey(t, 4))
	b.Ledger = []verify.LedgerPart{{Name: "toy", Data: fmt.Appendf(nil, "%v entry 1\n%v entry 2\n", b.Plan.Frame.Digest, b.Seal.Digest)}}
	return b
}

// smallCase is a case of a few short answers without decoys.
func smallCase(t testing.TB) *bundled {
	c := newCase(t, []string{text(1, 2, 3, 4, 5, 6), text(9, 8, 7, 6)}, nil)
	c.withCharacters(t)
	key := newKey(t, 1)
	c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 2), key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.G2, First: 4}}
	c.serve([]token{1, 2, 3, 4, 5})
	b := enclose(t, c, keys.Key{})
	b.Ledger = []verify.LedgerPart{{Name: "toy", Data: fmt.Appendf(nil, "%v entry 1\n", b.Plan.Frame.Digest)}}
	b.Objections = []verify.Objection{{By: "s", Text: "We wrote this ourselves."}}
	return b
}

// canaryCase is a case of canaries beside a watermark.
func canaryCase(t testing.TB, open bool) *bundled {
	book, err := canary.English()
	require.NoError(t, err)
	prompts := []string{"Tell me about rivers.", "Explain tides.", "What is rain?"}
	c := newCase(t, []string{"For example, rain falls. Additionally, it is wet.", "For instance, the moon. Nevertheless, we know.", "In addition, it helps."}, prompts)
	c.withCharacters(t)
	key, holder := newKey(t, 1), canary.Holder("vendor", newKey(t, 20))
	tree := holder.Option
	c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 2), key)
	nonce := [32]byte{0x77}
	k, err := verify.CommitTree("tree", book, holder, nonce)
	require.NoError(t, err)
	c.Book = book
	c.Plan.Keys = append(c.Plan.Keys, k)
	c.Plan.Book = verify.BookPlan{Name: book.Name(), Hash: book.Hash()}
	c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.Cells}}
	if open {
		c.Case.Keys = append(c.Case.Keys, verify.Opened{Name: "tree", Key: tree, Nonce: nonce})
	}
	b := &bundled{trialCase: c, report: c.judge(t)}
	b.Software = verify.Software{Module: "m v1", Go: "go1"}
	b.Enclosures.Tokenizer = []byte(charactersFile)
	b.Enclosures.Keys = []verify.RevealedKey{reveal(t, c.Case.Keys[0], keys.Key{})}
	if open {
		secret, err := marks.KeySecret(tree, keys.Key{}).Reveal()
		require.NoError(t, err)
		b.Enclosures.Keys = append(b.Enclosures.Keys, verify.Reveal("tree", nil, secret))
	}
	return b
}

// A reader predicts like the model of row, with a bias for what a mark prefers.
type reader struct {
	marks map[string]*watermark.Watermark // by the passage's key
	bias  float64
}

// at returns the candidates at a position with ln p.
func (r reader) at(p *collect.Passage, i int) (ids []token, logP []float64) {
	before := slices.Concat(p.Prompt, p.Tokens[:i])
	ids, logits := row(before[len(before)-1])
	logP = make([]float64, len(ids))
	scores := make([]float64, len(ids))
	if r.bias > 0 && len(before) >= 2 {
		r.marks[p.Key].Scores(before[len(before)-2:], ids, scores)
	}
	sum := 0.0
	for k := range ids {
		logP[k] = float64(logits[k]) + r.bias*scores[k]
		sum += math.Exp(logP[k])
	}
	for k := range logP {
		logP[k] -= math.Log(sum)
	}
	return ids, logP
}

func (r reader) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	var out collect.Predictions
	for i := q.Begin; i < q.End; i++ {
		ids, logP := r.at(q.Passage, i)
		order := make([]int, len(ids))
		for k := range order {
			order[k] = k
		}
		slices.SortFunc(order, func(a, b int) int {
			switch {
			case logP[a] > logP[b]:
				return -1
			case logP[a] < logP[b]:
				return 1
			}
			return int(ids[a] - ids[b])
		})
		at := collect.Prediction{Argmax: ids[order[0]], Sample: collect.NoToken}
		for _, k := range order[:q.Want.Top] {
			at.IDs, at.LogProbs = append(at.IDs, ids[k]), append(at.LogProbs, min(0, logP[k]))
		}
		out.At = append(out.At, at)
	}
	out.Model = fmt.Sprintf("reader of bias %v", r.bias)
	return out, nil
}

func (r reader) Rescore(_ context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	out := make([][]float64, len(ids))
	for i := range ids {
		all, logP := r.at(q.Passage, q.Begin+i)
		for _, id := range ids[i] {
			out[i] = append(out[i], min(0, logP[slices.Index(all, id)]))
		}
	}
	return out, nil
}

// readingCase is a case of what a suspect predicts: two accounts with passages of
// their own, their pool, a key that nothing was made under, and a control.
func readingCase(t testing.TB, tokens, decoys int) *bundled {
	c := &trialCase{}
	c.Plan = &verify.Plan{
		Suspect: "reader", Sequence: 2, Earlier: 3, Alpha: 1e-3, Decoys: decoys, Controls: []string{"clean"},
		Nonce: verify.Nonce{Value: collect.Digest{7}, Source: "a beacon"},
		Tests: []verify.Test{{Name: verify.R1}, {Name: verify.R3}, {Name: verify.R4}},
		Pools: []verify.Pool{{Name: "cohort", Test: verify.R1, Keys: []string{"a", "b"}}},
	}
	suspect := reader{map[string]*watermark.Watermark{}, 0.6}
	var passages []collect.Passage
	for i, name := range []string{"a", "b", "spare"} {
		key := newKey(t, uint64(10+i))
		mark := newMark(t, key, watermark.Gumbel{}, 2)
		c.key(t, name, mark, key)
		suspect.marks[name] = mark
		if name == "spare" {
			c.Plan.Keys[i].HeldOut = true
			continue
		}
		for n := range 3 {
			passages = append(passages, collect.Passage{Key: name, Prompt: []token{token(n)},
				Tokens: serve(t, session(t, mark, uint64(n)), tokens, token(n))})
		}
	}
	frame, err := collect.PassageFrame(passages)
	require.NoError(t, err)
	c.Frames.Passages = frame
	c.Plan.Reading = verify.ReadingPlan{Frame: verify.FramePlan{Digest: frame.Digest(), Size: len(passages), Ask: len(passages) - 1},
		Top: 4, Reference: "base", Age: "released in 2025", Span: 16}
	clean := reader{}
	c.Transcript, c.Seal = c.collect(t, collect.Suspect{Name: "reader", TopLogProbs: suspect, Reference: clean})
	transcript, seal := c.collect(t, collect.Suspect{Name: "clean", TopLogProbs: clean, Reference: clean})
	c.Controls = []verify.Control{{Transcript: transcript, Seal: seal}}
	return enclose(t, c, keys.Key{})
}

// collect asks a suspect what the plan asks.
func (c *trialCase) collect(t testing.TB, s collect.Suspect) (*collect.Transcript, collect.Seal) {
	task, err := c.Plan.Task(c.Frames)
	require.NoError(t, err)
	transcript, err := collect.Run(context.Background(), task, s, filepath.Join(t.TempDir(), "journal"), collect.Options{Clock: frozen{}})
	require.NoError(t, err)
	seal, err := transcript.Seal()
	require.NoError(t, err)
	return transcript, seal
}

// A rawPart is a part of a bundle's file as the format describes it, read and written
// here without package verify.
type rawPart struct {
	Part   string `json:"part"`
	Name   string `json:"name,omitempty"`
	Size   int    `json:"size"`
	Digest string `json:"digest"`
	data   []byte
}

type rawBundle struct {
	head  string
	parts []rawPart
}

func dissect(t testing.TB, data []byte) rawBundle {
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	b := rawBundle{head: string(head)}
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		require.True(t, ok)
		var p rawPart
		require.NoError(t, json.Unmarshal(line, &p))
		if p.Part == "" {
			require.Empty(t, after)
			require.Equal(t, string(data), string(b.assemble()))
			return b
		}
		p.data = after[:p.Size]
		require.Equal(t, "\n", string(after[p.Size:p.Size+1]))
		rest = after[p.Size+1:]
		b.parts = append(b.parts, p)
	}
}

// assemble writes a bundle with all digests as they have to be.
func (b rawBundle) assemble() []byte {
	out := []byte(b.head + "\n")
	for _, p := range b.parts {
		p.Size, p.Digest = len(p.data), sum("dyetrace 2026-11-25 verify part/1", p.data)
		line, _ := json.Marshal(p)
		out = append(append(append(append(out, line...), '\n'), p.data...), '\n')
	}
	return fmt.Appendf(out, "{\"end\":%d,\"digest\":\"%s\"}\n", len(b.parts), sum("dyetrace 2026-11-25 verify bundle/1", out))
}

func sum(context string, data []byte) string {
	var out [32]byte
	blake3.DeriveKey(context, data, out[:])
	return fmt.Sprintf("%x", out)
}

// with returns the bundle with other bytes in a part.
func (b rawBundle) with(kind string, change func([]byte) []byte) rawBundle {
	out := rawBundle{b.head, slices.Clone(b.parts)}
	for i := range out.parts {
		if out.parts[i].Part == kind {
			out.parts[i].data = change(slices.Clone(out.parts[i].data))
		}
	}
	return out
}

// verdict reads and verifies a file.
func verdict(t testing.TB, data []byte, with verify.Recompute) (verify.Verification, error) {
	b, err := verify.ReadBundle(bytes.NewReader(data))
	if err != nil {
		return verify.Verification{}, err
	}
	return b.Verify(context.Background(), with), nil
}

// failed returns the names of the checks that failed.
func failed(v verify.Verification) (out []string) {
	for _, c := range v.Checks {
		if c.Result == verify.Failed {
			out = append(out, c.Name)
		}
	}
	return out
}

func written(t testing.TB, v verify.Verification) string {
	var w strings.Builder
	require.NoError(t, v.WriteText(&w))
	return w.String()
}

// flip returns the data with bits of one byte changed.
func flip(data []byte, at int, bits byte) []byte {
	out := bytes.Clone(data)
	out[at] ^= bits
	return out
}

// someByte returns a random place and bits to change.
func someByte(rng *rand.Rand, n int) (int, byte) { return rng.IntN(n), byte(1 + rng.IntN(255)) }
