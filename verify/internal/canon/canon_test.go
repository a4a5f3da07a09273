package canon_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

type doc struct {
	A int        `json:"a"`
	T canon.Text `json:"t,omitempty"`
}

func TestDecodeRefusesEveryOtherForm(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1,"b":2}`:            `json: unknown field "b"`,
		`{"a":1} `:                 "not in canonical form",
		`{ "a":1}`:                 "not in canonical form",
		`{"a":1,"a":1}`:            "not in canonical form",
		`{"t":"x","a":1}`:          "not in canonical form",
		`{"a":1e0}`:                "cannot unmarshal number 1e0 into",
		`{"a":1,"t":"\u003c"}`:     "not in canonical form",
		`{"a":1}{"a":1}`:           "not in canonical form",
		`{"a":`:                    "cut off after 5 bytes",
		``:                         "cut off after 0 bytes",
		`{"a":1,"t":{"base64":1}}`: "cannot unmarshal number into",
		// The bytes of valid UTF-8 have one form only.
		`{"a":1,"t":{"base64":"YQ=="}}`: "not in canonical form",
	} {
		var d doc
		assert.ErrorContains(t, canon.Decode([]byte(in), &d), want, "%s", in)
	}
	var d doc
	assert.ErrorContains(t, canon.Decode([]byte(`{"a":1,"t":{"base64":"!"}}`), &d), "bad base64 at byte 0")
}

func TestTextSurvives(t *testing.T) {
	for _, s := range []string{"", "plain", "<&>", "\u2028", "\xff\xfe", "a\xc3", "\x00\n"} {
		in := doc{A: 1, T: canon.Text(s)}
		b, err := canon.Encode(in)
		require.NoError(t, err)
		var out doc
		require.NoError(t, canon.Decode(b, &out), "%s", b)
		assert.Equal(t, in, out)
	}
}
