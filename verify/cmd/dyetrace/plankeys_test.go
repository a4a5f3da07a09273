package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
)

// What a plan says of keys stays when other keys are named: marks from another folder
// where a book comes, trees where marks change, what is held out and what lies under
// what.
func TestPlanKeepsItsKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, name := range []string{"top", "below", "unused"} {
		fixedMark(t, dir, "marks/"+name, byte(20+i))
	}
	fixedMark(t, dir, "more/late", 30)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte("One\nTwo\n"), 0o644))
	plan := func(flags ...string) map[string]verify.KeyPlan {
		t.Helper()
		done(t, dir, append([]string{"plan", "study"}, flags...)...)
		data, err := os.ReadFile(filepath.Join(dir, "study/plan.json"))
		require.NoError(t, err)
		p, err := verify.ParsePlan(data)
		require.NoError(t, err)
		all := map[string]verify.KeyPlan{}
		for _, k := range p.Keys {
			all[k.Name] = k
		}
		return all
	}
	plan("--suspect", "s", "--prompts", "prompts.txt", "--tokenizer", absolute(t, smallPath), "--mark", "marks", "--test", "G1",
		"--held-out", "unused", "--correction", "hierarchy", "--parent", "below=top")
	fixedKey(t, filepath.Join(dir, "root.key"), 8)
	done(t, dir, "key", "derive", "root.key", "epoch=e/vendor/canaries", "-o", "study/keys/canaries.key")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "book.txt"), []byte(smallBook+"carrier c\nform kelima\nform kolima\n"), 0o644))
	all := plan("--book", "book.txt", "--tree", "canaries=vendor", "--test", "G1", "--test", "cells")
	assert.Len(t, all, 4)
	assert.Equal(t, "vendor", all["canaries"].Tree)
	check := func() {
		t.Helper()
		assert.True(t, all["unused"].HeldOut)
		assert.False(t, all["top"].HeldOut)
		assert.Equal(t, "top", all["below"].Parent)
	}
	check()
	all = plan("--mark", "marks", "--mark", "more")
	assert.Len(t, all, 5)
	assert.Equal(t, "vendor", all["canaries"].Tree)
	check()
	all = plan("--parent", "late=top")
	assert.Equal(t, "top", all["late"].Parent)
	assert.Empty(t, all["below"].Parent)
	assert.Contains(t, done(t, dir, "plan", "study"), "late (under top)")
	for flag, want := range map[string]string{
		"--parent=late":                   `--parent is "late", want KEY=PARENT`,
		"--parent=late=oak":               `--parent late=oak names "oak", which is no key of the plan: "below"`,
		"--parent=late=late":              "lies under itself",
		"--correction=holm":               "want that only with correction",
		"--pool=x":                        `--pool is "x", want NAME=TEST:KEY+KEY`,
		"--pool=x=G1:top":                 `pool "x" has 1 parts`,
		"--pool=x=G2:top+late":            `pool "x" has part G2`,
		"--product=x=top:G1":              `product "x" has 1 parts`,
		"--held-out=oak":                  `--held-out names "oak"`,
		"--product=x=top:G1+canaries:oak": "want a test of the plan",
	} {
		o := dyetrace(t, dir, "plan", "study", flag)
		assert.Equal(t, 2, o.code, flag)
		assert.Contains(t, o.err, want, flag)
	}
	assert.Contains(t, done(t, dir, "plan", "study", "--pool", "x=G1:top+late"), `Joint finding "x": test G1 of the texts of 2 keys.`)
}

// What rank needs of a server is said before anything is asked.
func TestRankNeedsWholeReading(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := rankKind(t, dir)
	done(t, dir, append([]string{"plan", "study", "--suspect", "student", "--decoys", "1000"}, k.plan...)...)
	o := dyetrace(t, dir, "collect", "study", "--url", k.learnt, "--model", "student", "--same-tokenizer")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "--whole echo or --whole prompt_logprobs")
	assert.NoFileExists(t, filepath.Join(dir, "study/journal.jsonl"))
}
