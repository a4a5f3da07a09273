package ledger_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

//go:generate sh -c "go run ./testdata/generate > testdata/vectors.txt"

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

func (v vector) into(name string, dst []byte) {
	v.t.Helper()
	if b := v.hex(name); len(b) > 0 {
		require.Len(v.t, b, len(dst), name)
		copy(dst, b)
	}
}

func (v vector) number(name string) uint64 {
	v.t.Helper()
	n, err := strconv.ParseUint(v.str(name), 10, 64)
	require.NoError(v.t, err)
	return n
}

// TestVectors holds every format to what an independent program computed from
// the documentation.
func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "vectors.txt")
	if dir := os.Getenv("DYETRACE_VECTORS"); dir != "" {
		path = filepath.Join(dir, "ledger.txt")
		if _, err := os.Stat(path); os.IsNotExist(err) {
			t.Skip("DYETRACE_VECTORS holds no ledger.txt")
		}
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var leaves []ledger.Leaf
	seen := map[string]int{}
	for _, record := range strings.Split(strings.TrimSpace(string(text)), "\n\n")[1:] {
		v := vector{t, map[string]string{}}
		for line := range strings.Lines(record) {
			name, value, ok := strings.Cut(line, ":")
			require.True(t, ok, "line %q is not a field", line)
			v.fields[name] = strings.TrimSpace(value)
		}
		kind := v.str("kind")
		seen[kind]++
		switch kind {
		case "leaf":
			leaves = append(leaves, checkLeaf(v))
		case "ledger":
			checkLedger(v, leaves)
		case "pseudonym":
			checkPseudonym(v)
		case "unit":
			assert.Equal(t, v.number("number"), ledger.UnitNumber(v.str("name")))
		default:
			require.Fail(t, "unknown kind "+kind)
		}
		require.Empty(t, v.fields, "fields that nothing read")
	}
	assert.Len(t, seen, 4)
}

func checkLeaf(v vector) ledger.Leaf {
	l := ledger.Leaf{Kind: ledger.Kind(v.number("code")), Time: ledger.Minutes(v.number("time")), Epoch: v.str("epoch"), Mode: ledger.Mode(v.number("mode"))}
	for name, dst := range map[string][]byte{
		"nonce": l.Nonce[:], "key": l.KeyID[:], "cohort": l.Cohort[:], "account": l.Account[:], "output": l.Output[:], "of": l.Of[:], "digest": l.Digest[:],
	} {
		v.into(name, dst)
	}
	for _, pair := range strings.Fields(v.str("units")) {
		var u ledger.Unit
		_, err := fmt.Sscanf(pair, "%d:%d", &u.Unit, &u.Option)
		require.NoError(v.t, err)
		l.Units = append(l.Units, u)
	}
	want := v.hex("encoding")
	got, err := l.MarshalBinary()
	require.NoError(v.t, err)
	assert.Equal(v.t, want, got)
	back, err := ledger.ParseLeaf(want)
	require.NoError(v.t, err)
	assert.Equal(v.t, l, back)
	h, err := l.Hash()
	require.NoError(v.t, err)
	assert.Equal(v.t, v.hex("hash"), h[:])
	return l
}

// checkLedger makes the ledger of all leaves and compares its file and its
// checkpoint byte for byte.
func checkLedger(v vector, leaves []ledger.Leaf) {
	t := v.t
	public := verifier(v.str("verifier"))
	o := ledger.Options{Signer: signer(v.str("signer")), Verifier: public, Random: bytes.NewReader(v.hex("salt"))}
	dir := filepath.Join(t.TempDir(), "ledger")
	l := open(t, dir, o)
	_, err := l.AppendBatch(bg, leaves)
	require.NoError(t, err)
	signed, err := l.Checkpoint()
	require.NoError(t, err)
	assert.Equal(t, string(v.hex("checkpoint")), string(signed))
	roots := strings.Fields(v.str("roots"))
	require.Len(t, roots, len(leaves)+1)
	r := l.Reader()
	c, err := ledger.OpenCheckpoint(signed, "example.com/vectors", public)
	require.NoError(t, err)
	for n, text := range roots {
		older := ledger.Checkpoint{Origin: c.Origin, Size: int64(n)}
		v.fields["root"] = text
		v.into("root", older.Root[:])
		p, err := r.ProveTree(c.Size, older.Size)
		require.NoError(t, err)
		assert.NoError(t, c.CheckConsistency(older, p), "first %d", n)
	}
	require.NoError(t, l.Close())
	file, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(v.hex("file"), file))
}

func checkPseudonym(v vector) {
	path := filepath.Join(v.t.TempDir(), "key")
	p, err := ledger.CreatePseudonyms(path, bytes.NewReader(v.hex("key")))
	require.NoError(v.t, err)
	text, err := os.ReadFile(path)
	require.NoError(v.t, err)
	assert.Equal(v.t, v.str("text")+"\n", string(text))
	name := v.hex("name")
	c, err := p.Cohort(string(name))
	require.NoError(v.t, err)
	assert.Equal(v.t, v.hex("cohort"), c[:])
	a, err := p.Account(string(name))
	require.NoError(v.t, err)
	assert.Equal(v.t, v.hex("account"), a[:])
	d, err := p.Output(name)
	require.NoError(v.t, err)
	assert.Equal(v.t, v.hex("output"), d[:])
}
