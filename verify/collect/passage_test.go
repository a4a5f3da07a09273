package collect_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

func TestPassageSurvivesItsLine(t *testing.T) {
	for line, p := range map[string]collect.Passage{
		`{"prompt":[],"tokens":[0]}`: {Prompt: nil, Tokens: []int32{0}},
		`{"key":"k","prompt":[1,2],"tokens":[3,2147483647],"prompt_text":"<a> ","pieces":["b",{"base64":"/w=="}]}`: {
			Key: "k", Prompt: []int32{1, 2}, Tokens: []int32{3, math.MaxInt32}, PromptText: "<a> ", Pieces: []string{"b", "\xff"}},
		`{"prompt":[1],"tokens":[3],"pieces":[""]}`: {Prompt: []int32{1}, Tokens: []int32{3}, Pieces: []string{""}},
	} {
		f, err := collect.PassageFrame([]collect.Passage{p})
		require.NoError(t, err)
		lines, err := f.Sample(collect.Digest{}, 1)
		require.NoError(t, err)
		assert.Equal(t, []string{line}, lines)
		got, err := collect.ParsePassage(line)
		require.NoError(t, err)
		assert.Equal(t, len(p.Prompt), len(got.Prompt))
		got.Prompt = p.Prompt // nil and empty are the same
		assert.Equal(t, p, got)
	}
}

func TestParsePassageRefuses(t *testing.T) {
	for line, want := range map[string]string{
		``:                                              "collect: passage: cut off after 0 bytes",
		`null`:                                          "collect: passage: not in canonical form",
		`{"prompt":[],"tokens":[]}`:                     "collect: passage has 0 tokens, want at least 1",
		`{"prompt":null,"tokens":[1]}`:                  "collect: passage: not in canonical form",
		`{"tokens":[1]}`:                                "collect: passage: not in canonical form",
		`{"prompt":[],"tokens":[1],"key":"k"}`:          "collect: passage: not in canonical form",
		`{"key":"","prompt":[],"tokens":[1]}`:           "collect: passage: not in canonical form",
		`{"prompt":[],"tokens":[1 ]}`:                   "collect: passage: not in canonical form",
		`{"prompt":[],"tokens":[1.0]}`:                  "collect: passage: json: cannot unmarshal number 1.0",
		`{"prompt":[],"tokens":[2147483648]}`:           "collect: passage: json: cannot unmarshal number 2147483648",
		`{"prompt":[-1],"tokens":[1]}`:                  "collect: token 0 of the passage's prompt is -1, want at least 0",
		`{"prompt":[],"tokens":[1,-1]}`:                 "collect: token 1 of the passage is -1, want at least 0",
		`{"prompt":[],"tokens":[1],"pieces":["a","b"]}`: "collect: passage has 2 pieces, want 1, one for each token, or none",
		`{"prompt":[],"tokens":[1],"pieces":[]}`:        "collect: passage: not in canonical form",
		`{"prompt":[],"tokens":[1],"x":1}`:              `collect: passage: json: unknown field "x"`,
	} {
		_, err := collect.ParsePassage(line)
		assert.ErrorContains(t, err, want, line)
	}
}

func TestPassageFrameRefuses(t *testing.T) {
	p := passages(2)
	for want, list := range map[string][]collect.Passage{
		"collect: frame has 0 passages, want at least 1":                                 {},
		"collect: passage 2 of the frame equals passage 0":                               {p[0], p[1], p[0]},
		"collect: passage 1 of the frame: passage has 0 tokens, want at least 1":         {p[0], {}},
		"collect: passage 0 of the frame: token 0 of the passage is -1, want at least 0": {{Tokens: []int32{-1}}},
	} {
		_, err := collect.PassageFrame(list)
		assert.EqualError(t, err, want)
	}
	_, err := (&collect.Passage{}).Digest()
	assert.EqualError(t, err, "collect: passage has 0 tokens, want at least 1")
}

// Every part of a passage changes its digest.
func TestPassageDigestSeparates(t *testing.T) {
	seen := map[collect.Digest]int{}
	for i, p := range []collect.Passage{
		{Tokens: []int32{1, 2}},
		{Prompt: []int32{1}, Tokens: []int32{2}},
		{Prompt: []int32{1, 2}, Tokens: []int32{3}},
		{Tokens: []int32{12}},
		{Tokens: []int32{1, 2}, PromptText: "a"},
		{Tokens: []int32{1, 2}, Key: "a"},
		{Tokens: []int32{1, 2}, Pieces: []string{"a", ""}},
		{Tokens: []int32{1, 2}, Pieces: []string{"", "a"}},
		{Tokens: []int32{1, 2}, Pieces: []string{"\xff", "\xfe"}},
		{Tokens: []int32{1, 2}, Pieces: []string{"\ufffd", "\ufffd"}},
	} {
		d, err := p.Digest()
		require.NoError(t, err)
		assert.NotContains(t, seen, d, "passage %d", i)
		seen[d] = i
	}
}

// What is accepted is written back byte for byte, and can be asked about.
func FuzzParsePassage(f *testing.F) {
	f.Add(`{"key":"k","prompt":[1,2],"tokens":[3],"prompt_text":"a","pieces":[{"base64":"/w=="}]}`)
	f.Add(`{"prompt":[],"tokens":[0]}`)
	f.Add(`{"prompt":null,"tokens":[0],"pieces":[null]}`)
	f.Fuzz(func(t *testing.T, line string) {
		p, err := collect.ParsePassage(line)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "collect: "))
			return
		}
		frame, err := collect.PassageFrame([]collect.Passage{p})
		require.NoError(t, err)
		lines, err := frame.Sample(collect.Digest{}, 1)
		require.NoError(t, err)
		require.Equal(t, line, lines[0])
		_, err = p.Digest()
		require.NoError(t, err)
	})
}
