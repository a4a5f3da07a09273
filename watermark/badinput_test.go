package watermark_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A complaint is a call with a bad argument and what it says.
type complaint struct {
	want string
	call func() error
}

func complain(t *testing.T, all []complaint) {
	t.Helper()
	for _, c := range all {
		assert.EqualError(t, c.call(), c.want)
	}
}

// otherScheme is a scheme that the native mark does not know.
type otherScheme struct{ watermark.Gumbel }

func TestBadMarks(t *testing.T) {
	key := testKey(t, 1)
	native := func(k keys.Key, s watermark.Scheme, width int) func() error {
		return func() error { _, err := watermark.New(k, s, watermark.Options{Width: width}); return err }
	}
	source := &testSource{name: "x", word: hashedWords(1)}
	build := func(s watermark.Source, scheme watermark.Scheme, r watermark.Rules) func() error {
		return func() error { _, err := watermark.Build(s, scheme, r); return err }
	}
	gumbel := watermark.Gumbel{}
	complain(t, []complaint{
		{"watermark: the key is the zero Key, want one from keys.New, keys.Parse or a derivation", native(keys.Key{}, gumbel, 0)},
		{"watermark: window is -1 tokens, want 1 to 16", native(key, gumbel, -1)},
		{"watermark: window is 17 tokens, want 1 to 16", native(key, gumbel, 17)},
		{"watermark: scheme is <nil>, want Gumbel, DualGumbel, GreenList or Tournament; others go through Build", native(key, nil, 0)},
		{"watermark: scheme is watermark_test.otherScheme, want Gumbel, DualGumbel, GreenList or Tournament; others go through Build", native(key, otherScheme{}, 0)},
		{"watermark: green list gamma is 0, want in (0, 1)", native(key, watermark.GreenList{Delta: 1}, 0)},
		{"watermark: green list gamma is 1, want in (0, 1)", native(key, watermark.GreenList{Gamma: 1, Delta: 1}, 0)},
		{"watermark: green list gamma is -0.5, want in (0, 1)", native(key, watermark.GreenList{Gamma: -0.5, Delta: 1}, 0)},
		{"watermark: green list gamma is NaN, want in (0, 1)", native(key, watermark.GreenList{Gamma: math.NaN(), Delta: 1}, 0)},
		{"watermark: green list gamma is 1e-20, want at least 2^-64", native(key, watermark.GreenList{Gamma: 1e-20, Delta: 1}, 0)},
		{"watermark: green list delta is 0 nats, want in (0, 100]", native(key, watermark.GreenList{Gamma: 0.5}, 0)},
		{"watermark: green list delta is -2 nats, want in (0, 100]", native(key, watermark.GreenList{Gamma: 0.5, Delta: -2}, 0)},
		{"watermark: green list delta is 101 nats, want in (0, 100]", native(key, watermark.GreenList{Gamma: 0.5, Delta: 101}, 0)},
		{"watermark: green list delta is NaN nats, want in (0, 100]", native(key, watermark.GreenList{Gamma: 0.5, Delta: math.NaN()}, 0)},
		{"watermark: green list delta is +Inf nats, want in (0, 100]", native(key, watermark.GreenList{Gamma: 0.5, Delta: math.Inf(1)}, 0)},
		{"watermark: tournament depth is 0, want 1 to 64", native(key, watermark.Tournament{}, 0)},
		{"watermark: tournament depth is 65, want 1 to 64", native(key, watermark.Tournament{Depth: 65}, 0)},
		{"watermark: dual Gumbel alpha is -0.1, want 0 to 1", native(key, watermark.DualGumbel{Alpha: -0.1}, 0)},
		{"watermark: dual Gumbel alpha is 1.5, want 0 to 1", native(key, watermark.DualGumbel{Alpha: 1.5}, 0)},
		{"watermark: dual Gumbel alpha is NaN, want 0 to 1", native(key, watermark.DualGumbel{Alpha: math.NaN()}, 0)},
		{"watermark: the source is nil", build(nil, gumbel, watermark.Rules{Width: 1})},
		{"watermark: the scheme is nil", build(source, nil, watermark.Rules{Width: 1})},
		{"watermark: window is 0 tokens, want 1 to 64", build(source, gumbel, watermark.Rules{})},
		{"watermark: window is 65 tokens, want 1 to 64", build(source, gumbel, watermark.Rules{Width: 65})},
		{"watermark: head rule is 3, want 0 to 2", build(source, gumbel, watermark.Rules{Width: 1, Write: watermark.WriteRules{Head: 3}})},
		{"watermark: head rule is 9, want 0 to 2", build(source, gumbel, watermark.Rules{Width: 1, Read: watermark.ReadRules{Head: 9}})},
		{"watermark: repeats are looked for in -1 positions, want 0 (all) or more", build(source, gumbel, watermark.Rules{Width: 1, Write: watermark.WriteRules{History: -1}})},
		{"watermark: -5 positions of an answer are marked, want 0 (all) or more", build(source, gumbel, watermark.Rules{Width: 1, Write: watermark.WriteRules{Limit: -5}})},
		{"watermark: tournament depth is 99, want 1 to 64", build(source, watermark.Tournament{Depth: 99}, watermark.Rules{Width: 1})},
	})
}

func TestBadLayouts(t *testing.T) {
	w, key := testMark(t, 1, watermark.Gumbel{}), testKey(t, 9)
	half := uint64(1 << 31)
	layout := func(k keys.Key, layers ...watermark.Layer) func() error {
		return func() error { _, err := watermark.NewLayers(k, layers...); return err }
	}
	other := must(watermark.Build(&testSource{name: "x", word: hashedWords(1)}, watermark.Gumbel{}, watermark.Rules{Width: 3, Prompt: true}))
	complain(t, []complaint{
		{"watermark: the layout key is the zero Key", layout(keys.Key{}, watermark.Layer{Name: "a", Share: watermark.AllWindows, Mark: w})},
		{"watermark: a layout has no layers, want at least 1", layout(key)},
		{`watermark: layer name is "", want a name that no other layer has`, layout(key, watermark.Layer{Share: half, Mark: w})},
		{`watermark: layer name is "a", want a name that no other layer has`, layout(key, watermark.Layer{Name: "a", Share: half, Mark: w}, watermark.Layer{Name: "a", Share: half, Mark: w})},
		{`watermark: layer "a" has no mark`, layout(key, watermark.Layer{Name: "a", Share: half})},
		{`watermark: the mark of layer "b" is itself a layer`, layout(key, watermark.Layer{Name: "b", Share: half, Mark: testLayout(t, 2).Mark("a")})},
		{`watermark: the mark of layer "c" is not a native one`, layout(key, watermark.Layer{Name: "c", Share: half, Mark: other})},
		{`watermark: layer "a" has share 0, want at least 1 of 2^32`, layout(key, watermark.Layer{Name: "a", Mark: w})},
		{"watermark: the layers' shares sum to 2147483648, want 2^32 = 4294967296", layout(key, watermark.Layer{Name: "a", Share: half, Mark: w})},
		{`watermark: the layers' shares sum to more than 2^32 at layer "b"`, layout(key, watermark.Layer{Name: "a", Share: half, Mark: w}, watermark.Layer{Name: "b", Share: half + 1, Mark: w})},
		// This sum is 2^32 modulo 2^64.
		{`watermark: the layers' shares sum to more than 2^32 at layer "b"`, layout(key, watermark.Layer{Name: "a", Share: half, Mark: w},
			watermark.Layer{Name: "b", Share: math.MaxUint64 - 1<<30 + 1, Mark: w}, watermark.Layer{Name: "c", Share: 3 << 30, Mark: w})},
	})
}

func TestBadRequests(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	seed := watermark.SeedOf(1)
	open := func(o watermark.SessionOptions) func() error {
		return func() error { _, err := w.NewSession(o); return err }
	}
	complain(t, []complaint{
		{"watermark: the session's seed is all zero, want one from NewSeed or SeedOf", open(watermark.SessionOptions{})},
		{"watermark: room for -1 tokens, want 0 (for 4096) to 2^26", open(watermark.SessionOptions{Seed: seed, Tokens: -1})},
		{fmt.Sprintf("watermark: room for %d tokens, want 0 (for 4096) to 2^26", math.MaxInt), open(watermark.SessionOptions{Seed: seed, Tokens: math.MaxInt})},
		{"watermark: role is 4, want 0 to 3", open(watermark.SessionOptions{Seed: seed, Role: 4})},
		{"watermark: token 1 of the prompt is -7, want 0 to 2^31-1", open(watermark.SessionOptions{Seed: seed, Prompt: []watermark.Token{1, -7}})},
		{"watermark: token 0 of turn 2 is -1, want 0 to 2^31-1", open(watermark.SessionOptions{Seed: seed, Turns: [][]watermark.Token{{1}, {}, {-1}}})},
		{"watermark: reading a session seed: broken pipe", func() error {
			_, err := watermark.NewSeed(iotest.ErrReader(errors.New("broken pipe")))
			return err
		}},
		{"watermark: reading a session seed: unexpected EOF", func() error { _, err := watermark.NewSeed(strings.NewReader("short")); return err }},
	})
	s := testSession(t, w, 1)
	write(t, s, newToyModel(1), 5)
	require.Error(t, s.Reset(watermark.SessionOptions{}))
	assert.Equal(t, 5, s.Len(), "a refused reset changes nothing")
	a, err := watermark.NewSeed(strings.NewReader(strings.Repeat("x", 32)))
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("x", 32), string(a[:]))
}

func TestBadSteps(t *testing.T) {
	s := testSession(t, testMark(t, 1, watermark.Gumbel{}), 1)
	text := write(t, s, newToyModel(1), 5)
	ids, logits := sparse50()
	want, err := s.Sample(ids, logits)
	require.NoError(t, err)
	fork := func(s *watermark.Session, i, n int) func() error {
		return func() error { _, err := s.Fork(i, n); return err }
	}
	deep := must(must(s.Fork(0, 1<<16)).Fork(0, 1<<16))
	sample := func(ids []watermark.Token, logits []float32) func() error {
		return func() error { _, err := s.Sample(ids, logits); return err }
	}
	complain(t, []complaint{
		{"watermark: no token can be sampled: every logit is NaN or -Inf, or there are none", sample(nil, nil)},
		{"watermark: 2 ids with 3 logits, want as many", sample([]watermark.Token{1, 2}, make([]float32, 3))},
		{"watermark: 0 ids with 1 logits, want as many", sample([]watermark.Token{}, make([]float32, 1))},
		{"watermark: id 1 of the candidates is -2, want 0 to 2^31-1", sample([]watermark.Token{1, -2}, make([]float32, 2))},
		{"watermark: 1 ids with 2 logits, want as many", func() error { _, err := s.Perturb([]watermark.Token{1}, make([]float32, 2)); return err }},
		{"watermark: id 0 of the candidates is -1, want 0 to 2^31-1", func() error { _, err := watermark.Argmax([]watermark.Token{-1}, []float32{1}); return err }},
		{"watermark: token is -1, want 0 to 2^31-1", func() error { return s.Accept(-1) }},
		{"watermark: token 2 of the prompt is -2147483648, want 0 to 2^31-1", func() error { return s.AcceptPrompt([]watermark.Token{1, 2, math.MinInt32}) }},
		{"watermark: role is 200, want 0 to 3", func() error { return s.SetRole(200) }},
		{"watermark: rewind to length -1, want 0 to 5", func() error { return s.Rewind(-1) }},
		{"watermark: rewind to length 6, want 0 to 5", func() error { return s.Rewind(6) }},
		{"watermark: copy from a session of another mark", func() error { return s.CopyFrom(testSession(t, testMark(t, 2, watermark.Gumbel{}), 1)) }},
		{"watermark: copy from a session of another mark", func() error { return s.CopyFrom(testSession(t, testLayout(t, 3).Mark("a"), 1)) }},
		{"watermark: copy from a session of another mark", func() error { return s.CopyFrom(nil) }},
		{"watermark: fork into 0 siblings, want 1 to 65536", fork(s, 0, 0)},
		{"watermark: fork into 65537 siblings, want 1 to 65536", fork(s, 0, 65537)},
		{"watermark: fork has sibling 3, want 0 to 2", fork(s, 3, 3)},
		{"watermark: fork has sibling -1, want 0 to 2", fork(s, -1, 3)},
		{"watermark: fork of 4294967296 siblings into 2 each, want at most 2^32 in all", fork(deep, 0, 2)},
	})
	assert.Equal(t, 5, s.Len())
	got, err := s.Sample(ids, logits)
	require.NoError(t, err)
	assert.Equal(t, want, got, "the session is as it was, at %v", text)

	tournament := standing(t, testMark(t, 1, watermark.Tournament{Depth: 30}), true, 1)
	_, err = tournament.Perturb(ids, logits)
	assert.EqualError(t, err, "watermark: tournament(depth=30) has no additive perturbation")
}

func TestBadTexts(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	bad := watermark.Text{Tokens: []watermark.Token{1, 2, -3}}
	badPrompt := watermark.Text{Prompt: []watermark.Token{-1}, Tokens: []watermark.Token{1}}
	one := watermark.Candidate{Name: "a", Mark: w}
	d, zero := w.NewDetector(), new(watermark.Detector)
	require.NoError(t, d.Add(watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4, 5}}))
	before := marshal(t, d)
	search := func(texts []watermark.Text, c ...watermark.Candidate) func() error {
		return func() error { _, err := watermark.Search(texts, c); return err }
	}
	localize := func(text watermark.Text, alpha float64) func() error {
		return func() error { _, err := w.Localize(text, alpha); return err }
	}
	tokens := "watermark: token 2 of the text is -3, want 0 to 2^31-1"
	nothing := "watermark: the zero Detector reads no mark, want one from NewDetector"
	complain(t, []complaint{
		{tokens, func() error { return d.Add(bad) }},
		{tokens, func() error { return d.Skip(bad.Tokens) }},
		{tokens, func() error { _, err := w.Detect(bad); return err }},
		{"watermark: token 0 of the prompt is -1, want 0 to 2^31-1", func() error { return d.Add(badPrompt) }},
		{"text 1: " + tokens, func() error { _, err := w.Units([]watermark.Text{{}, bad}, nil); return err }},
		{"skipped text 0: " + tokens, func() error { _, err := w.Units(nil, [][]watermark.Token{bad.Tokens}); return err }},
		{tokens, localize(bad, 0.1)},
		{"watermark: family-wise error rate is 0, want in (0, 1)", localize(watermark.Text{}, 0)},
		{"watermark: family-wise error rate is 1, want in (0, 1)", localize(watermark.Text{}, 1)},
		{"watermark: family-wise error rate is NaN, want in (0, 1)", localize(watermark.Text{}, math.NaN())},
		{"watermark: search among no candidates, want at least 1", search(nil)},
		{`watermark: candidate 0 ("b") has no mark`, search(nil, watermark.Candidate{Name: "b"})},
		{`watermark: candidate 1 is named "a", want a name that no other has`, search(nil, one, watermark.Candidate{Name: "a", Mark: testMark(t, 2, watermark.Gumbel{})})},
		{`watermark: candidate 0 is named "", want a name that no other has`, search(nil, watermark.Candidate{Mark: w})},
		{`watermark: candidates "a" and "b" are the same mark`, search(nil, one, watermark.Candidate{Name: "b", Mark: testMark(t, 1, watermark.Gumbel{})})},
		{"text 1: " + tokens, search([]watermark.Text{{}, bad}, one)},
		{nothing, func() error { return zero.Add(watermark.Text{}) }},
		{nothing, func() error { return zero.Skip(nil) }},
		{nothing, func() error { return zero.Merge(d) }},
		{nothing, func() error { return d.Merge(zero) }},
		{nothing, func() error { return d.Merge(nil) }},
		{nothing, func() error { _, err := zero.MarshalBinary(); return err }},
		{nothing, func() error { return zero.UnmarshalBinary(before) }},
	})
	assert.Equal(t, before, marshal(t, d))
	assert.Equal(t, watermark.Result{}, zero.Result())
	err := d.Merge(testMark(t, 2, watermark.Gumbel{}).NewDetector())
	require.Error(t, err)
	assert.Equal(t, `watermark: merge a detector of "`+testMark(t, 2, watermark.Gumbel{}).ID()+`" into one of "`+w.ID()+`"`, err.Error())
}

func TestBadBinaryForms(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	d := w.NewDetector()
	good := marshal(t, d)
	none := [4]uint64{}
	read := func(b []byte) func() error { return func() error { return d.UnmarshalBinary(b) } }
	digest := "watermark: a detector's binary form is damaged or cut off: its digest differs"
	length := "watermark: a detector's binary form has another length than its counts say"
	record := "watermark: a detector's binary form holds a token or a count out of range"
	other := testMark(t, 2, watermark.Gumbel{})
	complain(t, []complaint{
		{`watermark: not a detector's binary form, which begins with "dyedet/1"`, read(nil)},
		{`watermark: not a detector's binary form, which begins with "dyedet/1"`, read([]byte("dyedet/2 and twenty-four bytes"))},
		{digest, read(good[:len(good)-1])},
		{digest, read(append(good[:len(good):len(good)], 0))},
		{length, read(seal([]byte("dyedet/1")))},
		{length, read(seal([]byte("dyedet/1\xff\xff\xff\xff")))},
		{length, read(forge(w, none))},
		{length, read(forge(w, none, uint64(0)))},
		{length, read(forge(w, none, uint64(0), uint64(0), uint64(0)))},
		{length, read(forge(w, none, uint64(1), uint64(0)))},
		{length, read(forge(w, none, uint64(math.MaxUint64), uint64(0)))},
		{length, read(forge(w, none, uint64(0), uint64(1)))},
		{length, read(forge(w, [4]uint64{1 << 63}, uint64(0), uint64(0)))},
		{record, read(forge(w, none, uint64(1), uint64(5), uint32(1<<31), uint32(1), uint64(7), uint64(0)))},
		{record, read(forge(w, none, uint64(1), uint64(5), uint32(math.MaxUint32), uint32(1), uint64(7), uint64(0)))},
		{record, read(forge(w, none, uint64(1), uint64(5), uint32(3), uint32(0), uint64(7), uint64(0)))},
		{`watermark: a detector of "` + other.ID() + `", want one of "` + w.ID() + `"`, read(marshal(t, other.NewDetector()))},
	})
	require.NoError(t, d.UnmarshalBinary(forge(w, [4]uint64{1, 0, 0, 0}, uint64(1), uint64(5), uint32(math.MaxInt32), uint32(1), uint64(7), uint64(0))))
	assert.Equal(t, 1, d.Result().Scored)
}
