package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func TestReadBundleRefuses(t *testing.T) {
	c := smallCase(t)
	c.Ledger = append(c.Ledger, verify.LedgerPart{Name: "two", Data: []byte{0, 1, 2}})
	raw := dissect(t, file(t, c.bundle(t)))
	good := string(raw.assemble())
	order := func(change func(p []rawPart) []rawPart) string {
		return string(rawBundle{raw.head, change(slices.Clone(raw.parts))}.assemble())
	}
	first := strings.Index(good, "\n") + 1
	for want, file := range map[string]string{
		"verify: first line of the bundle is cut off after 0 bytes":                         "",
		"verify: first line of the bundle is cut off after 5 bytes":                         good[:5],
		"verify: first line of the bundle has more than 65536 bytes":                        strings.Repeat(" ", 1<<16) + good,
		"verify: first line of the bundle: not in canonical form":                           strings.Replace(good, `{"schema"`, `{ "schema"`, 1),
		`verify: bundle has schema "dyetrace/bundle/2", want "dyetrace/bundle/1"`:           strings.Replace(good, "bundle/1", "bundle/2", 1),
		"verify: first line of the bundle: json: unknown field":                             strings.Replace(good, `,"software"`, `,"x":1,"software"`, 1),
		"verify: line of part 0 of the bundle: not in canonical form":                       strings.Replace(good, `"size":`, `"size":1,"size":`, 1),
		"verify: line of part 0 of the bundle: cut off":                                     good[:first] + "\n" + good[first:],
		"verify: part 0 of the bundle has -5 bytes, want 0 to ":                             strings.Replace(good, `"size":`, `"size":-5,"digest":"`+strings.Repeat("0", 64)+"\"}\n{\"x\":", 1),
		"verify: bundle is cut off after ":                                                  strings.Replace(good, `"size":`, `"size":9`, 1),
		"verify: part 0 of the bundle has no newline after its ":                            good[:strings.Index(good, `"size":`)+7] + good[strings.Index(good, `"size":`)+8:],
		"verify: last line of the bundle is cut off after 20 bytes":                         good[:strings.Index(good, `{"end"`)+20],
		"verify: last line of the bundle: not in canonical form":                            strings.Replace(good, `{"end":`, `{"end":11,"end":`, 1),
		"verify: bundle has 11 parts, its last line says 10":                                strings.Replace(good, `{"end":11`, `{"end":10`, 1),
		"verify: bundle goes on after its last line":                                        good + "\n",
		`verify: part 0 of the bundle is of kind "plans", want one that there is`:           strings.Replace(good, `{"part":"plan"`, `{"part":"plans"`, 1),
		`verify: part 0 of the bundle is plan "x", want a name exactly for`:                 strings.Replace(good, `{"part":"plan"`, `{"part":"plan","name":"x"`, 1),
		`verify: part 7 of the bundle is ledger "", want a name exactly for`:                strings.Replace(good, `"name":"toy",`, "", 1),
		`verify: part 7 of the bundle is ledger "aaaaaaaaaaaa`:                              strings.Replace(good, `"name":"toy"`, `"name":"`+strings.Repeat("a", 1025)+`"`, 1),
		"verify: part 8 of the bundle is ledger toy after ledger two, want each part once":  order(func(p []rawPart) []rawPart { p[7], p[8] = p[8], p[7]; return p }),
		"verify: part 1 of the bundle is plan after prompts, want each part once and in or": order(func(p []rawPart) []rawPart { p[0], p[1] = p[1], p[0]; return p }),
		"verify: part 1 of the bundle is plan after plan, want each part once and in order": order(func(p []rawPart) []rawPart { return slices.Insert(p, 1, p[0]) }),
		"verify: part 9 of the bundle is ledger two after ledger two, want each part once":  order(func(p []rawPart) []rawPart { return slices.Insert(p, 8, p[8]) }),
		"verify: bundle has no plan":                                                        order(func(p []rawPart) []rawPart { return p[1:] }),
		"verify: bundle has no transcript":                                                  order(func(p []rawPart) []rawPart { return slices.Delete(p, 2, 3) }),
		"verify: bundle has no seal":                                                        order(func(p []rawPart) []rawPart { return slices.Delete(p, 3, 4) }),
		"verify: bundle has no report":                                                      order(func(p []rawPart) []rawPart { return slices.Delete(p, 9, 10) }),
		`verify: software is "`:                                                             strings.Replace(good, `"module":"`, `"module":"`+strings.Repeat("m", 1025), 1),
	} {
		_, err := verify.ReadBundle(strings.NewReader(file))
		assert.ErrorContains(t, err, want, want)
	}
	_, err := verify.ReadBundle(strings.NewReader(good))
	require.NoError(t, err)
}

// A reader that fails or gives a byte at a time, a writer that fails.
func TestBundleOnBadMedia(t *testing.T) {
	data := file(t, smallCase(t).bundle(t))
	b, err := verify.ReadBundle(iotest.OneByteReader(bytes.NewReader(data)))
	require.NoError(t, err)
	assert.Equal(t, data, file(t, b))
	bad := errors.New("bad sector")
	for _, n := range []int{0, 10, 100, 600, 1000, len(data) - 10, len(data)} {
		_, err := verify.ReadBundle(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(bad)))
		assert.ErrorIs(t, err, bad, "%d bytes", n)
	}
	for _, n := range []int{0, 4096, len(data) - 1} {
		k, err := b.WriteTo(&full{left: n})
		assert.ErrorIs(t, err, errFull)
		assert.LessOrEqual(t, k, int64(n))
	}
}

var errFull = errors.New("disk is full")

// full is a disk that takes so many bytes.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	n := min(f.left, len(p))
	if f.left -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

// What says that it is large and is not takes no memory.
func TestReadBundleBelievesNoSize(t *testing.T) {
	head := "{\"schema\":\"dyetrace/bundle/1\",\"software\":{\"module\":\"m\",\"go\":\"g\"}}\n{\"part\":\"plan\",\"size\":%d,\"digest\":\"" + strings.Repeat("0", 64) + "\"}\nabc"
	for _, size := range []int64{1 << 30, 1<<31 - 2, 1<<63 - 1} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := verify.ReadBundle(strings.NewReader(fmt.Sprintf(head, size)))
		runtime.ReadMemStats(&after)
		assert.Error(t, err)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "%d bytes", size)
	}
}

func TestNewBundleRefuses(t *testing.T) {
	for want, spoil := range map[string]func(b *bundled){
		"verify: there is no plan":                                                            func(b *bundled) { b.Plan = nil },
		"collect: seal is of transcript":                                                      func(b *bundled) { b.Transcript.Prompts[0].Text += "x" },
		"verify: there is no report":                                                          func(b *bundled) { b.report = nil },
		"verify: report is of plan ":                                                          func(b *bundled) { b.report.Plan[0] ^= 1 },
		"verify: report is of seal ":                                                          func(b *bundled) { b.report.Seal[0] ^= 1 },
		`verify: key "vendor" was opened and is not revealed`:                                 func(b *bundled) { b.Enclosures.Keys = nil },
		`verify: revealed key is "epoch", want each of the opened ones once`:                  func(b *bundled) { b.Enclosures.Keys = append(b.Enclosures.Keys, verify.Reveal("epoch", nil, nil)) },
		`verify: revealed key is "vendor", want each of the opened ones once`:                 func(b *bundled) { b.Enclosures.Keys = append(b.Enclosures.Keys, b.Enclosures.Keys[0]) },
		`verify: revealed key is "", want each of the opened ones once`:                       func(b *bundled) { b.Enclosures.Keys = []verify.RevealedKey{{}} },
		`verify: description of key "vendor" is not one line of JSON`:                         func(b *bundled) { b.Enclosures.Keys[0] = verify.Reveal("vendor", []byte("{}"), []byte("{}\n")) },
		`verify: secret of key "vendor" is not one line of JSON`:                              func(b *bundled) { b.Enclosures.Keys[0] = verify.Reveal("vendor", []byte("{}\n"), []byte("{ }\n")) },
		`verify: ledger: part 7 of the bundle is ledger "", want a name exactly`:              func(b *bundled) { b.Ledger[0].Name = "" },
		`verify: part 8 of the bundle is ledger toy after ledger toy`:                         func(b *bundled) { b.Ledger = append(b.Ledger, b.Ledger[0]) },
		`verify: software is "\xff", want valid UTF-8 of at most 1024 bytes`:                  func(b *bundled) { b.Software.Go = "\xff" },
		`verify: objection is "" by "s", want a text, both valid UTF-8`:                       func(b *bundled) { b.Objections[0].Text = "" },
		`verify: objection is "\xff" by "s", want a text, both valid UTF-8`:                   func(b *bundled) { b.Objections[0].Text = "\xff" },
		"verify: there are bytes of a tokenizer, the plan has none":                           nil,
		"verify: there are 1 served answers, the plan names 0":                                nil,
		`verify: part 7 of the bundle is ledger "\xff", want a name exactly for controls and`: func(b *bundled) { b.Ledger[0].Name = "\xff" },
	} {
		b := smallCase(t)
		switch {
		case spoil != nil:
			spoil(b)
		case strings.Contains(want, "tokenizer"):
			b = readingCase(t, 10, 0)
			b.Enclosures.Tokenizer = []byte("x")
		default:
			b = readingCase(t, 10, 0)
			b.Served = []watermark.Text{{}}
		}
		_, err := verify.NewBundle(b.Case, b.report, b.Enclosures)
		assert.ErrorContains(t, err, strings.Replace(want, "ledger: ", "", 1))
	}
}

// Nothing to check with is not the same as nothing to find.
func TestBundleNotChecked(t *testing.T) {
	b := smallCase(t).bundle(t)
	undone := func(ctx context.Context, with verify.Recompute) (out []string) {
		v := b.Verify(ctx, with)
		assert.Empty(t, failed(v))
		assert.Equal(t, len(v.Checks) == 0, v.OK())
		for _, c := range v.Checks {
			if c.Result == verify.NotChecked {
				assert.False(t, c.OK())
				out = append(out, c.Name)
			}
		}
		assert.Contains(t, written(t, v), "This bundle proves nothing as it is.")
		return out
	}
	ctx := context.Background()
	assert.Equal(t, []string{"key vendor", "tokenizer", "report", "ledger toy"}, undone(ctx, verify.Recompute{}))
	with := recompute
	with.Mark = nil
	assert.Equal(t, []string{"key vendor", "report"}, undone(ctx, with))
	with = recompute
	with.Tokenizer = nil
	assert.Equal(t, []string{"tokenizer", "report"}, undone(ctx, with))
	with = recompute
	with.Ledger = nil
	assert.Equal(t, []string{"ledger toy"}, undone(ctx, with))

	c := textCase(t, 1000)
	b = c.bundle(t)
	stopped, stop := context.WithCancel(ctx)
	stop()
	assert.Equal(t, []string{"report"}, undone(stopped, recompute))

	var none *verify.Bundle
	for _, b := range []*verify.Bundle{none, {}} {
		v := b.Verify(ctx, recompute)
		assert.Equal(t, []string{"file"}, failed(v))
		_, err := b.WriteTo(io.Discard)
		assert.EqualError(t, err, "verify: the bundle is empty, want one from NewBundle or ReadBundle")
		_, err = b.Plan()
		assert.EqualError(t, err, "verify: bundle has no plan")
		_, err = b.Report()
		assert.EqualError(t, err, "verify: bundle has no report")
		_, err = b.WithObjection(verify.Objection{Text: "x"})
		assert.Error(t, err)
	}
	assert.False(t, verify.Verification{}.OK())
	assert.False(t, verify.Check{Name: "x", Result: "fine"}.OK())
}

// The functions of others can say what they like.
func TestBundleHelpersMisbehave(t *testing.T) {
	b := smallCase(t).bundle(t)
	bad := errors.New("no such thing")
	for want, spoil := range map[string]func(r *verify.Recompute){
		"FAILED       tokenizer: no such thing": func(r *verify.Recompute) {
			r.Tokenizer = func(verify.TokenizerID, []byte) (verify.Tokenizer, error) { return verify.Tokenizer{}, bad }
		},
		"FAILED       tokenizer: it does not encode": func(r *verify.Recompute) {
			r.Tokenizer = func(want verify.TokenizerID, _ []byte) (verify.Tokenizer, error) {
				return verify.Tokenizer{TokenizerID: want}, nil
			}
		},
		"FAILED       ledger toy: no such thing": func(r *verify.Recompute) {
			r.Ledger = func(verify.LedgerPart, []verify.Claim) (verify.LedgerProof, error) { return verify.LedgerProof{}, bad }
		},
		"FAILED       ledger toy: does not hold": func(r *verify.Recompute) {
			r.Ledger = func(part verify.LedgerPart, claims []verify.Claim) (verify.LedgerProof, error) {
				proof, err := readLog(part, claims)
				proof.Checks = append(proof.Checks, verify.Check{Name: "signature", Result: verify.Failed, Detail: "bad"})
				return proof, err
			}
		},
		"warning      anchor of plan: unanchored": func(r *verify.Recompute) {
			r.Ledger = func(verify.LedgerPart, []verify.Claim) (verify.LedgerProof, error) {
				return verify.LedgerProof{Checks: []verify.Check{{Name: "x"}}}, nil // an outcome that there is not
			}
		},
	} {
		with := recompute
		spoil(&with)
		v := b.Verify(context.Background(), with)
		assert.False(t, v.OK(), want)
		assert.Contains(t, written(t, v), want)
	}
	// A function that returns another key beside the mark.
	c := smallCase(t)
	other := newKey(t, 77)
	c.Plan.Keys[0].Commitment = other.Commit(c.Case.Keys[0].Nonce)
	c.Plan.Keys = append(c.Plan.Keys, verify.KeyPlan{Name: "closed", Mark: "m", KeyID: "k", Kind: watermark.Statistical})
	c.seal(t)
	raw := dissect(t, file(t, b))
	plan, err := c.Plan.Encode()
	require.NoError(t, err)
	forged := recompute
	forged.Mark = func(spec, secret []byte) (*watermark.Watermark, keys.Key, error) {
		mark, _, err := marks.Open(spec, secret)
		return mark, other, err
	}
	v, err := verdict(t, raw.with("plan", func([]byte) []byte { return plan }).assemble(), forged)
	require.NoError(t, err)
	assert.Contains(t, failed(v), "commitment of key vendor")
	assert.Contains(t, strings.Join(strings.Fields(written(t, v)), " "), "opens to key "+other.ID().String()+", the plan says")
	assert.Contains(t, written(t, v), "warning      key closed: was not opened")
	assert.NotContains(t, written(t, v), "key vendor: was not opened")

	// What a part that does not hold shows is not believed.
	with := recompute
	with.Ledger = func(part verify.LedgerPart, claims []verify.Claim) (verify.LedgerProof, error) {
		proof, err := readLog(part, claims)
		proof.Checks[0].Result = verify.NotChecked
		return proof, err
	}
	assert.Contains(t, written(t, b.Verify(context.Background(), with)), "warning      anchor of frame of prompts: unanchored")
}

// Whoever gives a bundle bytes or gets some from it changes nothing in it.
func TestBundleIsImmutable(t *testing.T) {
	c := smallCase(t)
	spec, secret := []byte("{\"a\":1}\n"), []byte("{\"b\":2}\n")
	c.Enclosures.Keys[0] = verify.Reveal("vendor", spec, secret)
	clear(spec)
	clear(secret)
	b := c.bundle(t)
	data := file(t, b)
	assert.Contains(t, string(data), `"mark":{"a":1},"secret":{"b":2}`)
	clear(c.Enclosures.Tokenizer)
	clear(c.Ledger[0].Data)
	clear(c.Served[0].Tokens)
	c.Case.Keys[0].Nonce = [32]byte{}
	assert.Equal(t, string(data), string(file(t, b)))
	v := b.Verify(context.Background(), verify.Recompute{
		Mark: func(spec, secret []byte) (*watermark.Watermark, keys.Key, error) {
			clear(spec)
			clear(secret)
			return nil, keys.Key{}, io.EOF
		},
		Tokenizer: func(_ verify.TokenizerID, data []byte) (verify.Tokenizer, error) {
			clear(data)
			return verify.Tokenizer{}, io.EOF
		},
		Ledger: func(part verify.LedgerPart, claims []verify.Claim) (verify.LedgerProof, error) {
			clear(part.Data)
			clear(claims)
			return verify.LedgerProof{}, nil
		},
	})
	assert.False(t, v.OK())
	assert.Equal(t, string(data), string(file(t, b)))
	read, err := verify.ReadBundle(bytes.NewReader(data))
	require.NoError(t, err)
	done := make(chan verify.Verification)
	for range 4 {
		go func() { done <- read.Verify(context.Background(), verify.Recompute{}) }()
	}
	first := <-done
	for range 3 {
		assert.Equal(t, first, <-done)
	}
}

// Claims say what they are of.
func TestBundleClaims(t *testing.T) {
	var got []string
	with := recompute
	c := readingCase(t, 10, 0)
	c.Ledger = []verify.LedgerPart{{Name: "x"}}
	with.Ledger = func(part verify.LedgerPart, claims []verify.Claim) (verify.LedgerProof, error) {
		var proof verify.LedgerProof
		for _, x := range claims {
			got = append(got, x.String())
			proof.Anchors = append(proof.Anchors, verify.Anchor{Digest: x.Digest, Where: "line\nbreak"}, verify.Anchor{Digest: x.Digest, Where: "again"})
		}
		claims[0] = verify.Claim{}
		proof.Anchors = append(proof.Anchors, verify.Anchor{Digest: collect.Digest{1, 2}, Where: "elsewhere"}, verify.Anchor{})
		return proof, nil
	}
	v := c.bundle(t).Verify(context.Background(), with)
	assert.Equal(t, []string{"key a", "key b", "key spare", "frame of passages", "plan", "seal", "seal clean"}, got)
	assert.True(t, v.OK())
	text := written(t, v)
	assert.Contains(t, text, "ledger x: shows 16 entries, 14 of them claims of this bundle")
	assert.Equal(t, 7, strings.Count(text, `ledger x: "line\nbreak"; ledger x: again`))
	assert.NotContains(t, text, "unanchored")
}

func TestObjections(t *testing.T) {
	c := smallCase(t)
	c.Objections = nil
	b := c.bundle(t)
	list, err := b.Objections()
	require.NoError(t, err)
	assert.Empty(t, list)
	said := []verify.Objection{{By: "s", Text: "Not ours.\nok           report: forged line"}, {Text: "<é\u2028>"}, {By: "s", Text: "Not ours."}}
	for _, o := range said {
		b, err = b.WithObjection(o)
		require.NoError(t, err)
	}
	read, err := verify.ReadBundle(bytes.NewReader(file(t, b)))
	require.NoError(t, err)
	list, err = read.Objections()
	require.NoError(t, err)
	assert.Equal(t, said, list)
	v := read.Verify(context.Background(), recompute)
	assert.True(t, v.OK())
	text := written(t, v)
	assert.Contains(t, text, `note         objection 1 by s: "Not ours.\nok`)
	assert.Equal(t, 1, strings.Count(text, "\n  ok           report"))
	c.Objections = said
	assert.Equal(t, file(t, c.bundle(t)), file(t, b), "added later or at once")
	_, err = b.WithObjection(verify.Objection{By: "s"})
	assert.ErrorContains(t, err, "want a text")
	// Nobody hides a change behind an objection.
	data := bytes.Replace(file(t, b), []byte(`"go":"go1"`), []byte(`"go":"go2"`), 1)
	bad, err := verify.ReadBundle(bytes.NewReader(data))
	require.NoError(t, err)
	_, err = bad.WithObjection(said[0])
	assert.ErrorContains(t, err, "its last line says "+b.Digest().String())
	raw := dissect(t, file(t, b))
	for name, change := range map[string]func([]byte) []byte{
		"not JSON":   func([]byte) []byte { return []byte("x\n") },
		"no text":    func([]byte) []byte { return []byte("{\"text\":\"\"}\n") },
		"cut off":    func(b []byte) []byte { return b[:len(b)-1] },
		"another":    func([]byte) []byte { return []byte("{\"text\":\"x\",\"by\":\"s\"}\n") },
		"empty part": func([]byte) []byte { return nil },
	} {
		v, err := verdict(t, raw.with("objections", change).assemble(), recompute)
		require.NoError(t, err)
		assert.Equal(t, []string{"objections"}, failed(v), name)
	}
}

// No printer shows what a bundle reveals on purpose.
func TestBundleIsRedacted(t *testing.T) {
	c := textCase(t, 0)
	b := c.bundle(t)
	secrets := []string{"dyetrace_secret", strings.TrimPrefix(c.Case.Keys[0].Key.Reveal(), "dyetrace_secret1_")[:20], `"nonce":"01`}
	for _, s := range secrets {
		require.Contains(t, string(file(t, b)), s)
	}
	type inner struct{ b verify.Bundle }
	type holder struct {
		k verify.RevealedKey
		inner
	}
	h := holder{c.Enclosures.Keys[0], inner{*b}}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, b), fmt.Sprintf(verb, *b), fmt.Sprintf(verb, h), fmt.Sprintf(verb, h.k), fmt.Sprintf(verb, &h.k),
			fmt.Sprintf(verb, c.Enclosures))
	}
	for _, x := range []any{b, h.k, c.Enclosures, verify.Enclosures{Keys: c.Enclosures.Keys}, b.Verify(context.Background(), recompute)} {
		data, err := json.Marshal(x)
		require.NoError(t, err)
		texts = append(texts, string(data))
	}
	texts = append(texts, written(t, b.Verify(context.Background(), recompute)))
	for _, text := range texts {
		for _, s := range secrets {
			assert.NotContains(t, text, s)
		}
		assert.NotContains(t, text, fmt.Sprintf("%x", "dyetrace_secret"))
		assert.NotContains(t, text, "100 121 101 116 114 97 99 101 95 115 101 99") // decimal bytes
	}
	assert.Contains(t, texts[0], "verify.Bundle("+b.Digest().String()+" plan ")
	assert.Contains(t, texts[3], `{Name:"vendor" Mark:"{\"schema\":\"dyetrace/mark/1\"`)
	assert.Equal(t, `{Name:"" Mark:none Secret:redacted}`, fmt.Sprint(verify.RevealedKey{}))
	assert.Equal(t, "vendor", h.k.Name())
	// No error quotes one either.
	raw := dissect(t, file(t, b))
	for _, change := range []func([]byte) []byte{
		replaced(t, `{"schema":"dyetrace/mark-secret/1","key":`, `{"schema":"dyetrace/mark-secret/1","k":`),
		replaced(t, `"secret":{"schema":"dyetrace/mark-secret/1","key":`, `"dyetrace_secret1_":{"schema":"dyetrace/mark-secret/1","key":`),
		replaced(t, `"secret":{"schema":"dyetrace/mark-secret/1","key":`, `"secret":{},`),
		replaced(t, `dyetrace_secret1_`, `dyetrace_secret1_a`),
		replaced(t, `"name":"vendor"`, `"name":12`),
	} {
		v, err := verdict(t, raw.with("keys", change).assemble(), recompute)
		require.NoError(t, err)
		assert.NotEmpty(t, failed(v))
		for _, s := range secrets {
			assert.NotContains(t, written(t, v), s)
		}
	}
}

// Served answers survive with everything that their digest looks at.
func TestBundleOfServedPrompts(t *testing.T) {
	c := twoLayers(t, 0.3, 0)
	c.withCharacters(t)
	c.Served[0] = watermark.Text{Prompt: []token{1, 2}, PromptKnown: true, Tokens: c.Served[0].Tokens}
	c.Served[1] = watermark.Text{PromptKnown: true, Tokens: nil}
	c.Served[2] = watermark.Text{Prompt: []token{5}, Tokens: []token{}}
	c.serve()
	data := file(t, enclose(t, c, newKey(t, 4)).bundle(t))
	v, err := verdict(t, data, recompute)
	require.NoError(t, err)
	assert.True(t, v.OK(), written(t, v))
	assert.Contains(t, string(data), "{\"prompt_known\":true,\"tokens\":[]}\n{\"prompt\":[5],\"tokens\":[]}\n")
	for _, bad := range []string{"{\"tokens\":null}\n", "{}\n", "{\"tokens\":[1.5]}\n", "{\"tokens\":[2147483648]}\n", "{\"tokens\":[1]}"} {
		v, err := verdict(t, dissect(t, data).with("served", func([]byte) []byte { return []byte(bad) }).assemble(), recompute)
		require.NoError(t, err)
		assert.Equal(t, []string{"served answers"}, failed(v), bad)
	}
}

func TestThisSoftware(t *testing.T) {
	c := smallCase(t)
	c.Software = verify.Software{}
	b := c.bundle(t)
	assert.Equal(t, verify.ThisSoftware(), b.Software())
	assert.Contains(t, b.Software().Module, "github.com/dyetrace/dyetrace ")
	assert.True(t, strings.HasPrefix(b.Software().Go, "go1.") || strings.HasPrefix(b.Software().Go, "devel"), b.Software().Go)
}
