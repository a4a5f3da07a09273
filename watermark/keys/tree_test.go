package keys_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A step is one edge of the tree, with a way to write it down that is not the
// derivation's.
type step struct {
	name string
	take func(keys.Key) keys.Key
}

// steps holds every kind of step with names chosen to be confused: empty, one a
// head of another, and ones that spell the bytes of kinds.
func steps() []step {
	all := []step{{"vendor", keys.Key.Vendor}}
	for _, name := range []string{"", "a", "ab", "b", "\x01", "\x03a", "\x05\x00"} {
		all = append(all,
			step{fmt.Sprintf("epoch %q", name), func(k keys.Key) keys.Key { return k.Epoch(name) }},
			step{fmt.Sprintf("cohort %q", name), func(k keys.Key) keys.Key { return k.Cohort(name) }},
			step{fmt.Sprintf("account %q", name), func(k keys.Key) keys.Key { return k.Account(name) }},
			step{fmt.Sprintf("purpose %q", name), func(k keys.Key) keys.Key { return k.Purpose(name) }},
		)
	}
	return all
}

// TestNoTwoPathsCollide walks every path of up to three steps, 25,260 keys, and
// demands that all secrets and all IDs differ.
func TestNoTwoPathsCollide(t *testing.T) {
	type node struct {
		key  keys.Key
		path string
	}
	secrets, ids := map[string]string{}, map[keys.ID]string{}
	visit := func(n node) {
		text, id := n.key.Reveal(), n.key.ID()
		require.Empty(t, secrets[text], "secret of %s", n.path)
		require.Empty(t, ids[id], "ID of %s", n.path)
		secrets[text], ids[id] = n.path, n.path
	}
	level := []node{{testKey(t, 1), "root"}}
	visit(level[0])
	for range 3 {
		var next []node
		for _, n := range level {
			for _, s := range steps() {
				child := node{s.take(n.key), n.path + " / " + s.name}
				visit(child)
				next = append(next, child)
			}
		}
		level = next
	}
	assert.Len(t, secrets, 1+29+29*29+29*29*29)
}

// TestStepsAreDeterministic: equal paths from equal roots are equal keys, and
// other roots give other ones.
func TestStepsAreDeterministic(t *testing.T) {
	for _, s := range steps() {
		a, again, other := s.take(testKey(t, 1)), s.take(testKey(t, 1)), s.take(testKey(t, 2))
		assert.True(t, a.Equal(again), s.name)
		assert.False(t, a.Equal(other), s.name)
		assert.False(t, a.Equal(testKey(t, 1)), s.name)
	}
}

// TestIntegersDiffer: domains, keys and steps give integers of their own.
func TestIntegersDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for _, s := range steps() {
		for layer := range 30 {
			domain := fmt.Sprintf("layer %d", layer)
			u, err := s.take(testKey(t, 1)).Uint64(domain)
			require.NoError(t, err)
			require.Empty(t, seen[u], "%s %s", s.name, domain)
			seen[u] = s.name + domain
		}
	}
}
