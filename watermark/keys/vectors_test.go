package keys_test

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

//go:generate sh -c "go run ./testdata/generate > testdata/vectors.txt"

//go:embed testdata/vectors.txt
var vectorFile string

// A vector is one record of "name: value" lines. Reading a field removes it, so
// that a field nobody reads is noticed.
type vector struct {
	t      *testing.T
	fields map[string]string
}

func (v vector) str(name string) string {
	v.t.Helper()
	value, ok := v.fields[name]
	require.True(v.t, ok, "vector has no %s", name)
	delete(v.fields, name)
	return value
}

func (v vector) hex(name string) []byte {
	v.t.Helper()
	b, err := hex.DecodeString(v.str(name))
	require.NoError(v.t, err)
	return b
}

func (v vector) key() keys.Key {
	v.t.Helper()
	return keyOf(v.t, v.hex("secret"))
}

// keyOf makes a key from known bytes.
func keyOf(t *testing.T, secret []byte) keys.Key {
	t.Helper()
	k, err := keys.New(bytes.NewReader(secret))
	require.NoError(t, err)
	return k
}

// TestVectors holds every derivation and text form to what an independent
// program computed from the documentation.
func TestVectors(t *testing.T) {
	checks := map[string]func(vector){
		"key": checkKey, "step": checkStep, "path": checkPath,
		"integer": checkInteger, "expand": checkExpand, "commitment": checkCommitment,
		"refused": checkRefused,
	}
	seen := map[string]int{}
	records := strings.Split(strings.TrimSpace(vectorFile), "\n\n")
	for _, record := range records[1:] {
		v := vector{t, map[string]string{}}
		for line := range strings.Lines(record) {
			name, value, ok := strings.Cut(line, ":")
			require.True(t, ok, "line %q is not a field", line)
			v.fields[name] = strings.TrimSpace(value)
		}
		kind := v.str("kind")
		check, ok := checks[kind]
		require.True(t, ok, "unknown kind %q", kind)
		check(v)
		require.Empty(t, v.fields, "fields that nothing read")
		seen[kind]++
	}
	assert.Equal(t, map[string]int{"key": 4, "step": 82, "path": 1, "integer": 20, "expand": 14, "commitment": 8, "refused": 1}, seen)
}

func checkKey(v vector) {
	k, text, id := v.key(), v.str("text"), v.str("id")
	assert.Equal(v.t, text, k.Reveal())
	parsed, err := keys.Parse(text)
	require.NoError(v.t, err)
	assert.True(v.t, parsed.Equal(k))

	assert.Equal(v.t, id, k.ID().String())
	var back keys.ID
	require.NoError(v.t, back.UnmarshalText([]byte(id)))
	assert.Equal(v.t, k.ID(), back)
}

func checkStep(v vector) {
	k, step, name := v.key(), v.str("step"), string(v.hex("name"))
	var child keys.Key
	switch step {
	case "epoch":
		child = k.Epoch(name)
	case "vendor":
		child = k.Vendor()
	case "cohort":
		child = k.Cohort(name)
	case "account":
		child = k.Account(name)
	case "purpose":
		child = k.Purpose(name)
	default:
		require.Fail(v.t, "unknown step "+step)
	}
	assert.Equal(v.t, v.str("child"), child.Reveal(), "%s %q", step, name)
}

func checkPath(v vector) {
	k := v.key()
	leaf := k.Epoch(string(v.hex("epoch"))).Cohort(string(v.hex("cohort"))).Purpose(string(v.hex("purpose")))
	assert.Equal(v.t, v.str("leaf"), leaf.Reveal())
}

func checkInteger(v vector) {
	got, err := v.key().Uint64(string(v.hex("domain")))
	require.NoError(v.t, err)
	assert.Equal(v.t, v.str("value"), strconv.FormatUint(got, 10))
}

func checkExpand(v vector) {
	k, context, info, want := v.key(), v.str("context"), v.hex("info"), v.hex("bytes")
	got := make([]byte, len(want))
	require.NoError(v.t, k.Expand(context, info, got))
	assert.Equal(v.t, want, got, "%s, %d bytes", context, len(want))
}

func checkCommitment(v vector) {
	k, nonce, text := v.key(), [32]byte(v.hex("nonce")), v.str("commitment")
	assert.Equal(v.t, text, k.Commit(nonce).String())
	var c keys.Commitment
	require.NoError(v.t, c.UnmarshalText([]byte(text)))
	assert.True(v.t, c.Verify(k, nonce))
}

func checkRefused(v vector) {
	k, err := keys.Parse(v.str("text"))
	assert.EqualError(v.t, err, v.str("error"))
	assert.True(v.t, k.IsZero())
}
