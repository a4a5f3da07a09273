package keys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

const (
	base32Alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	secretPrefix   = "dyetrace_secret1_"
)

func TestParseRefusesByName(t *testing.T) {
	k := testKey(t, 1)
	text := k.Reveal()
	const want = ", want a secret key, dyetrace_secret1_…"
	for _, c := range []struct{ text, want string }{
		{"", "keys: text is empty" + want},
		{k.ID().String(), "keys: text is a public ID" + want},
		{k.Commit([32]byte{1}).String(), "keys: text is a commitment" + want},
		{k.String(), "keys: text is a redacted key, from which the key cannot be had back" + want},
		{" " + text, "keys: text is surrounded by white space" + want},
		{text + "\n", "keys: text is surrounded by white space" + want},
		{strings.Replace(text, "1_", "2_", 1), "keys: text is a secret key of another version, or its prefix is mistyped" + want},
		{text[:16], "keys: text is a secret key of another version, or its prefix is mistyped" + want},
		{text[:9], "keys: text is something else" + want},
		{text[1:], "keys: text is something else" + want},
		{text[len(secretPrefix):], "keys: text is something else" + want},
		{strings.ToUpper(text), "keys: text is something else" + want},
		{"AGE-SECRET-KEY-1QQQ", "keys: text is something else" + want},
		{secretPrefix, "keys: secret key has 0 characters after its prefix, want 64: it was cut short"},
		{text[:len(text)-1], "keys: secret key has 63 characters after its prefix, want 64: it was cut short"},
		{text + "a", "keys: secret key has 65 characters after its prefix, want 64: more than it was pasted"},
		{text + text, "keys: secret key has 145 characters after its prefix, want 64: more than it was pasted"},
		{secretPrefix + strings.ToUpper(text[17:]), "keys: secret key has a strange character at position 1 after its prefix, want a to z and 2 to 7"},
		{text[:30] + "\n" + text[31:], "keys: secret key has a strange character at position 14 after its prefix, want a to z and 2 to 7"},
		{text[:79] + "ü", "keys: secret key has a strange character at position 63 after its prefix, want a to z and 2 to 7"},
		{text[:80] + "\xff", "keys: secret key has a strange character at position 64 after its prefix, want a to z and 2 to 7"},
		{secretPrefix + strings.Repeat("a", 64), "keys: secret key does not match its checksum: it is mistyped"},
	} {
		got, err := keys.Parse(c.text)
		assert.EqualError(t, err, c.want)
		assert.True(t, got.IsZero())
	}
}

// TestParseRefusesEveryTypo: every replaced character and every swap of
// neighbours is refused, and no error shows a piece of the key.
func TestParseRefusesEveryTypo(t *testing.T) {
	text := testKey(t, 1).Reveal()
	refuse := func(typo string) {
		if typo == text {
			return
		}
		k, err := keys.Parse(typo)
		require.Error(t, err)
		require.True(t, k.IsZero())
		assertNoPiece(t, err.Error(), text)
	}
	for i := range len(text) {
		for _, c := range base32Alphabet + "A1_ \n\x00" {
			refuse(text[:i] + string(c) + text[i+1:])
		}
		refuse(text[:i])
		refuse(text[i:])
		refuse(text[:i] + text[i+1:])
		if i > 0 {
			refuse(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:])
		}
	}
}

// assertNoPiece fails if message holds four characters in a row of what follows
// the prefix of text.
func assertNoPiece(t *testing.T, message, text string) {
	t.Helper()
	body := strings.TrimPrefix(text, secretPrefix)
	for i := range len(body) - 3 {
		require.NotContains(t, message, body[i:i+4])
	}
}

// FuzzParse: Parse never panics, accepts only what Reveal prints, and its errors
// are its own words and numbers whatever it was given.
func FuzzParse(f *testing.F) {
	k, err := keys.New(strings.NewReader("public secret for the fuzzer ..."))
	require.NoError(f, err)
	text := k.Reveal()
	for i := range len(text) {
		f.Add(text[:i])
		f.Add(text[:i] + "\n" + text[i:])
	}
	f.Add(text)
	f.Add(strings.ToUpper(text))
	f.Add(secretPrefix + strings.Repeat("7", 64))
	f.Add(secretPrefix + strings.Repeat("a", 64))
	f.Add(k.ID().String())
	f.Add(k.Commit([32]byte{}).String())
	f.Add(k.String())
	for line := range strings.Lines(vectorFile) {
		if text, ok := strings.CutPrefix(line, "text: "); ok {
			f.Add(strings.TrimSpace(text))
		}
	}
	shapes := map[string]bool{}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := keys.Parse(text)
		if err == nil {
			require.Equal(t, text, k.Reveal())
			return
		}
		require.True(t, k.IsZero())
		shapes[strings.Map(dropDigits, err.Error())] = true
		require.LessOrEqual(t, len(shapes), 12, "an error that depends on more than lengths and positions")
	})
}

func dropDigits(r rune) rune {
	if '0' <= r && r <= '9' {
		return -1
	}
	return r
}

// FuzzPublicForms: IDs and commitments are read back exactly or not at all.
func FuzzPublicForms(f *testing.F) {
	k, err := keys.New(strings.NewReader("public secret for the fuzzer ..."))
	require.NoError(f, err)
	f.Add([]byte(k.ID().String()))
	f.Add([]byte(k.Commit([32]byte{}).String()))
	f.Add([]byte(keys.ID{}.String()))
	f.Add([]byte(keys.Commitment{}.String()))
	f.Add([]byte(k.Reveal()))
	f.Fuzz(func(t *testing.T, text []byte) {
		var id keys.ID
		if id.UnmarshalText(text) == nil {
			require.Equal(t, string(text), id.String())
		} else {
			require.Equal(t, keys.ID{}, id)
		}
		var c keys.Commitment
		if c.UnmarshalText(text) == nil {
			require.Equal(t, string(text), c.String())
		} else {
			require.Equal(t, keys.Commitment{}, c)
		}
	})
}
