package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// Every altered byte of a file is noticed, by its digests alone.
func TestBundleEveryByteCounts(t *testing.T) {
	t.Parallel()
	data := file(t, smallCase(t).bundle(t))
	v, err := verdict(t, data, verify.Recompute{})
	require.NoError(t, err)
	require.Empty(t, failed(v))
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range data {
		if testing.Short() && rng.IntN(10) > 0 {
			continue
		}
		for _, bits := range []byte{1 << rng.IntN(8), byte(1 + rng.IntN(255))} {
			v, err := verdict(t, flip(data, i, bits), verify.Recompute{})
			if err == nil && len(failed(v)) == 0 {
				t.Fatalf("byte %d, bits %#x: %q", i, bits, data[max(0, i-20):min(len(data), i+20)])
			}
		}
	}
}

// The same at random places of larger ones.
func TestBundleRandomBytesCount(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	for _, data := range [][]byte{file(t, textCase(t, 1000).bundle(t)), file(t, readingCase(t, 40, 1000).bundle(t))} {
		n := 1000
		if testing.Short() {
			n = 50
		}
		for range n {
			i, bits := someByte(rng, len(data))
			v, err := verdict(t, flip(data, i, bits), verify.Recompute{})
			if err == nil && len(failed(v)) == 0 {
				t.Fatalf("byte %d, bits %#x: %q", i, bits, data[max(0, i-20):min(len(data), i+20)])
			}
		}
	}
}

// Whoever mends all digests of the file is caught by what is made again: at every
// byte of plan, frame, transcript, seal, served answers, keys, tokenizer and report.
func TestBundleMendedBytesCount(t *testing.T) {
	t.Parallel()
	small, text, reading := smallCase(t), textCase(t, 0), readingCase(t, 20, 0)
	rng := rand.New(rand.NewPCG(3, 3))
	for n, c := range []*bundled{small, text, reading} {
		raw := dissect(t, file(t, c.bundle(t)))
		for k, p := range raw.parts {
			if p.Part == "objections" || p.Part == "ledger" { // counted in no figure; checked by somebody else
				continue
			}
			for at := range len(p.data) {
				if n > 0 && rng.IntN(len(p.data)) >= 30 || n == 0 && rng.IntN(3) > 0 || testing.Short() && rng.IntN(10) > 0 {
					continue
				}
				raw.parts[k].data = flip(p.data, at, 1<<rng.IntN(7))
				v, err := verdict(t, raw.assemble(), recompute)
				if err == nil && v.OK() {
					t.Fatalf("%s %s, byte %d: %q is the same as %q", p.Part, p.Name, at, raw.parts[k].data[max(0, at-20):min(len(p.data), at+20)], p.data[max(0, at-20):min(len(p.data), at+20)])
				}
			}
			raw.parts[k].data = p.data
		}
	}
}

// replaced returns a change of one text in a part, which has to be there.
func replaced(t *testing.T, old, new string) func([]byte) []byte {
	return func(data []byte) []byte {
		require.Contains(t, string(data), old)
		return bytes.Replace(data, []byte(old), []byte(new), 1)
	}
}

// changed returns a change of something that a part's JSON says.
func changed(t *testing.T, change func(m map[string]any)) func([]byte) []byte {
	return func(data []byte) []byte {
		first, rest, _ := bytes.Cut(data, []byte("\n"))
		var m map[string]any
		require.NoError(t, json.Unmarshal(first, &m))
		change(m)
		out, err := json.Marshal(m)
		require.NoError(t, err)
		return append(append(out, '\n'), rest...)
	}
}

// What fails, by name, when somebody changes something and mends all digests of the
// file; and what is checked in spite of it.
func TestBundleAttacks(t *testing.T) {
	t.Parallel()
	raw := dissect(t, file(t, textCase(t, 0).bundle(t)))
	other := newKey(t, 77)
	for name, a := range map[string]struct {
		kind    string
		change  func([]byte) []byte
		fails   []string // exactly these
		in      string   // in the detail of the first of them
		undone  []string // what is left unchecked
		without bool     // the part
	}{
		"changed answer": {kind: "transcript", change: replaced(t, `"status":"complete","text":"`, `"status":"complete","text":"`+text(4)),
			fails: []string{"seal"}, in: "collect: seal is of transcript", undone: []string{"report"}},
		"changed probe": {kind: "transcript", change: replaced(t, `"text":"4"`, `"text":"5"`), fails: []string{"seal"}, undone: []string{"report"}},
		"changed question": {kind: "transcript", change: replaced(t, "prompt 3", "prompt 33"),
			fails: []string{"questions of transcript", "seal"}, in: `is "prompt 33"`, undone: []string{"report"}},
		"broken transcript": {kind: "transcript", change: replaced(t, `"schema"`, `"scheme"`), fails: []string{"transcript"},
			in: "unknown field", undone: []string{"seal", "report"}},
		"changed plan": {kind: "plan", change: replaced(t, `"alpha":0.001`, `"alpha":0.01`),
			fails: []string{"questions of transcript"}, in: "transcript is of plan", undone: []string{"report"}},
		"broken plan": {kind: "plan", change: replaced(t, `"alpha":0.001`, `"alpha":7`), fails: []string{"plan"}, in: "alpha is 7",
			undone: []string{"frame of prompts", "questions", "questions of transcript", "served answers", "key vendor", "key epoch", "key other epoch", "tokenizer", "report"}},
		"changed nonce": {kind: "plan", change: replaced(t, `"nonce":{"value":"09`, `"nonce":{"value":"08`),
			fails: []string{"questions of transcript"}, undone: []string{"report"}},
		"changed frame": {kind: "prompts", change: replaced(t, "prompt 3", "prompt 33"),
			fails: []string{"frame of prompts"}, in: "want 10 and", undone: []string{"questions", "questions of transcript", "report"}},
		"shorter frame": {kind: "prompts", change: replaced(t, "\"prompt 3\"\n", ""), fails: []string{"frame of prompts"}, in: "frame has 9 prompts",
			undone: []string{"questions", "questions of transcript", "report"}},
		"no frame": {kind: "prompts", without: true, fails: []string{"prompts"}, in: "is in the plan, and the bundle has none",
			undone: []string{"questions", "questions of transcript", "report"}},
		"changed seal":   {kind: "seal", change: replaced(t, `"digest":"`, `"digest":"0`), fails: []string{"seal"}, undone: []string{"report"}},
		"changed served": {kind: "served", change: replaced(t, `"tokens":[`, `"tokens":[7,`), fails: []string{"served answers"}, undone: []string{"report"}},
		"served in another order": {kind: "served", change: func(data []byte) []byte {
			lines := bytes.SplitAfter(data, []byte("\n"))
			lines[0], lines[1] = lines[1], lines[0]
			return bytes.Join(lines, nil)
		}, fails: []string{"served answers"}, in: "there are 10 served answers", undone: []string{"report"}},
		"no served": {kind: "served", without: true, fails: []string{"served"}, undone: []string{"report"}},
		"other key": {kind: "keys", change: replaced(t, newKey(t, 1).Reveal(), other.Reveal()),
			fails: []string{"mark of key vendor", "commitment of key vendor"}, in: "marks: secret is of key", undone: []string{"report"}},
		"other key and spec": {kind: "keys", change: func(data []byte) []byte {
			data = replaced(t, newKey(t, 1).Reveal(), other.Reveal())(data)
			return replaced(t, newKey(t, 1).ID().String(), other.ID().String())(data)
		}, fails: []string{"mark of key vendor", "commitment of key vendor"}, in: "has mark", undone: []string{"report"}},
		"other nonce of a key": {kind: "keys", change: replaced(t, `"nonce":"01`, `"nonce":"05`),
			fails: []string{"commitment of key vendor"}, in: "is not opened by redacted:", undone: []string{"report"}},
		"other layer": {kind: "keys", change: replaced(t, `"end":2147483648`, `"end":2147483647`), fails: []string{"mark of key vendor"}, undone: []string{"report"}},
		"keys in another order": {kind: "keys", change: func(data []byte) []byte {
			lines := bytes.SplitAfter(data, []byte("\n"))
			lines[0], lines[1] = lines[1], lines[0]
			return bytes.Join(lines, nil)
		}, fails: []string{"key vendor"}, in: "not in the plan's order", undone: []string{"report"}},
		"a key twice": {kind: "keys", change: func(data []byte) []byte {
			return append(bytes.SplitAfter(data, []byte("\n"))[0], data...)
		}, fails: []string{"key vendor"}, undone: []string{"report"}},
		"a key that is not planned": {kind: "keys", change: replaced(t, `{"name":"vendor"`, `{"name":"vendor 2"`), fails: []string{"key vendor 2"}, undone: []string{"report"}},
		"a key left out":            {kind: "keys", change: func(data []byte) []byte { return bytes.SplitAfterN(data, []byte("\n"), 2)[1] }, fails: []string{"report"}, in: "at byte"},
		"no keys":                   {kind: "keys", without: true, fails: []string{"report"}},
		"other tokenizer":           {kind: "tokenizer", change: replaced(t, "4e00", "4e01"), fails: []string{"tokenizer"}, in: "is characters with digest", undone: []string{"report"}},
		"broken tokenizer":          {kind: "tokenizer", change: replaced(t, "characters", "syllables"), fails: []string{"tokenizer"}, undone: []string{"report"}},
		"changed figure":            {kind: "report", change: replaced(t, `"ln_p":-`, `"ln_p":-1`), fails: []string{"report"}, in: "at byte"},
		"changed verdict": {kind: "report", change: func(data []byte) []byte {
			return bytes.Replace(data, []byte(`"rejected":false`), []byte(`"rejected":true`), 1)
		}, fails: []string{"report"}},
		"longer report": {kind: "report", change: func(data []byte) []byte { return append(data, ' ') }, fails: []string{"report"}},
		"no tokenizer":  {kind: "tokenizer", without: true},
	} {
		bad := raw
		if a.without {
			bad.parts = slices.DeleteFunc(slices.Clone(raw.parts), func(p rawPart) bool { return p.Part == a.kind })
		} else {
			bad = raw.with(a.kind, a.change)
		}
		require.NotEqual(t, string(raw.assemble()), string(bad.assemble()), name)
		v, err := verdict(t, bad.assemble(), recompute)
		require.NoError(t, err, name)
		assert.Equal(t, a.fails, failed(v), "%s: %s", name, written(t, v))
		assert.Equal(t, a.fails == nil, v.OK(), name)
		var undone []string
		for _, c := range v.Checks {
			if c.Result == verify.NotChecked {
				undone = append(undone, c.Name)
			}
			if len(a.fails) > 0 && c.Name == a.fails[0] && c.Result == verify.Failed {
				assert.Contains(t, c.Detail, a.in, name)
			}
		}
		assert.Equal(t, a.undone, undone, name)
	}
}

// A whole new story of other answers, sealed and judged again, is caught only by a
// ledger that holds the seal: the bundle says what is unanchored.
func TestBundleOfAnotherStory(t *testing.T) {
	t.Parallel()
	c := smallCase(t)
	c.Ledger[0].Data = fmt.Appendf(nil, "%v round 5\n", c.Seal.Digest)
	anchored := func() (string, verify.Verification) {
		v := c.bundle(t).Verify(context.Background(), recompute)
		require.True(t, v.OK(), written(t, v))
		for _, x := range v.Checks {
			if x.Name == "anchor of seal" {
				return x.Detail, v
			}
		}
		return "", v
	}
	at, _ := anchored()
	assert.Equal(t, "ledger toy: round 5", at)
	c.Transcript.Prompts[0].Text = text(5, 5, 5, 5, 5)
	c.report = c.judge(t)
	at, v := anchored()
	assert.Equal(t, "unanchored: nothing here shows when it was committed", at)
	assert.Contains(t, written(t, v), "warning      anchor of seal: unanchored")
}

// Each part's digest is compared, not only that of the file.
func TestBundlePartDigests(t *testing.T) {
	t.Parallel()
	raw := dissect(t, file(t, smallCase(t).bundle(t)))
	good := string(raw.assemble())
	for _, p := range raw.parts {
		want := fmt.Sprintf("\"digest\":%q}\n%s", sum("dyetrace 2026-11-25 verify part/1", p.data), p.data)
		require.Equal(t, 1, strings.Count(good, want), p.Part)
		bad := strings.Replace(good, want, fmt.Sprintf("\"digest\":%q}\n%s", strings.Repeat("5", 64), p.data), 1)
		end := strings.LastIndex(bad[:len(bad)-1], "\n") + 1
		bad = bad[:end] + fmt.Sprintf("{\"end\":%d,\"digest\":%q}\n", len(raw.parts), sum("dyetrace 2026-11-25 verify bundle/1", []byte(bad[:end])))
		v, err := verdict(t, []byte(bad), recompute)
		require.NoError(t, err)
		name := "digest of " + p.Part
		if p.Name != "" {
			name += " " + p.Name
		}
		assert.Equal(t, []string{name}, failed(v))
	}
}

// What a control says is part of the case.
func TestBundleControls(t *testing.T) {
	t.Parallel()
	raw := dissect(t, file(t, readingCase(t, 30, 0).bundle(t)))
	without := func(kinds ...string) rawBundle {
		return rawBundle{raw.head, slices.DeleteFunc(slices.Clone(raw.parts), func(p rawPart) bool { return slices.Contains(kinds, p.Part) })}
	}
	renamed := rawBundle{raw.head, slices.Clone(raw.parts)}
	more := rawBundle{raw.head, nil}
	for i, p := range renamed.parts {
		more.parts = append(more.parts, p)
		if p.Name == "clean" {
			renamed.parts[i].Name = "other"
			p.Name = "other"
			more.parts = append(more.parts, p)
		}
	}
	suspects := raw.with("control", func([]byte) []byte { return raw.part("transcript") }).with("control-seal", func([]byte) []byte { return raw.part("seal") })
	for name, x := range map[string]struct {
		bundle rawBundle
		fails  []string
	}{
		"no control":        {without("control", "control-seal"), []string{"control clean", "control-seal clean"}},
		"no seal":           {without("control-seal"), []string{"control-seal clean"}},
		"another name":      {renamed, []string{"control clean", "control-seal clean", "control other", "control-seal other"}},
		"one more":          {more, []string{"control other", "control-seal other"}},
		"the suspect again": {suspects, []string{"questions of control clean"}},
		"no passages":       {without("passages"), []string{"passages"}},
		"prediction":        {raw.with("transcript", digit(t, `"r":[-`)), []string{"seal"}},
		"reference":         {raw.with("control", digit(t, `"r":[-`)), []string{"control-seal clean"}},
		"passage":           {raw.with("passages", replaced(t, `tokens\":[`, `tokens\":[1,`)), []string{"frame of passages"}},
	} {
		v, err := verdict(t, x.bundle.assemble(), recompute)
		require.NoError(t, err, name)
		assert.Equal(t, x.fails, failed(v), "%s: %s", name, written(t, v))
		assert.False(t, v.OK())
	}
}

// digit returns a change of the digit after a text.
func digit(t *testing.T, after string) func([]byte) []byte {
	return func(data []byte) []byte {
		i := bytes.Index(data, []byte(after)) + len(after)
		require.Greater(t, i, len(after))
		data[i] = '1' + (data[i]-'0')%9
		return data
	}
}

func (b rawBundle) part(kind string) []byte {
	return b.parts[slices.IndexFunc(b.parts, func(p rawPart) bool { return p.Part == kind })].data
}

// Parts that the plan has no use for are refused: nobody may take them for checked.
func TestBundleOfMoreThanThePlan(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	c := newCase(t, []string{text(1, 2, 3, 4)}, nil)
	c.withCharacters(t)
	c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 2), key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	texts := dissect(t, file(t, enclose(t, c, keys.Key{}).bundle(t)))
	reads := dissect(t, file(t, readingCase(t, 20, 0).bundle(t)))
	add := func(b rawBundle, after, kind string, data []byte) rawBundle {
		at := slices.IndexFunc(b.parts, func(p rawPart) bool { return p.Part == after }) + 1
		return rawBundle{b.head, slices.Insert(slices.Clone(b.parts), at, rawPart{Part: kind, data: data})}
	}
	for kind, b := range map[string]rawBundle{
		"served":    add(texts, "seal", "served", []byte("{\"tokens\":[]}\n")),
		"passages":  add(texts, "prompts", "passages", reads.part("passages")),
		"prompts":   add(reads, "plan", "prompts", texts.part("prompts")),
		"tokenizer": add(reads, "keys", "tokenizer", []byte(charactersFile)),
	} {
		v, err := verdict(t, b.assemble(), recompute)
		require.NoError(t, err)
		assert.Equal(t, []string{kind}, failed(v))
		assert.Contains(t, written(t, v), kind+": is in the bundle, and the plan has none")
	}
}

// A bundle under a mark of another engine, whose key may be committed to or not: it
// says so if not, and refuses other integers and a nonce too many.
func TestBundleOfAnotherEngine(t *testing.T) {
	t.Parallel()
	for _, bound := range []bool{false, true} {
		t.Run(fmt.Sprintf("committed %t", bound), func(t *testing.T) { bundleOfAnotherEngine(t, bound) })
	}
}

func bundleOfAnotherEngine(t *testing.T, bound bool) {
	config := vllm.Config{Key: vllm.NewKey(0x5EC12E7), ContextWidth: 2}
	mark, err := vllm.New(config)
	require.NoError(t, err)
	spec, err := marks.Of(config)
	require.NoError(t, err)
	line, err := spec.Encode()
	require.NoError(t, err)
	integer := marks.IntegerSecret(0x5EC12E7)
	secret, err := integer.Reveal()
	require.NoError(t, err)

	c := newCase(t, []string{text(1, 2, 3, 4, 5, 6)}, nil)
	c.withCharacters(t)
	opened := verify.Opened{Name: "vendor", Mark: mark}
	plan := verify.KeyPlan{Name: "vendor", Mark: mark.ID(), Kind: mark.Info().Kind, KeyID: mark.Info().KeyID}
	if bound {
		opened.Key, opened.Nonce = integer.Key(), [32]byte{1}
		plan, err = verify.Commit("vendor", mark, opened.Key, opened.Nonce)
		require.NoError(t, err)
	}
	c.Plan.Keys = []verify.KeyPlan{plan}
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	c.Plan.Nonce, c.Plan.Frame.Logged = verify.Nonce{}, ""
	b := enclose(t, c, keys.Key{})
	b.Case.Keys = []verify.Opened{opened}
	b.report = c.judge(t)
	b.Enclosures.Keys = []verify.RevealedKey{verify.Reveal("vendor", line, secret)}
	data := file(t, b.bundle(t))
	v, err := verdict(t, data, recompute)
	require.NoError(t, err)
	assert.True(t, v.OK(), written(t, v))
	assert.Equal(t, !bound, strings.Contains(written(t, v), "warning      key vendor: has no commitment"))
	assert.Equal(t, bound, strings.Contains(written(t, v), "commitment of key vendor"))
	for _, want := range []string{
		"warning      nonce: " + verify.NoNonce,
		"warning      frame of prompts: the plan does not say where", "warning      anchor of plan: unanchored", "no nonce picked",
	} {
		assert.Contains(t, written(t, v), want)
	}
	bad := dissect(t, data).with("keys", changed(t, func(m map[string]any) { m["secret"].(map[string]any)["integers"] = []string{"5"} }))
	v, err = verdict(t, bad.assemble(), recompute)
	require.NoError(t, err)
	assert.Equal(t, []string{"keys"}, failed(v), "keys are in another order of fields")
	bad = dissect(t, data).with("keys", replaced(t, fmt.Sprint(0x5EC12E7), "5"))
	v, err = verdict(t, bad.assemble(), recompute)
	require.NoError(t, err)
	if bound {
		assert.Equal(t, []string{"mark of key vendor", "commitment of key vendor"}, failed(v))
		return
	}
	assert.Equal(t, []string{"mark of key vendor"}, failed(v))
	bad = dissect(t, data).with("keys", replaced(t, "}\n", `,"nonce":"`+strings.Repeat("0", 64)+"\"}\n"))
	v, err = verdict(t, bad.assemble(), recompute)
	require.NoError(t, err)
	assert.Equal(t, []string{"key vendor"}, failed(v))
}

// The book of canaries is that of the plan, in its one form.
func TestBundleOfCanaries(t *testing.T) {
	t.Parallel()
	raw := dissect(t, file(t, canaryCase(t, true).bundle(t)))
	text := string(raw.part("book"))
	for name, x := range map[string]struct{ book, want string }{
		"comment": {strings.Replace(text, "\n", "\n# a comment\n", 1), "not in its canonical form"},
		"form":    {strings.Replace(text, "form for example", "form for sample", 1), "with hash"},
		"cut":     {text[:len(text)/2], "book"},
		"none":    {"", "book"},
	} {
		v, err := verdict(t, raw.with("book", func([]byte) []byte { return []byte(x.book) }).assemble(), recompute)
		require.NoError(t, err)
		assert.Equal(t, []string{"book of canaries"}, failed(v), name)
		assert.Contains(t, written(t, v), x.want, name)
	}
	tree := canary.Holder("vendor", newKey(t, 20)).Option.Reveal()
	require.Contains(t, string(raw.part("keys")), `{"name":"tree","secret":{"schema":"dyetrace/mark-secret/1","key":"`+tree)
	for name, x := range map[string]struct {
		change func([]byte) []byte
		fails  []string
	}{
		"other key":   {replaced(t, tree, newKey(t, 21).Reveal()), []string{"mark of key tree", "commitment of key tree"}},
		"other nonce": {replaced(t, `"nonce":"77`, `"nonce":"78`), []string{"commitment of key tree"}},
		"a mark":      {replaced(t, `"name":"tree",`, `"name":"tree","mark":{},`), []string{"mark of key tree", "commitment of key tree"}},
		"no mark":     {replaced(t, `"mark":`, `"marks":`), []string{"keys"}},
	} {
		v, err := verdict(t, raw.with("keys", x.change).assemble(), recompute)
		require.NoError(t, err)
		assert.Equal(t, x.fails, failed(v), name)
	}
	without := rawBundle{raw.head, slices.DeleteFunc(slices.Clone(raw.parts), func(p rawPart) bool { return p.Part == "book" })}
	v, err := verdict(t, without.assemble(), recompute)
	require.NoError(t, err)
	assert.Equal(t, []string{"book"}, failed(v))
	small := dissect(t, file(t, smallCase(t).bundle(t)))
	small.parts = slices.Insert(small.parts, 5, rawPart{Part: "book", data: raw.part("book")})
	v, err = verdict(t, small.assemble(), recompute)
	require.NoError(t, err)
	assert.Equal(t, []string{"book"}, failed(v))
}
