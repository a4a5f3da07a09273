package main

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func testKey(t testing.TB) keys.Key {
	k, err := keys.New(rand.NewChaCha8([32]byte{1}))
	require.NoError(t, err)
	return k
}

func TestPolicy(t *testing.T) {
	p, err := readPolicy("")
	require.NoError(t, err)
	assert.Equal(t, policy{[]string{"vendor", "epoch", "cohort"}, []int{70, 20, 10}, 3, watermark.Gumbel{}, true}, p)
	p, err = parsePolicy(strings.NewReader("# mine\ndyetrace server policy/1\n\nlayer cohort 5\nwidth 2\nscheme tournament 30\ncanaries off\n"), "f")
	require.NoError(t, err)
	assert.Equal(t, policy{[]string{"cohort"}, []int{5}, 2, watermark.Tournament{Depth: 30}, false}, p)
	for text, want := range map[string]string{
		"":                                   `f: is empty, want "dyetrace server policy/1" first`,
		"layer vendor 1":                     `f:1: first line is another than "dyetrace server policy/1"`,
		policyHead + "\nlayer vendor":        "f:2: layer has 1 values, want 2",
		policyHead + "\nlayer vendor 0":      `f:2: layer is "0", want 1 to 1000000`,
		policyHead + "\nlayer account 1":     `f:2: layer is "account", want vendor, epoch or cohort`,
		policyHead + "\nwidth 17":            `f:2: width is "17", want 1 to 16`,
		policyHead + "\nscheme greenlist":    `f:2: "scheme greenlist" is no line of a policy`,
		policyHead + "\nscheme tournament 0": `f:2: scheme is "0", want 1 to 64`,
		policyHead + "\ncanaries":            `f:2: "canaries" is no line of a policy`,
		policyHead + "\nwidth 3\nwidth 3":    "f:3: width is there twice",
		policyHead + "\nlayer vendor 1\nlayer epoch 1\nlayer vendor 2": "f:4: layer vendor is there twice",
	} {
		_, err := parsePolicy(strings.NewReader(text), "f")
		require.Error(t, err)
		assert.Contains(t, err.Error(), want)
	}
	_, err = readPolicy(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What is written for detectors makes the very marks that answers carry, and two
// cohorts differ in the cohort's layer alone.
func TestWrittenMarks(t *testing.T) {
	p, err := readPolicy("")
	require.NoError(t, err)
	accounts := planting.Cohorts{"1": {Hash: "1", Cohort: "blue"}, "2": {Hash: "2", Cohort: "green"}, "3": {Hash: "3", Cohort: "blue"}}
	m := newMarking(p, testKey(t), "2026-11", accounts)
	dir := filepath.Join(t.TempDir(), "marks")
	names, err := m.write(dir, accounts)
	require.NoError(t, err)
	assert.Equal(t, []string{"vendor", "epoch-2026-11", "cohort-2026-11--", "cohort-2026-11-blue", "cohort-2026-11-green"}, names)
	ids := map[string]bool{}
	book, err := canary.English()
	require.NoError(t, err)
	pseudonyms, err := ledger.NewPseudonyms(strings.NewReader(strings.Repeat("p", 32)))
	require.NoError(t, err)
	vendor, err := planting.NewVendor(planting.Rules{Book: book, Root: testKey(t), Epoch: "2026-11", Names: pseudonyms, Policy: rulesOfPlanting, Cohorts: accounts, Marks: m.bound})
	require.NoError(t, err)
	bindings := func(cohort string) []ledger.Leaf {
		plot, err := vendor.Plot(cohort)
		require.NoError(t, err)
		return plot.Bindings
	}
	for _, name := range names {
		spec, err := os.ReadFile(filepath.Join(dir, name+".mark.json"))
		require.NoError(t, err)
		secret, err := os.ReadFile(filepath.Join(dir, name+".secret.json"))
		require.NoError(t, err)
		assert.NotContains(t, string(spec), "dyetrace_secret1_")
		info, err := os.Stat(filepath.Join(dir, name+".secret.json"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		w, _, err := marks.Open(spec, secret)
		require.NoError(t, err)
		layer, rest, _ := strings.Cut(name, "-2026-11")
		cohort := strings.TrimPrefix(strings.TrimPrefix(rest, "-"), "-")
		served, err := m.of(cohort)
		require.NoError(t, err)
		assert.Equal(t, served.Mark(layer).ID(), w.ID(), name)
		ids[w.ID()] = true
		// The nonce opens the commitment that the ledger has before anything is served.
		var nonce [32]byte
		text, err := os.ReadFile(filepath.Join(dir, name+".nonce"))
		require.NoError(t, err)
		n, err := hex.Decode(nonce[:], bytes.TrimSpace(text))
		require.NoError(t, err)
		require.Equal(t, 32, n)
		s, err := marks.ParseSecret(secret)
		require.NoError(t, err)
		committed := s.Key().Commit(nonce)
		assert.True(t, slices.ContainsFunc(bindings(cohort), func(l ledger.Leaf) bool {
			return l.Kind == ledger.KindCommitment && l.Digest == ledger.Digest(committed)
		}), name)
	}
	assert.Len(t, ids, len(names))
	// Keys are where the documentation has them, and where other programs look.
	root := testKey(t)
	for layer, key := range map[string]keys.Key{"vendor": root.Vendor(), "epoch": root.Epoch("2026-11"), "cohort": root.Epoch("2026-11").Cohort("blue")} {
		layers, err := m.of("blue")
		require.NoError(t, err)
		part, ok := layers.Mark(layer).Part()
		require.True(t, ok)
		w, err := watermark.New(key.Purpose("watermark"), watermark.Gumbel{}, watermark.Options{})
		require.NoError(t, err)
		w, err = watermark.NewLayer(root.Purpose("layout"), part, w)
		require.NoError(t, err)
		assert.Equal(t, w.ID(), layers.Mark(layer).ID(), layer)
	}
	_, err = m.of("red")
	require.ErrorContains(t, err, `cohort "red" is not in the file`)
	_, err = newMarking(p, testKey(t), "e", planting.Cohorts{"1": {Cohort: "a/b"}}).write(dir, planting.Cohorts{"1": {Cohort: "a/b"}})
	require.ErrorContains(t, err, `"a/b" cannot be a file's name`)
}

func TestRootKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	first, made, err := openRoot(dir)
	require.NoError(t, err)
	assert.True(t, made)
	again, made, err := openRoot(dir)
	require.NoError(t, err)
	assert.False(t, made)
	assert.True(t, first.Equal(again))
	require.NoError(t, os.Chmod(filepath.Join(dir, "root.key"), 0o644))
	_, _, err = openRoot(dir)
	require.Error(t, err, "others may read it")
}
