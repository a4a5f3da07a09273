package tokenizer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// naiveAlign looks at every place by itself.
func naiveAlign(a, b []int) []tokenizer.Boundary {
	count := func(ends []int, at int) (n int, ok bool) {
		ok = at == 0
		for i, e := range ends {
			if e == at {
				n, ok = i+1, true
			}
		}
		return n, ok
	}
	var out []tokenizer.Boundary
	for at := range 200 {
		i, ok := count(a, at)
		j, ok2 := count(b, at)
		if ok && ok2 {
			out = append(out, tokenizer.Boundary{A: i, B: j})
		}
	}
	return out
}

func TestAlign(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ends := func() []int {
		var out []int
		at := 0
		for range rng.IntN(12) {
			if rng.IntN(5) == 0 {
				out = append(out, -1)
				continue
			}
			at += rng.IntN(4)
			out = append(out, at)
		}
		return out
	}
	for range 20000 {
		a, b := ends(), ends()
		got, err := tokenizer.Align(a, b)
		require.NoError(t, err)
		require.Equal(t, naiveAlign(a, b), got, "%v %v", a, b)
	}
	for want, in := range map[string][2][]int{
		"tokenizer: of the first tokens, token 1 ends at 2, want at least 3, or -1":  {{3, 2}, {3}},
		"tokenizer: of the second tokens, token 2 ends at 0, want at least 3, or -1": {{3}, {3, -1, 0}},
		"tokenizer: of the first tokens, token 0 ends at -2, want at least 0, or -1": {{-2}, nil},
	} {
		_, err := tokenizer.Align(in[0], in[1])
		assert.EqualError(t, err, want)
	}
}

// TestAlignTokenizers checks on real tokens that at each boundary both sides have
// read the same bytes.
func TestAlignTokenizers(t *testing.T) {
	first, second := parse(t, "testdata/smollm2/tokenizer.json"), parse(t, "testdata/qwen/tokenizer.json")
	shared := 0
	for _, text := range hardTexts(t)[:500] {
		ids := first.Encode(text)
		text, err := first.Decode(ids)
		require.NoError(t, err)
		a, err := first.Ends(ids)
		require.NoError(t, err)
		var b []int
		for _, token := range second.Tokens(text) {
			b = append(b, token.End)
		}
		boundaries, err := tokenizer.Align(a, b)
		require.NoError(t, err)
		for _, at := range boundaries[1:] {
			require.Equal(t, a[at.A-1], b[at.B-1])
			shared++
		}
	}
	assert.Greater(t, shared, 5000)
}

// TestSingle compares with encoding the piece: alone it is one ordinary token just
// where Single says so, for pieces that no split cuts.
func TestSingle(t *testing.T) {
	for _, name := range families {
		tok := parse(t, "testdata/"+name+"/tokenizer.json")
		found := 0
		for id := range int32(tok.Size()) {
			piece, ok := tok.Piece(id)
			if !ok {
				continue
			}
			got, ok := tok.Single(string(piece))
			if _, added := tok.Added(id); added {
				assert.False(t, ok, "%s %q", name, piece)
				continue
			}
			if alone := tok.Encode(string(piece)); len(alone) == 1 && name != "added" {
				if _, added := tok.Added(alone[0]); !added && string(piece) == decode(t, tok, alone) {
					assert.True(t, ok, "%s %q", name, piece)
					assert.Equal(t, alone[0], got, "%s %q", name, piece)
				}
			}
			if ok {
				found++
				assert.Equal(t, id, got, "%s %q", name, piece)
				same, _ := tok.ID(string(piece))
				assert.Equal(t, id, same)
			}
		}
		assert.Greater(t, found, tok.Size()/2, name)
		for _, none := range []string{"", "no such token at all", "\xff\xfe\xfd"} {
			_, ok := tok.Single(none)
			assert.False(t, ok, "%s %q", name, none)
		}
	}
}

func decode(t testing.TB, tok *tokenizer.Tokenizer, ids []int32) string {
	t.Helper()
	text, err := tok.Decode(ids)
	require.NoError(t, err)
	return text
}

// TestFollowing compares with encoding the whole.
func TestFollowing(t *testing.T) {
	texts := hardTexts(t)
	for _, name := range families {
		tok := parse(t, "testdata/"+name+"/tokenizer.json")
		rng := rand.New(rand.NewPCG(3, 4))
		yes := 0
		for range 1500 {
			text := texts[rng.IntN(len(texts))]
			tokens := tok.Tokens(text)
			if len(tokens) < 2 || len(text) > 2000 {
				continue
			}
			k := 1 + rng.IntN(len(tokens)-1)
			at := tokens[k-1].End
			if at < 0 {
				continue
			}
			before := text[:at]
			piece, _ := tok.Piece(tokens[k].ID)
			head, whole := tok.Encode(before), tok.Encode(before+string(piece))
			want := len(whole) == len(head)+1 && fmt.Sprint(head) == fmt.Sprint(whole[:len(head)])
			if want {
				_, added := tok.Added(whole[len(head)])
				want = !added
			}
			got, ok := tok.Following(before, string(piece))
			require.Equal(t, want, ok, "%s %+q %+q", name, before, piece)
			if ok {
				require.Equal(t, whole[len(head)], got)
				yes++
			}
		}
		assert.Greater(t, yes, 200, name)
	}
}

// TestFollowingInCharacter has a piece that ends a character, by which the bytes
// before it join the letters before them.
func TestFollowingInCharacter(t *testing.T) {
	file := strings.NewReplacer(
		`{"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4}`, `{"a": 0, "b": 1, "ä": 2, "¸": 3, "Ń": 4, "bä": 5, "¸Ń": 6}`,
		`"id": 5`, `"id": 7`, `[["a", "b"]]`, `[["b", "ä"], ["¸", "Ń"]]`,
	).Replace(little)
	tok, err := tokenizer.Parse([]byte(file))
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1, 2}, tok.Encode("ab\xe4"))
	require.Equal(t, []int32{0, 5, 6}, tok.Encode("ab\xe4\xb8\xad"))
	_, ok := tok.Following("ab\xe4", "\xb8\xad")
	assert.False(t, ok)
	id, ok := tok.Following("a\xe4", "\xb8\xad")
	assert.True(t, ok)
	assert.EqualValues(t, 6, id)
}

// TestFollowingSingleWord has an added token that is none where a digit is before
// it, however far a look back would go.
func TestFollowingSingleWord(t *testing.T) {
	file := strings.NewReplacer(`"Ġ": 3`, `"1": 3`, `"content": "<s>", "single_word": false`, `"content": "cb", "single_word": true`).Replace(little)
	tok, err := tokenizer.Parse([]byte(file))
	require.NoError(t, err)
	require.Equal(t, []int32{5}, tok.Encode("cb"))
	require.Equal(t, []int32{3, 2, 1}, tok.Encode("1cb"))
	id, ok := tok.Following("1c", "b")
	assert.True(t, ok)
	assert.EqualValues(t, 1, id)
	_, ok = tok.Following("c", "b")
	assert.False(t, ok)
}
