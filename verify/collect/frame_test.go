package collect_test

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/collect"
)

func TestFrameRefuses(t *testing.T) {
	for want, in := range map[string][]string{
		"collect: frame has 0 prompts, want at least 1":     {},
		"collect: prompt 1 of the frame is empty":           {"a", ""},
		"collect: prompt 0 of the frame is not valid UTF-8": {"\xff"},
		"collect: prompt 2 of the frame equals prompt 0":    {"a", "b", "a"},
	} {
		_, err := collect.NewFrame(in)
		assert.EqualError(t, err, want)
	}
	for in, want := range map[string]string{
		"\"a\"\n\"b\"":   "collect: line 2 is cut off after 3 bytes",
		"\"a\"\n\n":      "collect: line 2 of the frame: cut off after 0 bytes",
		"\"\\u0061\"\n":  "collect: line 1 of the frame: not in canonical form",
		"{\"a\":1}\n":    "collect: line 1 of the frame: json: cannot unmarshal object",
		"\"a\"\n\"a\"\n": "collect: prompt 1 of the frame equals prompt 0",
		"":               "collect: frame has 0 prompts, want at least 1",
	} {
		_, err := collect.ReadFrame(strings.NewReader(in))
		assert.ErrorContains(t, err, want, "%q", in)
	}
}

func TestFrameSurvivesItsFile(t *testing.T) {
	f, err := collect.NewFrame([]string{"one", "two\nlines", "<three> & \u2028 \x00"})
	require.NoError(t, err)
	var b bytes.Buffer
	n, err := f.WriteTo(&b)
	require.NoError(t, err)
	assert.Equal(t, int64(b.Len()), n)
	g, err := collect.ReadFrame(&b)
	require.NoError(t, err)
	assert.Equal(t, f.Digest(), g.Digest())
	assert.Equal(t, 3, g.Len())
}

// The digest separates lists that a careless encoding would run together.
func TestFrameDigestSeparates(t *testing.T) {
	seen := map[collect.Digest][]string{}
	for _, list := range [][]string{{"ab"}, {"a", "b"}, {"b", "a"}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"a\x00", "b"}, {"a", "\x00b"}} {
		f, err := collect.NewFrame(list)
		require.NoError(t, err)
		assert.Nil(t, seen[f.Digest()])
		seen[f.Digest()] = list
	}
}

func TestSample(t *testing.T) {
	f, err := collect.NewFrame(prompts(100))
	require.NoError(t, err)
	all, err := f.Sample(digest(7), 100)
	require.NoError(t, err)
	assert.ElementsMatch(t, prompts(100), all)
	assert.NotEqual(t, prompts(100), all)
	for _, n := range []int{1, 2, 50, 99} {
		some, err := f.Sample(digest(7), n)
		require.NoError(t, err)
		assert.Equal(t, all[:n], some)
	}
	other, err := f.Sample(digest(8), 100)
	require.NoError(t, err)
	assert.NotEqual(t, all, other)
	plain, err := f.Sample(collect.Digest{}, 3)
	require.NoError(t, err)
	assert.Equal(t, prompts(3), plain)
	// Another frame, the same nonce: another order.
	g, err := collect.NewFrame(append(prompts(100), "one more"))
	require.NoError(t, err)
	first, err := g.Sample(digest(7), 100)
	require.NoError(t, err)
	assert.NotEqual(t, all, first)
	for _, n := range []int{-1, 0, 101} {
		_, err := f.Sample(digest(7), n)
		assert.ErrorContains(t, err, "want 1 to 100, the size of the frame")
	}
	// Frozen: whoever recomputes an order in ten years must get this one.
	assert.Equal(t, []string{"question 69", "question 11", "question 14", "question 89", "question 65"}, all[:5])
	assert.Equal(t, naiveSample(prompts(100), digest(7)), all)
}

// naiveSample follows the package comment and nothing else.
func naiveSample(list []string, nonce collect.Digest) []string {
	le := func(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
	material := le(len(list))
	for _, p := range list {
		material = append(append(material, le(len(p))...), p...)
	}
	frame := make([]byte, 32)
	blake3.DeriveKey("dyetrace 2026-11-24 verify frame/1", material, frame)
	stream := make([]byte, 1<<14)
	blake3.DeriveKey("dyetrace 2026-11-24 verify sample/1", append(nonce[:], frame...), stream)
	var out []string
	for left := slices.Clone(list); len(left) > 0; {
		m := new(big.Int).SetInt64(int64(len(left)))
		x := new(big.Int).SetUint64(binary.LittleEndian.Uint64(stream))
		stream = stream[8:]
		limit := new(big.Int).Lsh(big.NewInt(1), 64)
		limit.Sub(limit, new(big.Int).Mod(limit, m))
		if x.Cmp(limit) >= 0 {
			continue
		}
		j := int(x.Mod(x, m).Int64())
		out = append(out, left[j])
		left[j] = left[0] // the swap of Fisher and Yates, seen from the rest
		left = left[1:]
	}
	return out
}

// Every prompt is picked equally often in every place: 12,000 nonces, three of
// six prompts, 18 counts around 2,000 with standard deviation 40.8; the bound
// of 6 standard deviations fails by chance less than once in 10^7 runs.
func TestSampleIsUniform(t *testing.T) {
	f, err := collect.NewFrame(prompts(6))
	require.NoError(t, err)
	var count [3][6]int
	for i := range 12000 {
		var nonce collect.Digest
		nonce[0], nonce[1], nonce[31] = byte(i), byte(i>>8), 1
		got, err := f.Sample(nonce, 3)
		require.NoError(t, err)
		for place, p := range got {
			count[place][slices.Index(prompts(6), p)]++
		}
	}
	for place := range count {
		for p, n := range count[place] {
			assert.InDelta(t, 2000, n, 245, "prompt %d in place %d", p, place)
		}
	}
}

func TestDigestText(t *testing.T) {
	d := digest(0xab)
	assert.Equal(t, strings.Repeat("ab", 32), d.String())
	for in, want := range map[string]string{
		"":                       "collect: digest has 0 characters, want 64",
		strings.Repeat("a", 63):  "collect: digest has 63 characters, want 64",
		strings.Repeat("AB", 32): `collect: digest holds "AB", want 64 lower-case hexadecimal digits`,
		strings.Repeat("0g", 32): `collect: digest holds "0g", want 64 lower-case hexadecimal digits`,
	} {
		_, err := collect.ParseDigest(in)
		assert.EqualError(t, err, want)
	}
	assert.True(t, collect.Digest{}.IsZero())
	assert.False(t, d.IsZero())
}
