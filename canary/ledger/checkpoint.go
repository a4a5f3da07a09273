package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// maxCheckpoint is the length of a signed checkpoint at most, in bytes: many
	// cosignatures fit.
	maxCheckpoint = 1 << 16
	// maxLeaves is the size of a log at most. Sizes of 2^62 and more, which a
	// hostile signer may claim, keep package tlog busy for ever.
	maxLeaves = 1 << 48
)

// A Checkpoint says what a log was: the hash of the tree of its first Size
// leaves. The zero Checkpoint is none.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Text returns the text of the note: origin, size and root in base64, a line
// each (C2SP tlog-checkpoint, without extension lines).
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%v\n", c.Origin, c.Size, c.Root)
}

// OpenCheckpoint returns what a signed checkpoint says. It refuses a note
// without a valid signature under v, one of another origin than the given one,
// and one that is not a checkpoint. Signatures under other keys and lines after
// the third are ignored, as C2SP asks.
func OpenCheckpoint(signed []byte, origin string, v note.Verifier) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("ledger: checkpoint has %d bytes, want at most %d", len(signed), maxCheckpoint)
	}
	if v == nil {
		return Checkpoint{}, errors.New("ledger: no verifier to check a checkpoint with")
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("ledger: checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("ledger: checkpoint is of %q, want %q", cut(c.Origin), origin)
	}
	return c, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return Checkpoint{}, fmt.Errorf("ledger: checkpoint has %d lines, want at least 3", len(lines))
	}
	for i, l := range lines {
		if l == "" {
			return Checkpoint{}, fmt.Errorf("ledger: line %d of a checkpoint is empty", i+1)
		}
	}
	c := Checkpoint{Origin: lines[0]}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("ledger: size of a checkpoint is %q, want a decimal number", cut(lines[1]))
	}
	c.Size = size
	if err := c.checkSize(); err != nil {
		return Checkpoint{}, err
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil || c.Root.String() != lines[2] {
		return Checkpoint{}, fmt.Errorf("ledger: root of a checkpoint is %q, want 32 bytes in base64", cut(lines[2]))
	}
	return c, nil
}

func (c Checkpoint) checkSize() error {
	if c.Size < 0 || c.Size > maxLeaves {
		return fmt.Errorf("ledger: checkpoint is of %d leaves, want 0 to %d", c.Size, int64(maxLeaves))
	}
	return nil
}

// sign returns c signed, and refuses a signature that v does not accept.
func (c Checkpoint) sign(s note.Signer, v note.Verifier) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: c.Text()}, s)
	if err != nil {
		return nil, fmt.Errorf("ledger: sign a checkpoint: %w", err)
	}
	if _, err := OpenCheckpoint(signed, c.Origin, v); err != nil {
		return nil, fmt.Errorf("ledger: signer and verifier are not of one key: %w", err)
	}
	return signed, nil
}

// CheckInclusion verifies without the ledger that a log with this checkpoint
// has the leaf at index (RFC 6962, section 2.1.1).
func (c Checkpoint) CheckInclusion(index int64, leaf Leaf, proof tlog.RecordProof) error {
	h, err := leaf.Hash()
	if err != nil {
		return err
	}
	if err := c.checkSize(); err != nil {
		return err
	}
	if index < 0 || index >= c.Size {
		return fmt.Errorf("ledger: leaf is number %d, want 0 to %d, the size of the checkpoint less one", index, c.Size-1)
	}
	if err := tlog.CheckRecord(proof, c.Size, c.Root, index, h); err != nil {
		return fmt.Errorf("ledger: leaf %d is not in the checkpoint: %w", index, err)
	}
	return nil
}

// CheckConsistency verifies without the ledger that a log with this checkpoint
// begins with the leaves of the older one: nothing was changed or taken away
// (RFC 6962, section 2.1.2). Everything begins with the empty log, for which
// the proof is empty.
func (c Checkpoint) CheckConsistency(older Checkpoint, proof tlog.TreeProof) error {
	if err := errors.Join(c.checkSize(), older.checkSize()); err != nil {
		return err
	}
	switch {
	case c.Origin != older.Origin:
		return fmt.Errorf("ledger: checkpoints are of %q and %q, want one origin", older.Origin, c.Origin)
	case older.Size > c.Size:
		return fmt.Errorf("ledger: older checkpoint has %d leaves, want at most %d", older.Size, c.Size)
	case older.Size == 0:
		var empty frontier
		if len(proof) > 0 || older.Root != empty.root() {
			return errors.New("ledger: a checkpoint of 0 leaves has a proof or another root than the empty tree's")
		}
		return nil
	}
	if err := tlog.CheckTree(proof, c.Size, c.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("ledger: checkpoint of %d leaves does not begin with that of %d: %w", c.Size, older.Size, err)
	}
	return nil
}
