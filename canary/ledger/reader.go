package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Reader reads the first Size leaves of a ledger and proves things about
// them. What it reads stays the same while the ledger grows. It is safe for
// several goroutines at once.
type Reader struct {
	files *files
	size  int64
	root  tlog.Hash
	note  []byte // signed; nil for readers of an open log
}

// OpenReader opens the ledger in dir as its last signed checkpoint has it,
// which v must accept. It writes nothing and needs no lock: another process may
// append meanwhile. It does not read all leaves, [Verify] does.
func OpenReader(dir string, v note.Verifier) (*Reader, error) {
	f, err := openFiles(dir, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	r, err := readerOf(dir, f, v)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return r, nil
}

func readerOf(dir string, f *files, v note.Verifier) (*Reader, error) {
	promised, found, err := readAcknowledged(dir) // before the checkpoint: a log may be signing
	if err != nil {
		return nil, err
	}
	c, signed, err := storedCheckpoint(dir, f.header, v)
	if err != nil {
		return nil, err
	}
	if found {
		if err := errors.Join(promised.fits(f.header), promised.holdsSigned(c)); err != nil {
			return nil, err
		}
	}
	front, err := readFrontier(c.Size, f)
	if err != nil {
		return nil, fmt.Errorf("%w: open the log for writing once, which makes %s again", err, hashesFile)
	}
	if front.root() != c.Root {
		return nil, damaged(checkpointFile, -1, "it is of root %v, the first %d leaves have %v", c.Root, c.Size, front.root())
	}
	return &Reader{files: f, size: c.Size, root: c.Root, note: signed}, nil
}

// openFiles opens the files of a ledger and reads its header.
func openFiles(dir string, flag int) (*files, error) {
	f := &files{}
	for _, o := range []struct {
		file **os.File
		name string
	}{{&f.leaves, leavesFile}, {&f.hashes, hashesFile}, {&f.index, indexFile}} {
		var err error
		if *o.file, err = os.OpenFile(filepath.Join(dir, o.name), flag, 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("ledger: %w", err), f.close())
		}
	}
	var err error
	if f.header, f.head, err = readHeader(f.leaves); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// storedCheckpoint reads the checkpoint in dir.
func storedCheckpoint(dir string, h header, v note.Verifier) (Checkpoint, []byte, error) {
	if v == nil {
		return Checkpoint{}, nil, errors.New("ledger: no verifier to check the checkpoint with")
	}
	if err := h.fitsKey(v); err != nil {
		return Checkpoint{}, nil, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, os.ErrNotExist) {
		return Checkpoint{}, nil, damaged(checkpointFile, -1, "it is missing")
	}
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("ledger: %w", err)
	}
	c, err := OpenCheckpoint(signed, h.origin, v)
	if err != nil {
		return Checkpoint{}, nil, damaged(checkpointFile, -1, "%v", err)
	}
	return c, signed, nil
}

// Size returns the number of leaves.
func (r *Reader) Size() int64 { return r.size }

// Origin returns the name of the log.
func (r *Reader) Origin() string { return r.files.header.origin }

// Root returns the hash of the tree of all leaves.
func (r *Reader) Root() tlog.Hash { return r.root }

// Checkpoint returns what a checkpoint of all leaves says.
func (r *Reader) Checkpoint() Checkpoint { return Checkpoint{r.Origin(), r.size, r.root} }

// Signed returns the signed checkpoint that the reader was opened by, nil for a
// reader of an open [Log]: there [Log.Checkpoint] signs one.
func (r *Reader) Signed() []byte { return bytes.Clone(r.note) }

// Close closes the files. Readers of an open [Log] share its files, and their
// Close does nothing.
func (r *Reader) Close() error {
	if r.note == nil {
		return nil
	}
	if err := r.files.close(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// Leaf returns the leaf at index. It reports a leaf whose bytes do not have the
// hash that the tree has for them.
func (r *Reader) Leaf(index int64) (Leaf, error) {
	if err := r.checkIndex(index); err != nil {
		return Leaf{}, err
	}
	b, _, err := r.files.encoding(index)
	if err != nil {
		return Leaf{}, err
	}
	return ParseLeaf(b)
}

func (r *Reader) checkIndex(index int64) error {
	if index < 0 || index >= r.size {
		return fmt.Errorf("ledger: leaf is number %d, want 0 to %d", index, r.size-1)
	}
	return nil
}

// encoding reads the encoding of the leaf at index and checks its hash.
func (f *files) encoding(index int64) ([]byte, tlog.Hash, error) {
	var e [entrySize]byte
	if _, err := f.index.ReadAt(e[:], index*entrySize); err != nil {
		return nil, tlog.Hash{}, fmt.Errorf("ledger: %w", err)
	}
	at := entryOf(e[:]).at
	var length [2]byte
	if _, err := f.leaves.ReadAt(length[:], at); err != nil {
		return nil, tlog.Hash{}, unread(err, indexFile, index*entrySize, "leaf %d is not at byte %d", index, at)
	}
	b := make([]byte, binary.LittleEndian.Uint16(length[:]))
	if _, err := f.leaves.ReadAt(b, at+2); err != nil {
		return nil, tlog.Hash{}, unread(err, indexFile, index*entrySize, "leaf %d is not at byte %d", index, at)
	}
	want, err := f.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return nil, tlog.Hash{}, err
	}
	if len(b) < nonceAt+len(Nonce{}) || tlog.RecordHash(b) != want[0] {
		return nil, tlog.Hash{}, damaged(leavesFile, at, "leaf %d is not what was written", index)
	}
	return b, want[0], nil
}

// Prove returns the proof that the leaf at index is in the tree of the first
// size leaves, for [Checkpoint.CheckInclusion] with a checkpoint of that size.
// It returns no proof that does not hold.
func (r *Reader) Prove(index, size int64) (tlog.RecordProof, error) {
	if err := r.checkSize(size); err != nil {
		return nil, err
	}
	if index < 0 || index >= size {
		return nil, fmt.Errorf("ledger: leaf is number %d, want 0 to %d", index, size-1)
	}
	_, h, err := r.files.encoding(index)
	if err != nil {
		return nil, err
	}
	root, err := r.rootOf(size)
	if err != nil {
		return nil, err
	}
	p, err := tlog.ProveRecord(size, index, r.files)
	if err == nil {
		err = tlog.CheckRecord(p, size, root, index, h)
	}
	if err != nil {
		return nil, unread(err, hashesFile, -1, "no proof for leaf %d of %d", index, size)
	}
	return p, nil
}

// ProveTree returns the proof that the tree of the first size leaves begins with
// the first older ones, for [Checkpoint.CheckConsistency].
func (r *Reader) ProveTree(size, older int64) (tlog.TreeProof, error) {
	if err := r.checkSize(size); err != nil {
		return nil, err
	}
	if older < 0 || older > size {
		return nil, fmt.Errorf("ledger: older tree has %d leaves, want 0 to %d", older, size)
	}
	if older == 0 {
		return tlog.TreeProof{}, nil
	}
	now, err := r.rootOf(size)
	if err != nil {
		return nil, err
	}
	then, err := r.rootOf(older)
	if err != nil {
		return nil, err
	}
	p, err := tlog.ProveTree(size, older, r.files)
	if err == nil {
		err = tlog.CheckTree(p, size, now, older, then)
	}
	if err != nil {
		return nil, unread(err, hashesFile, -1, "no proof for %d of %d leaves", older, size)
	}
	return p, nil
}

func (r *Reader) checkSize(size int64) error {
	if size < 0 || size > r.size {
		return fmt.Errorf("ledger: tree has %d leaves, want 0 to %d", size, r.size)
	}
	return nil
}

// rootOf returns the hash of the tree of the first size leaves.
func (r *Reader) rootOf(size int64) (tlog.Hash, error) {
	if size == r.size {
		return r.root, nil
	}
	return tlog.TreeHash(size, r.files)
}
