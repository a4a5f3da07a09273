package marks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Secrets are what the package documentation says they are, byte for byte.
func TestSecretFiles(t *testing.T) {
	a, b := testKey(t, 1), testKey(t, 2)
	const head = `{"schema":"dyetrace/mark-secret/1",`
	for _, c := range []struct {
		secret marks.Secret
		want   string
		prints string
	}{
		{marks.KeySecret(a, keys.Key{}), head + `"key":"` + a.Reveal() + `"}`, a.String()},
		{marks.KeySecret(a, b), head + `"key":"` + a.Reveal() + `","layout":"` + b.Reveal() + `"}`, a.String()},
		{marks.IntegerSecret(7), head + `"integers":["7"]}`, "redacted:1 integers"},
		{marks.IntegerSecret[uint64](math.MaxUint64, 0), head + `"integers":["18446744073709551615","0"]}`, "redacted:2 integers"},
		{marks.IntegerSecret[int64](math.MinInt64, math.MaxInt64, -1), head + `"integers":["-9223372036854775808","9223372036854775807","-1"]}`, "redacted:3 integers"},
	} {
		data, err := c.secret.Reveal()
		require.NoError(t, err)
		assert.Equal(t, c.want+"\n", string(data))
		read, err := marks.ParseSecret(data)
		require.NoError(t, err)
		again, err := read.Reveal()
		require.NoError(t, err)
		assert.Equal(t, data, again)
		assert.Equal(t, c.prints, read.String())
		assert.False(t, read.IsZero())
	}
	for _, zero := range []marks.Secret{{}, marks.KeySecret(keys.Key{}, a), marks.IntegerSecret[int]()} {
		assert.True(t, zero.IsZero())
		assert.Equal(t, "redacted:none", zero.String())
		_, err := zero.Reveal()
		assert.EqualError(t, err, "marks: the secret is the zero Secret, want one from KeySecret, IntegerSecret or ParseSecret")
	}
}

// A caller's slice may change afterwards.
func TestSecretOwnsItsIntegers(t *testing.T) {
	list := []int64{1, 2}
	s := marks.IntegerSecret(list...)
	list[0] = 9
	data, err := s.Reveal()
	require.NoError(t, err)
	assert.Contains(t, string(data), `["1","2"]`)
}

func TestParseSecretRefuses(t *testing.T) {
	k := testKey(t, 1).Reveal()
	const number = "31337313373133731337"
	many := `"1"` + strings.Repeat(`,"1"`, 1024)
	for _, c := range []struct{ body, want string }{
		{``, "marks: secret has a key and integers or neither, want one of them"},
		{`,"key":"` + k + `","integers":["1"]`, "marks: secret has a key and integers or neither, want one of them"},
		{`,"layout":"` + k + `"`, "marks: secret has a key and integers or neither, want one of them"},
		{`,"layout":"` + k + `","integers":["1"]`, "marks: secret has a layout key and integers, want a key beside it"},
		{`,"key":"` + k[:40] + `"`, "marks: key of the secret: keys: secret key has 23 characters after its prefix, want 64: it was cut short"},
		{`,"key":"` + k + `","layout":"x"`, "marks: layout key of the secret: keys: text is something else, want a secret key"},
		{`,"key":"` + k + `","more":1`, `marks: secret: json: unknown field "more"`},
		{`,"key":12345678`, `marks: secret: "key" holds another JSON type than the text forms of keys`},
		{`,"integers":[` + number + `]`, `marks: secret: "integers" holds another JSON type than the text forms of keys`},
		{`,"integers":"` + number + `"`, `marks: secret: "integers" holds another JSON type than the text forms of keys`},
		{`,"integers":[]`, "marks: secret: not in canonical form"},
		{`,"integers":["1"],"integers":["2"]`, "marks: secret: not in canonical form"},
		{`,"integers":[ "1"]`, "marks: secret: not in canonical form"},
		{`,"integers":["` + number + `"]`, "marks: integer 0 of the secret is none, want the shortest decimal of -2^63 to 2^64-1"},
		{`,"integers":["1","07"]`, "marks: integer 1 of the secret is none"},
		{`,"integers":["+7"]`, "marks: integer 0 of the secret is none"},
		{`,"integers":["-0"]`, "marks: integer 0 of the secret is none"},
		{`,"integers":["0x7"]`, "marks: integer 0 of the secret is none"},
		{`,"integers":["1_0"]`, "marks: integer 0 of the secret is none"},
		{`,"integers":[""]`, "marks: integer 0 of the secret is none"},
		{`,"integers":["-9223372036854775809"]`, "marks: integer 0 of the secret is none"},
		{`,"integers":["18446744073709551616"]`, "marks: integer 0 of the secret is none"},
		{`,"integers":[` + many + `]`, "marks: secret has 1025 integers, want at most 1024"},
		{`,"integers":["` + number + `"x]`, "marks: secret: not JSON at byte"},
		{`,"integers":["` + number, "marks: secret: cut off after"},
	} {
		data := `{"schema":"dyetrace/mark-secret/1"` + c.body
		if c.want != "marks: secret: cut off after" {
			data += "}"
		}
		s, err := marks.ParseSecret([]byte(data + "\n"))
		if assert.Error(t, err, c.body) {
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), number[:6])
			assert.NotContains(t, err.Error(), k[20:30])
		}
		assert.True(t, s.IsZero())
	}
	spec, err := samples(t)[0].spec.Encode()
	require.NoError(t, err)
	for data, want := range map[string]string{
		"":            "marks: secret does not end with a newline: cut off",
		"{}":          "marks: secret does not end with a newline: cut off",
		"{}\n":        `marks: secret has schema "", want "dyetrace/mark-secret/1"`,
		number + "\n": `marks: secret: "" holds another JSON type than the text forms of keys`,
		k + "\n":      "marks: secret: not JSON at byte 1",
		string(spec):  `marks: secret has schema "dyetrace/mark/1", want "dyetrace/mark-secret/1"`,
	} {
		_, err := marks.ParseSecret([]byte(data))
		assert.EqualError(t, err, want)
	}
	line, err := marks.KeySecret(testKey(t, 1), keys.Key{}).Reveal()
	require.NoError(t, err)
	_, err = marks.Parse(line)
	assert.EqualError(t, err, `marks: spec has schema "dyetrace/mark-secret/1", want "dyetrace/mark/1"`)
}

// Nothing prints a secret but Reveal and the encoders of Revealed.
func TestRedacted(t *testing.T) {
	a, b := testKey(t, 1), testKey(t, 2)
	config := marks.Native{Key: a, Scheme: watermark.Gumbel{}, Layout: b, Part: watermark.Part{End: 5, Width: 3}}
	spec, err := marks.Of(config)
	require.NoError(t, err)
	type file struct {
		Secret  marks.Secret
		hidden  marks.Secret
		List    []marks.Secret
		Ptr     *marks.Secret
		Opened  marks.Revealed `json:"-"`
		Spec    marks.Spec
		private marks.Revealed
	}
	layer, numbers := config.Secret(), marks.IntegerSecret[uint64](big, small)
	var out bytes.Buffer
	for _, s := range []marks.Secret{layer, numbers} {
		f := file{s, s, []marks.Secret{s}, &s, marks.Revealed{Secret: s}, spec, marks.Revealed{Secret: s}}
		for _, v := range []any{s, &s, f, &f, f.hidden, f.private, marks.Revealed{Secret: s}, config, spec} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%T"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
		}
		for _, v := range []any{s, &s, f, &f, spec} {
			data, err := json.Marshal(v)
			require.NoError(t, err)
			out.Write(data)
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", v)
		}
		_, err := spec.Build(s)
		fmt.Fprintln(&out, errors.Join(err))
	}
	text := strings.ToLower(out.String())
	for _, digits := range []string{"11651590505119483672", "a1b2c3d4e5f60718", "3581139972871554840", "31b2c3d4e5f60718", a.Reveal()[20:40], b.Reveal()[20:40], "dyetrace_secret"} {
		assert.NotContains(t, text, digits)
	}
	assert.Contains(t, text, "redacted:2 integers")
	assert.Contains(t, text, a.String())
}

// Spec and secret are parts of a canonical file of somebody else, or absent in it.
func TestInsideAnotherFile(t *testing.T) {
	type file struct {
		Spec   marks.Spec     `json:"spec,omitzero"`
		Secret marks.Revealed `json:"secret,omitzero"`
	}
	for _, x := range samples(t) {
		data, err := canon.Encode(file{x.spec, marks.Revealed{Secret: x.secret}})
		require.NoError(t, err)
		var f file
		require.NoError(t, canon.Decode(data, &f))
		assert.True(t, f.Spec == x.spec)
		w, err := f.Spec.Build(f.Secret.Secret)
		require.NoError(t, err)
		assert.Equal(t, x.mark.ID(), w.ID())
		for _, other := range []string{`"config": {`, `"config":{ `} {
			assert.ErrorContains(t, canon.Decode(bytes.Replace(data, []byte(`"config":{`), []byte(other), 1), &f), "marks: ")
		}
		f = file{}
		assert.ErrorContains(t, canon.Decode(bytes.Replace(data, []byte(`mark-secret/1`), []byte(`mark-secret/2`), 1), &f),
			`marks: secret has schema "dyetrace/mark-secret/2", want "dyetrace/mark-secret/1"`)
		assert.True(t, f.Secret.IsZero())
	}
	data, err := canon.Encode(file{})
	require.NoError(t, err)
	assert.Equal(t, `{}`, string(data))
	_, err = json.Marshal(struct{ Spec marks.Spec }{})
	assert.ErrorContains(t, err, "marks: the zero Spec describes no mark")
}

// FuzzParseSecret asks that what is read is revealed as it was.
func FuzzParseSecret(f *testing.F) {
	for _, x := range samples(f) {
		line, err := x.secret.Reveal()
		require.NoError(f, err)
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := marks.ParseSecret(data)
		if err != nil {
			require.True(t, s.IsZero())
			return
		}
		line, err := s.Reveal()
		require.NoError(t, err)
		require.Equal(t, string(data), string(line))
	})
}
