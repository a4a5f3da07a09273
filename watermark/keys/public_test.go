package keys_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

func TestIDsNameKeys(t *testing.T) {
	a := testKey(t, 1)
	assert.Equal(t, a.ID(), testKey(t, 1).ID())
	assert.NotEqual(t, a.ID(), testKey(t, 2).ID())
	assert.NotEqual(t, a.ID(), a.Vendor().ID())
	assert.NotEqual(t, keys.ID{}, a.ID())
}

func TestPublicFormsInJSON(t *testing.T) {
	type plan struct {
		IDs    map[keys.ID]int
		Commit keys.Commitment
		None   keys.ID
	}
	k := testKey(t, 1)
	want := plan{map[keys.ID]int{k.ID(): 3}, k.Commit([32]byte{9}), keys.ID{}}
	line, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Contains(t, string(line), `"dyetrace_id1_`)
	assert.Contains(t, string(line), `"dyetrace_commitment1_`)
	var got plan
	require.NoError(t, json.Unmarshal(line, &got))
	assert.Equal(t, want, got)
}

func TestIDRefuses(t *testing.T) {
	k := testKey(t, 1)
	text := k.ID().String()
	for given, want := range map[string]string{
		"":                            "keys: text is empty, want a public ID, dyetrace_id1_…",
		k.Reveal():                    "keys: text is a secret key, want a public ID, dyetrace_id1_…",
		k.Reveal()[:20]:               "keys: text is a secret key, want a public ID, dyetrace_id1_…",
		k.Commit([32]byte{}).String(): "keys: text is a commitment, want a public ID, dyetrace_id1_…",
		k.String():                    "keys: text is a redacted key, from which the key cannot be had back, want a public ID, dyetrace_id1_…",
		"vendor":                      "keys: text is something else, want a public ID, dyetrace_id1_…",
		"dyetrace_id9_" + text[13:]:   "keys: text is a public ID of another version, or its prefix is mistyped, want a public ID, dyetrace_id1_…",
		text[:20]:                     "keys: public ID has 7 characters after its prefix, want 32: it was cut short",
		text + "aa":                   "keys: public ID has 34 characters after its prefix, want 32: more than it was pasted",
		text[:13] + "!" + text[14:]:   "keys: public ID has a strange character at position 1 after its prefix, want a to z and 2 to 7",
		"dyetrace_id1_" + strings.Repeat("b", 32): "keys: public ID does not match its checksum: it is mistyped",
	} {
		id := keys.ID{1}
		assert.EqualError(t, id.UnmarshalText([]byte(given)), want)
		assert.Equal(t, keys.ID{1}, id, "changed by a refused text")
	}
}

func TestCommitmentBinds(t *testing.T) {
	k, nonce := testKey(t, 1), [32]byte{5}
	c := k.Commit(nonce)
	assert.True(t, c.Verify(k, nonce))
	assert.False(t, c.Verify(testKey(t, 2), nonce))
	assert.False(t, c.Verify(k.Vendor(), nonce))
	assert.False(t, c.Verify(keys.Key{}, nonce))
	assert.NotEqual(t, c, k.Commit([32]byte{6}), "one key, two commitments that cannot be linked")
	for i := range 32 {
		other := nonce
		other[i] ^= 0x80
		assert.False(t, c.Verify(k, other), "byte %d of the nonce", i)
		forged := c
		forged[i] ^= 1
		assert.False(t, forged.Verify(k, nonce), "byte %d of the commitment", i)
	}
}

// TestZeroCommitmentNeverVerifies: neither a key that was never set nor a
// commitment that was never made passes for one.
func TestZeroCommitmentNeverVerifies(t *testing.T) {
	var none keys.Commitment
	assert.False(t, none.Verify(keys.Key{}, [32]byte{}))
	assert.False(t, none.Verify(testKey(t, 1), [32]byte{}))
	assert.False(t, keys.Key{}.Commit([32]byte{1}).Verify(keys.Key{}, [32]byte{1}))
}

func TestCommitmentRefuses(t *testing.T) {
	k := testKey(t, 1)
	text := k.Commit([32]byte{1}).String()
	for given, want := range map[string]string{
		"":                                  "keys: text is empty, want a commitment, dyetrace_commitment1_…",
		k.Reveal():                          "keys: text is a secret key, want a commitment, dyetrace_commitment1_…",
		k.ID().String():                     "keys: text is a public ID, want a commitment, dyetrace_commitment1_…",
		text[:30]:                           "keys: commitment has 9 characters after its prefix, want 64: it was cut short",
		text[:21] + strings.Repeat("c", 64): "keys: commitment does not match its checksum: it is mistyped",
	} {
		c := keys.Commitment{1}
		assert.EqualError(t, c.UnmarshalText([]byte(given)), want)
		assert.Equal(t, keys.Commitment{1}, c, "changed by a refused text")
	}
}
