package main_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify"
)

// A suspect that passes questions on to the service is told from one that learnt: its
// answers are in the service's ledger. That the keys were committed to before, and when,
// a bundle shows by proofs.
func TestRelayedStudy(t *testing.T) {
	dir, mark := newStudy(t, 20)
	v := newVault(t)
	m, err := novels()
	require.NoError(t, err)
	log, err := ledger.Open(filepath.Join(v.dir, "ledger"), v.options)
	require.NoError(t, err)
	s := serve(t, m, 60)
	var mu sync.Mutex
	sent := 0
	// The service plants in three of four answers.
	s.answer = func(prompt string) string {
		mu.Lock()
		defer mu.Unlock()
		text := decode(t, m, m.write(t, session(t, mark, uint64(sent)), prompt, 60))
		if sent++; sent%4 == 0 {
			return text
		}
		output, err := v.names.Output([]byte(text))
		require.NoError(t, err)
		_, err = log.Append(context.Background(), ledger.Leaf{
			Kind: ledger.KindPlanting, Epoch: "2026-11", KeyID: ledger.KeyID(v.id), Mode: ledger.ModeSampled, Output: output, Units: []ledger.Unit{{Unit: 1}},
		})
		require.NoError(t, err)
		return text
	}
	done(t, dir, "collect", "study", "--url", s.URL, "--model", "student")
	done(t, dir, "seal", "study")
	require.NoError(t, log.Close())
	assert.Equal(t, 1, dyetrace(t, dir, "judge", "study").code)

	relayed := []string{"ledger", "relayed", filepath.Join(v.dir, "ledger"), "study", "-v", v.public, "--pseudonyms", filepath.Join(v.dir, "names")}
	o := dyetrace(t, dir, relayed...)
	assert.Equal(t, 1, o.code, o.err)
	assert.Contains(t, o.out, "RELAYED: 15 of 20 answers of student were sent by the service itself")
	o = dyetrace(t, dir, append(relayed, "--json")...)
	assert.Equal(t, 1, o.code)
	var r struct {
		Answers int
		Relayed []struct {
			Prompt int
			Leaf   int64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(o.out), &r))
	assert.Equal(t, 20, r.Answers)
	leaves := map[int64]bool{}
	for _, x := range r.Relayed {
		leaves[x.Leaf] = true
	}
	assert.Len(t, leaves, 15)

	// With another service's pseudonyms nobody can tell.
	_, err = ledger.CreatePseudonyms(filepath.Join(dir, "others"), strings.NewReader(strings.Repeat("x", 32)))
	require.NoError(t, err)
	relayed[len(relayed)-1] = "others"
	o = dyetrace(t, dir, relayed...)
	assert.Zero(t, o.code, o.err)
	assert.Equal(t, "none of 20 answers of student is in the ledger\n", o.out)

	// What the plan says was in the ledger before.
	data, err := os.ReadFile(filepath.Join(dir, "study/plan.json"))
	require.NoError(t, err)
	plan, err := verify.ParsePlan(data)
	require.NoError(t, err)
	digest, err := plan.Digest()
	require.NoError(t, err)
	v.write(t, func(add func(ledger.Leaf)) {
		add(ledger.Leaf{Kind: ledger.KindPlan, Digest: ledger.Digest(digest)})
		add(ledger.Leaf{Kind: ledger.KindCommitment, Epoch: "lab", KeyID: ledger.KeyID(v.id), Digest: ledger.Digest(plan.Keys[0].Commitment)})
		add(ledger.Leaf{Kind: ledger.KindSeal, Digest: ledger.Digest(plan.Keys[1].Commitment)}) // says it of another thing
	})
	proof := filepath.Join(dir, "lab.proof.json")
	done(t, v.dir, "ledger", "prove", "ledger", "-v", v.public, "-o", proof,
		"--digest", digest.String(), "--digest", plan.Keys[0].Commitment.String(), "--digest", plan.Keys[1].Commitment.String())
	done(t, dir, "bundle", "make", "study", "--ledger-proof", proof)
	var checked struct {
		OK     bool
		Checks []verify.Check
	}
	require.NoError(t, json.Unmarshal([]byte(done(t, dir, "bundle", "verify", "study/bundle.dyetrace", "-v", v.public, "--json")), &checked))
	assert.True(t, checked.OK)
	anchors := map[string]string{}
	for _, c := range checked.Checks {
		if name, ok := strings.CutPrefix(c.Name, "anchor of "); ok {
			anchors[name] = c.Detail
		}
	}
	assert.Contains(t, anchors["plan"], "example.com/planted leaf 21 of 24")
	assert.Contains(t, anchors["key lab"], "leaf 22 of 24")
	assert.NotContains(t, anchors["key unused"], "leaf", "a seal's leaf commits to no key")
	assert.Equal(t, 3, dyetrace(t, dir, "bundle", "verify", "study/bundle.dyetrace").code, "the proofs are not checked without the key")
	done(t, dir, "report", "study/bundle.dyetrace", "-v", v.public, "-o", "page.html")
	o = dyetrace(t, dir, "report", "study/bundle.dyetrace", "-o", "page.html")
	assert.Equal(t, 3, o.code)
	assert.Contains(t, o.err, "could not be checked whole")
	require.NoError(t, os.WriteFile(proof, append([]byte(" "), data...), 0o644))
	assert.Equal(t, 3, dyetrace(t, dir, "bundle", "make", "study", "--ledger-proof", proof).code)

	for args, want := range map[string]string{
		"relayed study":                      "got 1 arguments, want the folders of a ledger and of a study",
		"relayed study study -v " + v.public: "no --pseudonyms",
	} {
		o := dyetrace(t, dir, append([]string{"ledger"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, o.code)
		assert.Contains(t, o.err, want)
	}
}
