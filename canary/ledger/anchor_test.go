package ledger_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// witness cosigns checkpoints that follow from the last one that it saw.
type witness struct{ last ledger.Checkpoint }

func (w *witness) Submit(_ context.Context, signed []byte, prove func(int64) (tlog.TreeProof, error)) (ledger.Anchoring, error) {
	c, err := ledger.OpenCheckpoint(signed, "example.com/planted", public)
	if err != nil {
		return ledger.Anchoring{}, err
	}
	if w.last.Origin != "" {
		if c.Size < w.last.Size {
			return ledger.Anchoring{}, errors.New("smaller")
		}
		p, err := prove(w.last.Size)
		if err != nil {
			return ledger.Anchoring{}, err
		}
		if err := c.CheckConsistency(w.last, p); err != nil {
			return ledger.Anchoring{}, err
		}
	}
	n, err := note.Open(signed, note.VerifierList(public))
	if err != nil {
		return ledger.Anchoring{}, err
	}
	both, err := note.Sign(n, signer(witnessSecret))
	w.last = c
	return ledger.Anchoring{Kind: ledger.Witnessed, Name: "witness.example/w1", Checkpoint: both}, err
}

// The interface suffices for a witness that checks consistency and cosigns; what
// it returns is a checkpoint under both keys.
func TestWitness(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	w := &witness{}
	var said ledger.Anchoring
	for n := range uint64(5) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
		said, err = l.Anchor(bg, w)
		require.NoError(t, err)
		assert.Equal(t, ledger.Witnessed, said.Kind)
		for _, v := range []note.Verifier{public, verifier(witnessPublic)} {
			c, err := ledger.OpenCheckpoint(said.Checkpoint, "example.com/planted", v)
			require.NoError(t, err)
			assert.Equal(t, int64(4+n), c.Size)
		}
	}
	require.NoError(t, l.Close())
	_, err := ledger.Verify(dir, public, said.Checkpoint)
	require.NoError(t, err)

	// A log that was made anew is not cosigned.
	o := options(2)
	l = started(t, t.TempDir(), o)
	for n := range uint64(9) {
		_, err := l.Append(bg, planting(n+50))
		require.NoError(t, err)
	}
	_, err = l.Anchor(bg, w)
	assert.ErrorContains(t, err, "does not begin with that of 8")
}

func TestFileAnchor(t *testing.T) {
	dir := t.TempDir()
	a := &ledger.FileAnchor{Path: filepath.Join(dir, "anchor"), Origin: "example.com/planted", Verifier: public}
	known, err := a.Checkpoints()
	require.NoError(t, err)
	assert.Empty(t, known)
	l := started(t, filepath.Join(dir, "ledger"), options(1))
	var want [][]byte
	for n := range uint64(4) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
		said, err := l.Anchor(bg, a)
		require.NoError(t, err)
		assert.Equal(t, ledger.Unanchored, said.Kind)
		assert.Equal(t, "unanchored", said.Kind.String())
		want = append(want, said.Checkpoint)
		_, err = l.Anchor(bg, a) // the same again is not written again
		require.NoError(t, err)
	}
	known, err = a.Checkpoints()
	require.NoError(t, err)
	assert.Equal(t, want, known)
	_, err = ledger.Verify(filepath.Join(dir, "ledger"), public, known...)
	require.NoError(t, err)

	// What a killed process left of one is overwritten.
	data, err := os.ReadFile(a.Path)
	require.NoError(t, err)
	for cut := len(data) - len(want[3]) - 1; cut < len(data); cut += 7 {
		require.NoError(t, os.WriteFile(a.Path, data[:cut], 0o600))
		known, err = a.Checkpoints()
		require.NoError(t, err)
		require.Equal(t, want[:3], known, "cut at %d", cut)
		_, err = l.Anchor(bg, a)
		require.NoError(t, err)
		now, err := os.ReadFile(a.Path)
		require.NoError(t, err)
		require.Equal(t, string(data), string(now), "cut at %d", cut)
	}
	require.NoError(t, l.Close())

	later := started(t, filepath.Join(dir, "other"), options(2))
	_, err = later.Anchor(bg, a)
	assert.ErrorIs(t, err, ledger.ErrForked)
	for n := range uint64(9) {
		_, err = later.Append(bg, planting(n+50))
		require.NoError(t, err)
	}
	_, err = later.Anchor(bg, a)
	assert.ErrorIs(t, err, ledger.ErrForked)
	_, err = later.Anchor(bg, &ledger.FileAnchor{Path: a.Path, Origin: "x", Verifier: public})
	assert.ErrorContains(t, err, `checkpoint is of "example.com/planted", want "x"`)
	_, err = later.Anchor(bg, &ledger.FileAnchor{Path: dir, Origin: "example.com/planted", Verifier: public})
	assert.ErrorContains(t, err, "ledger: anchor: ")
}
