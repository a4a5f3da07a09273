package watermark_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/watermark"
)

func marshal(t testing.TB, d *watermark.Detector) []byte {
	t.Helper()
	b, err := d.MarshalBinary()
	require.NoError(t, err)
	return b
}

// shard reads a corpus with several detectors and merges them in any order, by
// Merge or over their binary forms.
func shard(t testing.TB, w *watermark.Watermark, corpus, skip [][]watermark.Token, shards int, r *rand.Rand) *watermark.Detector {
	t.Helper()
	detectors := make([]*watermark.Detector, shards)
	for i := range detectors {
		detectors[i] = w.NewDetector()
	}
	for _, i := range r.Perm(len(corpus) + len(skip)) {
		d := detectors[r.IntN(shards)]
		if i < len(corpus) {
			require.NoError(t, d.Add(watermark.Text{Tokens: corpus[i]}))
		} else {
			require.NoError(t, d.Skip(skip[i-len(corpus)]))
		}
	}
	for len(detectors) > 1 {
		i := 1 + r.IntN(len(detectors)-1)
		from := detectors[i]
		if r.IntN(2) == 0 {
			again := w.NewDetector()
			require.NoError(t, again.Add(watermark.Text{Tokens: []watermark.Token{1, 1, 1, 1, 1, 2}}))
			require.NoError(t, again.UnmarshalBinary(marshal(t, from)))
			from = again
		}
		require.NoError(t, detectors[0].Merge(from))
		detectors = append(detectors[:i], detectors[i+1:]...)
	}
	return detectors[0]
}

// A corpus gives the same bytes however it is divided and ordered, for every
// scheme, for a layer and for a source that scores a seed once.
func TestShardsMergeToTheSameBytes(t *testing.T) {
	marks := []*watermark.Watermark{testLayout(t, 2, 3).Mark("a"), oncePerSeed(t), seedPerToken(t)}
	for _, scheme := range schemes {
		marks = append(marks, testMark(t, 1, scheme))
	}
	for _, w := range marks {
		r := rand.New(rand.NewPCG(1, 9))
		for seed := range uint64(4) {
			corpus := repetitive(seed, 40)
			skip := [][]watermark.Token{corpus[7], repetitive(seed+50, 1)[0]}
			one := w.NewDetector()
			for _, tokens := range corpus {
				require.NoError(t, one.Add(watermark.Text{Tokens: tokens}))
			}
			for _, tokens := range skip {
				require.NoError(t, one.Skip(tokens))
			}
			for _, shards := range []int{1, 2, 7} {
				d := shard(t, w, corpus, skip, shards, r)
				assert.Equal(t, one.Result(), d.Result(), "%s", w)
				assert.True(t, bytes.Equal(marshal(t, one), marshal(t, d)), "%s: other bytes", w)
			}
		}
	}
}

// oncePerSeed is a mark whose corpus scores a seed once.
func oncePerSeed(t testing.TB) *watermark.Watermark {
	t.Helper()
	w, err := watermark.Build(&testSource{name: "lists", word: hashedWords(3)}, watermark.Gumbel{},
		watermark.Rules{Width: 1, Read: watermark.ReadRules{OnePerSeed: true}})
	require.NoError(t, err)
	return w
}

// seedPerToken is a mark that hashes the least token of the window and candidate
// with the candidate, as green lists with self-hash do: several windows share the
// words of a token.
func seedPerToken(t testing.TB) *watermark.Watermark {
	t.Helper()
	seed := func(window []watermark.Token, x watermark.Token) uint64 {
		return mix(uint64(min(slices.Min(window), x)), uint64(x))
	}
	source := &testSource{name: "self-hash", seedOf: seed, word: func(window []watermark.Token, _ int, x watermark.Token) uint64 {
		return mix(7, seed(window, x))
	}}
	return must(watermark.Build(source, watermark.Gumbel{}, watermark.Rules{Width: 3}))
}

// A detector merged into itself has seen everything twice.
func TestMergeIntoItself(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	once, twice := w.NewDetector(), w.NewDetector()
	for _, tokens := range repetitive(1, 200) {
		require.NoError(t, once.Add(watermark.Text{Tokens: tokens}))
		require.NoError(t, twice.Add(watermark.Text{Tokens: tokens}))
		require.NoError(t, twice.Add(watermark.Text{Tokens: tokens}))
	}
	require.NoError(t, once.Merge(once))
	assert.Equal(t, marshal(t, twice), marshal(t, once))
}

// Every cut and every damaged byte of the binary form is noticed, and the
// detector keeps what it had.
func TestUnmarshalDamaged(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	source, d := w.NewDetector(), w.NewDetector()
	require.NoError(t, source.Add(watermark.Text{Tokens: spliced(t, w, 0, 12, 0)}))
	require.NoError(t, source.Skip([]watermark.Token{9, 9, 9}))
	require.NoError(t, d.Add(watermark.Text{Tokens: spliced(t, w, 15, 0, 0)}))
	b, before := marshal(t, source), marshal(t, d)
	for i := range b {
		require.Error(t, d.UnmarshalBinary(b[:i]), "cut at %d", i)
		damaged := append([]byte(nil), b...)
		damaged[i] ^= 1 << (i % 8)
		require.Error(t, d.UnmarshalBinary(damaged), "byte %d", i)
	}
	require.Error(t, d.UnmarshalBinary(append(b[:len(b):len(b)], 0)))
	assert.Equal(t, before, marshal(t, d))
	require.NoError(t, d.UnmarshalBinary(b))
	assert.Equal(t, b, marshal(t, d))
	assert.Equal(t, source.Result(), d.Result())
	require.NoError(t, d.Add(watermark.Text{Tokens: spliced(t, w, 0, 30, 0)}), "it goes on")
	assert.Greater(t, d.Result().Scored, source.Result().Scored)
}

// forge returns a binary form with a right digest, whose body a test has written.
func forge(w *watermark.Watermark, counts [4]uint64, numbers ...any) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("dyedet/1"), uint32(len(w.ID())))
	b = append(b, w.ID()...)
	for _, n := range counts {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, x := range numbers {
		switch x := x.(type) {
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, x)
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, x)
		}
	}
	return seal(b)
}

func seal(b []byte) []byte {
	sum := blake3.Sum256(b)
	return append(b[:len(b):len(b)], sum[:16]...)
}

// Marks that read otherwise have other IDs, so that their detectors do not mix.
func TestRulesAreInTheID(t *testing.T) {
	source := &testSource{name: "x", word: hashedWords(1)}
	rules := []watermark.Rules{
		{Width: 1}, {Width: 2}, {Width: 2, Prompt: true}, {Width: 2, Pad: 1},
		{Width: 2, Read: watermark.ReadRules{Head: watermark.HeadPadded}},
		{Width: 2, Read: watermark.ReadRules{OnePerSeed: true}},
	}
	var marks []*watermark.Watermark
	for _, r := range rules {
		marks = append(marks, must(watermark.Build(source, watermark.Gumbel{}, r)))
	}
	marks = append(marks, must(watermark.Build(source, watermark.Tournament{Depth: 2}, rules[0])),
		testMark(t, 1, watermark.Gumbel{}), testMark(t, 2, watermark.Gumbel{}), testMark(t, 1, watermark.DualGumbel{}),
		must(watermark.New(testKey(t, 1), watermark.Gumbel{}, watermark.Options{Width: 2})),
		testLayout(t, 2, 3).Mark("a"), testLayout(t, 2, 3).Mark("b"), testLayout(t, 2, 3, 3).Mark("a"),
		testMark(t, 1, watermark.Gumbel{}).Decoy([32]byte{1}, 0), testMark(t, 1, watermark.Gumbel{}).Decoy([32]byte{1}, 1),
		testMark(t, 1, watermark.Gumbel{}).Decoy([32]byte{2}, 0))
	for i, a := range marks {
		assert.Equal(t, a.ID(), fmt.Sprint(a))
		for j, b := range marks {
			err := a.NewDetector().Merge(b.NewDetector())
			assert.Equal(t, i != j, err != nil, "%s\n%s", a, b)
			err = a.NewDetector().UnmarshalBinary(marshal(t, b.NewDetector()))
			assert.Equal(t, i != j, err != nil, "%s\n%s", a, b)
		}
	}
}

// FuzzDetector splits a corpus over detectors: texts are runs of bytes below 16
// between higher ones, and a higher byte says which detector reads the next text
// or skips it.
func FuzzDetector(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 200, 1, 2, 3, 4, 17, 1, 2, 3, 99, 2, 3, 4, 5}, uint64(1))
	f.Add([]byte{}, uint64(0))
	f.Add([]byte{16, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0}, uint64(7))
	w := testMark(f, 1, watermark.Gumbel{})
	marks := []*watermark.Watermark{w, oncePerSeed(f), seedPerToken(f)}
	f.Fuzz(func(t *testing.T, b []byte, order uint64) {
		var corpus, skip [][]watermark.Token
		var text []watermark.Token
		for _, x := range append(b, 128) {
			if x < 16 {
				text = append(text, int32(x))
				continue
			}
			if x%8 == 7 {
				skip = append(skip, text)
			} else {
				corpus = append(corpus, text)
			}
			text = nil
		}
		r := rand.New(rand.NewPCG(order, 1))
		for _, m := range marks {
			one := shard(t, m, corpus, skip, 1, r)
			many := shard(t, m, corpus, skip, 1+r.IntN(4), r)
			require.Equal(t, marshal(t, one), marshal(t, many))
			require.Equal(t, one.Result(), many.Result())
			result := one.Result()
			d := result.Dropped
			require.Equal(t, result.Raw, result.Scored+d.Head+d.Gated+d.Repeat+d.Skipped+d.Duplicate)
			if m != w {
				continue
			}
			want := naiveDetect(corpus, skip, 3, func([]watermark.Token, watermark.Token) float64 { return 0 })
			require.Equal(t, want.Dropped, d)
			require.Equal(t, want.Scored, result.Scored)
		}
	})
}

// FuzzUnmarshal gives bytes as they are and bytes that were sealed after they
// were changed: none panics, and what is accepted is written again as it was
// read, twice.
func FuzzUnmarshal(f *testing.F) {
	w := testMark(f, 1, watermark.Gumbel{})
	d := w.NewDetector()
	f.Add(marshal(f, d), false)
	require.NoError(f, d.Add(watermark.Text{Tokens: spliced(f, w, 0, 12, 0)}))
	require.NoError(f, d.Skip([]watermark.Token{1, 2, 3, 4}))
	f.Add(marshal(f, d), true)
	f.Add([]byte("dyedet/1"), true)
	f.Add([]byte{}, false)
	f.Add(forge(w, [4]uint64{1 << 63, 0, 0, 0}, uint64(1)<<60), false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			b = seal(b[:max(0, len(b)-16)])
		}
		d := w.NewDetector()
		if d.UnmarshalBinary(b) != nil {
			require.Equal(t, marshal(t, w.NewDetector()), marshal(t, d))
			return
		}
		r := d.Result()
		require.LessOrEqual(t, r.LogP, 0.0)
		again := w.NewDetector()
		require.NoError(t, again.UnmarshalBinary(marshal(t, d)))
		require.Equal(t, marshal(t, d), marshal(t, again))
		require.Equal(t, r, again.Result())
	})
}
