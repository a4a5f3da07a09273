package marks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
)

// reread sends spec and secret through their files and makes the mark of what is read.
func reread(t testing.TB, x sample) *watermark.Watermark {
	t.Helper()
	line, err := x.spec.Encode()
	require.NoError(t, err, x.name)
	spec, err := marks.Parse(line)
	require.NoError(t, err, x.name)
	require.True(t, spec == x.spec, x.name)
	require.Equal(t, x.spec.Digest(), spec.Digest())
	data, err := x.secret.Reveal()
	require.NoError(t, err, x.name)
	secret, err := marks.ParseSecret(data)
	require.NoError(t, err, x.name)
	w, err := spec.Build(secret)
	require.NoError(t, err, x.name)
	return w
}

// A mark of a file is the mark of its engine: it is called the same, writes the same
// tokens and finds the same, and so do its decoys.
func TestRoundTrip(t *testing.T) {
	digests := map[[32]byte]string{}
	for _, x := range samples(t) {
		got := reread(t, x)
		assert.Equal(t, x.mark.ID(), got.ID(), x.name)
		assert.Equal(t, x.mark.Info(), got.Info(), x.name)
		assert.Equal(t, x.mark.Rules(), got.Rules(), x.name)
		assert.Equal(t, x.mark.Scheme(), got.Scheme(), x.name)
		assert.Equal(t, x.mark.Info().KeyID, x.spec.KeyID(), x.name)
		id, err := x.spec.MarkID()
		require.NoError(t, err, x.name)
		assert.Equal(t, x.mark.ID(), id, x.name)

		text := write(t, x.mark, 250)
		require.Equal(t, text, write(t, got, 250), x.name)
		strange := watermark.Text{Tokens: text.Tokens[50:]} // another head, the prompt unknown
		sameResults(t, x.name, x.mark, got, text, strange)
		for j := range 3 {
			seed := [32]byte{byte(j), 7}
			a, b := x.mark.Decoy(seed, j), got.Decoy(seed, j)
			assert.Equal(t, a.ID(), b.ID(), x.name)
			assert.NotEqual(t, got.ID(), b.ID(), x.name)
			sameResults(t, x.name, a, b, text, strange)
		}
		assert.NotContains(t, digests, x.spec.Digest(), x.name)
		digests[x.spec.Digest()] = x.name
	}
}

// sameResults also asks that there is something to compare.
func sameResults(t *testing.T, name string, a, b *watermark.Watermark, texts ...watermark.Text) {
	t.Helper()
	for _, text := range texts {
		want, err := a.Detect(text)
		require.NoError(t, err, name)
		got, err := b.Detect(text)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
		assert.Greater(t, want.Scored, 20, name)
		assert.Positive(t, want.Score, name)
	}
}

// Files are what the package documentation says they are, byte for byte.
func TestFiles(t *testing.T) {
	for _, x := range samples(t) {
		line, err := x.spec.Encode()
		require.NoError(t, err, x.name)
		head := `{"schema":"dyetrace/mark/1","engine":"` + x.spec.Engine() + `","key_id":"` + x.spec.KeyID() + `","config":`
		if strings.HasPrefix(x.name, "layer") {
			head = strings.Replace(head, `","config"`, `","layout_id":"`+testKey(t, 9).ID().String()+`","config"`, 1)
		}
		assert.Equal(t, head+x.want+"}\n", string(line), x.name)
	}
}

func TestDigest(t *testing.T) {
	s := samples(t)[0].spec
	line, err := s.Encode()
	require.NoError(t, err)
	assert.Equal(t, canon.Sum("dyetrace 2026-11-25 verify mark/1", line), s.Digest())
	assert.Zero(t, marks.Spec{}.Digest())
}
