package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"

	"golang.org/x/mod/sumdb/tlog"
)

// A writer puts leaves on the disk. One goroutine uses it at a time.
type writer struct {
	dir      string
	files    *files
	tune     tuning
	tree     frontier
	end      int64  // offset behind the leaves in their file
	room     int64  // length of that file; what is behind end is zero
	sum      uint32 // CRC-32C of the index
	recall   *recall
	bindings *bindings
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
	return w.state()
}

func (w *writer) state() *state { return &state{w.tree.n, w.end, w.tree.root(), w.sum} }

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
		w.room = w.end
		return fmt.Errorf("ledger: nothing was appended: %w", err)
	}
	w.reserve(w.end + int64(len(w.frame)))
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

const (
	// The file of leaves grows by its own length, but by no more and no less bytes
	// of zeros than these.
	minRoom, maxRoom = 1 << 16, 1 << 22
	// Frames of so many bytes cost more to write twice than the journal does.
	largeFrame = 1 << 16
)

var zeros [1 << 16]byte

// reserve writes zeros behind a frame that made the file longer, for the frames
// after it: an fsync of bytes that are there already writes those bytes, and one
// of a file that grew waits for the file system's journal too.
func (w *writer) reserve(end int64) {
	if end <= w.room {
		return
	}
	w.room = end
	if len(w.frame) >= largeFrame {
		return
	}
	for more := min(max(end, minRoom), maxRoom); more > 0; {
		n, err := w.files.leaves.WriteAt(zeros[:min(more, int64(len(zeros)))], w.room)
		w.room += int64(n)
		more -= int64(n)
		if err != nil {
			return // the disk is full, which the next frame meets
		}
	}
}

// trim takes away what reserve wrote and no frame used.
func (w *writer) trim() error {
	if w.broken != nil || w.room == w.end {
		return nil
	}
	if err := w.files.leaves.Truncate(w.end); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	w.room = w.end
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
