package verify_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	bpe "github.com/dyetrace/dyetrace/verify/tokenizer"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// loadBPE reads a tokenizer.json.
func loadBPE(want verify.TokenizerID, data []byte) (verify.Tokenizer, error) {
	t, err := bpe.Parse(data)
	if err != nil {
		return verify.Tokenizer{}, err
	}
	return verify.Tokenizer{TokenizerID: verify.TokenizerID{Name: want.Name, Digest: t.Digest()}, Encode: t.Encode}, nil
}

// A bundle with the tokenizer.json of a real model; every byte of that counts, whoever
// mends digests.
func TestBundleOfARealTokenizer(t *testing.T) {
	t.Parallel()
	f, err := os.Open("tokenizer/testdata/smollm2/tokenizer.json.gz")
	require.NoError(t, err)
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	require.NoError(t, err)
	model, err := io.ReadAll(unpacked)
	require.NoError(t, err)

	c := newCase(t, []string{"Put dye in the water, and see where it comes out.", "Where it comes out, the water has been. So has the dye."}, nil)
	c.Tokenizer, err = loadBPE(verify.TokenizerID{Name: "smollm2"}, model)
	require.NoError(t, err)
	c.Plan.Tokenizer = c.Tokenizer.TokenizerID
	key := newKey(t, 1)
	c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 2), key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	b := enclose(t, c, keys.Key{})
	b.Enclosures.Tokenizer = model
	assert.Greater(t, b.report.Findings[0].Scored, 20)
	raw := dissect(t, file(t, b.bundle(t)))
	with := recompute
	with.Tokenizer = loadBPE
	v, err := verdict(t, raw.assemble(), with)
	require.NoError(t, err)
	assert.True(t, v.OK(), written(t, v))
	for _, at := range []int{0, len(model) / 2, len(model) - 1} {
		v, err := verdict(t, raw.with("tokenizer", func([]byte) []byte { return flip(model, at, 1) }).assemble(), with)
		require.NoError(t, err)
		assert.Equal(t, []string{"tokenizer"}, failed(v), "byte %d", at)
	}
	// Space changes no token, but it is another file.
	v, err = verdict(t, raw.with("tokenizer", func([]byte) []byte { return bytes.Replace(model, []byte("{"), []byte("{ "), 1) }).assemble(), with)
	require.NoError(t, err)
	assert.Equal(t, []string{"tokenizer"}, failed(v))
}
