package unidata_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer/internal/unidata"
)

// TestClasses compares every code point with what the tokenizers library takes it
// for.
func TestClasses(t *testing.T) {
	packed, err := os.Open("../../testdata/classes.json.gz")
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	var classes map[string][][2]rune
	require.NoError(t, json.NewDecoder(unpacked).Decode(&classes))

	table := unidata.Categories()
	in := func(set uint32) func(rune) bool { return func(r rune) bool { return table.In(r, set) } }
	for name, is := range map[string]func(rune) bool{
		"L": in(unidata.Letter), "N": in(unidata.Number), "M": in(unidata.Mark), "P": in(unidata.Punctuation), "S": in(unidata.Symbol),
		"Lu": in(1 << unidata.Lu), "Ll": in(1 << unidata.Ll), "Lt": in(1 << unidata.Lt), "Lm": in(1 << unidata.Lm), "Lo": in(1 << unidata.Lo),
		"space": in(unidata.Space), "strip": in(unidata.Space), "digit": in(unidata.Number), "word": table.Word,
	} {
		require.NotEmpty(t, classes[name], name)
		want := make([]bool, 0x110000)
		for _, span := range classes[name] {
			for r := span[0]; r <= span[1]; r++ {
				want[r] = true
			}
		}
		for r, w := range want {
			if (r < 0xD800 || r > 0xDFFF) && is(rune(r)) != w {
				t.Errorf("%s U+%04X: %t", name, r, !w)
			}
		}
		delete(classes, name)
	}
	assert.Empty(t, classes, "not tested")
}

func TestOutOfRange(t *testing.T) {
	table := unidata.Categories()
	for _, r := range []rune{-1, 0x110000, 1<<31 - 1, -1 << 31} {
		assert.EqualValues(t, unidata.Cn, table.Category(r), "%X", r)
		assert.False(t, table.Word(r), "%X", r)
	}
}
