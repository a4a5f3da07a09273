package marks_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Two files make the mark of every engine again, and the key where there is one.
func TestOpen(t *testing.T) {
	for _, s := range samples(t) {
		spec, err := s.spec.Encode()
		require.NoError(t, err, s.name)
		secret, err := s.secret.Reveal()
		require.NoError(t, err, s.name)
		w, key, err := marks.Open(spec, secret)
		require.NoError(t, err, s.name)
		assert.Equal(t, s.mark.ID(), w.ID(), s.name)
		assert.Equal(t, s.mark.Info(), w.Info(), s.name)
		assert.True(t, key.Equal(s.secret.Key()), s.name)
		assert.Equal(t, s.spec.Engine() == marks.EngineNative, w.Info().KeyID == key.ID().String(), s.name)
	}
}

// A commitment to integers is to all of them, in their order, and its key never changes.
func TestKeyOfIntegers(t *testing.T) {
	seen := make(map[keys.ID]bool)
	for _, s := range []marks.Secret{
		marks.IntegerSecret(5), marks.IntegerSecret(6), marks.IntegerSecret(-5), marks.IntegerSecret(5, 6),
		marks.IntegerSecret(6, 5), marks.IntegerSecret(56), marks.IntegerSecret[uint64](1<<64 - 1),
	} {
		id := s.Key().ID()
		assert.False(t, seen[id], "%v", s)
		seen[id] = true
	}
	assert.Equal(t, marks.IntegerSecret(5).Key().ID(), marks.IntegerSecret[uint64](5).Key().ID())
	assert.Equal(t, "dyetrace_id1_lf4buvc5nes2orhf7xwdmf7zed4jpenn", marks.IntegerSecret(5).Key().ID().String())
	assert.True(t, marks.Secret{}.Key().IsZero())
}

func TestOpenRefuses(t *testing.T) {
	key := testKey(t, 3)
	native := marks.Native{Key: key, Scheme: natives(t)[0].mark.Scheme()}
	spec, err := marks.Of(native)
	require.NoError(t, err)
	line, err := spec.Encode()
	require.NoError(t, err)
	secret, err := native.Secret().Reveal()
	require.NoError(t, err)
	other, err := marks.KeySecret(testKey(t, 4), keys.Key{}).Reveal()
	require.NoError(t, err)
	for want, files := range map[string][2][]byte{
		"marks: spec does not end with a newline: cut off":   {line[:len(line)-1], secret},
		"marks: secret does not end with a newline: cut off": {line, secret[:len(secret)-1]},
		"marks: secret is of key ":                           {line, other},
	} {
		w, k, err := marks.Open(files[0], files[1])
		assert.ErrorContains(t, err, want)
		assert.Nil(t, w)
		assert.True(t, k.IsZero())
	}
	// A key that decides canaries has no mark.
	w, k, err := marks.Open(nil, secret)
	require.NoError(t, err)
	assert.Nil(t, w)
	assert.True(t, k.Equal(key))
}
