package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// A writer puts leaves on the disk. One goroutine uses it at a time.
type writer struct {
	dir      string
	files    *files
	tune     tuning
	tree     frontier
	end      int64  // offset behind the leaves in their file
	sum      uint32 // CRC-32C of the index
	recall   *recall
	bindings *bindings
	marked   int64 // leaves that the mark on the disk knows of
	noMark   bool  // an fsync of hashes or index failed: what they hold is uncertain
	broken   error // after which nothing is written

	accepted []*item       // the new leaves of the batch
	fresh    map[Nonce]int // their places in accepted
	next     frontier
	frame    []byte
	hashes   []byte
	index    []byte
	leaf     Leaf // scratch of recovery
}

// commit makes the new leaves of a batch durable and says of every request what
// became of it. It returns the new state, or nil if there is none.
func (w *writer) commit(batch []*request) *state {
	w.accepted = w.accepted[:0]
	clear(w.fresh)
	clear(w.bindings.fresh)
	for _, r := range batch {
		if r.err = w.broken; r.err != nil {
			continue
		}
		if err := r.ctx.Err(); err != nil { // nobody waits for it any more
			r.err = fmt.Errorf("ledger: append: %w", err)
			continue
		}
		r.err = w.admit(r)
	}
	if len(w.accepted) == 0 {
		return nil
	}
	if err := w.writeFrame(); err != nil {
		for _, r := range batch {
			if r.err == nil && (r.waits || w.broken != nil) {
				r.err = err
			}
		}
		return nil
	}
	for _, it := range w.accepted {
		w.recall.add(it.print)
	}
	w.bindings.settle()
	return &state{w.tree.n, w.end, w.tree.root()}
}

// admit places the leaves of r, all or none.
func (w *writer) admit(r *request) error {
	before := len(w.accepted)
	var bound map[scope]binding
	if len(r.items) > 1 {
		bound = maps.Clone(w.bindings.fresh)
	}
	for i := range r.items {
		it := &r.items[i]
		err := w.place(it)
		if err == nil {
			r.waits = r.waits || it.index >= w.tree.n
			continue
		}
		for _, back := range w.accepted[before:] {
			delete(w.fresh, back.leaf.Nonce)
		}
		w.accepted = w.accepted[:before]
		if len(r.items) > 1 {
			w.bindings.fresh = bound
			err = fmt.Errorf("%w (leaf %d of the batch)", err, i)
		}
		return err
	}
	return nil
}

// place finds the leaf that it repeats, or takes it into the batch.
func (w *writer) place(it *item) error {
	if k, ok := w.fresh[it.leaf.Nonce]; ok {
		return it.repeats(w.tree.n+int64(k), w.accepted[k].bytes)
	}
	i, ok, err := w.recall.find(it.print)
	if err != nil {
		return err
	}
	if ok {
		old, _, err := w.files.encoding(i)
		if err != nil {
			return err
		}
		if bytes.Equal(old[nonceAt:nonceAt+len(Nonce{})], it.leaf.Nonce[:]) {
			return it.repeats(i, old)
		}
	}
	if err := w.bindings.admit(&it.leaf); err != nil {
		return err
	}
	it.index = w.tree.n + int64(len(w.accepted))
	w.fresh[it.leaf.Nonce] = len(w.accepted)
	w.accepted = append(w.accepted, it)
	return nil
}

// repeats says that it is the leaf at index, of the given encoding, if it is.
func (it *item) repeats(index int64, old []byte) error {
	if err := sameLeaf(old, it.bytes, it.stamped); err != nil {
		return fmt.Errorf("%w: leaf %d has nonce %v", ErrNonce, index, it.leaf.Nonce)
	}
	it.index, it.known = index, true
	it.leaf.Time = Minutes(binary.LittleEndian.Uint32(old[timeAt:]))
	return nil
}

// writeFrame writes what was accepted. Hashes and index go first and unsynced:
// they can be made again from the leaves. The frame is durable when its fsync
// returns, and not before.
func (w *writer) writeFrame() error {
	w.fill()
	n := w.tree.n
	if _, err := w.files.hashes.WriteAt(w.hashes, tlog.StoredHashCount(n)*tlog.HashSize); err != nil {
		return fmt.Errorf("ledger: nothing was appended: %w", err)
	}
	if _, err := w.files.index.WriteAt(w.index, n*entrySize); err != nil {
		return fmt.Errorf("ledger: nothing was appended: %w", err)
	}
	if _, err := w.files.leaves.WriteAt(w.frame, w.end); err != nil {
		// What was written of the frame must not be in front of the next one.
		if e := w.files.leaves.Truncate(w.end); e != nil {
			w.broken = fmt.Errorf("%w: %w", ErrSync, errors.Join(err, e))
			return w.broken
		}
		return fmt.Errorf("ledger: nothing was appended: %w", err)
	}
	if err := w.tune.sync(w.files.leaves); err != nil {
		// The kernel may have thrown the pages away and report success the next
		// time.
		w.broken = fmt.Errorf("%w: %w", ErrSync, err)
		return w.broken
	}
	w.end += int64(len(w.frame))
	w.sum = crc32.Update(w.sum, castagnoli, w.index)
	w.tree.copyFrom(&w.next)
	return nil
}

// fill makes the frame of what was accepted, its hashes and its index.
func (w *writer) fill() {
	w.next.copyFrom(&w.tree)
	w.frame = append(w.frame[:0], make([]byte, frameHeader)...)
	w.hashes, w.index = w.hashes[:0], w.index[:0]
	for _, it := range w.accepted {
		e := entry{w.end + int64(len(w.frame)), it.leaf.Kind, it.print}
		w.index = e.appendTo(w.index)
		w.frame = binary.LittleEndian.AppendUint16(w.frame, uint16(len(it.bytes)))
		w.frame = append(w.frame, it.bytes...)
		w.hashes = w.next.add(it.hash, w.hashes)
	}
	putFrameHeader(w.frame, w.files.header.salt, w.tree.n, len(w.accepted))
}

// markIfDue makes a mark after some leaves. One that fails costs time when the
// log is opened, nothing else.
func (w *writer) markIfDue() {
	if w.broken == nil && !w.noMark && w.tree.n-w.marked >= w.tune.mark {
		_ = w.mark()
	}
}

// mark makes hashes and index durable and says so in the mark.
func (w *writer) mark() error {
	if w.noMark || w.marked == w.tree.n {
		return nil
	}
	for _, f := range []*os.File{w.files.hashes, w.files.index} {
		if err := w.tune.sync(f); err != nil {
			w.noMark = true
			return fmt.Errorf("ledger: %w", err)
		}
	}
	m := mark{w.tree.n, w.end, w.tree.root(), w.sum}
	if err := replace(w.dir, markFile, m.encode()); err != nil {
		return err
	}
	w.marked = w.tree.n
	return nil
}
