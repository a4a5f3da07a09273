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
		err := l.recoverFrom(m, true)
		var bad *staleError
		if !errors.As(err, &bad) {
			return err
		}
	}
	return l.recoverFrom(m, false)
}

// A staleError says that hashes and index do not fit the mark, or what is signed.
type staleError struct{ error }

// recoverFrom begins at the mark, or at the first leaf: then the mark, if it is
// not zero, still says how many leaves there were.
func (l *Log) recoverFrom(m mark, begin bool) error {
	w := &writer{dir: l.dir, files: l.files, tune: l.options.tune, end: l.files.head, fresh: map[Nonce]int{}, bindings: newBindings()}
	w.recall = newRecall(l.files.index, l.options.tune.run, l.options.runs())
	k := &keeper{dir: l.dir, files: l.files, tune: l.options.tune}
	if begin {
		if err := w.load(m); err != nil {
			return err
		}
		k.marked = m.leaves
	}
	end, err := w.replay()
	if err != nil {
		return err
	}
	if m.leaves > w.tree.n {
		return m.missing(w.end)
	}
	c, signed, err := storedCheckpoint(l.dir, l.files.header, l.options.Verifier)
	if err != nil {
		return err
	}
	promised, found, err := readAcknowledged(l.dir)
	if err != nil {
		return err
	}
	// Nothing is cut off before it is known that nobody was promised it.
	if err := w.holdsAll(c, promised, found); err != nil {
		if begin && c.Size <= w.tree.n && promised.leaves <= w.tree.n {
			return &staleError{err}
		}
		return err
	}
	if err := w.cutDerived(); err != nil {
		return err
	}
	if err := w.settleTail(end); err != nil {
		return err
	}
	s := w.state()
	if s.leaves-k.marked >= w.tune.mark {
		if err := k.mark(s); err != nil {
			return err
		}
	}
	now := acknowledged{w.files.header.salt, s.leaves, s.root, c.Size}
	if l.promise, err = openPromise(l.dir, now, promised, found); err != nil {
		return err
	}
	l.last, l.signed, l.writer, l.keeper = c, signed, w, k
	l.state.Store(s)
	return nil
}

// holdsAll reports whether the tree begins with what was signed and what was
// promised.
func (w *writer) holdsAll(c Checkpoint, promised acknowledged, found bool) error {
	if err := w.holds(c.Size, c.Root, "a checkpoint of %d was signed", ""); err != nil || !found {
		return err
	}
	if err := promised.fits(w.files.header); err != nil {
		return err
	}
	if err := w.holds(promised.leaves, promised.root, "%d were acknowledged", acceptHint); err != nil {
		return err
	}
	return promised.holdsSigned(c)
}

// holds reports whether the tree begins with so many leaves of a root.
func (w *writer) holds(leaves int64, root tlog.Hash, claim, hint string) error {
	if leaves > w.tree.n {
		return damaged(leavesFile, w.end, "it has %d whole leaves, and "+claim+": its end is missing or was changed%s", w.tree.n, leaves, hint)
	}
	have, err := tlog.TreeHash(leaves, w.files)
	if err != nil {
		return err
	}
	if have != root {
		return damaged(leavesFile, -1, "its first %d leaves have root %v, and "+claim+" with %v%s", leaves, have, leaves, root, hint)
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
		return m.missing(size)
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
	if m.leaves > 0 { // a copy of a growing log may have zeros in their place
		if _, _, err := w.files.encoding(m.leaves - 1); err != nil {
			return stale(leavesFile, err)
		}
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
	w.tree, w.end, w.sum = front, m.end, sum
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

// An ending is what replay found at the end of the file of leaves.
type ending struct {
	last frame // the last whole frame, if it is behind the mark
	torn bool  // something is left of another one
}

// replay reads the leaves behind the mark and makes their hashes and index
// again. It changes nothing of the file of leaves.
func (w *writer) replay() (ending, error) {
	var e ending
	size, err := sizeOf(w.files.leaves)
	if err != nil {
		return e, err
	}
	w.next.copyFrom(&w.tree)
	w.room = size
	frames := &frameReader{file: w.files.leaves, salt: w.files.header.salt, at: w.end, end: size, next: w.tree.n}
	for {
		f, err := frames.read()
		if err == io.EOF || err == errTorn {
			e.torn = err == errTorn
			break
		}
		if err != nil {
			return e, err
		}
		if err := w.take(f); err != nil {
			return e, err
		}
		e.last = f
	}
	if err := w.flush(0); err != nil {
		return e, err
	}
	w.bindings.settle()
	return e, nil
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

// settleTail cuts off a torn frame, and writes the last whole one again: if a
// process ended because the disk did not confirm that frame, the kernel may hold
// it without ever writing it.
func (w *writer) settleTail(e ending) error {
	f := w.files.leaves
	if e.last.count > 0 {
		b := make([]byte, e.last.end()-e.last.at)
		if _, err := f.ReadAt(b, e.last.at); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		if _, err := f.WriteAt(b, e.last.at); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	if e.torn {
		if err := f.Truncate(w.end); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		w.room = w.end
	}
	if e.last.count > 0 || e.torn {
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
