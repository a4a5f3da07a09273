package verify_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// fullPlan is a plan with every field in use.
func fullPlan(t testing.TB) *verify.Plan {
	c := twoLayers(t, 0, 1000)
	p := c.Plan
	p.Sequence, p.Earlier = 2, 4
	p.Probes = []string{"who are you?"}
	p.Products = []verify.Product{{Name: "release", Parts: verify.Across(verify.G1, "vendor", "epoch")}}
	p.Void = verify.Voiding{Missing: 0.1, OneModel: true, SameProbes: true}
	return p
}

func TestPlanSurvivesItsFile(t *testing.T) {
	p := fullPlan(t)
	require.Equal(t, 7, p.Size())
	data, err := p.Encode()
	require.NoError(t, err)
	q, err := verify.ParsePlan(data)
	require.NoError(t, err)
	assert.Equal(t, p, q)
	a, err := p.Digest()
	require.NoError(t, err)
	b, err := q.Digest()
	require.NoError(t, err)
	assert.Equal(t, a, b)
	q.Earlier++
	c, err := q.Digest()
	require.NoError(t, err)
	assert.NotEqual(t, a, c)
}

func TestPlanRefuses(t *testing.T) {
	for want, spoil := range map[string]func(p *verify.Plan){
		"verify: plan has no suspect, want a name":                                                                                             func(p *verify.Plan) { p.Suspect = "" },
		`verify: plan holds "\xff", want valid UTF-8`:                                                                                          func(p *verify.Plan) { p.Nonce.Source = "\xff" },
		`verify: plan holds "a\xff", want valid UTF-8`:                                                                                         func(p *verify.Plan) { p.Probes = []string{"a\xff"} },
		"verify: plan has sequence number 0, want at least 1":                                                                                  func(p *verify.Plan) { p.Sequence = 0 },
		"verify: plan number 6 has 4 earlier tests, want at least 5, one for each plan before it":                                              func(p *verify.Plan) { p.Sequence = 6 },
		"verify: plan has 1000000001 earlier tests, want at most 1000000000":                                                                   func(p *verify.Plan) { p.Earlier = 1_000_000_001 },
		`verify: key "epoch" has no key ID, want the public name of the key`:                                                                   func(p *verify.Plan) { p.Keys[1].KeyID = "" },
		`verify: plan holds "b\xff", want valid UTF-8`:                                                                                         func(p *verify.Plan) { p.Served.Logged = "b\xff" },
		"verify: plan has no tokenizer, want a name and a digest":                                                                              func(p *verify.Plan) { p.Tokenizer.Digest = collect.Digest{} },
		"verify: plan has no digest of a frame of prompts":                                                                                     func(p *verify.Plan) { p.Frame.Digest = collect.Digest{} },
		"verify: plan asks 13 prompts, want 1 to 10, the size of the frame":                                                                    func(p *verify.Plan) { p.Frame.Ask = 13 },
		"verify: plan asks 0 prompts, want 1 to 10, the size of the frame":                                                                     func(p *verify.Plan) { p.Frame.Ask = 0 },
		"verify: nonce has a value without a source or a source without a value":                                                               func(p *verify.Plan) { p.Nonce.Source = "" },
		"verify: plan has 0 keys, want at least 1":                                                                                             func(p *verify.Plan) { p.Keys = nil },
		`verify: key name is "", want a name that no other key of the plan has`:                                                                func(p *verify.Plan) { p.Keys[0].Name = "" },
		`verify: key name is "vendor", want a name that no other key of the plan has`:                                                          func(p *verify.Plan) { p.Keys[1].Name = "vendor" },
		`verify: key "epoch" has words of kind "magic", want "cryptographic", "statistical" or "public key"`:                                   func(p *verify.Plan) { p.Keys[1].Kind = "magic" },
		`verify: key "vendor" has mark "", want a mark that no other key of the plan has`:                                                      func(p *verify.Plan) { p.Keys[0].Mark = "" },
		"verify: plan has 0 tests, want at least 1":                                                                                            func(p *verify.Plan) { p.Tests = nil },
		`verify: test is "R7", want "G1", "G2", "R1", "R2", "R3", "R4" or "R4h", or of canaries "cells", "picks", "order", "cohort" or "rank"`: func(p *verify.Plan) { p.Tests[0].Name = "R7" },
		"verify: test G2 is in the plan twice":                                                                                                 func(p *verify.Plan) { p.Tests[0] = p.Tests[1] },
		"verify: test G2 counts the first -5 scores, want 0 to 1000000000":                                                                     func(p *verify.Plan) { p.Tests[1].First = -5 },
		"want some exactly if a test goes by them":                                                                                             func(p *verify.Plan) { p.Served = verify.ServedPlan{} },
		"verify: plan names 10 served answers with digest":                                                                                     func(p *verify.Plan) { p.Tests = p.Tests[:1] },
		`verify: product name is "epoch", want a name that no key, no product and no pool has`:                                                 func(p *verify.Plan) { p.Products[0].Name = "epoch" },
		`verify: product "release" has part G3 under key "epoch", want a test of the plan under a key that takes it`:                           func(p *verify.Plan) { p.Products[0].Parts[1].Test = "G3" },
		`verify: product "release" has 1 parts, want at least 2`:                                                                               func(p *verify.Plan) { p.Products[0].Parts = p.Products[0].Parts[:1] },
		`verify: product "release" has part G1 under key "vendor" twice`:                                                                       func(p *verify.Plan) { p.Products[0].Parts[1].Key = "vendor" },
		`verify: product "release" has part G1 under key "release", want a test of the plan under a key that takes it`:                         func(p *verify.Plan) { p.Products[0].Parts[1].Key = "release" },
		"verify: plan: evidence: alpha is 0, want more than 0 and less than 1":                                                                 func(p *verify.Plan) { p.Alpha = 0 },
		"verify: plan has 999 decoy keys, want 1000 to 1000000, or 0 for none":                                                                 func(p *verify.Plan) { p.Decoys = 999 },
		"verify: plan has -1 decoy keys, want 1000 to 1000000, or 0 for none":                                                                  func(p *verify.Plan) { p.Decoys = -1 },
		"verify: share of missing answers is 1.5, want 0 to 1":                                                                                 func(p *verify.Plan) { p.Void.Missing = 1.5 },
	} {
		p := fullPlan(t)
		spoil(p)
		assert.ErrorContains(t, p.Check(), want)
		_, err := p.Encode()
		assert.ErrorContains(t, err, want)
		_, err = p.Digest()
		assert.ErrorContains(t, err, want)
	}
}

func TestParsePlanRefuses(t *testing.T) {
	data, err := fullPlan(t).Encode()
	require.NoError(t, err)
	file := string(data)
	for name, c := range map[string]struct{ old, new, want string }{
		"schema":     {"dyetrace/plan/1", "dyetrace/plan/2", `verify: plan has schema "dyetrace/plan/2", want "dyetrace/plan/1"`},
		"unknown":    {`"suspect"`, `"guilt":1,"suspect"`, `verify: plan: json: unknown field "guilt"`},
		"cut":        {file[len(file)-20:], "", "verify: plan does not end with a newline: cut off"},
		"cut line":   {file[len(file)-20:], "\n", "verify: plan: cut off after "},
		"space":      {`,"sequence"`, `, "sequence"`, "verify: plan: not in canonical form"},
		"number":     {`"alpha":0.001`, `"alpha":1e-3`, "verify: plan: not in canonical form"},
		"digest":     {`"digest":"`, `"digest":"0`, "collect: digest has 65 characters, want 64"},
		"checked":    {`"alpha":0.001`, `"alpha":2`, "verify: plan: evidence: alpha is 2, want more than 0 and less than 1"},
		"twice":      {`"sequence":2`, `"sequence":1,"sequence":2`, "verify: plan: not in canonical form"},
		"commitment": {"dyetrace_commitment1_", "dyetrace_id1_", "verify: plan: "},
	} {
		bad := strings.Replace(file, c.old, c.new, 1)
		require.NotEqual(t, file, bad, name)
		_, err := verify.ParsePlan([]byte(bad))
		assert.ErrorContains(t, err, c.want, name)
	}
	_, err = verify.ParsePlan(nil)
	assert.EqualError(t, err, "verify: plan does not end with a newline: cut off")
}

// A plan changed by a single bit is another plan or none.
func TestPlanDigestCoversEveryByte(t *testing.T) {
	p := fullPlan(t)
	want, err := p.Digest()
	require.NoError(t, err)
	data, err := p.Encode()
	require.NoError(t, err)
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1
		q, err := verify.ParsePlan(bad)
		if err != nil {
			continue
		}
		d, err := q.Digest()
		require.NoError(t, err)
		assert.NotEqual(t, want, d, "byte %d", i)
	}
}

func TestTaskRefusesAnotherFrame(t *testing.T) {
	p := fullPlan(t)
	other, err := collect.NewFrame([]string{"a", "b"})
	require.NoError(t, err)
	_, err = p.Task(verify.Frames{Prompts: other})
	assert.ErrorContains(t, err, "verify: frame has 2 prompts and digest "+other.Digest().String()+", want 10 and "+p.Frame.Digest.String())
	_, err = p.Task(verify.Frames{})
	assert.EqualError(t, err, "verify: there is no frame of prompts")
	p.Alpha = 7
	_, err = p.Task(verify.Frames{Prompts: other})
	assert.ErrorContains(t, err, "alpha is 7")
}

func TestCommitRefusesAnotherKey(t *testing.T) {
	key, other := newKey(t, 1), newKey(t, 2)
	mark := newMark(t, key, watermark.Gumbel{}, 3)
	_, err := verify.Commit("vendor", mark, other, [32]byte{1})
	assert.EqualError(t, err, `verify: key "vendor" is `+other.ID().String()+", its mark was made with "+key.ID().String())
	_, err = verify.Commit("vendor", nil, key, [32]byte{1})
	assert.EqualError(t, err, `verify: key "vendor" has no mark`)
	_, err = verify.Commit("vendor", mark, keys.Key{}, [32]byte{1})
	assert.EqualError(t, err, `verify: key "vendor" is the zero key, which nothing binds`)
	_, err = verify.Commit("vendor", mark, key, [32]byte{})
	assert.EqualError(t, err, `verify: nonce of key "vendor" is 32 zeros, want random bytes`)
	k, err := verify.Commit("vendor", mark, key, [32]byte{1})
	require.NoError(t, err)
	assert.Equal(t, key.ID().String(), k.KeyID)
	assert.True(t, k.Commitment.Verify(key, [32]byte{1}))
}

// The digest of served answers separates what a careless encoding would run
// together, and sees order and prompts.
func TestServedDigestSeparates(t *testing.T) {
	seen := map[collect.Digest]int{}
	for i, texts := range [][]watermark.Text{
		{}, {{}}, {{}, {}}, {{Tokens: []token{1, 2}}}, {{Tokens: []token{2, 1}}}, {{Tokens: []token{1}}, {Tokens: []token{2}}},
		{{Tokens: []token{2}}, {Tokens: []token{1}}}, {{Prompt: []token{1}, Tokens: []token{2}}}, {{Prompt: []token{1}, PromptKnown: true, Tokens: []token{2}}},
		{{PromptKnown: true, Tokens: []token{1, 2}}}, {{Prompt: []token{1, 2}}},
	} {
		d := verify.ServedDigest(texts)
		before, ok := seen[d]
		assert.False(t, ok, "%d and %d", before, i)
		seen[d] = i
	}
}

// What is accepted is written back byte for byte.
func FuzzParsePlan(f *testing.F) {
	data, err := fullPlan(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := verify.ParsePlan(data)
		if err != nil {
			return
		}
		again, err := p.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}

// Marks of one key share words, whatever their schemes: one finding counted
// several times would convict. Only layers of one layout have words of their own.
func TestProductsOfOneKeyAreRefused(t *testing.T) {
	key, other, layout := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	layers := func(layout keys.Key, a, b int) *watermark.Layers {
		shares := watermark.Shares(a, b)
		l, err := watermark.NewLayers(layout,
			watermark.Layer{Name: "a", Share: shares[0], Mark: newMark(t, key, watermark.Gumbel{}, 2)},
			watermark.Layer{Name: "b", Share: shares[1], Mark: newMark(t, key, watermark.DualGumbel{Alpha: 0.1}, 2)})
		require.NoError(t, err)
		return l
	}
	one, wider, another := layers(layout, 1, 1), layers(layout, 3, 1), layers(other, 1, 1)
	bare := newMark(t, key, watermark.Gumbel{}, 2)
	for name, c := range map[string]struct {
		a, b *watermark.Watermark
		fine bool
	}{
		"two schemes":        {bare, newMark(t, key, watermark.DualGumbel{Alpha: 0.1}, 2), false},
		"two alphas":         {newMark(t, key, watermark.DualGumbel{Alpha: 0.2}, 2), newMark(t, key, watermark.DualGumbel{Alpha: 0.1}, 2), false},
		"layer and bare":     {one.Mark("a"), bare, false},
		"two layouts":        {one.Mark("a"), another.Mark("b"), false},
		"layers that meet":   {one.Mark("b"), wider.Mark("a"), false},
		"layers of a layout": {one.Mark("a"), one.Mark("b"), true},
		"apart":              {one.Mark("a"), wider.Mark("b"), true},
		"a borrowed name":    {named(t, "x layer=[0,5) width=1 layout=y"), named(t, "x layer=[5,9) width=1 layout=y"), false},
		"two keys":           {bare, newMark(t, other, watermark.Gumbel{}, 2), true},
	} {
		p := fullPlan(t)
		p.Keys = nil
		for n, m := range map[string]*watermark.Watermark{"x": c.a, "y": c.b} {
			p.Keys = append(p.Keys, verify.KeyPlan{Name: n, Mark: m.ID(), Kind: m.Info().Kind, KeyID: m.Info().KeyID})
		}
		p.Products[0].Parts = verify.Across(verify.G1, "x", "y")
		if err := p.Check(); c.fine {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, "both of key "+c.a.Info().KeyID+": want different keys, different layers of one layout", name)
		}
	}
}

// named returns a mark of a source that calls itself what it likes.
func named(t *testing.T, name string) *watermark.Watermark {
	m, err := watermark.Build(odd{name: name}, watermark.Gumbel{}, watermark.Rules{Width: 1})
	require.NoError(t, err)
	return m
}

func TestNoPlanIsAnError(t *testing.T) {
	var p *verify.Plan
	for _, f := range []func() error{p.Check, func() error { _, err := p.Digest(); return err }, func() error { _, err := p.Encode(); return err },
		func() error { _, err := p.Task(verify.Frames{}); return err }} {
		assert.EqualError(t, f(), "verify: there is no plan")
	}
}
