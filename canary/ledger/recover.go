package ledger

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// recover brings the files to the state that was acknowledged: from the mark on,
// or, where that or what it saves is not what was written, from the first leaf.
func (l *Log) recover() error {
	m, ok, err := readMark(l.dir)
	if err != nil {
		return err
	}
	if ok {
		err := l.recoverFrom(&m)
		var bad *staleError
		if !errors.As(err, &bad) {
			return err
		}
	}
	return l.recoverFrom(nil)
}

// A staleError says that hashes and index do not fit the mark, or what is signed.
type staleError struct{ error }

func (l *Log) recoverFrom(m *mark) error {
	w := &writer{dir: l.dir, files: l.files, tune: l.options.tune, end: l.files.head, fresh: map[Nonce]int{}, bindings: newBindings()}
	w.recall = newRecall(l.files.index, l.options.tune.run, l.options.runs())
	if m != nil {
		if err := w.load(*m); err != nil {
			return err
		}
	}
	if err := w.replay(); err != nil {
		return err
	}
	c, signed, err := storedCheckpoint(l.dir, l.files.header, l.options.Verifier)
	if err != nil {
		return err
	}
	if err := w.holds(c); err != nil {
		if m != nil && c.Size <= w.tree.n {
			return &staleError{err}
		}
		return err
	}
	if w.tree.n-w.marked >= w.tune.mark {
		if err := w.mark(); err != nil {
			return err
		}
	}
	l.last, l.signed, l.writer = c, signed, w
	l.state.Store(&state{w.tree.n, w.end, w.tree.root()})
	return nil
}

// holds reports whether the tree begins with the leaves of c.
func (w *writer) holds(c Checkpoint) error {
	if c.Size > w.tree.n {
		return damaged(leavesFile, -1, "it has %d whole leaves, and a checkpoint of %d was signed: its end is missing or was changed", w.tree.n, c.Size)
	}
	root, err := tlog.TreeHash(c.Size, w.files)
	if err != nil {
		return err
	}
	if root != c.Root {
		return damaged(leavesFile, -1, "its first %d leaves have root %v, a checkpoint of %v was signed", c.Size, root, c.Root)
	}
	return nil
}

// load takes over what the mark says.
func (w *writer) load(m mark) error {
	size, err := sizeOf(w.files.leaves)
	if err != nil {
		return err
	}
	if m.end > size {
		return damaged(leavesFile, size, "its end is missing: %d leaves in %d bytes were on the disk", m.leaves, m.end)
	}
	stale := func(what string, err error) error {
		return &staleError{fmt.Errorf("ledger: %s is not what was written: %w", what, err)}
	}
	sum, bound, err := w.loadIndex(m.leaves)
	if err != nil || sum != m.index {
		return stale(indexFile, err)
	}
	front, err := readFrontier(m.leaves, w.files)
	if err != nil || front.root() != m.root {
		return stale(hashesFile, err)
	}
	for _, i := range bound {
		b, _, err := w.files.encoding(i)
		if err != nil {
			return err
		}
		if _, err := w.bind(i, b, -1); err != nil {
			return err
		}
	}
	w.bindings.settle()
	w.tree, w.end, w.sum, w.marked = front, m.end, sum, m.leaves
	return nil
}

// loadIndex remembers the nonces of the first n leaves, and returns the sum of
// their index and which of them bind.
func (w *writer) loadIndex(n int64) (sum uint32, bound []int64, err error) {
	buf := make([]byte, min(n, w.recall.run)*entrySize)
	for i := int64(0); i < n; {
		b := buf[:min(n-i, w.recall.run)*entrySize]
		if _, err := w.files.index.ReadAt(b, i*entrySize); err != nil {
			return 0, nil, err
		}
		sum = crc32.Update(sum, castagnoli, b)
		whole := len(b) == int(w.recall.run)*entrySize
		if whole {
			w.recall.addRun(b)
		}
		for ; len(b) > 0; b, i = b[entrySize:], i+1 {
			e := entryOf(b)
			if !whole {
				w.recall.add(e.print)
			}
			if e.kind.binds() {
				bound = append(bound, i)
			}
		}
	}
	return sum, bound, nil
}

// bind returns leaf i, of the given encoding and offset, if it passes what it
// passed when it was appended. It is valid until the next call.
func (w *writer) bind(i int64, b []byte, at int64) (*Leaf, error) {
	l := &w.leaf
	err := l.parse(b)
	if err == nil {
		err = w.bindings.admit(l)
	}
	if err != nil {
		return nil, damaged(leavesFile, at, "leaf %d: %v", i, err)
	}
	return l, nil
}

// replay reads the leaves behind the mark and makes their hashes and index
// again. It cuts off a torn frame, and writes the last whole one again: if a
// process ended because the disk did not confirm that frame, the kernel may hold
// it without ever writing it.
func (w *writer) replay() error {
	size, err := sizeOf(w.files.leaves)
	if err != nil {
		return err
	}
	w.next.copyFrom(&w.tree)
	frames := &frameReader{file: w.files.leaves, salt: w.files.header.salt, at: w.end, end: size, next: w.tree.n}
	var last frame
	for {
		f, err := frames.read()
		if err == io.EOF || err == errTorn {
			break
		}
		if err != nil {
			return err
		}
		if err := w.take(f); err != nil {
			return err
		}
		last = f
	}
	if err := w.flush(0); err != nil {
		return err
	}
	w.bindings.settle()
	if err := w.checkLost(); err != nil {
		return err
	}
	if err := w.cutDerived(); err != nil {
		return err
	}
	return w.settleTail(last, frames.at, size)
}

// checkLost reports leaves that are missing for certain. Hashes and index of a
// frame are written before it is, and after the frame before it is on the disk:
// so both files may be ahead of the leaves by one frame of any size, which nobody
// was told of, and never by more. That one of them alone is longer says nothing.
func (w *writer) checkLost() error {
	hashes, err := sizeOf(w.files.hashes)
	if err != nil {
		return err
	}
	index, err := sizeOf(w.files.index)
	if err != nil {
		return err
	}
	if most := w.tree.n + maxFrameLeaves; index/entrySize > most && hashes/tlog.HashSize > tlog.StoredHashCount(most) {
		return damaged(leavesFile, w.end, "it has %d whole leaves, and %s and %s hold %d, more than one frame after them: its end is missing or was changed", w.tree.n, hashesFile, indexFile, index/entrySize)
	}
	return nil
}

// cutDerived drops hashes and index of leaves that were never written.
func (w *writer) cutDerived() error {
	if err := w.files.hashes.Truncate(tlog.StoredHashCount(w.tree.n) * tlog.HashSize); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := w.files.index.Truncate(w.tree.n * entrySize); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// take appends the leaves of a frame to the tree and the index.
func (w *writer) take(f frame) error {
	err := f.eachRecord(func(i, at int64, b []byte) error {
		l, err := w.bind(i, b, at)
		if err != nil {
			return err
		}
		e := entry{at, l.Kind, printOf(w.files.header.salt, l.Nonce)}
		w.index = e.appendTo(w.index)
		w.hashes = w.next.add(tlog.RecordHash(b), w.hashes)
		w.recall.add(e.print)
		return nil
	})
	if err != nil {
		return err
	}
	w.end = f.end()
	return w.flush(1 << 20)
}

// flush writes hashes and index if they have more than so many bytes.
func (w *writer) flush(most int) error {
	if len(w.hashes) <= most {
		return nil
	}
	n := w.tree.n
	if _, err := w.files.hashes.WriteAt(w.hashes, tlog.StoredHashCount(n)*tlog.HashSize); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if _, err := w.files.index.WriteAt(w.index, n*entrySize); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	w.sum = crc32.Update(w.sum, castagnoli, w.index)
	w.tree.copyFrom(&w.next)
	w.hashes, w.index = w.hashes[:0], w.index[:0]
	return nil
}

// settleTail makes the file end behind its last whole frame, durably.
func (w *writer) settleTail(last frame, end, size int64) error {
	f := w.files.leaves
	if last.count > 0 {
		b := make([]byte, last.end()-last.at)
		if _, err := f.ReadAt(b, last.at); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		if _, err := f.WriteAt(b, last.at); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	if end < size {
		if err := f.Truncate(end); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	if last.count > 0 || end < size {
		if err := w.tune.sync(f); err != nil {
			return fmt.Errorf("%w: %w", ErrSync, err)
		}
	}
	return nil
}

func sizeOf(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	return info.Size(), nil
}
