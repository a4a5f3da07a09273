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
		assert.Equal(t, s.spec.Engine() != marks.EngineNative, key.IsZero(), s.name)
		if !key.IsZero() {
			assert.Equal(t, w.Info().KeyID, key.ID().String(), s.name)
		}
	}
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
