package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An AnchorKind says whose word an anchor is.
type AnchorKind uint8

// The kinds of anchors.
const (
	// Unanchored is nobody's word but the owner's: a file.
	Unanchored AnchorKind = iota
	// Witnessed is the word of one who saw the log grow and checked that it did
	// nothing else.
	Witnessed
	// Timestamped is the word of one who says when he saw a checkpoint, and
	// nothing of how it came to be.
	Timestamped
)

// String returns the name of k.
func (k AnchorKind) String() string {
	switch k {
	case Unanchored:
		return "unanchored"
	case Witnessed:
		return "witnessed"
	case Timestamped:
		return "timestamped"
	}
	return fmt.Sprintf("anchor kind %d", uint8(k))
}

// An Anchoring is what an anchor said of a checkpoint.
type Anchoring struct {
	Kind AnchorKind
	Name string // whose word it is
	// Checkpoint is the signed checkpoint, with the anchor's own signature if it
	// cosigned it.
	Checkpoint []byte
	// Proof is anything else that it gave: a timestamp authority's token, the
	// entry of another log. May be empty.
	Proof []byte
}

// An Anchor shows checkpoints to somebody who remembers them. A log can be made
// anew from its first leaf on; what is anchored cannot be unsaid.
type Anchor interface {
	// Submit gives a signed checkpoint away. prove returns the proof that it
	// begins with the older number of leaves that the anchor saw last; one who
	// keeps no state does not call it. Submit may be called from several
	// goroutines at once.
	Submit(ctx context.Context, signed []byte, prove func(older int64) (tlog.TreeProof, error)) (Anchoring, error)
}

// Anchor signs a checkpoint of what was acknowledged so far, as Checkpoint does,
// and submits it.
func (l *Log) Anchor(ctx context.Context, a Anchor) (Anchoring, error) {
	signed, err := l.Checkpoint()
	if err != nil {
		return Anchoring{}, err
	}
	c, err := OpenCheckpoint(signed, l.options.Origin, l.options.Verifier)
	if err != nil {
		return Anchoring{}, err
	}
	r := l.Reader()
	return a.Submit(ctx, signed, func(older int64) (tlog.TreeProof, error) { return r.ProveTree(c.Size, older) })
}

// A FileAnchor keeps checkpoints in a file, one after the other with an empty
// line between them. It checks that each begins with the one before it, so that
// a log that was cut back or made anew is noticed; but who owns the file can
// change it, and it counts as [Unanchored]. One FileAnchor at a time uses a file.
type FileAnchor struct {
	Path     string
	Origin   string
	Verifier note.Verifier

	mu sync.Mutex
}

// ErrForked says that a checkpoint does not begin with an earlier one.
var ErrForked = errors.New("ledger: checkpoint does not begin with the one that was anchored before")

// Submit implements [Anchor].
func (a *FileAnchor) Submit(_ context.Context, signed []byte, prove func(older int64) (tlog.TreeProof, error)) (Anchoring, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, err := OpenCheckpoint(signed, a.Origin, a.Verifier)
	if err != nil {
		return Anchoring{}, err
	}
	all, end, err := a.read()
	if err != nil {
		return Anchoring{}, err
	}
	said := Anchoring{Kind: Unanchored, Name: "file " + a.Path, Checkpoint: bytes.Clone(signed)}
	if len(all) > 0 {
		older, err := OpenCheckpoint(all[len(all)-1], a.Origin, a.Verifier)
		if err != nil {
			return Anchoring{}, err
		}
		if older == c {
			return said, nil
		}
		if err := follows(c, older, prove); err != nil {
			return Anchoring{}, err
		}
	}
	return said, a.append(signed, end)
}

// follows refuses a checkpoint that does not begin with an older one.
func follows(c, older Checkpoint, prove func(older int64) (tlog.TreeProof, error)) error {
	if older.Size > c.Size {
		return fmt.Errorf("%w: it has %d leaves, that one %d", ErrForked, c.Size, older.Size)
	}
	proof, err := prove(older.Size)
	if err == nil {
		err = c.CheckConsistency(older, proof)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForked, err)
	}
	return nil
}

// Checkpoints returns the signed checkpoints in the file, the oldest first: none
// if there is no file. They are what [Verify] takes as known. What a killed
// process left of one at the end of the file is not among them.
func (a *FileAnchor) Checkpoints() ([][]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, _, err := a.read()
	return all, err
}

// read returns the checkpoints in the file and the offset behind them.
func (a *FileAnchor) read() (all [][]byte, end int64, err error) {
	data, err := os.ReadFile(a.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ledger: anchor: %w", err)
	}
	// A note has one empty line, between its text and its signatures; another
	// follows it.
	empty := []byte("\n\n")
	for {
		text, rest, ok := bytes.Cut(data[end:], empty)
		signatures, _, whole := bytes.Cut(rest, empty)
		if !ok || !whole {
			return all, end, nil
		}
		size := len(text) + len(empty) + len(signatures) + 1
		all = append(all, data[end:end+int64(size):end+int64(size)])
		end += int64(size) + 1
	}
}

// append writes a checkpoint behind the others.
func (a *FileAnchor) append(signed []byte, end int64) error {
	f, err := os.OpenFile(a.Path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("ledger: anchor: %w", err)
	}
	_, err = f.WriteAt(append(bytes.Clone(signed), '\n'), end)
	if err == nil {
		err = f.Truncate(end + int64(len(signed)) + 1)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil && end == 0 {
		err = syncDir(filepath.Dir(a.Path))
	}
	if err != nil {
		return fmt.Errorf("ledger: anchor: %w", err)
	}
	return nil
}
