package keys_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

const testContext = "dyetrace 2026-11-23 keys test/1"

// testKey is the key of a fixed, recognisable pattern.
func testKey(t *testing.T, first byte) keys.Key {
	t.Helper()
	return keyOf(t, pattern(first))
}

func pattern(first byte) []byte {
	secret := make([]byte, keys.Size)
	for i := range secret {
		secret[i] = first + 7*byte(i)
	}
	return secret
}

func TestNewTakes32Bytes(t *testing.T) {
	source := bytes.NewReader(append(pattern(1), 0xff))
	k, err := keys.New(iotest.OneByteReader(source))
	require.NoError(t, err)
	assert.Equal(t, 1, source.Len(), "bytes left")
	assert.True(t, k.Equal(testKey(t, 1)))

	a, err := keys.New(rand.Reader)
	require.NoError(t, err)
	b, err := keys.New(rand.Reader)
	require.NoError(t, err)
	assert.False(t, a.Equal(b))
}

func TestNewRefuses(t *testing.T) {
	broken := errors.New("no entropy")
	for _, c := range []struct {
		r    io.Reader
		want string
		is   error
	}{
		{nil, "keys: random source is nil, want crypto/rand.Reader", nil},
		{strings.NewReader(""), "keys: random source gave 0 bytes, want 32: EOF", io.EOF},
		{bytes.NewReader(pattern(1)[:31]), "keys: random source gave 31 bytes, want 32: unexpected EOF", io.ErrUnexpectedEOF},
		{iotest.ErrReader(broken), "keys: random source gave 0 bytes, want 32: no entropy", broken},
		{bytes.NewReader(make([]byte, 32)), "keys: random source gave 32 zeros, want random bytes", nil},
	} {
		k, err := keys.New(c.r)
		assert.EqualError(t, err, c.want)
		assert.True(t, k.IsZero())
		if c.is != nil {
			assert.ErrorIs(t, err, c.is)
		}
	}
}

func TestEqual(t *testing.T) {
	a := testKey(t, 1)
	assert.True(t, a.Equal(testKey(t, 1)))
	assert.False(t, a.IsZero())
	for i := range keys.Size {
		secret := pattern(1)
		secret[i] ^= 1
		assert.False(t, a.Equal(keyOf(t, secret)), "byte %d differs", i)
	}
	assert.False(t, a.Equal(keys.Key{}))
	assert.False(t, keys.Key{}.Equal(a))
	assert.True(t, keys.Key{}.Equal(keys.Key{}))
}

// TestZeroKey: a key that was never set cannot come into use.
func TestZeroKey(t *testing.T) {
	var zero keys.Key
	assert.True(t, zero.IsZero())
	for _, k := range []keys.Key{zero.Epoch("e"), zero.Vendor(), zero.Cohort("c"), zero.Account("a"), zero.Purpose("p")} {
		assert.True(t, k.IsZero())
	}
	assert.Empty(t, zero.Reveal())
	assert.Equal(t, keys.ID{}, zero.ID())
	assert.Equal(t, keys.Commitment{}, zero.Commit([32]byte{1}))

	dst := []byte("untouched")
	err := zero.Expand(testContext, nil, dst)
	assert.EqualError(t, err, "keys: cannot expand: key is zero, want one from New, Parse or ReadFile")
	assert.Equal(t, "untouched", string(dst))
	_, err = zero.Uint64("layer 1")
	assert.EqualError(t, err, "keys: cannot make an integer: key is zero, want one from New, Parse or ReadFile")
}

// TestExpandSeparates: another key, context or info gives other bytes, a longer
// output starts with a shorter one, and slices are not kept or overread.
func TestExpandSeparates(t *testing.T) {
	expand := func(k keys.Key, context, info string, n int) string {
		dst := make([]byte, n)
		require.NoError(t, k.Expand(context, []byte(info), dst))
		return string(dst)
	}
	k := testKey(t, 1)
	base := expand(k, testContext, "info", 32)
	assert.Equal(t, base, expand(k, testContext, "info", 64)[:32])

	outputs := map[string]string{"base": base}
	outputs["key"] = expand(testKey(t, 2), testContext, "info", 32)
	outputs["child"] = expand(k.Vendor(), testContext, "info", 32)
	outputs["version"] = expand(k, "dyetrace 2026-11-23 keys test/2", "info", 32)
	outputs["program"] = expand(k, "other 2026-11-23 keys test/1", "info", 32)
	outputs["info"] = expand(k, testContext, "inf", 32)
	outputs["no info"] = expand(k, testContext, "", 32)
	names := map[string]string{}
	for name, out := range outputs {
		assert.Empty(t, names[out], "same as %s", name)
		names[out] = name
	}

	shared := []byte("info............................")
	require.NoError(t, k.Expand(testContext, shared[:4], shared))
	assert.Equal(t, base, string(shared), "info may lie in dst")
}

func TestExpandRefuses(t *testing.T) {
	const form = `, want the form "dyetrace 2026-11-23 purpose/1"`
	const own = `, want one that package keys does not use itself`
	k := testKey(t, 1)
	for context, want := range map[string]string{
		"":                                    `keys: context is ""` + form,
		"words":                               `keys: context is "words"` + form,
		"dyetrace words/1":                    `keys: context is "dyetrace words/1"` + form,
		"dyetrace 2026-11-23 words":           `keys: context is "dyetrace 2026-11-23 words"` + form,
		"dyetrace 2026-11-23 words/":          `keys: context is "dyetrace 2026-11-23 words/"` + form,
		"dyetrace 2026-11-23 words/1a":        `keys: context is "dyetrace 2026-11-23 words/1a"` + form,
		"dyetrace 2026-11-23 /1":              `keys: context is "dyetrace 2026-11-23 /1"` + form,
		"dyetrace 2026-13-23 words/1":         `keys: context is "dyetrace 2026-13-23 words/1"` + form,
		"dyetrace 2026-1-23 words/1":          `keys: context is "dyetrace 2026-1-23 words/1"` + form,
		" 2026-11-23 words/1":                 `keys: context is " 2026-11-23 words/1"` + form,
		"dyetrace 2026-11-23 key tree/1":      `keys: context is "dyetrace 2026-11-23 key tree/1"` + own,
		"dyetrace 2026-11-23 key text/1":      `keys: context is "dyetrace 2026-11-23 key text/1"` + own,
		"dyetrace 2030-01-01 key anything/99": `keys: context is "dyetrace 2030-01-01 key anything/99"` + own,
		k.Reveal():                            `keys: context is a secret key` + form,
	} {
		dst := []byte("untouched")
		assert.EqualError(t, k.Expand(context, nil, dst), want)
		assert.Equal(t, "untouched", string(dst))
	}
	assert.EqualError(t, k.Expand(testContext, nil, nil), "keys: length of expansion is 0, want at least 1")
}

// TestConcurrent is for the race detector: one key, many users.
func TestConcurrent(t *testing.T) {
	k := testKey(t, 1)
	want := k.Epoch("e").Cohort("c").Reveal() + k.String()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				assert.Equal(t, want, k.Epoch("e").Cohort("c").Reveal()+k.String())
			}
		})
	}
	all.Wait()
}
