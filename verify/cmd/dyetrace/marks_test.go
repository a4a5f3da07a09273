package main_test

import (
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func anyMark(t testing.TB) *watermark.Watermark {
	t.Helper()
	k, err := keys.New(rand.Reader)
	require.NoError(t, err)
	w, err := watermark.New(k, watermark.Gumbel{}, watermark.Options{})
	require.NoError(t, err)
	return w
}

// fixedKey writes the key that a seed draws, so that a test says the same every time.
func fixedKey(t testing.TB, path string, seed byte) {
	t.Helper()
	k, err := keys.New(mathrand.NewChaCha8([32]byte{seed}))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, keys.WriteFile(path, k))
}

// fixedMark makes a mark under the key that a seed draws.
func fixedMark(t *testing.T, dir, stem string, seed byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fixed.key")
	fixedKey(t, path, seed)
	done(t, dir, "key", "mark", stem, "--key", path)
}

// openMark makes the mark of two files that the command wrote.
func openMark(t testing.TB, stem string) *watermark.Watermark {
	t.Helper()
	spec, err := os.ReadFile(stem + ".mark.json")
	require.NoError(t, err)
	secret, err := os.ReadFile(stem + ".secret.json")
	require.NoError(t, err)
	w, _, err := marks.Open(spec, secret)
	require.NoError(t, err)
	return w
}

// decodeJSON reads the one line of --json.
func decodeJSON(t testing.TB, line string, v any) {
	t.Helper()
	require.Equal(t, 1, strings.Count(line, "\n"), "want one line: %s", line)
	require.NoError(t, json.Unmarshal([]byte(line), v), line)
}

// The marks of a server's layers are what package watermark makes of a root key.
func TestLayersOfAKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	done(t, dir, "key", "new", "root.key")
	done(t, dir, "key", "mark", "marks", "--key", "root.key", "--layers", "vendor=70,epoch=20,cohort=10", "--epoch", "2026-11", "--cohort", "trial,paid")
	root, err := keys.ReadFile(filepath.Join(dir, "root.key"))
	require.NoError(t, err)
	shares := watermark.Shares(70, 20, 10)
	for _, cohort := range []string{"trial", "paid"} {
		var layers []watermark.Layer
		for i, holder := range []keys.Key{root.Vendor(), root.Epoch("2026-11"), root.Epoch("2026-11").Cohort(cohort)} {
			w, err := watermark.New(holder.Purpose("watermark"), watermark.Gumbel{}, watermark.Options{})
			require.NoError(t, err)
			layers = append(layers, watermark.Layer{Name: []string{"vendor", "epoch", "cohort"}[i], Share: shares[i], Mark: w})
		}
		l, err := watermark.NewLayers(root.Purpose("layout"), layers...)
		require.NoError(t, err)
		assert.Equal(t, l.Mark("vendor").ID(), openMark(t, filepath.Join(dir, "marks", "vendor")).ID())
		assert.Equal(t, l.Mark("epoch").ID(), openMark(t, filepath.Join(dir, "marks", "epoch-2026-11")).ID())
		assert.Equal(t, l.Mark("cohort").ID(), openMark(t, filepath.Join(dir, "marks", "cohort-2026-11-"+cohort)).ID())
	}
}

// Every file with a secret is its owner's only, nothing is written over, and nothing
// prints a secret unless asked.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var printed strings.Builder
	run := func(args ...string) outcome {
		o := dyetrace(t, dir, args...)
		printed.WriteString(o.out + o.err)
		return o
	}
	run("key", "new", "root.key")
	run("key", "derive", "root.key", "epoch=2026-11/vendor", "-o", "vendor.key")
	run("key", "mark", "marks/lab", "--key", "vendor.key")
	run("key", "commit", "marks/lab")
	run("key", "show", "root.key")
	run("key", "show", "marks/lab")
	run("key", "show", "marks/lab", "--json")
	nonce, err := os.ReadFile(filepath.Join(dir, "marks/lab.nonce"))
	require.NoError(t, err)
	for _, name := range []string{"root.key", "vendor.key", "marks/lab.secret.json", "marks/lab.nonce"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	for _, name := range []string{"root.key", "vendor.key"} {
		k, err := keys.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.NotContains(t, printed.String(), k.Reveal())
		assert.Contains(t, printed.String(), k.ID().String())
		again := run("key", "new", name)
		assert.Equal(t, 2, again.code)
		assert.Contains(t, again.err, "is there already")
		kept, err := keys.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.True(t, k.Equal(kept))
	}
	assert.NotContains(t, printed.String(), strings.TrimSpace(string(nonce)))
	k, err := keys.ReadFile(filepath.Join(dir, "root.key"))
	require.NoError(t, err)
	assert.Contains(t, done(t, dir, "key", "show", "root.key", "--reveal"), k.Reveal())
	vendor, err := keys.ReadFile(filepath.Join(dir, "vendor.key"))
	require.NoError(t, err)
	assert.True(t, vendor.Equal(k.Epoch("2026-11").Vendor()))

	require.NoError(t, os.Chmod(filepath.Join(dir, "root.key"), 0o644))
	o := dyetrace(t, dir, "key", "show", "root.key")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "chmod 600")
	require.NoError(t, os.Chmod(filepath.Join(dir, "marks/lab.secret.json"), 0o640))
	o = dyetrace(t, dir, "key", "show", "marks/lab", "--reveal")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "chmod 600")
}

// A key keeps its commitment, and one whose nonce is lost is not committed to anew.
func TestCommitOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	done(t, dir, "key", "mark", "lab")
	first := done(t, dir, "key", "commit", "lab", "--json")
	assert.Equal(t, first, done(t, dir, "key", "commit", "lab", "--json"))
	require.NoError(t, os.Remove(filepath.Join(dir, "lab.nonce")))
	o := dyetrace(t, dir, "key", "commit", "lab")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "lab.nonce")
	kept, err := os.ReadFile(filepath.Join(dir, "lab.commit.json"))
	require.NoError(t, err)
	assert.Equal(t, first, string(kept))
}

// Marks of all engines come from their own configurations, with the keys that these
// name or with new ones.
func TestEngineMarks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		engine, config, vocab string
		integers              []string
	}{
		{marks.EngineVLLM, `{"key":18446744073709551615,"algorithm":"gumbel"}`, "", []string{"18446744073709551615"}},
		{marks.EngineSGLang, `{"key":"0xFEDCBA9876543210","key_b":"2a"}`, "", []string{"18364758544493064720", "42"}},
		{marks.EngineGreenList, `{"hashing_key":77,"seeding_scheme":"lefthash"}`, "1000", []string{"77"}},
		{marks.EngineHFSynthID, `{"ngram_len":5,"keys":[5,-7,9]}`, "", []string{"5", "-7", "9"}},
		{marks.EngineSynthID, `{"keys":[1, 2]}`, "", []string{"1", "2"}},
		{marks.EngineTextSeal, `{"secret_key":99,"secret_key_b":-1,"watermark_type":"textseal"}`, "", []string{"99"}},
		{marks.EngineKGW, `{"algorithm_name":"KGW","hash_key":123}`, "1000", []string{"123"}},
		{marks.EngineUnigram, `{"algorithm_name":"Unigram","hash_key":123}`, "1000", []string{"123"}},
		{marks.EngineEXP, `{"algorithm_name":"EXP","hash_key":123}`, "1000", []string{"123"}},
		{marks.EngineVLLM, `{}`, "", nil},
		{marks.EngineSGLang, `{}`, "", nil},
		{marks.EngineGreenList, `{}`, "1000", nil},
		{marks.EngineHFSynthID, `{"ngram_len":5}`, "", nil},
		{marks.EngineTextSeal, `{}`, "", nil},
		{marks.EngineEXP, `{"algorithm_name":"EXP"}`, "50000", nil},
	} {
		t.Run(c.engine, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "c.json"), []byte(c.config), 0o600))
			args := []string{"key", "mark", "theirs", "--engine", c.engine, "--config", "c.json"}
			if c.vocab != "" {
				args = append(args, "--vocab", c.vocab)
			}
			done(t, dir, args...)
			w := openMark(t, filepath.Join(dir, "theirs"))
			var r struct {
				Opened struct {
					Integers []string `json:"integers"`
				} `json:"opened"`
			}
			decodeJSON(t, done(t, dir, "key", "show", "theirs", "--reveal", "--json"), &r)
			if c.integers != nil {
				assert.Equal(t, c.integers, r.Opened.Integers)
			} else {
				assert.NotEmpty(t, r.Opened.Integers)
				assert.Equal(t, watermark.Statistical, w.Info().Kind, "a key of its own")
			}
		})
	}
}
