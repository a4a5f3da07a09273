package strictjson_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/strictjson"
)

func TestParse(t *testing.T) {
	o, err := strictjson.Parse("x", []byte(` {"a": 1, "b": "two", "c": 0.5, "d": true, "e": null, "f": 18446744073709551615} `), "a", "b", "c", "d", "e", "f", "g")
	require.NoError(t, err)
	a, b, c, d, f, g := 0, "", 0.0, false, uint64(0), 9
	o.Int("a", &a)
	o.String("b", &b)
	assert.True(t, o.Float("c", &c))
	o.Bool("d", &d)
	assert.True(t, o.Uint64("f", &f))
	o.Int("g", &g)
	require.NoError(t, o.Err())
	assert.Equal(t, 1, a)
	assert.Equal(t, "two", b)
	assert.Equal(t, 0.5, c)
	assert.True(t, d)
	assert.Equal(t, uint64(1<<64-1), f)
	assert.Equal(t, 9, g, "an absent field leaves its argument")
	assert.True(t, o.Null("e"))
	assert.True(t, o.Has("e"))
	assert.False(t, o.Has("g"))
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{``, "x: not a JSON object: it is cut off"},
		{`{"key": 123`, "x: not a JSON object: it is cut off"},
		{`null`, "x: not a JSON object"},
		{`[1]`, "x: not a JSON object"},
		{`{"key": 12345x}`, "x: not a JSON object: byte 14"},
		{`{"key": 1} {`, "x: more follows the JSON object"},
		{`{"Key": 1}`, `x: unknown field "Key", want among key, n`},
		{`{"z": 1, "y": 2}`, `x: unknown field "y", "z", want among key, n`},
		{`{"key": -31337}`, "x: key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"key": 18446744073709551616}`, "x: key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"key": 3.0}`, "x: key is another number, want an integer from 0 to 18446744073709551615"},
		{`{"key": "31337"}`, "x: key is a string, want an integer from 0 to 18446744073709551615"},
		{`{"key": null}`, "x: key is null, want an integer from 0 to 18446744073709551615"},
		{`{"key": [1]}`, "x: key is a list, want an integer from 0 to 18446744073709551615"},
		{`{"key": {}}`, "x: key is an object, want an integer from 0 to 18446744073709551615"},
		{`{"key": true}`, "x: key is a boolean, want an integer from 0 to 18446744073709551615"},
		{`{"n": 1.5}`, "x: n is another number, want an integer"},
	} {
		o, err := strictjson.Parse("x", []byte(c.json), "key", "n")
		if err == nil {
			var key uint64
			var n int
			o.Uint64("key", &key)
			o.Int("n", &n)
			err = o.Err()
		}
		require.Error(t, err, c.json)
		assert.Equal(t, c.want, err.Error())
		assert.NotContains(t, err.Error(), "31337")
	}
}
